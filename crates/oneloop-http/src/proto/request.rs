//! The request writer: what goes on the wire, and what is refused before it does.
//!
//! Nothing that a URL, a method or a caller's field can hold reaches the wire as a line end, so nothing can be
//! injected; and the fields that decide framing or the connection are written here alone, so that what we say
//! and what we do cannot differ. The counterpart is aiohttp's `http_writer.py`.

use super::{BodyLength, Headers, ProtoError, ProtoErrorKind};
use std::io::Write;

/// A request about to be written.
///
/// ```
/// use oneloop_http::proto::{BodyLength, Headers, RequestHead, write_request};
///
/// let mut headers = Headers::new();
/// headers.push("Accept", "*/*")?;
/// let request = RequestHead {
///     method: &http::Method::GET,
///     target: "/index.html?a=b",
///     host: "example.org:8080",
///     headers: &headers,
///     body: BodyLength::None,
///     close: true,
/// };
/// let mut out = Vec::new();
/// write_request(&mut out, &request)?;
/// assert_eq!(
///     out,
///     b"GET /index.html?a=b HTTP/1.1\r\nHost: example.org:8080\r\nAccept: */*\r\nConnection: close\r\n\r\n",
/// );
/// # Ok::<(), oneloop_http::proto::ProtoError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// Any method but CONNECT.
    pub method: &'a http::Method,
    /// Origin form: `/path?query`, already escaped and without fragment (or `*` for OPTIONS). To a proxy: the whole
    /// http URL without credentials and fragment.
    pub target: &'a str,
    /// The Host field: host, plus `:port` unless it is the scheme's own; IPv6 in brackets.
    pub host: &'a str,
    /// The caller's fields, in order. Those that decide framing or the connection are refused here:
    /// Host, Content-Length, Transfer-Encoding, Connection, Expect, Upgrade, TE and their kin.
    pub headers: &'a Headers,
    /// What follows the head.
    pub body: BodyLength,
    /// Whether to say `Connection: close`.
    pub close: bool,
}

/// Appends the request's head to `out`; the body, if any, is the caller's to append.
/// On an error `out` is as it was.
pub fn write_request(out: &mut Vec<u8>, request: &RequestHead<'_>) -> Result<(), ProtoError> {
    check_request(request)?;
    check_headers(request.headers, OWN_REQUEST_FIELDS)?;

    out.reserve(64 + request.target.len() + request.host.len() + request.headers.bytes.len());
    for part in [request.method.as_str(), " ", request.target, " HTTP/1.1\r\nHost: ", request.host] {
        out.extend_from_slice(part.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    write_fields(out, request.headers);
    match request.body {
        // A method that usually has a body says so when it has none (RFC 9110, 8.6).
        BodyLength::None if expects_body(request.method) => write_length(out, BodyLength::Known(0)),
        body => write_length(out, body),
    }
    write_end(out, request.close);
    Ok(())
}

/// Appends a request for a tunnel to `authority` (`host:port`, always with the port; RFC 9110, 9.3.6). No body follows,
/// and what the fields of a successful answer say of one means nothing. On an error `out` is as it was.
pub fn write_connect(out: &mut Vec<u8>, authority: &str, headers: &Headers) -> Result<(), ProtoError> {
    check_host(authority)?;
    check_headers(headers, OWN_REQUEST_FIELDS)?;
    for part in ["CONNECT ", authority, " HTTP/1.1\r\nHost: ", authority, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    write_fields(out, headers);
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Appends one chunk of a chunked body. An empty one is skipped, since it would mean the end.
pub fn write_chunk(out: &mut Vec<u8>, data: &[u8]) {
    if !data.is_empty() {
        // Writing into a Vec cannot fail.
        let _ = write!(out, "{:x}\r\n", data.len());
        out.extend_from_slice(data);
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends the end of a chunked body, without trailers.
pub fn write_last_chunk(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n\r\n");
}

/// Fields that a caller may not set on a request, because they are written from what is really done,
/// or would promise what is not done.
const OWN_REQUEST_FIELDS: &[&str] = &[
    "Host",
    "Connection",
    "Content-Length",
    "Transfer-Encoding",
    "TE",
    "Trailer",
    "Upgrade",
    "Expect",
    "Keep-Alive",
    "Proxy-Connection",
    "HTTP2-Settings",
];

fn check_request(request: &RequestHead<'_>) -> Result<(), ProtoError> {
    let method = request.method;
    if method == http::Method::CONNECT {
        return refuse("CONNECT has a form of its own and is not a request for a resource");
    }
    if method == http::Method::TRACE && request.body != BodyLength::None {
        return refuse("a TRACE request must not have a body");
    }
    let target = request.target.as_bytes();
    let asterisk = target == b"*" && method == http::Method::OPTIONS;
    let absolute = request.target.strip_prefix("http://").and_then(|rest| rest.find('/').map(|end| &rest[..end]));
    match absolute {
        Some(authority) => check_host(authority)?,
        None if target.first() == Some(&b'/') || asterisk => {}
        None => return refuse("a request's target must begin with a slash, or be an http URL for a proxy"),
    }
    if !target.iter().all(|&byte| byte.is_ascii_graphic() && byte != b'#') {
        return refuse("a request's target must be escaped: no space, control or non-ASCII octet, and no fragment");
    }
    check_host(request.host)
}

fn check_host(host: &str) -> Result<(), ProtoError> {
    let host = host.as_bytes();
    // The characters of RFC 3986's host and port: no `@`, so no credentials, and no `/`, `\`, `?` or `#`.
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%:[]".contains(&byte);
    if host.is_empty() || host[0] == b':' || !host.iter().all(|&byte| allowed(byte)) {
        return refuse("the Host field must be a host name or address, and a port if it is not the usual one");
    }
    Ok(())
}

/// [`Headers::push`] has seen to the grammar; here it is about who may say what.
pub(super) fn check_headers(headers: &Headers, own: &[&str]) -> Result<(), ProtoError> {
    for (name, value) in headers.raw() {
        if own.iter().any(|own| own.as_bytes().eq_ignore_ascii_case(name)) {
            return refuse("a field that decides framing or the connection cannot be set by hand");
        }
        // A received head may be passed on, and obs-text in it.
        if !value.is_ascii() {
            return refuse("a field value that is sent must be ASCII");
        }
    }
    Ok(())
}

pub(super) fn write_fields(out: &mut Vec<u8>, headers: &Headers) {
    for (name, value) in headers.raw() {
        out.extend_from_slice(name);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
}

pub(super) fn write_length(out: &mut Vec<u8>, body: BodyLength) {
    match body {
        BodyLength::None => {}
        BodyLength::Known(length) => {
            let _ = write!(out, "Content-Length: {length}\r\n");
        }
        BodyLength::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
    }
}

pub(super) fn write_end(out: &mut Vec<u8>, close: bool) {
    out.extend_from_slice(if close { b"Connection: close\r\n\r\n" } else { b"\r\n" });
}

fn expects_body(method: &http::Method) -> bool {
    [http::Method::POST, http::Method::PUT, http::Method::PATCH].contains(method)
}

pub(super) fn refuse<T>(rule: &'static str) -> Result<T, ProtoError> {
    Err(ProtoError::new(ProtoErrorKind::BadOutgoing, rule))
}
