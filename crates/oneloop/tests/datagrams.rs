//! Datagram endpoints with protocols.

mod harness;

use std::{cell::Cell, net::SocketAddr, rc::Rc};

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

/// A protocol that keeps its transport, as the documentation's does, and tells when it is dropped.
struct Keeps(Option<DatagramTransport>, Rc<Cell<u32>>);

impl DatagramProtocol for Keeps {
    fn connection_made(&mut self, transport: &DatagramTransport) {
        self.0 = Some(transport.clone());
    }
}

impl Drop for Keeps {
    fn drop(&mut self) {
        self.1.set(self.1.get() + 1);
    }
}

#[test]
fn a_protocol_and_its_transport_held_each_other_for_ever() {
    let drops = Rc::new(Cell::new(0));
    let inner = drops.clone();
    let (port, left_open) = oneloop::run(async move {
        // Where no other test takes a port, so that one can be asked for again. (macOS has 127.0.0.1 alone.)
        let last = if cfg!(target_os = "linux") { 78 } else { 1 };
        let anywhere = SocketAddr::from(([127, 0, 0, last], 0));
        let (closed, protocol) = create_datagram_endpoint(Keeps(None, inner.clone()), anywhere, None).await?;
        drop(protocol);
        closed.close();
        drop(closed);
        yield_now().await?;
        yield_now().await?;
        assert_eq!(inner.get(), 1, "the one that was closed is gone");
        let (open, _) = create_datagram_endpoint(Keeps(None, inner), anywhere, None).await?;
        Ok((open.sockname().unwrap(), open))
    })
    .unwrap();
    drop(left_open);
    assert_eq!(drops.get(), 2, "the one that was left open is gone with its loop");
    std::net::UdpSocket::bind(port).unwrap();
}

/// Closes a transport when it is dropped, as clean-up code does.
struct Closes(DatagramTransport);

impl Drop for Closes {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[test]
fn an_endpoint_that_is_closed_while_its_loop_closes_met_a_borrow() {
    let drops = Rc::new(Cell::new(0));
    let inner = drops.clone();
    let event_loop = oneloop::EventLoop::new().unwrap();
    let told = harness::reports(&event_loop);
    event_loop
        .run_until_complete(async move {
            let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
            let (transport, _) = create_datagram_endpoint(Keeps(None, inner), anywhere, None).await?;
            let closes = Closes(transport);
            drop(oneloop::create_task(async move {
                let _closes = closes;
                std::future::pending::<oneloop::Result<()>>().await
            }));
            yield_now().await
        })
        .unwrap();
    event_loop.close().unwrap();
    assert_eq!(told.text(), "[Task was destroyed but it is pending!: Task-2]");
    assert_eq!(drops.get(), 1);
}
