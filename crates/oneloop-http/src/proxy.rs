//! HTTP proxies: which requests go through one, and how.
//!
//! An http URL is asked of the proxy whole (`GET http://host/path`), an https URL through a tunnel that the proxy opens
//! (`CONNECT host:443`), so that TLS is with the server itself. Credentials for the proxy go to the proxy alone.
//! The environment (`http_proxy` and its kin) is not read: a probe goes where its options say.
//!
//! Neighbours: the connector opens tunnels, [`request`](crate::request) writes the absolute form.
//! Counterparts: aiohttp's `proxy=`, .NET's `WebProxy`, curl's `--proxy`, `--proxy-user`, `--noproxy`.

use std::future::poll_fn;
use std::str::FromStr;

use http::StatusCode;
use url::{Host, Url};

use crate::error::{Error, ErrorKind, Result};
use crate::exchange::Exchange;
use crate::network::Network;
use crate::overrides::borrowed;
use crate::proto::{Event, Headers, Limits, ProtoError, ResponseReader, write_connect};
use crate::target;
use crate::wire::{Input, Wire, broken};

/// An HTTP proxy: curl's `--proxy [http://][user:password@]host[:port]`, port 1080 when there is none.
///
/// ```
/// use oneloop_http::Proxy;
/// assert!("http://user:secret@proxy.example:3128".parse::<Proxy>().is_ok());
/// assert!("proxy.example".parse::<Proxy>().is_ok());
/// assert!("socks5://proxy.example".parse::<Proxy>().is_err());
/// ```
#[derive(Clone)]
pub struct Proxy {
    host: Host,
    port: u16,
    /// The value of Proxy-Authorization.
    credentials: Option<String>,
}

impl Proxy {
    /// Sends these credentials (Basic) to the proxy, instead of those in its URL: curl's `--proxy-user`.
    #[must_use]
    pub fn credentials(mut self, user: &str, password: &str) -> Proxy {
        self.credentials = Some(target::basic(user.as_bytes(), password.as_bytes()));
        self
    }

    pub(crate) fn endpoint(&self) -> (Host<&str>, u16) {
        (borrowed(&self.host), self.port)
    }

    pub(crate) fn authorization(&self) -> Option<&str> {
        self.credentials.as_deref()
    }
}

impl FromStr for Proxy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Proxy> {
        let bad = |why: &str| {
            // The text may hold a password.
            let message = format!("the proxy cannot be used (expected [http://][user:password@]host[:port]): {why}");
            Error::new(ErrorKind::BadUrl, message).with_detail("Proxy")
        };
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&with_scheme).map_err(|error| bad(&error.to_string()))?;
        if url.scheme() != "http" {
            return Err(bad(&format!("its scheme is {}; only http proxies are supported", url.scheme())));
        }
        target::check(&url).map_err(|_| bad("it has no usable host or port"))?;
        if !matches!(url.path(), "/" | "") || url.query().is_some() || url.fragment().is_some() {
            return Err(bad("something follows the host and port"));
        }
        let Some(host) = url.host() else { return Err(bad("it has no host")) };
        // The url crate leaves the scheme's own port out; curl's default for proxies is another.
        let named = with_scheme.trim_end_matches('/').ends_with(":80");
        let port = url.port().unwrap_or(if named { 80 } else { 1080 });
        Ok(Proxy { host: host.to_owned(), port, credentials: target::basic_credentials(&url) })
    }
}

impl std::fmt::Display for Proxy {
    /// Host and port, without credentials.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl std::fmt::Debug for Proxy {
    /// Without the password, which `derive` would print.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let credentials = self.credentials.as_ref().map(|_| "<secret>");
        f.debug_struct("Proxy")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("credentials", &credentials)
            .finish()
    }
}

/// Hosts that are asked directly: curl's `--noproxy`.
#[derive(Clone, Debug, Default)]
pub(crate) struct NoProxy(Vec<Exempt>);

#[derive(Clone, Debug)]
enum Exempt {
    All,
    /// A domain and everything under it; lower case, without dots at its ends.
    Domain(String),
    Network(Network),
}

impl NoProxy {
    /// Reads a list separated by commas or blanks: names (with everything under them, a leading dot means the same),
    /// addresses, networks (`10.0.0.0/8`), or `*` for all.
    pub(crate) fn parse(list: &str) -> NoProxy {
        let entries = list.split([',', ' ', '\t']).filter(|entry| !entry.is_empty());
        NoProxy(entries.filter_map(exempt).collect())
    }

    pub(crate) fn covers(&self, host: &Host<&str>) -> bool {
        self.0.iter().any(|entry| match (entry, host) {
            (Exempt::All, _) => true,
            (Exempt::Domain(domain), Host::Domain(name)) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                name.strip_suffix(domain.as_str()).is_some_and(|front| front.is_empty() || front.ends_with('.'))
            }
            (Exempt::Network(network), Host::Ipv4(address)) => network.contains((*address).into()),
            (Exempt::Network(network), Host::Ipv6(address)) => network.contains((*address).into()),
            _ => false,
        })
    }
}

fn exempt(entry: &str) -> Option<Exempt> {
    if entry == "*" {
        return Some(Exempt::All);
    }
    if let Some(network) = Network::parse(entry) {
        return Some(Exempt::Network(network));
    }
    let domain = entry.trim_matches('.');
    match Host::parse(domain) {
        Ok(Host::Domain(domain)) => Some(Exempt::Domain(domain)),
        _ => None,
    }
}

/// Has the proxy open a tunnel to `authority`. Afterwards the wire is the server's.
pub(crate) async fn tunnel(
    wire: &mut Wire,
    proxy: &Proxy,
    authority: &str,
    request: &Headers,
    exchange: &Exchange,
) -> Result<()> {
    let authorization = request.get("proxy-authorization").or(proxy.authorization().map(str::as_bytes));
    wire.queue(question(authority, request.get("user-agent"), authorization).map_err(Error::from_proto)?)?;
    let failed = |error: Error| {
        if error.is_cancelled() || error.kind() == ErrorKind::Local {
            return error;
        }
        let message = format!("the proxy {proxy} did not open a tunnel to {authority}: {error}");
        Error::new(ErrorKind::Proxy, message).with_detail(error.detail().to_owned()).with_source(error)
    };
    poll_fn(|cx| wire.poll_flush(cx))
        .await
        .map_err(|error| failed(broken(error, "while the tunnel was being asked for")))?;
    // As for HEAD: whatever the fields of an answer to CONNECT say, no body belongs to it (RFC 9110, 9.3.6).
    let mut reader = ResponseReader::new(true, Limits::default());
    let mut answer = None;
    let mut left = false;
    while answer.is_none() {
        let mut outcome = Ok(());
        let input = poll_fn(|cx| {
            wire.poll_receive(cx, &mut |bytes| {
                if outcome.is_ok() {
                    outcome = read(&mut reader, bytes, &mut answer, &mut left);
                }
            })
        })
        .await
        .map_err(&failed)?;
        outcome.map_err(|error| failed(Error::from_proto(error)))?;
        if let (Input::End { .. }, None) = (input, answer) {
            let error = reader.eof().map_or_else(Error::from_proto, |_| Error::new(ErrorKind::EmptyReply, "no answer"));
            return Err(failed(error));
        }
    }
    let Some(status) = answer else { return Ok(()) };
    exchange.hop().proxy_status = Some(status);
    if !status.is_success() {
        let hint = match (status, authorization) {
            (StatusCode::PROXY_AUTHENTICATION_REQUIRED, Some(_)) => {
                " (it does not accept the credentials that were given)"
            }
            (StatusCode::PROXY_AUTHENTICATION_REQUIRED, None) => " (it wants credentials, and none were given)",
            _ => "",
        };
        let message = format!("the proxy {proxy} refused a tunnel to {authority}: {status}{hint}");
        return Err(Error::new(ErrorKind::Proxy, message).with_detail(status.as_str().to_owned()));
    }
    if left {
        let message = format!("the proxy {proxy} sent more than its answer before the tunnel to {authority} was used");
        return Err(Error::new(ErrorKind::Proxy, message).with_detail("TrailingBytes"));
    }
    Ok(())
}

/// What the proxy is sent.
fn question(authority: &str, agent: Option<&[u8]>, authorization: Option<&[u8]>) -> Result<Vec<u8>, ProtoError> {
    let mut headers = Headers::new();
    for (name, value) in [("User-Agent", agent), ("Proxy-Authorization", authorization)] {
        if let Some(value) = value {
            headers.push(name, value)?;
        }
    }
    let mut bytes = Vec::new();
    write_connect(&mut bytes, authority, &headers)?;
    Ok(bytes)
}

/// Takes in a piece of the proxy's answer.
fn read(
    reader: &mut ResponseReader,
    bytes: &[u8],
    answer: &mut Option<StatusCode>,
    left: &mut bool,
) -> Result<(), ProtoError> {
    let mut at = 0;
    loop {
        let (used, event) = reader.feed(bytes.get(at..).unwrap_or_default())?;
        at += used;
        match event {
            Event::NeedMore => return Ok(()),
            Event::Head(head) => *answer = Some(head.status),
            Event::End { .. } => {
                *left |= at < bytes.len();
                return Ok(());
            }
            Event::Interim(_) | Event::Data(_) | Event::Trailers(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_read_as_curl_reads_them() {
        let read = |text: &str| text.parse::<Proxy>().map(|proxy| format!("{proxy} {:?}", proxy.authorization()));
        assert_eq!(read("proxy.example").unwrap(), "proxy.example:1080 None");
        assert_eq!(read("http://proxy.example/").unwrap(), "proxy.example:1080 None");
        assert_eq!(read("http://proxy.example:80").unwrap(), "proxy.example:80 None");
        assert_eq!(read("[::1]:3128").unwrap(), "[::1]:3128 None");
        assert_eq!(read("u:p%40@h:1").unwrap(), "h:1 Some(\"Basic dTpwQA==\")");
        for bad in ["", "http://", "socks5://h", "https://h:1", "h:0", "h:99999", "h/path", "h?q", "h h"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let debug = format!("{:?}", "http://user:hunter2@h".parse::<Proxy>().unwrap().credentials("a", "hunter3"));
        assert!(!debug.contains("hunter") && !debug.contains("Basic"), "{debug}");
        assert!(!"ftp://user:hunter2@h".parse::<Proxy>().unwrap_err().to_string().contains("hunter2"));
    }

    #[test]
    fn the_exempt_are_names_with_what_is_under_them_addresses_and_networks() {
        let list =
            NoProxy::parse("example.org, .Internal 192.0.2.1,10.0.0.0/8 [::1] 2001:db8::/32,300.1.1.1/9 1.2.3.4/99");
        let covers = |host: &str| list.covers(&borrowed(&Host::parse(host).unwrap()));
        for host in [
            "example.org",
            "example.org.",
            "www.example.org",
            "internal",
            "a.internal",
            "192.0.2.1",
            "10.255.0.1",
            "[::1]",
            "[2001:db8:1::1]",
        ] {
            assert!(covers(host), "{host}");
        }
        for host in ["notexample.org", "example.org.evil", "192.0.2.2", "11.0.0.1", "[::2]", "[2001:db9::1]", "1.2.3.4"]
        {
            assert!(!covers(host), "{host}");
        }
        assert!(NoProxy::parse("*").covers(&Host::Domain("x")));
        assert!(!NoProxy::parse("").covers(&Host::Domain("x")));
        assert!(NoProxy::parse("0.0.0.0/0").covers(&Host::Ipv4([1, 2, 3, 4].into())));
    }
}
