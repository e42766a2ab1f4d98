//! How many threads are there? oneloop, for an IP address, for `localhost`, and for a name that a server must be asked
//! for: that server is a task of the same loop. Then asyncio's way, by `getaddrinfo`.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use oneloop::net::{TcpStream, UdpSocket};
use oneloop::{Error, Result, create_task, open_connection};
use oneloop_http::resolver::{Family, Resolver};

// ANCHOR: count
fn count(when: &str) -> Result<()> {
    let kernel = std::fs::read_dir("/proc/self/task")?.count(); // what Linux counts, whoever started them
    println!("{when}: {kernel} of Linux's");
    Ok(())
}

async fn run() -> Result<()> {
    // Nobody accepts: the kernel answers a connection by itself, so the only threads here are the client's.
    let server = TcpListener::bind("127.0.0.1:0")?;
    let port = server.local_addr()?.port();

    let names = UdpSocket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let resolver = Resolver::builder().servers([names.local_addr()?]).search([""; 0]).build();
    let name_server = create_task(answer(names));

    for host in ["127.0.0.1", "localhost", "somewhere.test"] {
        let addresses = resolver.addresses(host, Family::V4).await.map_err(Error::other)?;
        let _stream = TcpStream::connect(SocketAddr::from((addresses[0], port))).await?;
        count(&format!("connected to {host}"))?;
    }
    name_server.cancel();

    let (_reader, writer) = open_connection("localhost", port).await?; // asyncio's: it calls getaddrinfo
    count("open_connection to localhost")?;
    writer.close();
    Ok(())
}
// ANCHOR_END: count

/// A name server on this loop: whatever is asked for has the address 127.0.0.1.
async fn answer(socket: UdpSocket) -> Result<()> {
    let mut message = [0; 512];
    loop {
        let (length, client) = socket.recv_from(&mut message).await?;
        // The header is 12 bytes; the question's name ends with a zero, then come four more.
        let end = message[12..length].iter().position(|byte| *byte == 0).map_or(length, |at| 12 + at + 5);
        let mut reply = message[..end].to_vec();
        reply[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]); // a reply: one question, one answer
        reply.extend([0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]); // that name, type A, class IN, 60 s, four bytes
        reply.extend(Ipv4Addr::LOCALHOST.octets());
        socket.send_to(&reply, client).await?;
    }
}

fn main() -> Result<()> {
    count("at the start")?;
    oneloop::run(run())?;
    count("at the end")
}
