//! Exercise 4: give the machine the state that it lacks. See README.md beside this file.

use super::check::{Progress, REQUEST, Socket};

/// One probe, as a machine that stops wherever the socket is not ready.
#[derive(Default)]
pub enum Probe {
    #[default]
    Sending,
    Receiving {
        answer: Vec<u8>,
    },
}

impl Probe {
    /// The socket can be written to or read from again.
    pub fn on_ready(&mut self, socket: &mut Socket) -> Progress {
        match self {
            Probe::Sending => {
                socket.write(REQUEST);
                *self = Probe::Receiving { answer: Vec::new() };
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
