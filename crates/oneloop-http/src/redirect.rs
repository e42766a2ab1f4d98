//! Where a response points to, and what the next request may take along.
//!
//! Rules: RFC 9110, 15.4 and 17.11, and what clients have had to fix. Credentials never cross an origin, and are not
//! restored by a later redirect back, because they are removed from the request for good.

use std::rc::Rc;

use http::{Method, StatusCode};
use url::Url;

use crate::client::RequestBuilder;
use crate::error::{Error, ErrorKind, Result};
use crate::proto::ResponseHead;
use crate::target;

/// The target of a redirect, `None` when the response is to be given to the caller: another status, or no Location.
pub(crate) fn location(head: &ResponseHead, from: &Url) -> Option<Result<Rc<Url>>> {
    if !matches!(head.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let mut values = head.headers.get_all("location");
    let value = values.next()?;
    if values.any(|other| other != value) {
        // Whichever of them is meant, somebody on the way may have seen to another one. Browsers refuse it, too.
        let from = target::shown(from.as_str());
        let message = format!("{from} redirects to several places at once, none of which is followed");
        return Some(Err(Error::new(ErrorKind::BadUrl, message).with_detail("Location")));
    }
    if value.is_empty() { None } else { Some(resolve(value, from)) }
}

fn resolve(value: &[u8], from: &Url) -> Result<Rc<Url>> {
    resolved(value, from).map_err(|error| match error.detail() {
        "Location" => error,
        // It tells of the target alone.
        _ => {
            let from = target::shown(from.as_str());
            error.in_context(format_args!("{from} redirects to what cannot be followed"))
        }
    })
}

fn resolved(value: &[u8], from: &Url) -> Result<Rc<Url>> {
    let bad = |why: &dyn std::fmt::Display| {
        let (from, to) = (target::shown(from.as_str()), target::shown(&value.escape_ascii().to_string()));
        Error::new(ErrorKind::BadUrl, format!("{from} redirects to \"{to}\", which cannot be followed: {why}"))
            .with_detail("Location")
    };
    if let Some(why) = disguised(value) {
        return Err(bad(&why));
    }
    let mut url = from.join(&text_of(value)).map_err(|error| bad(&error))?;
    target::check(&url)?;
    if url.fragment().is_none() {
        url.set_fragment(from.fragment()); // RFC 9110, 10.2.2: the fragment is inherited
    }
    Ok(Rc::new(url))
}

/// What the url crate forgives as browsers do, so that a target is not what it looks like: `\` for `/`, tabs within,
/// any number of slashes before the host, a scheme without them.
fn disguised(value: &[u8]) -> Option<&'static str> {
    if value.iter().any(u8::is_ascii_control) {
        return Some("it contains a control character");
    }
    let resource = value.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
    if resource.contains(&b'\\') {
        return Some("it contains a backslash");
    }
    let lower = resource.to_ascii_lowercase();
    let rest = lower.strip_prefix(b"http:").or(lower.strip_prefix(b"https:"));
    let slashes = |text: &[u8]| text.iter().take_while(|byte| **byte == b'/').count();
    match rest {
        Some(rest) if slashes(rest) != 2 => Some("expected scheme://host"),
        None if slashes(&lower) > 2 => Some("it begins with too many slashes"),
        _ => None,
    }
}

/// The value as text. Octets that are no UTF-8 are escaped, as if they had been sent so.
fn text_of(value: &[u8]) -> String {
    let mut text = String::with_capacity(value.len());
    for piece in value.utf8_chunks() {
        text.push_str(piece.valid());
        for octet in piece.invalid() {
            text.push_str(&format!("%{octet:02X}"));
        }
    }
    text
}

/// Changes method, headers and body for the request to `to`. Refuses to go from https to http.
pub(crate) fn adapt(status: StatusCode, from: &Url, to: &Url, request: &mut RequestBuilder) -> Result<()> {
    if from.scheme() == "https" && to.scheme() == "http" && !request.session.0.allow_downgrade {
        let (from, to) = (target::shown(from.as_str()), target::shown(to.as_str()));
        let message = format!(
            "{from} redirects from https to http ({to}), which is refused; request that URL itself if it is wanted"
        );
        return Err(Error::new(ErrorKind::UnsupportedScheme, message).with_detail("Downgrade"));
    }
    let RequestBuilder { method, headers, body, address, .. } = request;
    let headers = Rc::make_mut(headers);
    let becomes_get = match status.as_u16() {
        303 => *method != Method::HEAD && *method != Method::GET,
        301 | 302 => *method == Method::POST,
        _ => false,
    };
    if becomes_get {
        *method = Method::GET;
        body.clear();
        for name in ["content-type", "content-encoding", "content-language", "content-location", "content-range"] {
            headers.remove(name);
        }
    }
    if from.origin() != to.origin() {
        for name in ["authorization", "cookie", "proxy-authorization"] {
            headers.remove(name);
        }
    }
    if from.host() != to.host() {
        // These were about the other host.
        *address = None;
        headers.remove("host");
    }
    Ok(())
}
