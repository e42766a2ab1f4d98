//! The demo site: a small web site with every kind of trouble, on the prober's own loop and thread.
//!
//! `prober` without a URL starts it on loopback and probes it. It needs no network and no privileges: the ports are
//! chosen by the system, the certificates are made at the start, and `.invalid` is a name that a resolver must refuse
//! without asking anyone (RFC 6761). Each endpoint announces how its probe must end, so the demo is also a test of the
//! prober by the prober: [`Expected::is_met_by`] judges.
//!
//! Neighbours: `site.rs` answers, `certificates.rs` makes certificates; the run of the probes is `probe.rs`'s affair.
//! Invariant: what the site starts belongs to the running loop, and lives until that loop ends.
//! Counterparts: `aiohttp.test_utils.TestServer`, ASP.NET's `WebApplicationFactory`.

mod certificates;
mod site;

use std::fmt;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use oneloop::Result;
use oneloop::net::TcpStream;
use oneloop_http::TlsAcceptor;
use oneloop_http::server::{Options, Server};

use certificates::{Certificates, Identity};

/// One URL of the demo and what it is for.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// A short name, such as `tls-expired`.
    pub(crate) name: &'static str,
    pub(crate) url: String,
    /// What it does, to be read after "this one".
    pub(crate) does: &'static str,
    pub(crate) expected: Expected,
    /// The probe's own time limit, for what would otherwise take the default one.
    pub(crate) timeout: Option<Duration>,
}

/// How a probe must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// With a whole response that has this status.
    Status(u16),
    /// With this `error.kind`.
    Error(&'static str),
}

impl Expected {
    /// Whether a probe that ended with this status and this `error.kind` ended as announced. The kind `status` (a status
    /// other than 200) is no news: the status itself is compared.
    pub(crate) fn is_met_by(self, status: Option<u16>, error: Option<&str>) -> bool {
        match self {
            Expected::Status(expected) => status == Some(expected) && error.is_none_or(|kind| kind == "status"),
            Expected::Error(expected) => error == Some(expected),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expected::Status(status) => write!(f, "status {status}"),
            Expected::Error(kind) => f.write_str(kind),
        }
    }
}

/// The site. It goes on being served when this is dropped; only the refused port is then no longer ours.
#[derive(Debug)]
pub(crate) struct DemoSite {
    endpoints: Vec<Endpoint>,
    ca_pem: String,
    /// Keeps the refused port ours: see [`start`].
    _placeholder: TcpStream,
}

impl DemoSite {
    /// All endpoints, in the order in which they are shown.
    pub(crate) fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// The authority that the probes of this site must trust (and no other), PEM.
    pub(crate) fn ca_pem(&self) -> &str {
        &self.ca_pem
    }
}

/// Starts the site on the running loop.
///
/// # Errors
/// `Io` when loopback has no port left, `Other` when the certificates can't be made.
pub(crate) async fn start() -> Result<DemoSite> {
    let certificates = Certificates::make()?;
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let options = Options::default();
    let tls = |identity: &Identity| {
        let acceptor = TlsAcceptor::from_pem(&identity.chain_pem, &identity.key_pem)?;
        Server::bind_tls(any_port, acceptor, options, site::answer)
    };
    let plain = Server::bind(any_port, options, site::answer)?.local_addr();
    // Closed over a request that nobody has read, a socket is not closed but reset.
    let reset = Server::bind_raw(any_port, options, async |stream: TcpStream| stream.readable().await)?.local_addr();
    let tls_ok = tls(&certificates.ok)?.local_addr();
    let tls_expired = tls(&certificates.expired)?.local_addr();
    let tls_wrong_host = tls(&certificates.wrong_host)?.local_addr();
    let tls_untrusted = tls(&certificates.untrusted)?.local_addr();
    // A port where surely nobody listens while we run: the near end of a connection that stays open.
    let placeholder = TcpStream::connect(plain).await?;
    let refused = placeholder.local_addr()?;

    use Expected::{Error, Status};
    let endpoint = |name, url, does, expected| Endpoint { name, url, does, expected, timeout: None };
    let http = |name, path, does, expected| endpoint(name, format!("http://{plain}{path}"), does, expected);
    let https = |name, address, does, expected| endpoint(name, format!("https://{address}/ok"), does, expected);
    let mut stall = http("stall", "/stall", "takes the request and never answers", Error("timeout"));
    stall.timeout = Some(Duration::from_secs(1));
    let endpoints = vec![
        http("ok", "/ok", "answers at once", Status(200)),
        http("slow", "/slow", "thinks for 300 ms", Status(200)),
        http("chunked", "/chunked", "sends its body in chunks", Status(200)),
        http("drip", "/drip", "sends its body byte by byte", Status(200)),
        https("tls-ok", tls_ok, "speaks TLS with a good certificate", Status(200)),
        http("redirect", "/redirect", "points elsewhere", Status(302)),
        http("not-found", "/not-found", "has nothing there", Status(404)),
        http("error", "/error", "is broken", Status(500)),
        stall,
        endpoint("reset", format!("http://{reset}/reset"), "resets the connection", Error("receive")),
        http("truncated", "/truncated", "stops in the middle of its body", Error("truncated-body")),
        http("garbage", "/garbage", "answers something that is not HTTP", Error("protocol")),
        https("tls-expired", tls_expired, "shows an expired certificate", Error("tls-expired")),
        https("tls-wrong-host", tls_wrong_host, "shows the certificate of another host", Error("tls-wrong-host")),
        https("tls-untrusted", tls_untrusted, "shows a certificate of an unknown CA", Error("tls-untrusted")),
        endpoint("refused", format!("http://{refused}/"), "has nobody listening", Error("connect")),
        endpoint("unresolvable", "http://demo.invalid/".into(), "has a name that does not exist", Error("resolve")),
    ];
    Ok(DemoSite { endpoints, ca_pem: certificates.ca_pem, _placeholder: placeholder })
}

/// `prober demo --serve`: starts the site, prints its URLs and an empty line on standard output, and stays until it
/// is cancelled or the process ends.
///
/// # Errors
/// Those of [`start`], and of writing.
pub(crate) async fn serve() -> Result<()> {
    let site = start().await?;
    let mut text = String::new();
    for endpoint in site.endpoints() {
        text += &endpoint.url;
        text.push('\n');
    }
    text.push('\n'); // the end of the list, for those who read it from a pipe
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    drop(stdout);
    eprintln!("The demo site is up, with {} endpoints; Ctrl-C ends it.", site.endpoints().len());
    oneloop::get_running_loop()?.create_future::<()>().await
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use oneloop::net::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// The answer to a GET of `path`, up to the end of the connection.
    async fn get(address: SocketAddr, path: &str) -> Result<Vec<u8>> {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n").as_bytes()).await?;
        let mut answer = Vec::new();
        let mut buffer = [0; 1024];
        loop {
            match stream.read(&mut buffer).await? {
                0 => return Ok(answer),
                count => answer.extend_from_slice(&buffer[..count]),
            }
        }
    }

    fn address(site: &DemoSite, name: &str) -> SocketAddr {
        let endpoint = site.endpoints().iter().find(|endpoint| endpoint.name == name).expect(name);
        let authority = endpoint.url.split('/').nth(2).expect("a URL");
        authority.parse().expect("an address and a port")
    }

    #[test]
    fn endpoints_have_names_of_their_own_and_plain_urls() {
        let site = oneloop::run(start()).expect("the site starts");
        let names: HashSet<_> = site.endpoints().iter().map(|endpoint| endpoint.name).collect();
        assert_eq!(names.len(), site.endpoints().len());
        assert!(
            site.endpoints().iter().all(|endpoint| endpoint.url.starts_with("http") && !endpoint.url.contains(' '))
        );
    }

    #[test]
    fn a_reset_is_a_reset_and_a_refusal_a_refusal() {
        oneloop::run(async {
            let site = start().await?;
            let reset = get(address(&site, "reset"), "/reset").await.expect_err("no answer");
            assert_eq!(reset.io_kind(), Some(std::io::ErrorKind::ConnectionReset));
            let refused = get(address(&site, "refused"), "/").await.expect_err("nobody there");
            assert_eq!(refused.io_kind(), Some(std::io::ErrorKind::ConnectionRefused));
            Ok(())
        })
        .expect("it runs");
    }

    #[test]
    fn an_outcome_is_compared_with_what_was_announced() {
        let not_found = Expected::Status(404);
        assert!(not_found.is_met_by(Some(404), Some("status")) && not_found.is_met_by(Some(404), None));
        assert!(!not_found.is_met_by(Some(200), None));
        assert!(!not_found.is_met_by(Some(404), Some("truncated-body")));
        assert!(!not_found.is_met_by(None, Some("connect")));
        let reset = Expected::Error("receive");
        assert!(reset.is_met_by(None, Some("receive")) && reset.is_met_by(Some(200), Some("receive")));
        assert!(!reset.is_met_by(None, None));
    }
}
