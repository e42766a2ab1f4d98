//! The resolver against name servers that do what a script says, on the same loop. Here: the servers.

mod answers;
mod cache;
mod cache_leaving;
mod ending;
mod going_on;

use std::cell::RefCell;

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

    /// A negative answer with this code, whose SOA allows it to be kept for `ttl` seconds.
    fn negative(&self, code: u16, ttl: u32) -> Vec<u8> {
        let mut bytes = self.reply(code, &[]);
        bytes[9] = 1;
        // An SOA of the root, with a TTL above its minimum, so that the minimum counts.
        bytes.extend_from_slice(&[0, 0, 6, 0, 1, 0, 0, 0xFF, 0xFF, 0, 22, 0, 0]);
        bytes.extend_from_slice(&[0; 16]);
        bytes.extend_from_slice(&ttl.to_be_bytes());
        bytes
    }

    /// The answer with this server's address, to be kept for `ttl` seconds.
    fn address_for(&self, last: u8, ttl: u32) -> Vec<u8> {
        let mut bytes = self.address(last);
        let at = self.head.len() + 6; // behind name, type and class
        bytes[at..at + 4].copy_from_slice(&ttl.to_be_bytes());
        bytes
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
    socket: Rc<UdpSocket>,
}

impl NameServer {
    /// A server on UDP and TCP at the same port. Its tasks end with the loop.
    fn start(script: impl Fn(&Asked) -> Vec<Act> + 'static) -> oneloop::Result<Self> {
        let (listener, socket) = bind_both()?;
        let (address, asked, script) = (socket.local_addr()?, Log::default(), Rc::new(script) as Script);
        let socket = Rc::new(socket);
        drop(create_task(answer_udp(socket.clone(), script.clone(), asked.clone())));
        drop(create_task(accept_tcp(listener, script, asked.clone())));
        Ok(Self { address, asked, socket })
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

    /// Sends bytes that no question led to.
    async fn say(&self, bytes: &[u8], to: SocketAddr) -> oneloop::Result<()> {
        self.socket.send_to(bytes, to).await.map(drop)
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

async fn answer_udp(socket: Rc<UdpSocket>, script: Script, log: Log) -> oneloop::Result<()> {
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
    let builder = Resolver::builder().hosts_path("/nowhere/hosts").resolv_conf_path("/nowhere/resolv.conf").cache(0);
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
