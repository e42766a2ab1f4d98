//! `Headers`: the fields of one message, in order, as they came.
//!
//! One buffer holds the bytes, one vector holds where each name and value lies in it: two allocations for a
//! head however many fields it has. Look-up is a walk, which for the dozen or two fields of a real head beats
//! a hash map. The counterpart is aiohttp's `CIMultiDict` and .NET's `HttpHeaders`.

use super::{ProtoError, ProtoErrorKind};
use std::fmt;

/// Where one field's name and value lie in the buffer.
#[derive(Clone, Copy)]
pub(super) struct Field {
    pub(super) name: (u32, u32),
    pub(super) value: (u32, u32),
}

/// An ordered list of fields. Keeps repeats, the case of names, and the raw bytes of values.
///
/// Names are compared without case. A value is bytes, since HTTP allows any octet from 0x80 up in it.
///
/// ```
/// use oneloop_http::proto::Headers;
///
/// let mut headers = Headers::new();
/// headers.push("Accept", "text/html")?;
/// headers.push("accept", "*/*")?;
/// assert_eq!(headers.get("ACCEPT"), Some(&b"text/html"[..]));
/// assert_eq!(headers.get_all("accept").count(), 2);
/// assert!(headers.push("X", "a\r\nInjected: 1").is_err());
/// # Ok::<(), oneloop_http::proto::ProtoError>(())
/// ```
#[derive(Clone, Default)]
pub struct Headers {
    /// Every name and value lies in here; for a received message, the whole head does.
    pub(super) bytes: Vec<u8>,
    /// In order of arrival.
    pub(super) fields: Vec<Field>,
}

impl Headers {
    /// An empty list; allocates nothing.
    pub fn new() -> Headers {
        Headers::default()
    }

    /// Appends a field. Refuses a name that is not a token, and a value with a control character
    /// (so with CR, LF or NUL) or with white space at either end, which would not survive the way.
    pub fn push(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), ProtoError> {
        let value = value.as_ref();
        check_field(name.as_bytes(), value)?;
        let start = self.bytes.len();
        let end = start + name.len() + value.len();
        if u32::try_from(end).is_err() {
            return Err(ProtoError::new(ProtoErrorKind::BadOutgoing, "more than 4 GiB of fields"));
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(value);
        let middle = (start + name.len()) as u32;
        self.fields.push(Field { name: (start as u32, middle), value: (middle, end as u32) });
        Ok(())
    }

    /// The first value under this name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.get_all(name).next()
    }

    /// The first value under this name, when it is UTF-8 (plain ASCII, nearly always).
    pub fn get_str(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.get(name)?).ok()
    }

    /// Every value under this name, in order.
    pub fn get_all<'s>(&'s self, name: &str) -> impl Iterator<Item = &'s [u8]> {
        self.fields
            .iter()
            .filter(move |field| self.slice(field.name).eq_ignore_ascii_case(name.as_bytes()))
            .map(|field| self.slice(field.value))
    }

    /// Whether a field of this name is there.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// How many fields there are, repeats counted.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field at all.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Removes every field of this name; says whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.fields.len();
        let bytes = &self.bytes;
        self.fields.retain(|field| !slice(bytes, field.name).eq_ignore_ascii_case(name.as_bytes()));
        self.fields.len() != before
    }

    /// Name and value of each field, in order, repeats separately.
    pub fn iter(&self) -> HeadersIter<'_> {
        HeadersIter { headers: self, at: 0 }
    }

    /// As [`iter`](Headers::iter), with the names as the bytes that they are.
    pub(super) fn raw(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|field| (self.slice(field.name), self.slice(field.value)))
    }

    pub(super) fn slice(&self, range: (u32, u32)) -> &[u8] {
        slice(&self.bytes, range)
    }
}

fn slice(bytes: &[u8], range: (u32, u32)) -> &[u8] {
    // Ranges are made from the same buffer and the buffer never shrinks, so this always finds them.
    bytes.get(range.0 as usize..range.1 as usize).unwrap_or_default()
}

/// Name and value of each field: what [`Headers::iter`] gives.
#[derive(Clone, Debug)]
pub struct HeadersIter<'a> {
    headers: &'a Headers,
    at: usize,
}

impl<'a> Iterator for HeadersIter<'a> {
    type Item = (&'a str, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let field = self.headers.fields.get(self.at)?;
        self.at += 1;
        // A name is a token, so ASCII; the check is a few nanoseconds that `unsafe` would save.
        let name = std::str::from_utf8(self.headers.slice(field.name)).unwrap_or_default();
        Some((name, self.headers.slice(field.value)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.headers.fields.len() - self.at;
        (left, Some(left))
    }
}

impl ExactSizeIterator for HeadersIter<'_> {}

impl<'a> IntoIterator for &'a Headers {
    type Item = (&'a str, &'a [u8]);
    type IntoIter = HeadersIter<'a>;

    fn into_iter(self) -> HeadersIter<'a> {
        self.iter()
    }
}

impl PartialEq for Headers {
    /// Same fields in the same order, names without case.
    fn eq(&self, other: &Headers) -> bool {
        self.len() == other.len() && self.iter().zip(other).all(|(a, b)| a.0.eq_ignore_ascii_case(b.0) && a.1 == b.1)
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(name, value)| (name, value.escape_ascii().to_string()))).finish()
    }
}

/// Whether this octet may stand in a token (RFC 9110, 5.6.2): a method, a field name.
pub(super) fn is_token_byte(byte: u8) -> bool {
    TOKEN[byte as usize]
}

/// A table, since it is asked for each octet that is sent.
static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let marks = b"!#$%&'*+-.^_`|~";
    let mut at = 0;
    while at < marks.len() {
        table[marks[at] as usize] = true;
        at += 1;
    }
    let mut byte = 0u8;
    while byte < 128 {
        table[byte as usize] |= byte.is_ascii_alphanumeric();
        byte += 1;
    }
    table
};

/// Whether this octet may stand in a field value or a reason phrase: tab, space, visible ASCII, obs-text.
pub(super) fn is_value_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

fn check_field(name: &[u8], value: &[u8]) -> Result<(), ProtoError> {
    let refuse = |rule| Err(ProtoError::new(ProtoErrorKind::BadOutgoing, rule));
    if name.is_empty() || !name.iter().all(|&byte| is_token_byte(byte)) {
        return refuse("a field name must be a token: letters, digits and a few marks, no space");
    }
    if !value.iter().all(|&byte| is_value_byte(byte)) {
        return refuse("a field value must not hold CR, LF, NUL or another control character");
    }
    if value.trim_ascii().len() != value.len() {
        return refuse("a field value must not begin or end with white space");
    }
    Ok(())
}
