//! TLS by rustls, sans-I/O: records in, records out.
//!
//! A [`TlsSession`] is one client connection's TLS. It never touches a socket: the [wire](crate::wire) hands it what
//! it read and sends what comes out. It uses rustls's *unbuffered* interface, so that the bytes read stay in the
//! thread's one scratch buffer and a connection that waits holds no buffer of its own.
//!
//! Certificates are captured before they are verified, so that a report can show the chain that was refused. The
//! verifier is one for all connections: verification runs synchronously inside `process_tls_records`, so what it saw is
//! handed over in a thread-local and picked up right after the call (cheaper than a verifier and a `ClientConfig` for
//! each connection).
//!
//! Invariants: TLS 1.2 and 1.3 only; ALPN offers `http/1.1` alone; no session is resumed and no early data sent;
//! without verification (`insecure`) the signatures of the handshake are checked all the same.
//! Counterparts: Python's `ssl.MemoryBIO`/`SSLObject` and asyncio's `sslproto.py`; .NET's `SslStream`.

use std::cell::RefCell;
use std::fmt::Debug;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, UnbufferedClientConnection, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, DnsName, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus, WriteTraffic};
use rustls::{AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};

use crate::error::{Error, ErrorKind, Result};
use crate::exchange::TlsInfo;

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
compile_error!("oneloop-http needs a TLS provider: enable the feature `ring` (the default) or `aws-lc-rs`");

/// The provider chosen by cargo feature, for client and server; `aws-lc-rs` wins where both are enabled.
pub(crate) fn provider() -> CryptoProvider {
    #[cfg(feature = "aws-lc-rs")]
    return rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
    return rustls::crypto::ring::default_provider();
}

/// The name that the certificate must bear, and that SNI sends: no trailing dot, and none for addresses.
pub(crate) fn server_name(host: url::Host<&str>) -> Result<ServerName<'static>> {
    match host {
        url::Host::Ipv4(address) => Ok(ServerName::IpAddress(IpAddr::V4(address).into())),
        url::Host::Ipv6(address) => Ok(ServerName::IpAddress(IpAddr::V6(address).into())),
        url::Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            let valid = DnsName::try_from_str(name).map_err(|_| {
                Error::new(ErrorKind::BadUrl, format!("{name:?} is not a host name that a certificate can bear"))
            })?;
            Ok(ServerName::DnsName(valid.to_owned()))
        }
    }
}

/// What the verifier saw during the current call into rustls.
#[derive(Default)]
struct Capture {
    chain: Option<Rc<[Box<[u8]>]>>,
    verdict: Option<Result<(), rustls::Error>>,
    wants_client_cert: bool,
    /// The chain captured last. Probing one server a thousand times should not keep a thousand copies of its chain.
    previous: Option<Rc<[Box<[u8]>]>>,
}

thread_local! {
    static CAPTURE: RefCell<Capture> = RefCell::default();
}

impl Capture {
    fn record(&mut self, leaf: &CertificateDer<'_>, rest: &[CertificateDer<'_>], verdict: Result<(), rustls::Error>) {
        let presented = || std::iter::once(leaf).chain(rest);
        let known = self.previous.as_ref().filter(|known| {
            known.len() == rest.len() + 1 && known.iter().zip(presented()).all(|(known, cert)| **known == **cert)
        });
        let chain = match known {
            Some(known) => known.clone(),
            None => presented().map(|cert| Box::<[u8]>::from(cert.as_ref())).collect(),
        };
        self.previous = Some(chain.clone());
        self.chain = Some(chain);
        self.verdict = Some(verdict);
    }
}

/// rustls's own verifier, which notes what it was shown and what it thought of it.
#[derive(Debug)]
pub(crate) struct CapturingVerifier {
    pub(crate) inner: Arc<WebPkiServerVerifier>,
    pub(crate) insecure: bool,
}

impl ServerCertVerifier for CapturingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict = self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let noted = verdict.as_ref().map(|_| ()).map_err(Clone::clone);
        CAPTURE.with_borrow_mut(|capture| capture.record(end_entity, intermediates, noted));
        if self.insecure { Ok(ServerCertVerified::assertion()) } else { verdict }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        noting_bad_signature(self.inner.verify_tls12_signature(message, cert, dss))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        noting_bad_signature(self.inner.verify_tls13_signature(message, cert, dss))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// A signature in the handshake that does not verify: the chain was good, but whoever showed it has not its key.
fn noting_bad_signature(
    verdict: Result<HandshakeSignatureValid, rustls::Error>,
) -> Result<HandshakeSignatureValid, rustls::Error> {
    if let Err(error) = &verdict {
        CAPTURE.with_borrow_mut(|capture| capture.verdict = Some(Err(error.clone())));
    }
    verdict
}

/// Shows our certificate if we have one, and notes that the server asked for it.
#[derive(Debug)]
pub(crate) struct ClientIdentity(pub(crate) Option<Arc<CertifiedKey>>);

impl ResolvesClientCert for ClientIdentity {
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        CAPTURE.with_borrow_mut(|capture| capture.wants_client_cert = true);
        self.0.clone().filter(|pair| pair.key.choose_scheme(schemes).is_some())
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

/// One connection's TLS, from the ClientHello to the close.
pub(crate) struct TlsSession {
    connection: UnbufferedClientConnection,
    /// Input that rustls could not finish with yet: a record of which a part is still under way.
    partial: Vec<u8>,
    /// What is known so far, shared with the hop's record.
    info: Rc<TlsInfo>,
    established: bool,
    peer_closed: bool,
    wants_client_cert: bool,
    /// Whether we had one to show.
    has_identity: bool,
}

impl TlsSession {
    /// Begins a handshake with `name`; the ClientHello is appended to `out`.
    pub(crate) fn start(
        config: &Arc<ClientConfig>,
        name: ServerName<'static>,
        out: &mut Vec<u8>,
    ) -> Result<TlsSession> {
        let connection =
            UnbufferedClientConnection::new(config.clone(), name).map_err(|error| tls_error(&error, false))?;
        let mut session = TlsSession {
            connection,
            partial: Vec::new(),
            info: Rc::default(),
            established: false,
            peer_closed: false,
            wants_client_cert: false,
            has_identity: config.client_auth_cert_resolver.has_certs(),
        };
        session.receive(&mut [], 0, out, &mut |_| ())?;
        Ok(session)
    }

    /// Whether the handshake is complete on our side. Its last message may still wait in `out`, so that the first
    /// request leaves in the same write.
    pub(crate) fn established(&self) -> bool {
        self.established
    }

    /// Whether the peer has said that it sends no more.
    pub(crate) fn peer_closed(&self) -> bool {
        self.peer_closed
    }

    /// What is known so far; replaced, never changed, when more is.
    pub(crate) fn info(&self) -> &Rc<TlsInfo> {
        &self.info
    }

    /// How many bytes an incomplete record holds back: the wire leaves so much room in front of what it reads next.
    pub(crate) fn kept(&self) -> usize {
        self.partial.len()
    }

    /// Takes in the `read` bytes that arrived in `scratch` behind the first [`kept`](TlsSession::kept) ones. Lends
    /// application data to `plain`, and appends what is to be sent to `out`: on an error, the alert.
    pub(crate) fn receive(
        &mut self,
        scratch: &mut [u8],
        read: usize,
        out: &mut Vec<u8>,
        plain: &mut dyn FnMut(&[u8]),
    ) -> Result<()> {
        let mut partial = std::mem::take(&mut self.partial);
        let kept = partial.len();
        // The larger part stays where it is, so that neither a long download nor a drip of bytes is copied over and over.
        let in_partial = read < kept;
        let input = if in_partial {
            partial.extend_from_slice(&scratch[kept..kept + read]);
            &mut partial[..]
        } else {
            scratch[..kept].copy_from_slice(&partial);
            &mut scratch[..kept + read]
        };
        let mut used = 0;
        let outcome = self.advance(input, &mut used, out, plain);
        self.note_facts();
        if let Err(error) = outcome {
            self.encode_alert(input.get_mut(used..).unwrap_or_default(), out);
            return Err(self.plain_http(input).unwrap_or_else(|| self.error(&error)));
        }
        if used < kept + read {
            self.partial = if in_partial {
                partial.drain(..used);
                partial
            } else {
                input.get(used..).unwrap_or_default().to_vec()
            };
        }
        Ok(())
    }

    /// The server's first words, if they are those of HTTP without TLS.
    fn plain_http(&self, input: &[u8]) -> Option<Error> {
        let unheard = self.connection.protocol_version().is_none() && self.info.chain.is_empty();
        (unheard && input.starts_with(b"HTTP/")).then(|| {
            let message = "the server answers in plain HTTP, without TLS: this is an http port";
            Error::new(ErrorKind::TlsHandshake, message).with_detail("PlainHttp")
        })
    }

    /// An error of rustls in our words, with what is known of this connection.
    fn error(&self, error: &rustls::Error) -> Error {
        match error {
            rustls::Error::InvalidCertificate(_) => bad_certificate(error, &self.info.chain),
            rustls::Error::AlertReceived(alert) if about_client_cert(*alert, self.wants_client_cert) => {
                let message = if self.has_identity {
                    format!("the server refused our client certificate (alert {alert:?})")
                } else {
                    "the server wants a client certificate, and none was given".to_owned()
                };
                Error::new(ErrorKind::TlsClientCert, message)
                    .with_detail(format!("{alert:?}"))
                    .with_source(error.clone())
            }
            _ => tls_error(error, self.established),
        }
    }

    /// Encrypts `data` into records, appended to `out`.
    pub(crate) fn send(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.with_write_traffic(out, |traffic, out| append(out, data.len(), |room| traffic.encrypt(data, room)))
    }

    /// Appends a close_notify to `out`, if the state allows one.
    pub(crate) fn close(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if !self.established {
            return Ok(());
        }
        self.with_write_traffic(out, |traffic, out| append(out, 0, |room| traffic.queue_close_notify(room)))
    }

    /// The state machine of rustls: asks what there is to do until there is nothing. `used` is
    /// moved past what of `input` has been dealt with.
    fn advance(
        &mut self,
        input: &mut [u8],
        used: &mut usize,
        out: &mut Vec<u8>,
        plain: &mut dyn FnMut(&[u8]),
    ) -> Result<(), rustls::Error> {
        loop {
            let rest = input.get_mut(*used..).unwrap_or_default();
            let UnbufferedStatus { mut discard, state, .. } = self.connection.process_tls_records(rest);
            let state = match state {
                Ok(state) => state,
                Err(error) => {
                    *used += discard;
                    return Err(error);
                }
            };
            let more = match state {
                ConnectionState::EncodeTlsData(mut record) => {
                    encode(&mut record, out)?;
                    true
                }
                ConnectionState::TransmitTlsData(transmit) => {
                    transmit.done(); // it stands in `out`, which the wire sends before it reads again
                    true
                }
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        discard += record.discard;
                        plain(record.payload);
                    }
                    true
                }
                ConnectionState::PeerClosed | ConnectionState::Closed => {
                    self.peer_closed = true;
                    *used = input.len();
                    return Ok(());
                }
                ConnectionState::WriteTraffic(_) => {
                    self.established = true;
                    false
                }
                _ => false, // BlockedHandshake; early data does not happen to a client
            };
            *used += discard;
            if !more {
                return Ok(());
            }
        }
    }

    /// After an error: the alert for the peer, if rustls has queued one. One call only, and with the rest of the same
    /// input: rustls remembers places in it, and does not expect to go on.
    fn encode_alert(&mut self, input: &mut [u8], out: &mut Vec<u8>) {
        let UnbufferedStatus { state, .. } = self.connection.process_tls_records(input);
        if let Ok(ConnectionState::EncodeTlsData(mut alert)) = state {
            let _ = encode(&mut alert, out); // without it the peer sees the connection end, as well
        }
    }

    fn with_write_traffic(
        &mut self,
        out: &mut Vec<u8>,
        write: impl FnOnce(
            &mut WriteTraffic<'_, rustls::client::ClientConnectionData>,
            &mut Vec<u8>,
        ) -> Result<(), rustls::Error>,
    ) -> Result<()> {
        let step = || {
            loop {
                let UnbufferedStatus { state, .. } = self.connection.process_tls_records(&mut self.partial);
                match state? {
                    ConnectionState::WriteTraffic(mut traffic) => return write(&mut traffic, out),
                    ConnectionState::EncodeTlsData(mut record) => encode(&mut record, out)?,
                    ConnectionState::TransmitTlsData(transmit) => transmit.done(),
                    _ => return Err(rustls::Error::General("the connection cannot send now".into())),
                }
            }
        };
        step().map_err(|error| self.error(&error))
    }

    /// Brings `info` up to date after a call into rustls.
    fn note_facts(&mut self) {
        let news = self.collect_capture();
        let done = self.established && self.info.version.is_none();
        if news.is_some() || done {
            let mut info = news.unwrap_or_else(|| (*self.info).clone());
            self.describe(&mut info);
            self.info = Rc::new(info);
        }
    }

    /// What the verifier noted during the call, as a fresh [`TlsInfo`].
    fn collect_capture(&mut self) -> Option<TlsInfo> {
        CAPTURE.with_borrow_mut(|capture| {
            self.wants_client_cert |= std::mem::take(&mut capture.wants_client_cert);
            let verdict = capture.verdict.take()?;
            // The signature may come in a later record than the chain.
            let chain = capture.chain.take().unwrap_or_else(|| self.info.chain.clone());
            let mut info = TlsInfo { chain, ..TlsInfo::default() };
            match verdict {
                Err(error) => info.verify_error = Some(verify_error(&error)),
                Ok(()) => info.verified = true,
            }
            Some(info)
        })
    }

    fn describe(&self, info: &mut TlsInfo) {
        use rustls::ProtocolVersion;
        info.version = match self.connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => Some("TLSv1.3"),
            Some(ProtocolVersion::TLSv1_2) => Some("TLSv1.2"),
            _ => None,
        };
        info.cipher = self.connection.negotiated_cipher_suite().and_then(|suite| iana_name(suite.suite()));
        info.alpn = self.connection.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
    }
}

/// rustls tells TLS 1.3 suites apart by a prefix that IANA's names do not have.
fn iana_name(suite: rustls::CipherSuite) -> Option<&'static str> {
    use rustls::CipherSuite;
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => Some("TLS_AES_128_GCM_SHA256"),
        CipherSuite::TLS13_AES_256_GCM_SHA384 => Some("TLS_AES_256_GCM_SHA384"),
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => Some("TLS_CHACHA20_POLY1305_SHA256"),
        other => other.as_str(),
    }
}

fn encode(
    record: &mut EncodeTlsData<'_, rustls::client::ClientConnectionData>,
    out: &mut Vec<u8>,
) -> Result<(), rustls::Error> {
    let start = out.len();
    let mut room = 512;
    loop {
        out.resize(start + room, 0);
        match record.encode(&mut out[start..]) {
            Ok(written) => {
                out.truncate(start + written);
                return Ok(());
            }
            Err(EncodeError::InsufficientSize(size)) => room = size.required_size,
            Err(error) => {
                out.truncate(start);
                return Err(rustls::Error::General(error.to_string()));
            }
        }
    }
}

/// Appends what `write` produces from `len` bytes, growing `out` as it asks.
fn append(
    out: &mut Vec<u8>,
    len: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, EncryptError>,
) -> Result<(), rustls::Error> {
    let start = out.len();
    let mut room = len + 64 * (len / 16_384 + 1); // header, tag and nonce of each record
    loop {
        out.resize(start + room, 0);
        match write(&mut out[start..]) {
            Ok(written) => {
                out.truncate(start + written);
                return Ok(());
            }
            Err(EncryptError::InsufficientSize(size)) if size.required_size > room => room = size.required_size,
            Err(error) => {
                out.truncate(start);
                return Err(rustls::Error::General(error.to_string()));
            }
        }
    }
}

/// The name of an enum's variant: its `Debug` up to the first bracket.
fn variant(value: &dyn Debug) -> String {
    let text = format!("{value:?}");
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default().to_owned()
}

/// Kind and finer reason of a refused certificate.
fn verify_error(error: &rustls::Error) -> (ErrorKind, String) {
    let rustls::Error::InvalidCertificate(reason) = error else {
        return (ErrorKind::TlsUntrusted, variant(error));
    };
    let kind = match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => ErrorKind::TlsExpired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => ErrorKind::TlsNotYetValid,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => ErrorKind::TlsWrongHost,
        CertificateError::Revoked => ErrorKind::TlsRevoked,
        CertificateError::BadSignature => ErrorKind::TlsBadSignature,
        _ => ErrorKind::TlsUntrusted,
    };
    let detail = match reason {
        // The variant with context and the one without mean the same.
        CertificateError::ExpiredContext { .. } => "Expired".into(),
        CertificateError::NotValidYetContext { .. } => "NotValidYet".into(),
        CertificateError::NotValidForNameContext { .. } => "NotValidForName".into(),
        CertificateError::InvalidPurposeContext { .. } => "InvalidPurpose".into(),
        CertificateError::Other(other) => format!("{:?}", other.0),
        reason => variant(reason),
    };
    (kind, detail)
}

/// A refused certificate in our words: short, and with what to do where that is known.
fn bad_certificate(error: &rustls::Error, chain: &[Box<[u8]>]) -> Error {
    let (kind, detail) = verify_error(error);
    let what = match (kind, detail.as_str()) {
        (ErrorKind::TlsExpired, _) => "a certificate that has expired",
        (ErrorKind::TlsNotYetValid, _) => "a certificate that is not valid yet (is this machine's clock right?)",
        (ErrorKind::TlsWrongHost, _) => "a certificate for other names",
        (ErrorKind::TlsRevoked, _) => "a certificate that has been revoked",
        (ErrorKind::TlsBadSignature, _) => "a signature that does not verify",
        (_, "UnknownIssuer") => match chain {
            [only] if is_self_issued(only) => "a certificate that it has signed itself",
            [.., last] if is_self_issued(last) => "a chain that leads to a root which is not trusted",
            _ => "a certificate that leads to no trusted root (is an intermediate missing, or a CA file?)",
        },
        (_, "InvalidPurpose") => "a certificate that is not for servers",
        _ => "a certificate that breaks the rules",
    };
    Error::new(kind, format!("the server showed {what}: {error}")).with_detail(detail).with_source(error.clone())
}

/// An error of rustls in our words. `established`: whether it came after the handshake.
fn tls_error(error: &rustls::Error, established: bool) -> Error {
    let source = error.clone();
    match error {
        rustls::Error::AlertReceived(alert) => {
            let (kind, message) = if established {
                (ErrorKind::Receive, format!("the server broke off the TLS connection with the alert {alert:?}"))
            } else {
                (ErrorKind::TlsHandshake, format!("the server broke off the TLS handshake with the alert {alert:?}"))
            };
            Error::new(kind, message).with_detail(format!("{alert:?}")).with_source(source)
        }
        rustls::Error::InvalidMessage(_) if !established => {
            let message = format!("what the server answered is not TLS (is this an http port?): {error}");
            Error::new(ErrorKind::TlsHandshake, message).with_detail(variant(error)).with_source(source)
        }
        _ if established => Error::new(ErrorKind::Receive, format!("the TLS connection broke: {error}"))
            .with_detail(variant(error))
            .with_source(source),
        _ => Error::new(ErrorKind::TlsHandshake, format!("the TLS handshake failed: {error}"))
            .with_detail(variant(error))
            .with_source(source),
    }
}

fn about_client_cert(alert: AlertDescription, asked: bool) -> bool {
    use AlertDescription as Alert;
    match alert {
        Alert::CertificateRequired => true,
        // What servers say in TLS 1.2, where there is no alert of its own for it.
        Alert::HandshakeFailure | Alert::BadCertificate | Alert::NoCertificate | Alert::AccessDenied => asked,
        Alert::CertificateUnknown | Alert::UnknownCA | Alert::UnsupportedCertificate => asked,
        _ => false,
    }
}

/// Whether issuer and subject of a certificate are one. Only for the words of a message: what is trusted is decided by
/// rustls alone. Anything odd is a no.
fn is_self_issued(certificate: &[u8]) -> bool {
    let fields = || {
        let (_, certificate, _) = der_value(certificate)?;
        let (_, mut body, _) = der_value(certificate)?;
        let mut parts = Vec::new();
        while parts.len() < 5 {
            let (tag, value, rest) = der_value(body)?;
            body = rest;
            // Version, which may be absent, is the only one that is tagged.
            if tag != 0xA0 {
                parts.push(value);
            }
        }
        Some(parts)
    };
    // Serial number, algorithm, issuer, validity, subject.
    matches!(fields().as_deref(), Some([_, _, issuer, _, subject]) if issuer == subject)
}

/// The first value in DER: its tag, its content, and what follows it.
fn der_value(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((tag, value, rest))
}
