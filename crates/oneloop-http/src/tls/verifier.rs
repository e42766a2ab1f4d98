//! Certificates as the server presents them, captured before they are verified, so that a report can show a chain that
//! was refused.
//!
//! The verifier is one for all connections: verification runs synchronously inside `process_tls_records`, so what it saw
//! is handed over in a thread-local and picked up by [`noted`] right after the call (cheaper than a verifier and a
//! `ClientConfig` for each connection). Invariant: the verdict is rustls's own, but for a server's certificate that the
//! caller has given as trusted; `insecure` overrides it, and what it was is noted all the same.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, SignatureScheme};

use super::faults::lacks_path;

/// Certificates in DER, the leaf first.
type Chain = Rc<[Box<[u8]>]>;

type Verdict = Result<(), rustls::Error>;

/// What the verifier saw during the current call into rustls.
#[derive(Default)]
struct Capture {
    chain: Option<Chain>,
    verdict: Option<Verdict>,
    wants_client_cert: bool,
    /// The chain captured last. Probing one server a thousand times should not keep a thousand copies of its chain.
    previous: Option<Chain>,
}

thread_local! {
    static CAPTURE: RefCell<Capture> = RefCell::default();
}

/// Takes what was noted since the last call: whether a client certificate was asked for; and, once there is a verdict,
/// the chain (`None` if that came in an earlier call) and the verdict.
pub(super) fn noted() -> (bool, Option<(Option<Chain>, Verdict)>) {
    CAPTURE.with_borrow_mut(|capture| {
        let wants_client_cert = std::mem::take(&mut capture.wants_client_cert);
        let verdict = capture.verdict.take();
        (wants_client_cert, verdict.map(|verdict| (capture.chain.take(), verdict)))
    })
}

impl Capture {
    fn record(&mut self, leaf: &CertificateDer<'_>, rest: &[CertificateDer<'_>], verdict: Verdict) {
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
    /// What the caller has given as trusted.
    pub(crate) given: Vec<CertificateDer<'static>>,
    pub(crate) insecure: bool,
}

impl CapturingVerifier {
    /// The verdict for a certificate without a path to a root. One that is itself among those given as trusted needs no
    /// path (RFC 5280 section 6): a server's own, as `openssl req -x509` makes it. rustls looks for a path all the same,
    /// and refuses what is marked as an authority's. The dates and the purpose it has looked at before that, but for the
    /// purpose of one so marked; the name it would have looked at next.
    fn without_path(
        &self,
        error: rustls::Error,
        end_entity: &CertificateDer<'_>,
        server_name: &ServerName<'_>,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if !lacks_path(&error) || !self.given.contains(end_entity) {
            return Err(error);
        }
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        Ok(ServerCertVerified::assertion())
    }
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
        let verdict = verdict.or_else(|error| self.without_path(error, end_entity, server_name));
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
