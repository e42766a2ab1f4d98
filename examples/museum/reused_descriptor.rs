//! Museum: the number that was given twice. `cargo museum reused_descriptor` shows the mended loop, `cargo museum
//! reused_descriptor bug` the fault.
//!
//! The kernel names a file with the smallest number that is free. A loop whose token is that number fetches a batch of
//! events; the first callback closes a socket whose event comes later in the batch, and opens a new one, which gets the
//! same number. Then the old event is delivered to the new socket: it is told that it can be read, and it can't.
//!
//! The rule: a token is never used twice. Here and in `selector.rs` it has a generation beside its number, and an event
//! of an earlier generation is dropped. asyncio queues a handle for each event of a batch before it runs any; who
//! closes a socket cancels its handle, and the new socket's is another. libuv sets a closed number to -1 in the batch that is being dispatched; .NET
//! and tokio use a pointer or a slot that lives until the batch is over.

use std::collections::BTreeMap;

fn main() {
    let generations = std::env::args().nth(1).is_none_or(|word| word != "bug");
    let mut sockets = Sockets { generations, ..Sockets::default() };
    let control = sockets.open("control");
    let upload = sockets.open("upload");
    // One answer of the kernel's, with the news of both.
    let batch = [control, upload];
    println!("kernel: control is readable; upload is readable");
    for token in batch {
        match sockets.find(token) {
            Some("control") => {
                println!("control: reads 'stop the upload, and call back'");
                sockets.close(upload);
                sockets.open("callback");
            }
            Some(name) => println!(
                "{name}: is told that it is readable{}",
                if name == "callback" { ", but it isn't even connected" } else { "" }
            ),
            None => println!("loop: an event for a socket that is gone; dropped"),
        }
    }
}

/// What the selector gives back with an event.
#[derive(Clone, Copy, PartialEq)]
struct Token {
    number: usize,
    generation: u32,
}

#[derive(Default)]
struct Sockets {
    generations: bool,
    made: u32,
    open: BTreeMap<usize, (Token, &'static str)>,
}

impl Sockets {
    /// As the kernel does: the smallest number that is free.
    fn open(&mut self, name: &'static str) -> Token {
        let number = (3..).find(|number| !self.open.contains_key(number)).expect("numbers do not end");
        self.made += 1;
        let token = Token { number, generation: self.made };
        println!("kernel: {name} is number {number}");
        self.open.insert(number, (token, name));
        token
    }

    fn close(&mut self, token: Token) {
        if let Some((_, name)) = self.open.remove(&token.number) {
            println!("kernel: {name} is closed, and number {} is free", token.number);
        }
    }

    // ANCHOR: find
    /// Whom an event is for. The fault is to look at the number alone.
    fn find(&self, event: Token) -> Option<&'static str> {
        let (token, name) = self.open.get(&event.number)?;
        (!self.generations || *token == event).then_some(*name)
    }
    // ANCHOR_END: find
}
