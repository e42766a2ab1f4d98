//! Exercise 4, solved: how much has been sent outlives the wait, so it belongs into the state.

use super::check::{Progress, REQUEST, Socket};

/// One probe, as a machine that stops wherever the socket is not ready.
pub enum Probe {
    Sending { sent: usize },
    Receiving { answer: Vec<u8> },
}

impl Default for Probe {
    fn default() -> Self {
        Probe::Sending { sent: 0 }
    }
}

impl Probe {
    /// The socket can be written to or read from again.
    pub fn on_ready(&mut self, socket: &mut Socket) -> Progress {
        match self {
            Probe::Sending { sent } => {
                *sent += socket.write(&REQUEST[*sent..]);
                if *sent == REQUEST.len() {
                    *self = Probe::Receiving { answer: Vec::new() };
                }
                Progress::Waiting
            }
            Probe::Receiving { answer } => {
                answer.extend(socket.read());
                status(answer)
            }
        }
    }
}

fn status(answer: &[u8]) -> Progress {
    if !answer.ends_with(b"\r\n\r\n") {
        return Progress::Waiting;
    }
    let number = answer.split(|byte| *byte == b' ').nth(1).and_then(|it| std::str::from_utf8(it).ok()?.parse().ok());
    Progress::Done(number.unwrap_or_default())
}
