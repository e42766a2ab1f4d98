//! A server behind a socket whose send buffer is small, as every send buffer is once there is much to send.

/// A non-blocking socket that is ready once for each call of `on_ready`.
#[derive(Default)]
pub struct Socket {
    sent: Vec<u8>,
    room: usize,
    answer: Vec<u8>,
}

impl Socket {
    /// Takes what there is room for, and says how much that was: 0 if there is none now.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(self.room);
        self.sent.extend(&bytes[..count]);
        self.room -= count;
        if self.sent.ends_with(b"\r\n\r\n") {
            self.answer = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        }
        count
    }

    /// Gives up to 8 bytes of the answer: none if nothing has come yet.
    pub fn read(&mut self) -> Vec<u8> {
        let count = self.answer.len().min(8);
        self.answer.drain(..count).collect()
    }
}

/// What `on_ready` says.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// Call me when the socket is ready again.
    Waiting,
    /// The status line's number.
    Done(u16),
}

pub const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: example.org\r\n\r\n";

pub fn check(mut on_ready: impl FnMut(&mut Socket) -> Progress) -> Result<(), String> {
    let mut socket = Socket::default();
    for _ in 0..100 {
        socket.room = 16; // the network took what was in the buffer
        match on_ready(&mut socket) {
            Progress::Waiting => {}
            Progress::Done(200) => return Ok(()),
            Progress::Done(other) => return Err(format!("the server said 200, and the probe says {other}")),
        }
    }
    Err(format!(
        "the server has {} of the request's {} bytes, and waits for the rest; the probe waits for the answer.\n\
         A write takes what there is room for. Which state is missing, between 'sending' and 'receiving'?",
        socket.sent.len(),
        REQUEST.len()
    ))
}
