//! What the fuzz targets run, one function each: any bytes in, and a panic if a promise is broken.
//!
//! Not part of the public interface. It stands here because it looks at parsers that are not public, and because the
//! same functions run in two places: under `cargo fuzz` (folder `fuzz`, needs a nightly compiler), and over the corpus
//! and its mutations in `tests/fuzz_smoke.rs`, which every test run includes.

use std::net::IpAddr;

use crate::coding::{Decoder, Flaw};
use crate::proto::{
    BodyLength, Event, Headers, Limits, ProtoError, RequestEvent, RequestHead, RequestReader, ResponseReader,
    write_chunk, write_last_chunk, write_request,
};
use crate::resolver::fuzzing as resolver;

/// Small, so that inputs of a few hundred bytes reach them.
fn limits() -> Limits {
    Limits {
        max_head_bytes: 512,
        max_headers: 12,
        max_body_bytes: 200,
        max_interim: 3,
        max_trailer_bytes: 100,
        max_chunk_line: 40,
        max_chunk_extensions: 60,
    }
}

/// What a response came to, without how it was cut.
#[derive(Debug, Default, PartialEq)]
struct Reading {
    status: Option<u16>,
    interim: usize,
    body: Vec<u8>,
    trailers: usize,
    end: Option<Result<bool, ProtoError>>,
    taken: usize,
}

fn read(bytes: &[u8], head_request: bool, step: usize) -> Reading {
    let mut reader = ResponseReader::new(head_request, limits());
    let mut reading = Reading::default();
    for piece in bytes.chunks(step.max(1)) {
        let mut at = 0;
        loop {
            let (used, event) = match reader.feed(piece.get(at..).unwrap_or_default()) {
                Ok(step) => step,
                Err(error) => {
                    assert_eq!(reader.feed(b"x").unwrap_err(), error, "an error is final");
                    reading.end = Some(Err(error));
                    return reading;
                }
            };
            at += used;
            reading.taken += used;
            match event {
                Event::NeedMore => break assert_eq!(at, piece.len(), "all was taken"),
                Event::Interim(head) => {
                    assert!(head.status.is_informational());
                    reading.interim += 1;
                }
                Event::Head(head) => assert!(reading.status.replace(head.status.as_u16()).is_none()),
                Event::Data(data) => {
                    assert!(!data.is_empty());
                    reading.body.extend_from_slice(data);
                }
                Event::Trailers(fields) => reading.trailers += fields.len(),
                Event::End { persistent } => {
                    reading.end = Some(Ok(persistent));
                    return reading;
                }
            }
        }
    }
    reading.end = Some(reader.eof().map(|_| false));
    reading
}

/// The response reader: the same however it is cut, and within its limits. The first byte chooses the method.
pub fn response(input: &[u8]) {
    let Some((&choice, bytes)) = input.split_first() else { return };
    let whole = read(bytes, choice & 1 == 1, usize::MAX);
    assert!(whole.body.len() as u64 <= limits().max_body_bytes && whole.interim <= 4 && whole.trailers <= 12);
    assert!(!whole.end.as_ref().is_some_and(Result::is_ok) || whole.status.is_some(), "an end without a head");
    for step in [1, 2, 3, 7, usize::from(choice >> 1) + 1] {
        let cut = read(bytes, choice & 1 == 1, step);
        // How much of the input an error has taken depends on where the reader was looking.
        let taken = if matches!(whole.end, Some(Ok(_))) { whole.taken } else { cut.taken };
        assert_eq!(Reading { taken, ..cut }, Reading { taken, ..read(bytes, choice & 1 == 1, usize::MAX) });
    }
}

/// A chunked body: what is read, written again as chunks, reads as the same.
pub fn chunked(input: &[u8]) {
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let bytes = [HEAD, input].concat();
    let first = read(&bytes, false, usize::MAX);
    assert_eq!(first, Reading { taken: first.taken, ..read(&bytes, false, 1) }, "byte by byte");
    if first.end != Some(Ok(true)) {
        return;
    }
    let mut again = HEAD.to_vec();
    for piece in first.body.chunks(7) {
        write_chunk(&mut again, piece);
    }
    write_last_chunk(&mut again);
    assert_eq!(read(&again, false, usize::MAX).body, first.body);
}

/// A DNS message as the answer to a question: judged in bounded time, with a bounded number of addresses.
pub fn dns_message(input: &[u8]) {
    let addresses: Vec<IpAddr> = resolver::judge(input);
    assert!(addresses.len() <= 64);
}

/// A URL and a field, to the bytes of a request: nothing injects, and our own server reads back what was meant.
pub fn url_to_request(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (text, value) = text.split_once('\u{1}').unwrap_or((text, "plain"));
    let Ok(url) = crate::parse_url(text) else { return };
    assert!(crate::parse_url_near(text, Some(&url)).is_ok_and(|again| again == url));
    let mut headers = Headers::new();
    let given = headers.push("X-Given", value).is_ok() && value.is_ascii();
    if !given {
        headers = Headers::new();
    }
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let head = RequestHead {
        method: &http::Method::GET,
        target,
        host: &url[url::Position::BeforeHost..url::Position::AfterPort],
        headers: &headers,
        body: BodyLength::None,
        close: false,
    };
    let mut out = Vec::new();
    if write_request(&mut out, &head).is_err() {
        assert!(out.is_empty(), "a refused request leaves nothing");
        return;
    }
    assert!(out.ends_with(b"\r\n\r\n"));
    assert_eq!(out.windows(4).filter(|four| four == b"\r\n\r\n").count(), 1, "one end of one head");
    assert_eq!(out.split(|byte| *byte == b'\n').count(), 4 + usize::from(given), "a line a field");
    let head_line = out.split(|byte| *byte == b'\r').next().unwrap_or_default();
    assert!(head_line.iter().all(|byte| (b' '..=b'~').contains(byte)));
    let mut reader = RequestReader::new(Limits::default());
    let (used, event) = reader.feed(&out).expect("our own request is valid");
    let RequestEvent::Head(read) = event else { panic!("no head in a whole request") };
    assert_eq!((read.target.as_str(), used), (target, out.len()));
    assert_eq!(read.headers.get_all("host").count(), 1);
}

/// A coded body: the same however it is cut, and never more than the limit. The first byte chooses the coding.
pub fn content_coding(input: &[u8]) {
    const LIMIT: u64 = 100_000;
    let Some((&choice, bytes)) = input.split_first() else { return };
    let codings = ["gzip", "deflate", "br", "gzip, br", "deflate, gzip"];
    let mut headers = Headers::new();
    let name = codings.get(usize::from(choice) % codings.len()).copied().unwrap_or("gzip");
    headers.push("Content-Encoding", name).expect("a valid field");
    let decode = |step: usize| -> Result<Vec<u8>, Flaw> {
        let mut decoder = Decoder::of(&headers, LIMIT)?.expect("a coding");
        let mut plain = Vec::new();
        for piece in bytes.chunks(step) {
            decoder.feed(piece, &mut |data| plain.extend_from_slice(data))?;
            assert!(plain.len() as u64 <= LIMIT);
        }
        decoder.finish().map(|()| plain)
    };
    let (whole, cut) = (decode(usize::MAX), decode(1));
    // Which of several flaws is met first may depend on the cuts; whether there is one may not.
    assert_eq!(whole.as_ref().ok(), cut.as_ref().ok());
}
