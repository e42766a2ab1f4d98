//! Exercise 8, solved: read until the kernel says `WouldBlock`, since only then it will speak again.

use std::io::{ErrorKind, Read, Result};

/// Called for each event. Says whether the peer has closed its side.
pub fn on_readable(socket: &mut impl Read, received: &mut Vec<u8>) -> Result<bool> {
    let mut buffer = [0; 8];
    loop {
        match socket.read(&mut buffer) {
            Ok(0) => return Ok(true),
            Ok(count) => received.extend(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}
