//! What a probe does and what it accepts: the one description that options and modules are both turned into.
//!
//! Neighbours: `cli` makes a [`Spec`] out of options, `modules` out of YAML, options on top of a module change what they
//! name; `probe` carries it out, `expect` judges. Invariant: nothing here knows whether it came from either.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use oneloop_http::resolver::Family;
use oneloop_http::{AddressChoice, ConnectTo, Proxy, ResolveOverride, Timeouts, TlsVersion};

use crate::expect::Expectations;

/// The name of a header, and its value; no value takes back a header that would be sent by default.
pub(crate) type Header = (String, Option<String>);

/// No body may be larger, unless told otherwise: a probe is no download.
pub(crate) const LARGEST_BODY: u64 = 10 * 1024 * 1024;

/// Where connections lead, and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connection {
    pub(crate) keepalive: bool,
    pub(crate) family: Family,
    /// Which of a name's addresses are tried.
    pub(crate) choice: AddressChoice,
    /// Every address of a name is probed by itself.
    pub(crate) all_addresses: bool,
    /// Names are resolved by the system, on a thread.
    pub(crate) system_resolver: bool,
    pub(crate) dns_servers: Vec<SocketAddr>,
    pub(crate) resolve: Vec<ResolveOverride>,
    pub(crate) connect_to: Vec<ConnectTo>,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) no_proxy: Option<String>,
}

/// Whom to trust, and who we are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tls {
    pub(crate) insecure: bool,
    pub(crate) cacert: Option<Pem>,
    pub(crate) native: bool,
    pub(crate) crl: Option<PathBuf>,
    /// The chain, and the key where it stands elsewhere.
    pub(crate) identity: Option<(PathBuf, Option<PathBuf>)>,
    pub(crate) server_name: Option<String>,
    pub(crate) min: Option<TlsVersion>,
    pub(crate) max: Option<TlsVersion>,
}

/// Certificates in a file, or as text.
#[derive(Debug, Clone)]
pub(crate) enum Pem {
    File(PathBuf),
    Text(String),
}

/// Everything about one kind of probe.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) method: String,
    /// In the order in which they are sent.
    pub(crate) headers: Vec<Header>,
    pub(crate) body: Option<Rc<[u8]>>,
    /// How many redirects to follow; `None` for not at all.
    pub(crate) redirects: Option<u32>,
    /// Bytes of body, at most.
    pub(crate) largest_body: u64,
    /// Time for one attempt, redirects and body included.
    pub(crate) max_time: Duration,
    pub(crate) expect: Expectations,
    pub(crate) hash_body: bool,
    /// Time for single phases.
    pub(crate) timeouts: Timeouts,
    pub(crate) compressed: bool,
    /// Follow redirects from https to http.
    pub(crate) downgrades: bool,
    pub(crate) connection: Connection,
    pub(crate) tls: Tls,
    /// Values that must never be shown, wherever they turn up.
    pub(crate) secrets: Vec<String>,
}

impl Default for Spec {
    /// What `prober URL` does.
    fn default() -> Spec {
        Spec {
            method: "GET".to_owned(),
            headers: Vec::new(),
            body: None,
            redirects: None,
            largest_body: LARGEST_BODY,
            max_time: Duration::from_secs(10),
            expect: Expectations::default(),
            hash_body: false,
            timeouts: Timeouts::default(),
            compressed: false,
            downgrades: false,
            connection: Connection::default(),
            tls: Tls::default(),
            secrets: Vec::new(),
        }
    }
}

impl Spec {
    /// Adds headers; those of the same names that stood here before go.
    pub(crate) fn override_headers(&mut self, given: Vec<Header>) {
        self.headers.retain(|(name, _)| !given.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)));
        self.headers.extend(given);
    }

    /// The fields that go out with each request, the program's own included, in order; without Host and framing.
    pub(crate) fn fields(&self) -> Vec<(&str, &str)> {
        let own = [("User-Agent", concat!("prober/", env!("CARGO_PKG_VERSION"))), ("Accept", "*/*")];
        let given = |name: &str| self.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
        let own = own.into_iter().filter(|(name, _)| !given(name));
        own.chain(self.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_deref()?)))).collect()
    }

    /// All values that must not be shown: those given as secrets, and what stands in headers that are secret.
    pub(crate) fn all_secrets(&self) -> Vec<String> {
        let mut secrets = self.secrets.clone();
        for (name, value) in &self.headers {
            if let Some(value) = value.as_deref().filter(|_| crate::escape::is_secret_header(name)) {
                secrets.push(value.to_owned());
                // The credentials without their scheme, what they mean, and each cookie's value without its name.
                secrets.extend(value.split_once(' ').map(|(_, rest)| rest.trim().to_owned()));
                secrets.extend(decoded(value));
                secrets.extend(
                    value.split(';').filter_map(|pair| pair.split_once('=')).map(|(_, value)| value.trim().to_owned()),
                );
            }
        }
        secrets
    }
}

/// A host without its port; an IPv6 address without its brackets.
pub(crate) fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.contains(':') => name,
        _ => host,
    }
}

/// The password of credentials for `Basic`.
fn decoded(credentials: &str) -> Option<String> {
    let (scheme, rest) = credentials.split_once(' ')?;
    let both = BASE64_STANDARD.decode(rest.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let both = String::from_utf8(both).ok()?;
    both.split_once(':').map(|(_, password)| password.to_owned())
}

/// `Basic` and the base64 of `user:password`.
pub(crate) fn basic(user: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(user))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_in_base64() {
        assert_eq!(decoded("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==").as_deref(), Some("open sesame"));
        assert_eq!((decoded("Bearer QTpi"), decoded("Basic %")), (None, None));
        assert_eq!(basic("Aladdin:open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(basic("a:"), "Basic YTo=");
    }

    #[test]
    fn given_headers_replace_those_of_a_module_and_repeats_stay() {
        let header = |name: &str, value: &str| (name.to_owned(), Some(value.to_owned()));
        let mut spec = Spec { headers: vec![header("X-A", "module"), header("X-B", "module")], ..Spec::default() };
        spec.override_headers(vec![header("x-a", "1"), header("x-a", "2"), ("Accept".to_owned(), None)]);
        let fields: Vec<_> = spec.fields().into_iter().skip(1).collect();
        assert_eq!(fields, [("X-B", "module"), ("x-a", "1"), ("x-a", "2")]);
    }
}
