//! Ready, and completed. See README.md beside this file.

use std::{
    io::{Read, Write},
    thread,
    time::Duration,
};

use oneloop::{Result, get_running_loop, sleep, yield_now};

/// As Python and C# write it.
fn word(yes: bool) -> &'static str {
    if yes { "True" } else { "False" }
}

async fn run() -> Result<()> {
    let event_loop = get_running_loop()?;
    let (reader, mut writer) = std::io::pipe()?;
    writer.write_all(b"abc")?;
    let mut reads = reader.try_clone()?;
    let on_readable = move || {
        let mut byte = [0];
        if reads.read_exact(&mut byte).is_ok() {
            println!("readable: takes {}", char::from(byte[0]));
        }
    };
    event_loop.add_reader(&reader, on_readable)?;
    for turn in 1..=5 {
        yield_now().await?;
        println!("turn {turn}");
    }
    event_loop.call_later(Duration::from_millis(10), || println!("the timer of 10 ms"));
    writer.write_all(b"d")?;
    thread::sleep(Duration::from_millis(100));
    sleep(Duration::from_millis(20)).await?;
    let removed = word(event_loop.remove_reader(&reader));
    println!("removed {removed}, again {}", word(event_loop.remove_reader(&reader)));
    writer.write_all(b"e")?;
    sleep(Duration::from_millis(10)).await?;
    println!("nobody looks any more");
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
