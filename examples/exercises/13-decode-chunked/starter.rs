//! Exercise 13: decode chunks, however they are cut. See README.md beside this file.

use super::check::Decode;

/// A line with a size in hexadecimal (and maybe `;` and extensions), that many bytes, an empty line; and so on up to
/// the size 0. Lines of trailers may follow, then an empty line is the end (RFC 9112, section 7.1).
#[derive(Default)]
pub struct Decoder {}

impl Decode for Decoder {
    fn feed(&mut self, mut bytes: &[u8], body: &mut Vec<u8>) -> Result<bool, String> {
        loop {
            let size = line(&mut bytes)?;
            let digits = size.split(|byte| *byte == b';').next().unwrap_or_default();
            let size = number(digits)?;
            if size == 0 {
                while !line(&mut bytes)?.is_empty() {}
                return Ok(true);
            }
            let (chunk, rest) = bytes.split_at_checked(size).ok_or("the chunk is cut")?;
            body.extend(chunk);
            bytes = rest.strip_prefix(b"\r\n").ok_or("no end of line behind the chunk")?;
        }
    }
}

/// Takes a line from the front, and gives it without its end.
fn line<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], String> {
    let end = bytes.windows(2).position(|two| two == b"\r\n").ok_or("the line is cut")?;
    let line = &bytes[..end];
    *bytes = &bytes[end + 2..];
    Ok(line)
}

fn number(digits: &[u8]) -> Result<usize, String> {
    let text = std::str::from_utf8(digits).map_err(|error| error.to_string())?;
    usize::from_str_radix(text.trim(), 16).map_err(|_| format!("'{text}' is no size"))
}
