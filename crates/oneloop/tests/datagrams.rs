//! Datagram endpoints with protocols.

mod harness;

use std::net::SocketAddr;

use harness::Log;
use oneloop::{DatagramProtocol, DatagramTransport, Error, Event, create_datagram_endpoint, yield_now};

/// Logs what it is told, and sends back what it gets.
struct Peer {
    log: Log,
    name: &'static str,
    transport: Option<DatagramTransport>,
    echoes: bool,
    heard: Event,
}

impl DatagramProtocol for Peer {
    fn connection_made(&mut self, transport: &DatagramTransport) {
        self.log.add(format!("{} made", self.name));
        self.transport = Some(transport.clone());
    }

    fn datagram_received(&mut self, data: &[u8], address: SocketAddr) {
        self.log.add(format!("{} got {}", self.name, String::from_utf8_lossy(data)));
        if self.echoes {
            self.transport.as_ref().unwrap().sendto(data, Some(address)).unwrap();
        }
        self.heard.set();
    }

    fn connection_lost(&mut self, error: Option<Error>) {
        self.log.add(format!("{} lost {}", self.name, error.is_some()));
    }
}

/// `_SelectorDatagramTransport`: the order is CPython's.
#[test]
fn an_endpoint_echoes_what_another_sends() {
    let log = Log::default();
    let inner = log.clone();
    oneloop::run(async move {
        let peer = |name, echoes| Peer { log: inner.clone(), name, transport: None, echoes, heard: Event::new() };
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let (server, _) = create_datagram_endpoint(peer("server", true), anywhere, None).await?;
        let client = peer("client", false);
        let heard = client.heard.clone();
        let (client, _) = create_datagram_endpoint(client, None, server.sockname()).await?;
        assert_eq!(client.peername(), server.sockname());
        client.sendto(b"ping", None)?;
        heard.wait().await?;
        let elsewhere = SocketAddr::from(([127, 0, 0, 1], 9));
        assert!(client.sendto(b"x", Some(elsewhere)).unwrap_err().to_string().starts_with("Invalid address"));
        let nowhere = create_datagram_endpoint(peer("nobody", false), None, None).await;
        assert_eq!(nowhere.err().unwrap().to_string(), "unexpected address family");
        client.close();
        server.abort();
        assert!(client.is_closing() && server.is_closing());
        inner.add("closing");
        yield_now().await?;
        assert_eq!((client.sockname(), server.sockname()), (None, None));
        Ok(())
    })
    .unwrap();
    let expected =
        "server made client made server got ping client got ping closing client lost false server lost false";
    assert_eq!(log.text(), expected);
}
