//! The resolver against name servers that do what a script says, on the same loop.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs;

use oneloop::net::{AsyncReadExt, AsyncWriteExt, TcpListener, TcpStream, UdpSocket};
use oneloop::{create_task, yield_now};

use super::*;

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
const NXDOMAIN: u16 = 3;
const SERVFAIL: u16 = 2;
const REFUSED: u16 = 5;
const FORMERR: u16 = 1;
const TRUNCATED: u16 = 0x0200;

/// A question as a server sees it.
#[derive(Clone, Debug)]
struct Asked {
    /// Up to the end of the question.
    head: Vec<u8>,
    id: u16,
    name: String,
    kind: u16,
    edns: bool,
    tcp: bool,
    from: SocketAddr,
}

impl Asked {
    fn read(message: &[u8], tcp: bool, from: SocketAddr) -> Self {
        let (mut at, mut labels) = (12, Vec::new());
        while message[at] != 0 {
            let end = at + 1 + usize::from(message[at]);
            labels.push(String::from_utf8_lossy(&message[at + 1..end]).into_owned());
            at = end;
        }
        Self {
            head: message[..at + 5].to_vec(),
            id: u16::from_be_bytes([message[0], message[1]]),
            name: labels.join("."),
            kind: u16::from_be_bytes([message[at + 1], message[at + 2]]),
            edns: message[11] == 1,
            tcp,
            from,
        }
    }

    /// An answer with these flags (a response code is one) and these records of the name asked for.
    fn reply(&self, flags: u16, records: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = self.head.clone();
        bytes[2..4].copy_from_slice(&(0x8180 | flags).to_be_bytes());
        bytes[4..12].copy_from_slice(&[0, 1, 0, records.len() as u8, 0, 0, 0, 0]);
        for (kind, data) in records {
            bytes.extend_from_slice(&[0xC0, 12]);
            bytes.extend_from_slice(&kind.to_be_bytes());
            bytes.extend_from_slice(&[0, 1, 0, 0, 0, 60]);
            bytes.extend_from_slice(&(data.len() as u16).to_be_bytes());
            bytes.extend_from_slice(data);
        }
        bytes
    }

    /// The answer with this server's address of the family asked for: 192.0.2.N or 2001:db8::N.
    fn address(&self, last: u8) -> Vec<u8> {
        match self.kind {
            A => self.reply(0, &[(A, &[192, 0, 2, last])]),
            _ => self.reply(0, &[(AAAA, &[0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last])]),
        }
    }
}

/// What a server does about a question.
enum Act {
    Send(Vec<u8>),
    /// From another port of the same address.
    SendFromElsewhere(Vec<u8>),
}
use Act::{Send, SendFromElsewhere};

type Script = Rc<dyn Fn(&Asked) -> Vec<Act>>;
type Log = Rc<RefCell<Vec<Asked>>>;

struct NameServer {
    address: SocketAddr,
    asked: Log,
}

impl NameServer {
    /// A server on UDP and TCP at the same port. Its tasks end with the loop.
    fn start(script: impl Fn(&Asked) -> Vec<Act> + 'static) -> oneloop::Result<Self> {
        let (listener, socket) = bind_both()?;
        let (address, asked, script) = (socket.local_addr()?, Log::default(), Rc::new(script) as Script);
        drop(create_task(answer_udp(socket, script.clone(), asked.clone())));
        drop(create_task(accept_tcp(listener, script, asked.clone())));
        Ok(Self { address, asked })
    }

    fn resolver(&self) -> Resolver {
        resolver_of([self.address]).build()
    }

    /// The names asked for, sorted, as the order of the families is no promise.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.asked.borrow().iter().map(|asked| asked.name.clone()).collect();
        names.sort();
        names
    }

    /// Lets other tasks run until this many questions have come.
    async fn was_asked(&self, times: usize) -> oneloop::Result<()> {
        while self.asked.borrow().len() < times {
            yield_now().await?;
        }
        Ok(())
    }
}

/// A TCP listener and a UDP socket at one port, which something else may have taken in between.
fn bind_both() -> oneloop::Result<(TcpListener, UdpSocket)> {
    let mut tries = 0;
    loop {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        match UdpSocket::bind(listener.local_addr()?) {
            Ok(socket) => return Ok((listener, socket)),
            Err(error) if tries == 20 => return Err(error),
            Err(_) => tries += 1,
        }
    }
}

async fn answer_udp(socket: UdpSocket, script: Script, log: Log) -> oneloop::Result<()> {
    let elsewhere = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let mut buffer = vec![0; 2048];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await?;
        let asked = Asked::read(&buffer[..length], false, from);
        log.borrow_mut().push(asked.clone());
        for act in script(&asked) {
            // Whoever asked may have gone already, which is no fault of the server's.
            let _ = match act {
                Send(bytes) => socket.send_to(&bytes, from).await,
                SendFromElsewhere(bytes) => elsewhere.send_to(&bytes, from).await,
            };
        }
    }
}

async fn accept_tcp(listener: TcpListener, script: Script, log: Log) -> oneloop::Result<()> {
    loop {
        let (stream, from) = listener.accept().await?;
        drop(create_task(answer_tcp(stream, from, script.clone(), log.clone())));
    }
}

/// Writes its answers an octet at a time.
async fn answer_tcp(mut stream: TcpStream, from: SocketAddr, script: Script, log: Log) -> oneloop::Result<()> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).await?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).await?;
    let asked = Asked::read(&message, true, from);
    log.borrow_mut().push(asked.clone());
    for act in script(&asked) {
        let (Send(bytes) | SendFromElsewhere(bytes)) = act;
        for octet in (bytes.len() as u16).to_be_bytes().iter().chain(&bytes) {
            stream.write_all(&[*octet]).await?;
            yield_now().await?;
        }
    }
    // Until the other side closes.
    stream.read(&mut [0; 1]).await?;
    Ok(())
}

/// No system's files, and patience: only servers that never answer may decide anything by time.
fn resolver_of(servers: impl IntoIterator<Item = SocketAddr>) -> Builder {
    let builder = Resolver::builder().hosts_path("/nowhere/hosts").resolv_conf_path("/nowhere/resolv.conf");
    builder.servers(servers).resolution_delay(Duration::from_secs(30)).timeout(Duration::from_secs(30))
}

/// How long to wait for servers that never answer.
const SOON: Duration = Duration::from_millis(60);
/// The same where another server has to answer within this time.
const LATER: Duration = Duration::from_millis(400);

fn kind(outcome: Result<Vec<IpAddr>, ResolveError>) -> ResolveErrorKind {
    outcome.unwrap_err().kind()
}

fn texts(outcome: Result<Vec<IpAddr>, ResolveError>) -> Vec<String> {
    outcome.unwrap().iter().map(ToString::to_string).collect()
}

const BOTH: [&str; 2] = ["2001:db8::1", "192.0.2.1"];

fn run(test: impl Future<Output = oneloop::Result<()>> + 'static) {
    oneloop::run(test).unwrap();
}

#[test]
fn both_families_are_asked_and_ipv6_comes_first() {
    run(async {
        let server = NameServer::start(|asked| vec![Send(asked.address(1))])?;
        let resolver = server.resolver();
        assert_eq!(texts(resolver.resolve("www.example", Family::Any).await), BOTH);
        assert_eq!(server.names(), ["www.example"; 2]);
        assert_eq!(texts(resolver.resolve("www.example.", Family::V4).await), BOTH[1..]);
        assert_eq!(texts(resolver.resolve("WWW.example", Family::V6).await), BOTH[..1]);
        let asked = server.asked.borrow();
        assert_eq!(asked.len(), 4);
        assert_eq!((asked[2].kind, asked[3].kind), (A, AAAA));
        assert!(asked.iter().all(|asked| asked.edns && !asked.tcp));
        Ok(())
    });
}

#[test]
fn every_query_has_a_fresh_port_and_id() {
    run(async {
        let server = NameServer::start(|asked| vec![Send(asked.address(1))])?;
        let resolver = server.resolver();
        for _ in 0..16 {
            resolver.resolve("www.example", Family::Any).await.unwrap();
        }
        let asked = server.asked.borrow();
        let ids: HashSet<u16> = asked.iter().map(|asked| asked.id).collect();
        let ports: HashSet<u16> = asked.iter().map(|asked| asked.from.port()).collect();
        // Repeats by chance are rare: 32 of 65,536, and of some 28,000.
        assert!(asked.len() == 32 && ids.len() > 28 && ports.len() > 24, "{ids:?} {ports:?}");
        Ok(())
    });
}

#[test]
fn what_is_known_without_asking_asks_nobody() {
    run(async {
        let server = NameServer::start(|asked| vec![Send(asked.address(9))])?;
        let resolver = resolver_of([server.address]).host("Known.example", "192.0.2.7".parse().unwrap()).build();
        let resolve = async |host, family| resolver.resolve(host, family).await;
        assert_eq!(texts(resolve("localhost", Family::Any).await), ["::1", "127.0.0.1"]);
        assert_eq!(texts(resolve("a.LocalHost.", Family::V4).await), ["127.0.0.1"]);
        assert_eq!(kind(resolve("some.invalid", Family::Any).await), ResolveErrorKind::NxDomain);
        assert_eq!(texts(resolve("192.0.2.1", Family::Any).await), ["192.0.2.1"]);
        assert_eq!(texts(resolve("[2001:db8::1]", Family::V6).await), ["2001:db8::1"]);
        assert_eq!(kind(resolve("192.0.2.1", Family::V6).await), ResolveErrorKind::NoData);
        assert_eq!(kind(resolve("a..b", Family::Any).await), ResolveErrorKind::BadName);
        assert_eq!(texts(resolve("known.EXAMPLE.", Family::Any).await), ["192.0.2.7"]);
        assert!(server.asked.borrow().is_empty());
        // A family that the hosts file does not have is asked for, as in libc.
        assert_eq!(texts(resolve("known.example", Family::V6).await), ["2001:db8::9"]);
        assert_eq!(server.asked.borrow().len(), 1);
        Ok(())
    });
}

#[test]
fn both_files_are_read_once() {
    run(async {
        let server = NameServer::start(|asked| vec![Send(asked.address(1))])?;
        let name = format!("oneloop-resolver-{}-{}", std::process::id(), server.address.port());
        let (hosts, conf) = (std::env::temp_dir().join(format!("{name}.hosts")), std::env::temp_dir().join(name));
        fs::write(&hosts, "192.0.2.1 web\n2001:db8::1 web\n").unwrap();
        fs::write(&conf, "search one.example\n").unwrap();
        let files = Resolver::builder().hosts_path(&hosts).resolv_conf_path(&conf);
        let resolver = files.servers([server.address]).build();
        assert_eq!(texts(resolver.resolve("WEB", Family::Any).await), BOTH);
        resolver.resolve("short", Family::V4).await.unwrap();
        fs::remove_file(&hosts).unwrap();
        fs::remove_file(&conf).unwrap();
        assert_eq!(texts(resolver.clone().resolve("web", Family::Any).await), BOTH);
        resolver.resolve("other", Family::V4).await.unwrap();
        assert_eq!(server.names(), ["other.one.example", "short.one.example"]);
        Ok(())
    });
}

#[test]
fn spoofed_answers_are_ignored_and_waiting_goes_on() {
    run(async {
        let server = NameServer::start(|asked| {
            let mut wrong_id = asked.address(66);
            wrong_id[0] ^= 1;
            let mut wrong_name = asked.address(67);
            wrong_name[13] ^= 1;
            let mut no_response = asked.address(68);
            no_response[2] = 1;
            vec![
                SendFromElsewhere(asked.address(65)),
                Send(wrong_id),
                Send(wrong_name),
                Send(no_response),
                Send(b"garbage".to_vec()),
                Send(vec![]),
                Send(asked.address(1)),
            ]
        })?;
        assert_eq!(texts(server.resolver().resolve("www.example", Family::Any).await), BOTH);
        assert_eq!(server.asked.borrow().len(), 2);
        Ok(())
    });
}

#[test]
fn a_flood_of_wrong_answers_leads_to_tcp() {
    run(async {
        let server = NameServer::start(|asked| {
            if asked.tcp {
                return vec![Send(asked.address(1))];
            }
            let guess = |i: u16| {
                let mut guess = asked.address(66);
                guess[..2].copy_from_slice(&asked.id.wrapping_add(i).to_be_bytes());
                Send(guess)
            };
            (1..64).map(guess).collect()
        })?;
        assert_eq!(texts(server.resolver().resolve("www.example", Family::V4).await), BOTH[1..]);
        Ok(())
    });
}

#[test]
fn truncation_leads_to_tcp_at_the_same_server() {
    run(async {
        let server = NameServer::start(|asked| match asked.tcp {
            true => vec![Send(asked.address(1))],
            false => vec![Send(asked.reply(TRUNCATED, &[]))],
        })?;
        assert_eq!(texts(server.resolver().resolve("www.example", Family::Any).await), BOTH);
        let asked = server.asked.borrow();
        assert_eq!(asked.iter().filter(|asked| asked.tcp).count(), 2);
        assert_eq!(asked.len(), 4);
        Ok(())
    });
}

#[test]
fn a_message_longer_than_offered_is_asked_for_over_tcp() {
    run(async {
        let server = NameServer::start(|asked| {
            let data = [192, 0, 2, 1];
            vec![Send(asked.reply(0, &[(A, &data[..]); 100]))]
        })?;
        assert_eq!(texts(server.resolver().resolve("www.example", Family::V4).await), BOTH[1..]);
        assert!(server.asked.borrow()[1].tcp);
        Ok(())
    });
}

#[test]
fn use_vc_means_tcp_from_the_start() {
    run(async {
        let server = NameServer::start(|asked| vec![Send(asked.address(1))])?;
        let resolver = resolver_of([server.address]).use_tcp(true).build();
        assert_eq!(texts(resolver.resolve("www.example", Family::Any).await), BOTH);
        assert!(server.asked.borrow().iter().all(|asked| asked.tcp));
        Ok(())
    });
}

#[test]
fn a_server_without_edns_is_asked_once_without_it() {
    run(async {
        let server = NameServer::start(|asked| match asked.edns {
            true => vec![Send(asked.reply(FORMERR, &[]))],
            false => vec![Send(asked.address(1))],
        })?;
        assert_eq!(texts(server.resolver().resolve("www.example", Family::V4).await), BOTH[1..]);
        let never = NameServer::start(|asked| vec![Send(asked.reply(FORMERR, &[]))])?;
        let resolver = resolver_of([never.address]).attempts(1).build();
        assert_eq!(kind(resolver.resolve("www.example", Family::V4).await), ResolveErrorKind::ServFail);
        assert_eq!(never.asked.borrow().len(), 2);
        Ok(())
    });
}

#[test]
fn failures_have_different_kinds() {
    run(async {
        let server = NameServer::start(|asked| match asked.name.as_str() {
            "no-name.example" => vec![Send(asked.reply(NXDOMAIN, &[]))],
            "no-data.example" => vec![Send(asked.reply(0, &[]))],
            "servfail.example" => vec![Send(asked.reply(SERVFAIL, &[]))],
            "refused.example" => vec![Send(asked.reply(REFUSED, &[]))],
            "malformed.example" => vec![Send(asked.reply(0, &[(A, &[1, 2, 3])]))],
            _ => vec![],
        })?;
        let (patient, hasty) = (server.resolver(), resolver_of([server.address]).timeout(SOON).build());
        for (name, expected) in [
            ("no-name.example", ResolveErrorKind::NxDomain),
            ("no-data.example", ResolveErrorKind::NoData),
            ("servfail.example", ResolveErrorKind::ServFail),
            ("refused.example", ResolveErrorKind::Refused),
            ("malformed.example", ResolveErrorKind::Malformed),
            ("silent.example", ResolveErrorKind::Timeout),
        ] {
            let resolver = if expected == ResolveErrorKind::Timeout { &hasty } else { &patient };
            let error = resolver.resolve(name, Family::Any).await.unwrap_err();
            assert_eq!(error.kind(), expected, "{error}");
            assert!(error.host() == name && error.to_string().contains(name), "{error}");
        }
        let nobody = resolver_of([]).build();
        assert_eq!(kind(nobody.resolve("www.example", Family::Any).await), ResolveErrorKind::NoServers);
        Ok(())
    });
}

#[test]
fn the_next_server_is_asked_when_one_fails() {
    run(async {
        let answers: [fn(&Asked) -> Vec<Act>; 3] = [
            |asked| vec![Send(asked.reply(SERVFAIL, &[]))],
            |asked| vec![Send(asked.reply(0, &[(CNAME, &[0xC0, 12])]))],
            |_| vec![],
        ];
        for answer in answers {
            let (bad, good) = (NameServer::start(answer)?, NameServer::start(|asked| vec![Send(asked.address(1))])?);
            let resolver = resolver_of([bad.address, good.address]).timeout(LATER).build();
            assert_eq!(texts(resolver.resolve("www.example", Family::Any).await), BOTH);
            assert_eq!((bad.asked.borrow().len(), good.asked.borrow().len()), (2, 2));
        }
        Ok(())
    });
}

#[test]
fn a_name_that_does_not_exist_is_no_reason_to_ask_another_server() {
    run(async {
        let first = NameServer::start(|asked| vec![Send(asked.reply(NXDOMAIN, &[]))])?;
        let second = NameServer::start(|asked| vec![Send(asked.address(1))])?;
        let resolver = resolver_of([first.address, second.address]).build();
        assert_eq!(kind(resolver.resolve("www.example", Family::V4).await), ResolveErrorKind::NxDomain);
        assert_eq!((first.asked.borrow().len(), second.asked.borrow().len()), (1, 0));
        Ok(())
    });
}

#[test]
fn a_server_that_is_not_there_is_unreachable_at_once() {
    run(async {
        let gone = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?.local_addr()?;
        let resolver = resolver_of([gone]).build();
        assert_eq!(kind(resolver.resolve("www.example", Family::Any).await), ResolveErrorKind::Unreachable);
        let server = NameServer::start(|asked| vec![Send(asked.address(1))])?;
        let resolver = resolver_of([gone, server.address]).build();
        assert_eq!(texts(resolver.resolve("www.example", Family::Any).await), BOTH);
        Ok(())
    });
}

#[test]
fn rotate_begins_with_the_next_server_each_time() {
    run(async {
        let start = || NameServer::start(|asked| vec![Send(asked.address(1))]);
        let (one, two) = (start()?, start()?);
        let resolver = resolver_of([one.address, two.address]).rotate(true).build();
        for _ in 0..4 {
            resolver.resolve("www.example", Family::V4).await.unwrap();
        }
        assert_eq!((one.asked.borrow().len(), two.asked.borrow().len()), (2, 2));
        Ok(())
    });
}

#[test]
fn attempts_are_counted() {
    run(async {
        let server = NameServer::start(|asked| vec![Send(asked.reply(SERVFAIL, &[]))])?;
        let resolver = resolver_of([server.address]).attempts(3).build();
        assert_eq!(kind(resolver.resolve("www.example", Family::V4).await), ResolveErrorKind::ServFail);
        assert_eq!(server.asked.borrow().len(), 3);
        Ok(())
    });
}

#[test]
fn one_family_failing_or_silent_does_not_fail_the_other() {
    run(async {
        let answers: [fn(&Asked) -> Vec<Act>; 3] = [
            |asked| vec![Send(asked.reply(SERVFAIL, &[]))],
            |asked| vec![Send(asked.reply(NXDOMAIN, &[]))],
            |_| vec![],
        ];
        for answer in answers {
            for silent in [A, AAAA] {
                let server = NameServer::start(move |asked| match asked.kind == silent {
                    true => answer(asked),
                    false => vec![Send(asked.address(1))],
                })?;
                let left = if silent == A { &BOTH[..1] } else { &BOTH[1..] };
                // Half a minute for each server: RFC 8305's delay is what ends the waiting.
                let resolver = resolver_of([server.address]).resolution_delay(RESOLUTION_DELAY).build();
                assert_eq!(texts(resolver.resolve("www.example", Family::Any).await), left);
            }
        }
        Ok(())
    });
}

#[test]
fn the_search_list_is_gone_through() {
    run(async {
        let server = NameServer::start(|asked| match asked.name.as_str() {
            "web.two.example" => vec![Send(asked.address(1))],
            "web.one.example" => vec![Send(asked.reply(0, &[]))],
            "dead.one.example" => vec![Send(asked.reply(REFUSED, &[]))],
            _ => vec![Send(asked.reply(NXDOMAIN, &[]))],
        })?;
        let resolver = resolver_of([server.address]).search(["one.example", "two.example."]).attempts(1).build();
        assert_eq!(texts(resolver.resolve("web", Family::V4).await), BOTH[1..]);
        assert_eq!(server.names(), ["web.one.example", "web.two.example"]);
        server.asked.borrow_mut().clear();
        assert_eq!(kind(resolver.resolve("web.", Family::V4).await), ResolveErrorKind::NxDomain);
        assert_eq!(server.names(), ["web"]);
        server.asked.borrow_mut().clear();
        // A server that refuses one name is not asked for the others.
        assert_eq!(kind(resolver.resolve("dead", Family::V4).await), ResolveErrorKind::Refused);
        assert_eq!(server.names(), ["dead.one.example"]);
        Ok(())
    });
}

#[test]
fn aliases_across_answers_are_followed_and_end() {
    run(async {
        let server = NameServer::start(|asked| match asked.name.as_str() {
            "www.example" => vec![Send(asked.reply(0, &[(CNAME, b"\x01b\x07example\x00")]))],
            "b.example" => vec![Send(asked.address(1))],
            // tick is tock's alias, and tock is tick's.
            "tick.example" => vec![Send(asked.reply(0, &[(CNAME, b"\x04tock\x07example\x00")]))],
            _ => vec![Send(asked.reply(0, &[(CNAME, b"\x04tick\x07example\x00")]))],
        })?;
        let resolver = server.resolver();
        assert_eq!(texts(resolver.resolve("www.example", Family::Any).await), BOTH);
        assert_eq!(server.names(), ["b.example", "b.example", "www.example", "www.example"]);
        assert_eq!(kind(resolver.resolve("tick.example", Family::V4).await), ResolveErrorKind::Malformed);
        Ok(())
    });
}

#[test]
fn a_tcp_server_that_closes_early_or_lies_about_the_length_is_an_error_of_that_server() {
    run(async {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let address = listener.local_addr()?;
        let _server = create_task(async move {
            for answer in [&b""[..], b"\x01", b"\xFF\xFFabc", b"\x00\x00", b"\x00\x03abc"] {
                let (mut stream, _) = listener.accept().await?;
                let mut question = [0; 64];
                stream.read(&mut question).await?;
                stream.write_all(answer).await?;
            }
            Ok(())
        });
        let resolver = resolver_of([address]).use_tcp(true).attempts(1).build();
        for _ in 0..5 {
            assert_eq!(kind(resolver.resolve("www.example", Family::V4).await), ResolveErrorKind::Malformed);
        }
        Ok(())
    });
}

/// Whether a lookup's socket is gone: its port is free again.
fn is_closed(asked: &Asked) -> bool {
    UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], asked.from.port()))).is_ok()
}

#[test]
fn cancellation_ends_everything_at_once_and_closes_the_sockets() {
    run(async {
        let (first, second) =
            (NameServer::start(|_| vec![])?, NameServer::start(|asked| vec![Send(asked.address(1))])?);
        let resolver = resolver_of([first.address, second.address]).search(["one.example"]).build();
        let task = create_task(async move { Ok(resolver.resolve("www.example", Family::Any).await) });
        first.was_asked(2).await?;
        assert!(!first.asked.borrow().iter().any(is_closed));
        assert!(task.cancel());
        let error = task.await?.unwrap_err();
        assert!(error.is_cancelled(), "{error}");
        assert!(error.loop_error().is_some_and(oneloop::Error::is_cancelled));
        assert!(first.asked.borrow().iter().all(is_closed));
        assert!(second.asked.borrow().is_empty());
        Ok(())
    });
}

#[test]
fn cancellation_closes_a_tcp_connection() {
    run(async {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let resolver = resolver_of([listener.local_addr()?]).use_tcp(true).build();
        let task = create_task(async move { Ok(resolver.resolve("www.example", Family::V4).await) });
        let (mut stream, _) = listener.accept().await?;
        let mut bytes = [0; 64];
        assert!(stream.read(&mut bytes).await? > 0);
        task.cancel();
        assert!(task.await?.unwrap_err().is_cancelled());
        assert_eq!(stream.read(&mut bytes).await?, 0);
        Ok(())
    });
}

#[test]
fn dropping_a_lookup_closes_its_sockets() {
    run(async {
        let server = NameServer::start(|_| vec![])?;
        let resolver = server.resolver();
        {
            let mut lookup = std::pin::pin!(resolver.resolve("www.example", Family::Any));
            while server.asked.borrow().len() < 2 {
                let waiting = std::future::poll_fn(|cx| std::task::Poll::Ready(lookup.as_mut().poll(cx).is_pending()));
                assert!(waiting.await);
                yield_now().await?;
            }
            assert!(!server.asked.borrow().iter().any(is_closed));
        }
        assert!(server.asked.borrow().iter().all(is_closed));
        Ok(())
    });
}

#[test]
fn the_callers_deadline_ends_it() {
    run(async {
        let server = NameServer::start(|_| vec![])?;
        let resolver = server.resolver();
        let outcome = oneloop::wait_for(SOON, resolver.resolve("www.example", Family::Any)).await;
        let error = outcome.unwrap_err();
        assert!(error.is_timeout() && error.loop_error().is_some(), "{error}");
        assert!(server.asked.borrow().len() <= 2, "no further server, name or attempt");
        assert!(server.asked.borrow().iter().all(is_closed));
        Ok(())
    });
}
