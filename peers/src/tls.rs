//! rustls, set up as `prober` sets it up: the same provider, one private CA, no session ever resumed.

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::sync::Arc;

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// The providers that this build has, by the names that the benchmark prints.
pub const PROVIDERS: &[&str] = &[
    #[cfg(feature = "ring")]
    "ring",
    #[cfg(feature = "aws-lc-rs")]
    "aws-lc-rs",
    #[cfg(feature = "graviola")]
    "graviola",
];

/// With AES-128 first, as `prober` has it.
pub fn provider(name: &str) -> Fallible<Arc<CryptoProvider>> {
    let mut provider = match name {
        #[cfg(feature = "ring")]
        "ring" => rustls::crypto::ring::default_provider(),
        #[cfg(feature = "aws-lc-rs")]
        "aws-lc-rs" => rustls::crypto::aws_lc_rs::default_provider(),
        #[cfg(feature = "graviola")]
        "graviola" => rustls_graviola::default_provider(),
        _ => {
            return Err(format!("no TLS provider {name} in this build, only {PROVIDERS:?}").into());
        }
    };
    provider.cipher_suites.sort_by_key(|suite| {
        let has_aes_128 = format!("{:?}", suite.suite()).contains("AES_128");
        (suite.tls13().is_none(), !has_aes_128)
    });
    Ok(Arc::new(provider))
}

pub fn client_config(provider_name: &str, cacert: &str) -> Fallible<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(cacert)? {
        roots.add(certificate?)?;
    }
    let mut config = ClientConfig::builder_with_provider(provider(provider_name)?)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(config)
}

pub fn server_config(provider_name: &str, chain: &str, key: &str) -> Fallible<ServerConfig> {
    let chain = CertificateDer::pem_file_iter(chain)?.collect::<Result<Vec<_>, _>>()?;
    Ok(ServerConfig::builder_with_provider(provider(provider_name)?)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?)
}
