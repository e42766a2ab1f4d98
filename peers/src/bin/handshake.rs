//! The bare handshake: what rustls itself spends on the client's side of one TLS 1.3 handshake, in memory, with no
//! socket, no runtime and no HTTP. W1 counts what a program spends beyond this.
//!
//! `handshake PROVIDER CA CHAIN KEY COUNT` prints the median and the mean time of the client's share in
//! nanoseconds, and the version that was negotiated.

use peers::tls;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ServerConnection};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Fallible<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [provider, ca, chain, key, count] = args.as_slice() else {
        return Err("handshake PROVIDER CA CHAIN KEY COUNT".into());
    };
    let count: usize = count.parse()?;
    let client = Arc::new(tls::client_config(provider, ca)?);
    let server = Arc::new(tls::server_config(provider, chain, key)?);
    let mut version = None;
    for _ in 0..count / 10 {
        version = handshake(&client, &server)?.1.protocol_version();
    }
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        times.push(handshake(&client, &server)?.0);
    }
    times.sort_unstable();
    let mean = times.iter().sum::<Duration>().as_nanos() / count.max(1) as u128;
    let median = times.get(count / 2).ok_or("no handshake asked for")?.as_nanos();
    println!("ns {median}\nmean {mean}\nversion {version:?}");
    Ok(())
}

/// One whole handshake; the time is the client's alone, to the last byte that it has to send before its request.
fn handshake(client: &Arc<ClientConfig>, server: &Arc<rustls::ServerConfig>) -> Fallible<(Duration, ClientConnection)> {
    let mut wire = Vec::with_capacity(8192);
    let mut server = ServerConnection::new(server.clone())?;
    let mut spent = Duration::ZERO;

    let start = Instant::now();
    let mut client = ClientConnection::new(client.clone(), ServerName::from(IpAddr::V4(Ipv4Addr::LOCALHOST)))?;
    client.write_tls(&mut wire)?;
    spent += start.elapsed();

    while client.is_handshaking() {
        feed(&wire, |input| server.read_tls(input))?;
        server.process_new_packets()?;
        wire.clear();
        while server.wants_write() {
            server.write_tls(&mut wire)?;
        }
        let start = Instant::now();
        feed(&wire, |input| client.read_tls(input))?;
        client.process_new_packets()?;
        wire.clear();
        while client.wants_write() {
            client.write_tls(&mut wire)?;
        }
        spent += start.elapsed();
    }
    feed(&wire, |input| server.read_tls(input))?;
    server.process_new_packets()?;
    Ok((spent, client))
}

fn feed(mut bytes: &[u8], mut read: impl FnMut(&mut dyn std::io::Read) -> std::io::Result<usize>) -> Fallible<()> {
    while !bytes.is_empty() {
        read(&mut bytes)?;
    }
    Ok(())
}
