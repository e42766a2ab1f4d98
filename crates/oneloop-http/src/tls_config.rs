//! What TLS is allowed: whom a session trusts, which versions it speaks, what it shows of itself.
//!
//! Files are read when the session is built, so that a bad one is reported before anything is requested; the rest is
//! made when the first https URL needs it. Neighbours: the [builder](crate::SessionBuilder) fills in [`TlsOptions`],
//! [`tls`](crate::tls) has the verifier that all of it goes through.
//! Invariant: nothing here weakens rustls's verification but `insecure`.
//! Counterparts: Python's `ssl.SSLContext`, .NET's `SslClientAuthenticationOptions`.

use std::cell::{OnceCell, RefCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::{ResolvesClientCert, Resumption, WebPkiServerVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use crate::error::{Error, ErrorKind, Result};
use crate::tls::{CapturingVerifier, ClientIdentity, provider};

/// A version of TLS that can be spoken. Older ones are not implemented, on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

/// Where text in PEM comes from.
pub(crate) enum Pem {
    File(PathBuf),
    Text(Vec<u8>),
}

impl std::fmt::Debug for Pem {
    /// Without the text, which may be a private key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Pem::File(file) => f.debug_tuple("File").field(file).finish(),
            Pem::Text(text) => write!(f, "Text({} bytes)", text.len()),
        }
    }
}

impl Pem {
    /// The bytes and their name. `what`: `CA`, `CRL` ...
    fn read(&self, what: &str) -> Result<(String, Vec<u8>)> {
        match self {
            Pem::Text(text) => Ok((format!("the {what} text"), text.clone())),
            Pem::File(file) => {
                let name = format!("the {what} file {}", file.display());
                let bytes = read_file(file).map_err(|error| unusable(format!("cannot read {name}: {error}")))?;
                Ok((name, bytes))
            }
        }
    }
}

/// As `std::fs::read`, with words of our own for a directory. A pipe is read to its end as well (`--cacert <(command)` is
/// one), and a loop would stand still meanwhile: a session with such files is better built before there is a loop.
fn read_file(file: &Path) -> std::io::Result<Vec<u8>> {
    if std::fs::metadata(file)?.is_dir() {
        return Err(std::io::Error::new(std::io::ErrorKind::IsADirectory, "it is a directory"));
    }
    std::fs::read(file)
}

fn unusable(why: String) -> Error {
    Error::new(ErrorKind::Local, why).with_detail("CaFile")
}

/// What the builder was told about TLS.
#[derive(Debug, Default)]
pub(crate) struct TlsOptions {
    /// In place of Mozilla's roots, unless empty.
    pub(crate) authorities: Vec<Pem>,
    /// Beside those.
    pub(crate) extra_authorities: Vec<Pem>,
    /// Trust what the system trusts, in place of Mozilla's roots.
    pub(crate) system_authorities: bool,
    pub(crate) crls: Vec<Pem>,
    /// Our certificate chain and its key; the key may stand in the first one.
    pub(crate) identity: Option<(Pem, Option<Pem>)>,
    pub(crate) insecure: bool,
    pub(crate) min: Option<TlsVersion>,
    pub(crate) max: Option<TlsVersion>,
    /// The name to send and to verify, in place of the URL's host.
    pub(crate) server_name: Option<String>,
}

/// The configuration of a session's connections, made when it is first needed.
pub(crate) struct TlsConfig {
    /// Taken when the configuration is made.
    parts: RefCell<Parts>,
    config: OnceCell<Arc<ClientConfig>>,
    server_name: Option<ServerName<'static>>,
}

/// What was read from files.
#[derive(Default)]
struct Parts {
    /// `None`: the bundled ones, and nothing besides.
    roots: Option<RootCertStore>,
    /// Those of the roots that the caller has given.
    given: Vec<CertificateDer<'static>>,
    crls: Vec<CertificateRevocationListDer<'static>>,
    identity: Option<Arc<CertifiedKey>>,
    insecure: bool,
    versions: Vec<&'static SupportedProtocolVersion>,
}

impl TlsConfig {
    /// Reads the files. Errors name them.
    pub(crate) fn new(options: &TlsOptions) -> Result<TlsConfig> {
        let server_name = options.server_name.as_deref().map(given_name).transpose()?;
        let (roots, given) = roots(options)?;
        let parts = Parts {
            roots,
            given,
            crls: crls(&options.crls)?,
            identity: options.identity.as_ref().map(identity).transpose()?,
            insecure: options.insecure,
            versions: versions(options)?,
        };
        Ok(TlsConfig { parts: RefCell::new(parts), config: OnceCell::new(), server_name })
    }

    pub(crate) fn get(&self) -> Result<&Arc<ClientConfig>> {
        if let Some(config) = self.config.get() {
            return Ok(config);
        }
        let config = client_config(self.parts.take())?;
        Ok(self.config.get_or_init(|| config))
    }

    /// The name to use for `host`: the one given for all, or the host's own.
    pub(crate) fn server_name(&self, host: url::Host<&str>) -> Result<ServerName<'static>> {
        match &self.server_name {
            Some(name) => Ok(name.clone()),
            None => crate::tls::server_name(host),
        }
    }
}

fn given_name(text: &str) -> Result<ServerName<'static>> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let bare = bare.strip_suffix('.').unwrap_or(bare);
    ServerName::try_from(bare.to_owned()).map_err(|_| {
        let message = format!("{text:?} is not a name or address that a certificate can bear");
        Error::new(ErrorKind::BadUrl, message).with_detail("ServerName")
    })
}

/// What is trusted, if it is not the bundled roots and nothing else; and those of it that the caller has given.
fn roots(options: &TlsOptions) -> Result<(Option<RootCertStore>, Vec<CertificateDer<'static>>)> {
    let (replaced, mut given) = (!options.authorities.is_empty() || options.system_authorities, Vec::new());
    if !replaced && options.extra_authorities.is_empty() {
        return Ok((None, given));
    }
    let mut roots = if replaced { RootCertStore::empty() } else { bundled_roots() };
    for pem in options.authorities.iter().chain(&options.extra_authorities) {
        let (name, text) = pem.read("CA")?;
        add_roots(&mut roots, &mut given, &name, &text)?;
    }
    if options.system_authorities {
        add_system_roots(&mut roots)?;
    }
    Ok((Some(roots), given))
}

fn add_roots(
    roots: &mut RootCertStore,
    given: &mut Vec<CertificateDer<'static>>,
    name: &str,
    pem: &[u8],
) -> Result<()> {
    let before = roots.len();
    for (index, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
        let number = index + 1;
        let certificate = certificate.map_err(|error| unusable(format!("{name} is not valid PEM: {error}")))?;
        roots
            .add(certificate.clone())
            .map_err(|error| unusable(format!("certificate {number} in {name} cannot be used as a root: {error}")))?;
        given.push(certificate);
    }
    if roots.len() == before {
        return Err(unusable(format!("{name} holds no certificate (expected PEM, BEGIN CERTIFICATE)")));
    }
    Ok(())
}

/// The certificates that programs of this system trust (on Linux those of /etc/ssl, or of `SSL_CERT_FILE` and
/// `SSL_CERT_DIR`). Single ones that cannot be used as a root are passed over, as everywhere.
fn add_system_roots(roots: &mut RootCertStore) -> Result<()> {
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let why = found.errors.first().map_or_else(|| "none is installed".to_owned(), ToString::to_string);
        return Err(unusable(format!("the system has no certificates to trust: {why}")));
    }
    Ok(())
}

/// The roots that Mozilla trusts, as compiled in.
pub(crate) fn bundled_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

fn crls(sources: &[Pem]) -> Result<Vec<CertificateRevocationListDer<'static>>> {
    let mut lists = Vec::new();
    for source in sources {
        let (name, bytes) = source.read("CRL")?;
        let before = lists.len();
        for list in CertificateRevocationListDer::pem_slice_iter(&bytes) {
            lists.push(list.map_err(|error| unusable(format!("{name} is not valid PEM: {error}")))?);
        }
        let new = lists.get(before..).unwrap_or_default();
        if new.is_empty() {
            return Err(unusable(format!("{name} holds no revocation list (expected PEM, BEGIN X509 CRL)")));
        }
        // The library reads them when a verifier is made, which would be at the first https URL.
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(bundled_roots()), Arc::new(provider()));
        verifier
            .with_crls(new.iter().cloned())
            .build()
            .map_err(|error| unusable(format!("{name} holds a revocation list that cannot be used: {error}")))?;
    }
    Ok(lists)
}

fn identity((chain, key): &(Pem, Option<Pem>)) -> Result<Arc<CertifiedKey>> {
    let (name, text) = chain.read("client certificate")?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| unusable(format!("{name} is not valid PEM: {error}")))?;
    if certificates.is_empty() {
        return Err(unusable(format!("{name} holds no certificate (expected PEM, BEGIN CERTIFICATE)")));
    }
    let (key_name, key_text) = match key {
        Some(key) => key.read("key")?,
        None => (name.clone(), text),
    };
    let key = PrivateKeyDer::from_pem_slice(&key_text).map_err(|error| {
        let encrypted = key_text.windows(9).any(|part| part == b"ENCRYPTED");
        let why = if encrypted { "it is encrypted; decrypt it first".to_owned() } else { error.to_string() };
        unusable(format!("{key_name} holds no private key that can be used: {why}"))
    })?;
    let pair = CertifiedKey::from_der(certificates, key, &provider())
        .map_err(|error| unusable(format!("the key in {key_name} does not go with {name}: {error}")))?;
    Ok(Arc::new(pair))
}

fn versions(options: &TlsOptions) -> Result<Vec<&'static SupportedProtocolVersion>> {
    let (min, max) = (options.min.unwrap_or(TlsVersion::Tls12), options.max.unwrap_or(TlsVersion::Tls13));
    let all = [(TlsVersion::Tls13, &rustls::version::TLS13), (TlsVersion::Tls12, &rustls::version::TLS12)];
    let wanted: Vec<_> = all.into_iter().filter(|(version, _)| (min..=max).contains(version)).collect();
    if wanted.is_empty() {
        let message = "the lowest TLS version wanted is above the highest";
        return Err(Error::new(ErrorKind::Local, message).with_detail("TlsVersions"));
    }
    Ok(wanted.into_iter().map(|(_, version)| version).collect())
}

/// The configuration that all connections of a session share.
fn client_config(parts: Parts) -> Result<Arc<ClientConfig>> {
    let unusable = |error: &dyn std::fmt::Display| {
        Error::new(ErrorKind::Local, format!("the TLS library refuses its configuration: {error}"))
    };
    let provider = Arc::new(provider());
    let roots = parts.roots.unwrap_or_else(bundled_roots);
    let mut verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    if !parts.crls.is_empty() {
        // A list says who is revoked; that there is none for another issuer says nothing.
        verifier = verifier.with_crls(parts.crls).allow_unknown_revocation_status();
    }
    let inner = verifier.build().map_err(|error| unusable(&error))?;
    let verifier = Arc::new(CapturingVerifier { inner, given: parts.given, insecure: parts.insecure });
    let identity: Arc<dyn ResolvesClientCert> = Arc::new(ClientIdentity(parts.identity));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&parts.versions)
        .map_err(|error| unusable(&error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(identity);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}
