//! A server: a task for each connection. See README.md beside this file.

use std::{io::ErrorKind, time::Duration};

use oneloop::{Result, StreamReader, StreamWriter, create_task, open_connection, sleep, start_server};

/// As Python and C# write it.
fn word(yes: bool) -> &'static str {
    if yes { "True" } else { "False" }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

async fn handle(reader: StreamReader, writer: StreamWriter) -> Result<()> {
    let line = reader.readline().await?;
    println!("handler: got {}", text(&line));
    writer.write(line.to_ascii_uppercase())?;
    writer.drain().await?;
    let rest = reader.read_to_end().await?;
    println!("handler: the client has closed, after {} more bytes", rest.len());
    writer.close();
    Ok(())
}

async fn run() -> Result<()> {
    let server = start_server(handle, "127.0.0.1", 0).await?;
    let port = server.sockets()[0].port();
    let (reader, writer) = open_connection("127.0.0.1", port).await?;
    println!("client: connected");
    writer.write(b"hello\n")?;
    println!("client: got {}", text(&reader.readline().await?));
    server.close();
    println!("server: closed; serving {}", word(server.is_serving()));
    if let Err(error) = open_connection("127.0.0.1", port).await
        && error.io_kind() == Some(ErrorKind::ConnectionRefused)
    {
        println!("client: a second connection is refused");
    }
    let waits = server.clone();
    let waiter = create_task(async move { waits.wait_closed().await });
    sleep(Duration::from_millis(10)).await?;
    println!("server: still has a connection: {}", word(!waiter.done()));
    writer.close();
    writer.wait_closed().await?;
    waiter.await?;
    println!("server: all is closed");
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
