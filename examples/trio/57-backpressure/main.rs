//! Who slows down a writer? See README.md beside this file.

use oneloop::{Result, create_task, stream_pair, yield_now};

const MIB: usize = 1 << 20;

/// As Python and C# write it.
fn word(yes: bool) -> &'static str {
    if yes { "True" } else { "False" }
}

async fn run() -> Result<()> {
    let ((_unread, writer), (reader, _keeps_it_open)) = stream_pair().await?;
    writer.write(vec![b'x'; 8 * MIB])?;
    println!("written; more than the kernel took is kept: {}", word(writer.write_buffer_size() > MIB));
    let drains = writer.clone();
    let drained = create_task(async move { drains.drain().await });
    for _ in 0..5 {
        yield_now().await?;
    }
    println!("drain waits: {}", word(!drained.done()));
    let size = reader.readexactly(8 * MIB).await?.len();
    (&drained).await?;
    println!("read {} MiB; drain has gone on: {}", size / MIB, word(drained.done()));
    writer.close();
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
