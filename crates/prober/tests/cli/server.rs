//! A small blocking HTTP server in the test's own process, which can be told to misbehave.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use oneloop_http::TlsAcceptor;
use oneloop_http::server::{Options, Reply, Request, Response};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType, IsCa, KeyIdMethod,
    KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};

/// A server on a port of the system's choice; it lives as long as the test process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Server {
    address: SocketAddr,
}

impl Server {
    /// Answers each request with `answer(stream, path)`; true keeps the connection for another request.
    pub(crate) fn start(answer: impl Fn(&mut TcpStream, &str) -> bool + Send + Sync + 'static) -> Server {
        Server::accept(move |mut stream| {
            while let Some(head) = read_request(&mut stream) {
                let path = head.split(' ').nth(1).unwrap_or_default();
                if path == "/echo" {
                    return echo(&mut stream, &head);
                }
                if !answer(&mut stream, path) {
                    return;
                }
            }
        })
    }

    /// Hands each connection to `serve`, in a thread of its own.
    pub(crate) fn accept(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("0.0.0.0:0").expect("a port of all addresses");
        let port = listener.local_addr().expect("the address of a listener").port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let serve = Arc::new(serve);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serve = serve.clone();
                std::thread::spawn(move || serve(stream));
            }
        });
        Server { address }
    }

    /// The site that most tests probe: the path says what happens.
    pub(crate) fn site() -> Server {
        Server::start(|stream, path| {
            match path {
                "/ok" => respond(stream, "200 OK", "", "hello"),
                "/kept" => {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nkept");
                    return true;
                }
                "/redirect" => respond(stream, "302 Found", "Location: /ok\r\n", ""),
                "/loop" => respond(stream, "302 Found", "Location: /loop\r\n", ""),
                "/secret" => respond(stream, "200 OK", "Set-Cookie: id=hunter2\r\nX-Open: yes\r\n", ""),
                "/escape" => respond(stream, "404 N\u{9b}31mope", "X-Bell: \u{9b}2J\r\n", ""),
                "/early" => drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")),
                "/garbage" => drop(stream.write_all(b"\x00\x01 what is this?\r\n\r\n")),
                "/endless" => while stream.write_all(b"X-More: and more and more and more\r\n").is_ok() {},
                "/endless-head" => {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
                    while stream.write_all(b"X-More: and more and more and more\r\n").is_ok() {}
                }
                "/stall" => wait_for_hangup(stream),
                "/empty" => {}
                _ => respond(stream, "404 Not Found", "", "nothing here"),
            }
            false
        })
    }

    /// Answers 200, but holds those who ask for `/stall` until they hang up. Each of them is counted at the gate.
    pub(crate) fn holding(gate: &Arc<Gate>) -> Server {
        let gate = gate.clone();
        Server::start(move |stream, path| {
            match path {
                "/stall" => {
                    gate.arrive();
                    wait_for_hangup(stream);
                }
                _ => respond(stream, "200 OK", "", ""),
            }
            false
        })
    }

    /// A server that resets each connection once a request has come: it closes with the request unread.
    pub(crate) fn resetting() -> Server {
        Server::accept(|stream| drop(stream.peek(&mut [0])))
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// Writes a whole response, after which the connection closes.
pub(crate) fn respond(stream: &mut TcpStream, status: &str, headers: &str, body: &str) {
    let length = body.len();
    let response = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    // The prober may have gone; that is for the test to see. At once: what Nagle's algorithm keeps back may be lost.
    let _ = stream.write_all(response.as_bytes());
}

/// Returns when the other side has closed the connection.
pub(crate) fn wait_for_hangup(stream: &mut TcpStream) {
    while matches!(stream.read(&mut [0; 64]), Ok(count) if count > 0) {}
}

/// Reads a request with its body, and gives its head; `None` when the connection closes instead. The body is for
/// nobody, but a socket that is closed over unread bytes is reset, and the reset may overtake the answer.
fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).map_or(Ok(0), str::parse);
    let mut body = vec![0; length.expect("the length of the body")];
    stream.read_exact(&mut body).ok()?;
    Some(head)
}

/// Sends back what came, as a header.
fn echo(stream: &mut TcpStream, head: &str) {
    let fields = head.replace("\r\n", " | ");
    respond(stream, "200 OK", &format!("X-Echo: {fields}\r\n"), "");
}

/// Holds whoever waits until somebody opens it.
#[derive(Debug, Default)]
pub(crate) struct Gate(Mutex<usize>, Condvar);

impl Gate {
    /// Adds one to those who have come, and wakes all that wait.
    pub(crate) fn arrive(&self) {
        *self.0.lock().expect("no test panics with this lock") += 1;
        self.1.notify_all();
    }

    /// Waits until `count` have come.
    pub(crate) fn wait_for(&self, count: usize) {
        let mut come = self.0.lock().expect("no test panics with this lock");
        while *come < count {
            come = self.1.wait(come).expect("no test panics with this lock");
        }
    }
}

/// A site over TLS on a loop of its own, whose certificate has so many days (and a half) to go.
#[derive(Debug)]
pub(crate) struct TlsSite {
    address: SocketAddr,
    /// The authority behind it, PEM.
    pub(crate) ca: String,
    /// The authority's list of what it has revoked, PEM: this certificate.
    pub(crate) crl: String,
}

impl TlsSite {
    pub(crate) fn start(days: u64) -> TlsSite {
        let (chain, key, ca, crl) = certificates(days);
        let (told, address) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            oneloop::run(async move {
                let acceptor = TlsAcceptor::from_pem(&chain, &key)?;
                let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
                let site = oneloop_http::server::Server::bind_tls(any_port, acceptor, Options::default(), answer)?;
                told.send(site.local_addr()).expect("the test waits for it");
                oneloop::get_running_loop()?.create_future::<()>().await
            })
        });
        TlsSite { address: address.recv().expect("the site starts"), ca, crl }
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }
}

async fn answer(request: Request) -> oneloop::Result<Reply> {
    Ok(match request.path() {
        "/ok" => Response::text(200, "hello").into(),
        "/redirect" => Response::text(302, "").header("Location", "/ok").into(),
        _ => Response::text(404, "nothing here").into(),
    })
}

/// A chain (leaf first), the leaf's key, the authority, and its list of revocations, all PEM.
fn certificates(days: u64) -> (String, String, String, String) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("it is after 1970");
    let now = rcgen::date_time_ymd(1970, 1, 1) + now;
    let day = std::time::Duration::from_secs(24 * 60 * 60);
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, format!("an authority for {days} days"));
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("an authority");
    let mut leaf = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
    leaf.use_authority_key_identifier_extension = true;
    (leaf.not_before, leaf.not_after) = (now - day, now + day / 2 + day * u32::try_from(days).expect("not that many"));
    leaf.serial_number = Some(SerialNumber::from(4_711));
    let revoked = RevokedCertParams {
        serial_number: SerialNumber::from(4_711),
        revocation_time: now - day,
        reason_code: None,
        invalidity_date: None,
    };
    let list = CertificateRevocationListParams {
        this_update: now - day,
        next_update: now + day,
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: vec![revoked],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = list.signed_by(&authority).and_then(|list| list.pem()).expect("a list");
    let key = KeyPair::generate().expect("a key");
    let leaf = leaf.signed_by(&key, &authority).expect("a leaf");
    (leaf.pem() + &authority.pem(), key.serialize_pem(), authority.pem(), list)
}
