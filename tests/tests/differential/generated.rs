//! Responses made of parts: a good one in which one part is odd, and those in which the framing and another part are.
//!
//! The name of each says which parts are odd, so that a row in docs/differential.md explains a part once, and with it
//! every response that it is in.

/// A part that may be odd: its name, the place that it has in a response, and its bytes.
struct Part {
    name: &'static str,
    place: Place,
    bytes: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// Instead of the status line, without its end.
    Line,
    /// A field beside the others.
    Field,
    /// Instead of the fields that frame the body, and the body.
    Framing,
    /// Instead of the end of each line of the head.
    Ends,
    /// Before the status line.
    Before,
}

const fn part(place: Place, name: &'static str, bytes: &'static str) -> Part {
    Part { name, place, bytes }
}

/// Fields and body are separated by `|`.
const PARTS: &[Part] = &[
    part(Place::Before, "before: an empty line", "\r\n"),
    part(Place::Before, "before: five empty lines", "\r\n\r\n\r\n\r\n\r\n"),
    part(Place::Before, "before: a space", " "),
    part(Place::Before, "before: 100 Continue", "HTTP/1.1 100 Continue\r\n\r\n"),
    part(Place::Before, "before: 103 with a length", "HTTP/1.1 103 Early Hints\r\nContent-Length: 3\r\n\r\n"),
    part(Place::Before, "before: 101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
    part(Place::Line, "line: HTTP/1.0", "HTTP/1.0 200 OK"),
    part(Place::Line, "line: HTTP/1.2", "HTTP/1.2 200 OK"),
    part(Place::Line, "line: HTTP/2.0", "HTTP/2.0 200 OK"),
    part(Place::Line, "line: http in lower case", "http/1.1 200 OK"),
    part(Place::Line, "line: no reason", "HTTP/1.1 200"),
    part(Place::Line, "line: an empty reason", "HTTP/1.1 200 "),
    part(Place::Line, "line: two spaces", "HTTP/1.1  200 OK"),
    part(Place::Line, "line: two digits", "HTTP/1.1 20 OK"),
    part(Place::Line, "line: four digits", "HTTP/1.1 2000 OK"),
    part(Place::Line, "line: status 099", "HTTP/1.1 099 OK"),
    part(Place::Line, "line: status 999", "HTTP/1.1 999 OK"),
    part(Place::Line, "line: 204", "HTTP/1.1 204 No Content"),
    part(Place::Line, "line: 304", "HTTP/1.1 304 Not Modified"),
    part(Place::Line, "line: 500", "HTTP/1.1 500 Oh"),
    part(Place::Line, "line: a control character in the reason", "HTTP/1.1 200 O\u{7}K"),
    part(Place::Field, "field: an empty value", "A:"),
    part(Place::Field, "field: white space around a value", "A: \t b \t"),
    part(Place::Field, "field: no colon", "Abc"),
    part(Place::Field, "field: a space before the colon", "A : b"),
    part(Place::Field, "field: a space in the name", "A b: c"),
    part(Place::Field, "field: an empty name", ": b"),
    part(Place::Field, "field: a bracket in the name", "A(b): c"),
    part(Place::Field, "field: a bare CR in the value", "A: b\rc"),
    part(Place::Field, "field: a NUL in the value", "A: b\0c"),
    part(Place::Field, "field: a continued line", "A: b\r\n c"),
    part(Place::Field, "field: Connection: close", "Connection: close"),
    part(Place::Field, "field: a lookalike of a length", "Content_Length: 1"),
    part(Place::Field, "field: Set-Cookie twice", "Set-Cookie: a=b\r\nSet-Cookie: c=d"),
    part(Place::Ends, "ends: LF alone", "\n"),
    part(Place::Ends, "ends: CR CR LF", "\r\r\n"),
    part(Place::Framing, "framing: none", "|to the end"),
    part(Place::Framing, "framing: a length of zero", "Content-Length: 0|"),
    part(Place::Framing, "framing: more than the length", "Content-Length: 2|abc"),
    part(Place::Framing, "framing: less than the length", "Content-Length: 4|abc"),
    part(Place::Framing, "framing: two equal lengths", "Content-Length: 3\r\nContent-Length: 3|abc"),
    part(Place::Framing, "framing: two equal lengths in a list", "Content-Length: 3, 3|abc"),
    part(Place::Framing, "framing: two lengths that differ", "Content-Length: 3\r\nContent-Length: 2|abc"),
    part(Place::Framing, "framing: a length with a plus", "Content-Length: +3|abc"),
    part(Place::Framing, "framing: a length in hexadecimal digits", "Content-Length: 0x3|abc"),
    part(Place::Framing, "framing: a length of 2^64", "Content-Length: 18446744073709551616|abc"),
    part(Place::Framing, "framing: an empty length", "Content-Length:|abc"),
    part(Place::Framing, "framing: chunked", "Transfer-Encoding: chunked|3\r\nabc\r\n0\r\n\r\n"),
    part(Place::Framing, "framing: chunked in capitals", "Transfer-Encoding: CHUNKED|3\r\nabc\r\n0\r\n\r\n"),
    part(
        Place::Framing,
        "framing: chunked and a length",
        "Transfer-Encoding: chunked\r\nContent-Length: 3|3\r\nabc\r\n0\r\n\r\n",
    ),
    part(
        Place::Framing,
        "framing: a length and chunked",
        "Content-Length: 3\r\nTransfer-Encoding: chunked|3\r\nabc\r\n0\r\n\r\n",
    ),
    part(Place::Framing, "framing: gzip and chunked", "Transfer-Encoding: gzip, chunked|3\r\nabc\r\n0\r\n\r\n"),
    part(Place::Framing, "framing: chunked and gzip", "Transfer-Encoding: chunked, gzip|3\r\nabc\r\n0\r\n\r\n"),
    part(Place::Framing, "framing: identity", "Transfer-Encoding: identity|abc"),
    part(Place::Framing, "framing: an extension", "Transfer-Encoding: chunked|3;a=\"b\"\r\nabc\r\n0\r\n\r\n"),
    part(Place::Framing, "framing: a trailer", "Transfer-Encoding: chunked|3\r\nabc\r\n0\r\nA: b\r\n\r\n"),
    part(Place::Framing, "framing: no last chunk", "Transfer-Encoding: chunked|3\r\nabc\r\n"),
    part(Place::Framing, "framing: no empty line after the last chunk", "Transfer-Encoding: chunked|3\r\nabc\r\n0\r\n"),
    part(Place::Framing, "framing: a size with a minus", "Transfer-Encoding: chunked|-3\r\nabc\r\n0\r\n\r\n"),
    part(Place::Framing, "framing: a size with 0x", "Transfer-Encoding: chunked|0x3\r\nabc\r\n0\r\n\r\n"),
    part(Place::Framing, "framing: a size with spaces", "Transfer-Encoding: chunked| 3 \r\nabc\r\n0\r\n\r\n"),
    part(Place::Framing, "framing: chunks ended by LF", "Transfer-Encoding: chunked|3\nabc\n0\n\n"),
    part(Place::Framing, "framing: data longer than its size", "Transfer-Encoding: chunked|2\r\nabc\r\n0\r\n\r\n"),
];

/// The good response with these parts in it, at most one a place (fields excepted).
fn response(odd: &[&Part]) -> Vec<u8> {
    let at = |place: Place| odd.iter().find(|part| part.place == place).map(|part| part.bytes);
    let (framing, body) = at(Place::Framing).unwrap_or("Content-Length: 3|abc").split_once('|').unwrap();
    let mut lines = vec![at(Place::Line).unwrap_or("HTTP/1.1 200 OK"), "Server: x"];
    lines.extend(odd.iter().filter(|part| part.place == Place::Field).map(|part| part.bytes));
    lines.extend((!framing.is_empty()).then_some(framing));
    let mut head = lines.join("\r\n") + "\r\n\r\n";
    if let Some(end) = at(Place::Ends) {
        head = head.replace("\r\n", end);
    }
    [at(Place::Before).unwrap_or_default(), &head, body].concat().into_bytes()
}

/// A response: the names of its odd parts, and its bytes.
pub(super) type Generated = (Vec<&'static str>, Vec<u8>);

/// All responses with one odd part, then all with odd framing and one more.
pub(super) fn all() -> Vec<Generated> {
    let one = PARTS.iter().map(|part| (vec![part.name], response(&[part])));
    let (framing, others): (Vec<_>, Vec<_>) = PARTS.iter().partition(|part| part.place == Place::Framing);
    let two = others.iter().flat_map(|other| framing.iter().map(move |framing| [*other, *framing]));
    one.chain(two.map(|two| (two.iter().map(|part| part.name).collect(), response(&two)))).collect()
}
