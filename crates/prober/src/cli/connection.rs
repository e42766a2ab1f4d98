//! What the options about connections and TLS add up to.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use oneloop_http::resolver::Family;
use oneloop_http::{AddressChoice, Proxy, TlsVersion};

use super::options::{ConnectionOptions, TlsOptions, Who};
use crate::spec::{Pem, Spec, Tls};

/// Applies the options that were given to `spec`.
pub(super) fn apply(options: &ConnectionOptions, spec: &mut Spec) -> Result<(), String> {
    let connection = &mut spec.connection;
    connection.keepalive |= options.keepalive;
    match (options.ipv4, options.ipv6) {
        (true, _) => connection.family = Family::V4,
        (_, true) => connection.family = Family::V6,
        _ => {}
    }
    if connection.family != Family::Any {
        // A module's choice between families means nothing when one is asked for.
        connection.choice = AddressChoice::default();
    }
    connection.all_addresses |= options.all_addresses;
    if options.resolver == Some(Who::System) && !options.dns_servers.is_empty() {
        return Err("--dns-servers are asked by --resolver stub; the system asks its own".to_owned());
    }
    connection.system_resolver = options.resolver == Some(Who::System);
    connection.dns_servers.extend_from_slice(&options.dns_servers);
    connection.resolve.extend_from_slice(&options.resolve);
    connection.connect_to.extend_from_slice(&options.connect_to);
    if let Some(text) = &options.proxy {
        let mut proxy: Proxy = text.parse().map_err(|error: oneloop_http::Error| error.message().to_owned())?;
        spec.secrets.extend(crate::escape::url_secrets(text));
        if let Some(user) = &options.proxy_user {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            spec.secrets.extend([password.to_owned(), BASE64_STANDARD.encode(format!("{name}:{password}"))]);
            proxy = proxy.credentials(name, password);
        }
        connection.proxy = Some(proxy);
    }
    if options.noproxy.is_some() {
        connection.no_proxy.clone_from(&options.noproxy);
    }
    Ok(())
}

/// Applies the options about TLS that were given.
pub(super) fn apply_tls(options: &TlsOptions, tls: &mut Tls) -> Result<(), String> {
    tls.insecure |= options.insecure;
    if let Some(file) = &options.cacert {
        tls.cacert = Some(Pem::File(file.clone()));
    }
    tls.native |= options.ca_native;
    if options.crlfile.is_some() {
        tls.crl.clone_from(&options.crlfile);
    }
    if let Some(cert) = &options.cert {
        tls.identity = Some((cert.clone(), options.key.clone()));
    }
    if options.servername.is_some() {
        tls.server_name.clone_from(&options.servername);
    }
    match (options.tls12, options.tls13) {
        (_, true) => tls.min = Some(TlsVersion::Tls13),
        (true, _) => tls.min = Some(TlsVersion::Tls12),
        _ => {}
    }
    tls.max = options.tls_max.or(tls.max);
    match (tls.min, tls.max) {
        (Some(TlsVersion::Tls13), Some(TlsVersion::Tls12)) => {
            Err("no version of TLS is left: 1.3 or newer (--tlsv1.3), and no newer than 1.2 (--tls-max)".to_owned())
        }
        _ => Ok(()),
    }
}
