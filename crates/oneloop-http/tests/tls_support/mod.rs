//! A certificate authority and a scripted TLS server, for tests.
#![allow(dead_code, reason = "each test file uses a part")]

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use oneloop::net::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion};

fn provider() -> Arc<CryptoProvider> {
    #[cfg(feature = "aws-lc-rs")]
    return Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    #[cfg(not(feature = "aws-lc-rs"))]
    return Arc::new(rustls::crypto::ring::default_provider());
}

/// A root, an intermediate, and what they sign.
pub(crate) struct Authority {
    pub(crate) root_pem: String,
    root_der: CertificateDer<'static>,
    intermediate_der: CertificateDer<'static>,
    intermediate: Issuer<'static, KeyPair>,
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

impl Authority {
    pub(crate) fn new() -> Authority {
        Authority::named("Test")
    }

    pub(crate) fn named(name: &str) -> Authority {
        Authority::made(name, |_| (), |_| ())
    }

    /// With root and intermediate changed.
    pub(crate) fn with(
        root: impl FnOnce(&mut CertificateParams),
        intermediate: impl FnOnce(&mut CertificateParams),
    ) -> Authority {
        Authority::made("Test", root, intermediate)
    }

    fn made(
        name: &str,
        change_root: impl FnOnce(&mut CertificateParams),
        change_intermediate: impl FnOnce(&mut CertificateParams),
    ) -> Authority {
        let root_key = KeyPair::generate().unwrap();
        let mut params = authority_params(&format!("{name} Root"));
        change_root(&mut params);
        let root = params.self_signed(&root_key).unwrap();
        let root_issuer = Issuer::new(params, root_key);
        let intermediate_key = KeyPair::generate().unwrap();
        let mut params = authority_params(&format!("{name} Intermediate"));
        change_intermediate(&mut params);
        let intermediate = params.signed_by(&intermediate_key, &root_issuer).unwrap();
        Authority {
            root_pem: root.pem(),
            root_der: root.der().clone(),
            intermediate_der: intermediate.der().clone(),
            intermediate: Issuer::new(params, intermediate_key),
        }
    }

    /// The root in a file of its own.
    pub(crate) fn ca_file(&self, name: &str) -> PathBuf {
        file(name, &self.root_pem)
    }

    /// A server's configuration with a certificate for `names`, changed by `change`.
    pub(crate) fn server(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> ServerSetup {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, &self.intermediate).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        ServerSetup {
            chain: vec![leaf.der().clone(), self.intermediate_der.clone()],
            key,
            versions: vec![&rustls::version::TLS13, &rustls::version::TLS12],
            client_root: None,
            alpn: Vec::new(),
        }
    }

    /// As [`server`](Self::server), with a certificate for another's key.
    pub(crate) fn server_with_key(&self, names: &[&str], key: &impl rcgen::PublicKeyData) -> ServerSetup {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).unwrap();
        let leaf = params.signed_by(key, &self.intermediate).unwrap();
        let mut setup = self.server(&["unused"], |_| ());
        setup.chain[0] = leaf.der().clone();
        setup
    }

    /// A server whose certificate is signed by an authority under the intermediate.
    pub(crate) fn server_below(&self, names: &[&str]) -> ServerSetup {
        let key = KeyPair::generate().unwrap();
        let params = authority_params("Test Sub");
        let below = params.signed_by(&key, &self.intermediate).unwrap();
        let sub = Authority {
            root_pem: String::new(),
            root_der: self.root_der.clone(),
            intermediate_der: below.der().clone(),
            intermediate: Issuer::new(params, key),
        };
        let mut setup = sub.server(names, |_| ());
        setup.chain.push(self.intermediate_der.clone());
        setup
    }

    /// A certificate that nobody else has signed.
    pub(crate) fn self_signed(names: &[&str]) -> ServerSetup {
        Authority::self_signed_as(names, |_| ())
    }

    /// What `openssl req -x509` makes: marked as an authority's.
    pub(crate) fn self_signed_authority(names: &[&str]) -> ServerSetup {
        Authority::self_signed_as(names, |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained))
    }

    /// As `self_signed`, changed by `change`.
    pub(crate) fn self_signed_as(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> ServerSetup {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let leaf = params.self_signed(&key).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        ServerSetup {
            chain: vec![leaf.der().clone()],
            key,
            versions: vec![&rustls::version::TLS13, &rustls::version::TLS12],
            client_root: None,
            alpn: Vec::new(),
        }
    }

    /// The intermediate's list, in PEM, which revokes the certificate with this serial number.
    pub(crate) fn revocation_list(&self, serial: u64) -> String {
        let revoked = rcgen::RevokedCertParams {
            serial_number: serial.into(),
            revocation_time: rcgen::date_time_ymd(2025, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = rcgen::CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2025, 1, 1),
            next_update: rcgen::date_time_ymd(2999, 1, 1),
            crl_number: 1.into(),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        params.signed_by(&self.intermediate).unwrap().pem().unwrap()
    }

    pub(crate) fn root(&self) -> CertificateDer<'static> {
        self.root_der.clone()
    }
}

pub(crate) struct ServerSetup {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
    pub(crate) versions: Vec<&'static SupportedProtocolVersion>,
    /// Ask for a client certificate under this root.
    pub(crate) client_root: Option<CertificateDer<'static>>,
    pub(crate) alpn: Vec<Vec<u8>>,
}

impl ServerSetup {
    pub(crate) fn chain_pem(&self) -> String {
        self.chain.iter().map(|certificate| pem("CERTIFICATE", certificate)).collect()
    }

    pub(crate) fn key_pem(&self) -> String {
        pem("PRIVATE KEY", self.key.secret_der())
    }

    /// Chain and key, as a client's identity.
    pub(crate) fn pem(&self) -> String {
        self.chain_pem() + &self.key_pem()
    }

    /// As [`build`](Self::build), though the key may be another's.
    pub(crate) fn build_unchecked(self) -> Arc<ServerConfig> {
        let key = provider().key_provider.load_private_key(self.key.clone_key()).unwrap();
        self.build_with(key)
    }

    /// As [`build_unchecked`](Self::build_unchecked), with what signs in place of the key.
    pub(crate) fn build_with(self, key: Arc<dyn rustls::sign::SigningKey>) -> Arc<ServerConfig> {
        let resolver = rustls::sign::SingleCertAndKey::from(rustls::sign::CertifiedKey::new(self.chain, key));
        let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&self.versions).unwrap();
        Arc::new(builder.with_no_client_auth().with_cert_resolver(Arc::new(resolver)))
    }

    pub(crate) fn build(self) -> Arc<ServerConfig> {
        let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&self.versions).unwrap();
        let builder = match self.client_root {
            None => builder.with_no_client_auth(),
            Some(root) => {
                let mut roots = RootCertStore::empty();
                roots.add(root).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build().unwrap();
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_single_cert(self.chain, self.key).unwrap();
        config.alpn_protocols = self.alpn;
        Arc::new(config)
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in der.chunks(3) {
        let word = group.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for index in 0..4 {
            let digit = ALPHABET[(word >> (18 - 6 * index)) as usize & 63];
            text.push(if index <= group.len() { digit as char } else { '=' });
        }
    }
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// A file with this text, of the test's own.
pub(crate) fn file(name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// A server's end of a TLS connection, driven step by step.
pub(crate) struct TlsPeer {
    pub(crate) stream: DuplexStream,
    pub(crate) tls: ServerConnection,
    /// Whether the client's close_notify has come.
    pub(crate) closed_cleanly: bool,
}

impl TlsPeer {
    pub(crate) fn new(stream: DuplexStream, config: &Arc<ServerConfig>) -> TlsPeer {
        TlsPeer { stream, tls: ServerConnection::new(config.clone()).unwrap(), closed_cleanly: false }
    }

    /// What there is to send, as one write.
    pub(crate) async fn flush(&mut self) {
        let mut out = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut out).unwrap();
        }
        let _ = self.stream.write_all(&out).await;
    }

    /// Reads once; false at the end or on an error.
    pub(crate) async fn read(&mut self) -> bool {
        let mut buf = vec![0; 32 * 1024];
        let Ok(count) = self.stream.read(&mut buf).await else { return false };
        let mut rest = &buf[..count];
        while !rest.is_empty() {
            self.tls.read_tls(&mut rest).unwrap();
            match self.tls.process_new_packets() {
                Ok(state) => self.closed_cleanly |= state.peer_has_closed(),
                Err(_) => return false,
            }
        }
        count > 0
    }

    pub(crate) async fn handshake(&mut self) -> bool {
        while self.tls.is_handshaking() {
            self.flush().await;
            if !self.read().await {
                self.flush().await; // the alert
                return false;
            }
        }
        self.flush().await;
        true
    }

    pub(crate) async fn request(&mut self) -> Option<String> {
        if !self.handshake().await {
            return None;
        }
        let mut head = Vec::new();
        loop {
            let mut buf = [0; 4096];
            match self.tls.reader().read(&mut buf) {
                Ok(count) => head.extend_from_slice(&buf[..count]),
                Err(_) if self.read().await => {}
                Err(_) => return None,
            }
            if head.ends_with(b"\r\n\r\n") {
                return Some(String::from_utf8(head).unwrap());
            }
            if self.closed_cleanly {
                return None;
            }
        }
    }

    pub(crate) async fn send(&mut self, text: impl AsRef<[u8]>) {
        for piece in text.as_ref().chunks(16 * 1024) {
            self.tls.writer().write_all(piece).unwrap();
            self.flush().await;
        }
    }

    /// Says goodbye.
    pub(crate) async fn close(&mut self) {
        self.tls.send_close_notify();
        self.flush().await;
    }

    /// Reads until the client has closed.
    pub(crate) async fn closed(&mut self) {
        while self.read().await {}
    }
}
