//! A private certificate authority: root, intermediate and leaf, all with P-256 keys.
//!
//! Job: what a public site has, so that a handshake costs what it costs there. Neighbours: `nginx` serves the leaf with
//! its intermediate; the prober is given the root with `--cacert`.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

/// The three certificates, as PEM.
#[derive(Debug)]
pub struct Certificates {
    /// The root, which clients trust.
    pub root: String,
    /// The leaf for `localhost` and 127.0.0.1, followed by the intermediate.
    pub chain: String,
    /// The leaf's private key.
    pub key: String,
}

impl Certificates {
    /// Makes a new authority and a leaf.
    ///
    /// # Panics
    /// Never, unless no random numbers are to be had.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "each call makes other keys, which Default would hide")]
    pub fn new() -> Certificates {
        let root = CertifiedIssuer::self_signed(authority("oneloop test root"), key()).expect("a root");
        let intermediate =
            CertifiedIssuer::signed_by(authority("oneloop test intermediate"), key(), &root).expect("an intermediate");
        let names = ["localhost", "127.0.0.1"].map(String::from);
        let mut params = CertificateParams::new(names).expect("names that are names");
        params.distinguished_name.push(DnType::CommonName, "localhost");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let leaf_key = key();
        let leaf = params.signed_by(&leaf_key, &intermediate).expect("a leaf");
        Certificates { root: root.pem(), chain: leaf.pem() + &intermediate.pem(), key: leaf_key.serialize_pem() }
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}
