//! Bodies in chunks, cut in every way in which a network may cut them.

pub trait Decode: Default {
    /// Takes what has come, and adds to `body` what is the body's. Says whether the body is complete. What was fed
    /// before is not fed again.
    fn feed(&mut self, bytes: &[u8], body: &mut Vec<u8>) -> Result<bool, String>;
}

/// The message as it comes, and the body that it has. The second has an extension and a trailer, the third is empty.
const GOOD: [(&[u8], &[u8]); 3] = [
    (b"4\r\nWiki\r\nC\r\npedia\r\nin \r\n\r\n0\r\n\r\n", b"Wikipedia\r\nin \r\n"),
    (b"3;name=value\r\nabc\r\n00\r\nexpires: never\r\n\r\n", b"abc"),
    (b"0\r\n\r\n", b""),
];

const BAD: [(&[u8], &str); 4] = [
    (b"x\r\nabc\r\n0\r\n\r\n", "a size that is no hexadecimal number"),
    (b"\r\nabc\r\n0\r\n\r\n", "a size line without a size"),
    (b"3\r\nabcd\r\n0\r\n\r\n", "a chunk that is longer than its size says"),
    (b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n", "a size that no number here can hold"),
];

pub fn check<D: Decode>() -> Result<(), String> {
    for (message, body) in GOOD {
        let text = message.escape_ascii();
        let whole = decode::<D>(message, message.len());
        if whole.as_deref() != Ok(body) {
            return Err(format!("'{text}' in one piece: expected '{}', got {}", body.escape_ascii(), said(&whole)));
        }
        for size in 1..message.len() {
            let pieces = decode::<D>(message, size);
            if pieces.as_deref() != Ok(body) {
                return Err(format!(
                    "'{text}' in pieces of {size}: expected '{}', got {}.\n\
                     In one piece it went well. TCP carries bytes and no messages; where may it cut, and what must you still know then?",
                    body.escape_ascii(),
                    said(&pieces)
                ));
            }
        }
    }
    for (message, fault) in BAD {
        if decode::<D>(message, message.len()).is_ok() {
            return Err(format!("'{}' has {fault}, and was taken for good", message.escape_ascii()));
        }
    }
    Ok(())
}

/// Feeds pieces of this size.
fn decode<D: Decode>(message: &[u8], size: usize) -> Result<Vec<u8>, String> {
    let (mut decoder, mut body) = (D::default(), Vec::new());
    let mut pieces = message.chunks(size).peekable();
    while let Some(piece) = pieces.next() {
        let complete = decoder.feed(piece, &mut body)?;
        match (complete, pieces.peek()) {
            (true, None) => return Ok(body),
            (true, Some(_)) => return Err("complete too early".into()),
            (false, _) => {}
        }
    }
    Err("never complete".into())
}

fn said(outcome: &Result<Vec<u8>, String>) -> String {
    match outcome {
        Ok(body) => format!("'{}'", body.escape_ascii()),
        Err(error) => format!("the error '{error}'"),
    }
}
