//! Museum: the edge that was not drained. `cargo museum undrained_edge` shows the mended reader, `cargo museum
//! undrained_edge bug` the fault.
//!
//! mio asks the kernel for edges (`EPOLLET`): it tells when bytes *come*, not that bytes *are there*. A reader that takes one
//! buffer full after each event, and then waits for the next event, leaves the rest in the kernel, and no event ever speaks
//! of it again. With short messages it works for years.
//!
//! The rule: after an edge, read until the kernel says `WouldBlock`, or remember that it has not said so yet. asyncio's
//! selectors ask for levels: the event comes again while there is something to read, for the price of being told again
//! in each turn. .NET's SocketAsyncEngine and tokio use edges as mio does, and keep a bit of readiness for each socket;
//! so does `selector.rs` here.

use mio::net::UnixStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Result, Write};
use std::time::Duration;

fn main() -> Result<()> {
    let bug = std::env::args().nth(1).is_some_and(|word| word == "bug");
    let mut selector = Poll::new()?;
    let (mut ours, mut theirs) = UnixStream::pair()?;
    selector.registry().register(&mut ours, Token(0), Interest::READABLE)?;
    theirs.write_all(b"two buffers.")?;
    println!("peer: sends 12 bytes, once");

    let (mut events, mut received) = (Events::with_capacity(8), String::new());
    while received.len() < 12 {
        // A loop would wait here without a limit. Whatever the kernel has to say it can say at once, as the bytes are there.
        selector.poll(&mut events, Some(Duration::ZERO))?;
        if events.is_empty() {
            println!("loop: parks; {} bytes lie in the kernel, and no event will speak of them", 12 - received.len());
            return Ok(());
        }
        println!("loop: the socket is readable");
        let most = if bug { 1 } else { usize::MAX };
        read(&mut ours, most, &mut received)?;
    }
    println!("reader: has '{received}'");
    Ok(())
}

// ANCHOR: read
/// Takes buffers full until the kernel has no more, or until it took `most` of them.
fn read(socket: &mut UnixStream, most: usize, received: &mut String) -> Result<()> {
    let mut buffer = [0; 8];
    for _ in 0..most {
        match socket.read(&mut buffer) {
            Ok(count) => {
                println!("reader: reads {count} bytes");
                received.push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                println!("reader: the kernel says WouldBlock, so the next bytes will make an event");
                break;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
// ANCHOR_END: read
