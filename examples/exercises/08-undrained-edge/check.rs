//! A socket that reports edges: once when bytes come, and not again while they lie there.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Result};

pub struct Socket {
    buffer: VecDeque<u8>,
    closed: bool,
    /// Whether the kernel would report the next bytes: only after it has said `WouldBlock`.
    armed: bool,
}

impl Socket {
    /// Bytes come. Whether an event speaks of them.
    fn arrive(&mut self, bytes: &[u8]) -> bool {
        self.buffer.extend(bytes);
        std::mem::take(&mut self.armed)
    }
}

impl Read for Socket {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        if self.buffer.is_empty() && !self.closed {
            self.armed = true;
            return Err(ErrorKind::WouldBlock.into());
        }
        self.buffer.read(into)
    }
}

pub fn check(on_readable: impl Fn(&mut Socket, &mut Vec<u8>) -> Result<bool>) -> std::result::Result<(), String> {
    let mut socket = Socket { buffer: VecDeque::new(), closed: false, armed: true };
    let (mut received, mut closed, mut sent) = (Vec::new(), false, 0);
    for part in [&b"two buffers."[..], b"and", b"more than two buffers"] {
        sent += part.len();
        let event = socket.arrive(part);
        if event {
            closed = on_readable(&mut socket, &mut received).map_err(|error| error.to_string())?;
        }
        if received.len() < sent {
            return Err(format!(
                "{sent} bytes have come, and the reader has {}. The loop parks: no event will speak of the other {}.\n\
                 An edge says that bytes came, and not that bytes are there. When may one stop reading?",
                received.len(),
                sent - received.len()
            ));
        }
    }
    if closed {
        return Err("the reader says that the peer has closed, and it has not".into());
    }
    socket.closed = true;
    match on_readable(&mut socket, &mut received) {
        Ok(true) => Ok(()),
        Ok(false) => Err("the peer has closed: a read of 0 bytes is the end, and the reader does not say so".into()),
        Err(error) => Err(error.to_string()),
    }
}
