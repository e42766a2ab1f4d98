//! The resolver against dnsmasq, a name server of other people's making: what its authors thought DNS to be.

use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};

use oneloop_http::resolver::{Family, ResolveErrorKind, Resolver};
use oneloop_tests::need;

/// A dnsmasq that knows a few names and asks nobody.
struct Dnsmasq {
    process: Child,
    address: SocketAddr,
}

impl Dnsmasq {
    fn start() -> Dnsmasq {
        // Free a moment ago; where it is taken meanwhile, dnsmasq ends at once and the next one is tried.
        for _ in 0..10 {
            let port = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).unwrap().port();
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            let mut process = Command::new(program())
                .args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--no-daemon"])
                .args(["--pid-file=", "--user=", "--listen-address=127.0.0.1", "--bind-interfaces"])
                .arg(format!("--port={port}"))
                .args(["--local=/test/", "--local-ttl=60", "--edns-packet-max=1232"])
                .args(["--host-record=both.test,192.0.2.1,2001:db8::1", "--host-record=four.test,192.0.2.4"])
                .args(["--cname=alias.test,both.test", "--cname=alias2.test,alias.test"])
                .args((0..120).map(|last| format!("--host-record=many.test,198.51.100.{last}")))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("dnsmasq started");
            // It listens on both once it takes a TCP connection.
            while process.try_wait().expect("its state").is_none() {
                if std::net::TcpStream::connect(address).is_ok() {
                    return Dnsmasq { process, address };
                }
                std::thread::yield_now();
            }
        }
        panic!("dnsmasq does not start");
    }
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program() -> &'static str {
    let usual = "/usr/sbin/dnsmasq";
    if std::path::Path::new(usual).exists() { usual } else { "dnsmasq" }
}

#[test]
fn dnsmasq_is_understood() {
    if !need::program("dnsmasq_is_understood", program(), &["--version"]) {
        return;
    }
    let server = Dnsmasq::start();
    let address = server.address;
    oneloop::run(async move {
        let builder = Resolver::builder().hosts_path("/nowhere").resolv_conf_path("/nowhere");
        let resolver = builder.servers([address]).search(["test"]).build();
        let find = async |host: &str, family| {
            let found = resolver.addresses(host, family).await;
            found.map(|list| list.iter().map(ToString::to_string).collect::<Vec<_>>()).map_err(|error| error.kind())
        };
        let both = Ok(vec!["2001:db8::1".to_owned(), "192.0.2.1".to_owned()]);
        assert_eq!(find("both.test", Family::Any).await, both);
        assert_eq!(find("both", Family::Any).await, both, "by the search list");
        assert_eq!(find("alias2.test", Family::Any).await, both, "by two aliases");
        assert_eq!(find("BOTH.test.", Family::V6).await, Ok(vec!["2001:db8::1".to_owned()]));
        assert_eq!(find("four.test", Family::Any).await, Ok(vec!["192.0.2.4".to_owned()]));
        assert_eq!(find("four.test.", Family::V6).await, Err(ResolveErrorKind::NoData));
        assert_eq!(find("gone.test.", Family::Any).await, Err(ResolveErrorKind::NxDomain));
        assert_eq!(find("elsewhere.example.", Family::V4).await, Err(ResolveErrorKind::Refused));
        // Too much for a datagram: dnsmasq says so, and has all of it over TCP; we keep the first 64.
        assert_eq!(find("many.test.", Family::V4).await.map(|list| list.len()), Ok(64));
        let again = resolver.look_up("many.test.", Family::V4).await.unwrap();
        assert!(again.cached, "its TTL is a minute");
        Ok(())
    })
    .unwrap();
}
