//! TLS by rustls, sans-I/O: records in, records out.
//!
//! A [`TlsSession`] is one client connection's TLS. It never touches a socket: the [wire](crate::wire) hands it what
//! it read and sends what comes out. It uses rustls's *unbuffered* interface, so that the bytes read stay in the
//! thread's one scratch buffer and a connection that waits holds no buffer of its own.
//!
//! Parts: `verifier.rs` sees the certificates, `faults.rs` has our words for what can go wrong, `records.rs` makes room
//! for what rustls encodes. Invariants: TLS 1.2 and 1.3 only; ALPN offers `http/1.1` alone; no session is resumed and
//! no early data sent; without verification (`insecure`) the signatures of the handshake are checked all the same.
//! Counterparts: Python's `ssl.MemoryBIO`/`SSLObject` and asyncio's `sslproto.py`; .NET's `SslStream`.

mod faults;
mod records;
mod verifier;

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{DnsName, ServerName};
use rustls::unbuffered::{ConnectionState, UnbufferedStatus, WriteTraffic};
use rustls::{CipherSuite, ClientConfig};

use crate::error::{Error, ErrorKind, Result};
use crate::exchange::TlsInfo;
use faults::{Stage, about_client_cert, bad_certificate, bad_revocation_list, tls_error, verify_error};
use records::{append, encode};
pub(crate) use verifier::{CapturingVerifier, ClientIdentity};

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
compile_error!("oneloop-http needs a TLS provider: enable the feature `ring` (the default) or `aws-lc-rs`");

/// The provider chosen by cargo feature, for client and server; `aws-lc-rs` wins where both are enabled.
///
/// AES-128 is offered before AES-256, as browsers and Go do: it is strong enough, and a handshake's key schedule is then
/// SHA-256's, for which processors have instructions, and not SHA-384's, for which they have none.
pub(crate) fn provider() -> CryptoProvider {
    #[cfg(feature = "aws-lc-rs")]
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
    let mut provider = rustls::crypto::ring::default_provider();
    provider.cipher_suites.sort_by_key(|suite| {
        let is_aes_128 = matches!(
            suite.suite(),
            CipherSuite::TLS13_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
        );
        (suite.tls13().is_none(), !is_aes_128)
    });
    provider
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
        let connection = UnbufferedClientConnection::new(config.clone(), name)
            .map_err(|error| tls_error(&error, Stage::Handshake))?;
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
        // Who says goodbye in place of a ServerHello sends no more; rustls would wait for it.
        self.peer_closed |= self.is_unheard() && matches!(input, [21, 3, _, 0, 2, _, 0, ..]);
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

    /// Nothing of TLS has come from the server yet.
    fn is_unheard(&self) -> bool {
        self.connection.protocol_version().is_none() && self.info.chain.is_empty()
    }

    /// The server's first words, if they are those of HTTP without TLS.
    fn plain_http(&self, input: &[u8]) -> Option<Error> {
        (self.is_unheard() && input.starts_with(b"HTTP/")).then(|| {
            let message = "the server answers in plain HTTP, without TLS: this is an http port";
            Error::new(ErrorKind::TlsHandshake, message).with_detail("PlainHttp")
        })
    }

    fn stage(&self) -> Stage {
        if self.established {
            Stage::Established
        } else if self.is_unheard() {
            Stage::Unheard
        } else {
            Stage::Handshake
        }
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
            rustls::Error::InvalidCertRevocationList(reason) => bad_revocation_list(error, reason),
            _ => tls_error(error, self.stage()),
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
            // ANCHOR: states
            let more = match state {
                ConnectionState::EncodeTlsData(mut record) => {
                    encode(&mut record, out)?;
                    true
                }
                ConnectionState::TransmitTlsData(transmit) => {
                    transmit.done(); // it stands in `out`, which the wire sends before it waits
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
            // ANCHOR_END: states
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
        let (wants_client_cert, seen) = verifier::noted();
        self.wants_client_cert |= wants_client_cert;
        let (chain, verdict) = seen?;
        // The signature may come in a later record than the chain.
        let chain = chain.unwrap_or_else(|| self.info.chain.clone());
        let mut info = TlsInfo { chain, ..TlsInfo::default() };
        match verdict {
            Err(error) => info.verify_error = Some(verify_error(&error, &info.chain)),
            Ok(()) => info.verified = true,
        }
        Some(info)
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
