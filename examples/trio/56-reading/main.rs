//! Lines, limits and the end of a stream. See README.md beside this file.

use oneloop::{Error, Result, StreamReader, create_task};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

async fn run() -> Result<()> {
    let reader = StreamReader::new(8)?;
    reader.feed_data(b"one\ntwo\n");
    println!("line: {}", text(&reader.readline().await?).trim());
    println!("exactly 2: {}", text(&reader.readexactly(2).await?));
    println!("until o: {}", text(&reader.readuntil(b"o").await?));

    let feeds = reader.clone();
    let later = async move {
        println!("the reader waits");
        feeds.feed_data(b"!\n0123456789\n");
        Ok(())
    };
    let task = create_task(later);
    println!("two lines' rest: '{}'", text(&reader.readuntil(b"!").await?).replace('\n', "|"));
    reader.readline().await?;
    if let Err(Error::LimitOverrun { consumed, .. }) = reader.readuntil(b"\n").await {
        println!("over the limit: {consumed} bytes can be skipped");
    }
    println!("they are there still: {}", text(&reader.readexactly(11).await?).trim());
    reader.feed_data(b"half");
    reader.feed_eof();
    if let Err(Error::IncompleteRead(error)) = reader.readexactly(9).await {
        println!("incomplete: {} of {}", text(&error.partial), error.expected.unwrap_or_default());
    }
    let left = reader.readline().await?.len();
    println!("at the end: {left} bytes; at_eof {}", if reader.at_eof() { "True" } else { "False" });
    task.await
}

fn main() -> Result<()> {
    oneloop::run(run())
}
