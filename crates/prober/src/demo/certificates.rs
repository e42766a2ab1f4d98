//! The demo site's certificates: two authorities and four servers, made anew at each start.
//!
//! Nothing is written to disk and nothing outlives the process. All keys are ECDSA P-256. Dates are taken from this
//! machine's clock, so the good certificate is good and the expired one expired whatever the clock says.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use oneloop::{Error, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What a TLS server shows: its chain (leaf first) and the leaf's key, both PEM.
pub(super) struct Identity {
    pub(super) chain_pem: String,
    pub(super) key_pem: String,
}

pub(super) struct Certificates {
    /// The authority that the demo's probes trust.
    pub(super) ca_pem: String,
    pub(super) ok: Identity,
    pub(super) expired: Identity,
    pub(super) wrong_host: Identity,
    /// In order but for the authority behind it, which nobody trusts.
    pub(super) untrusted: Identity,
}

impl Certificates {
    pub(super) fn make() -> Result<Certificates> {
        make().map_err(Error::other)
    }
}

/// From when to when, in days from now: negative is in the past.
type Days = (i32, i32);

fn make() -> Result<Certificates, rcgen::Error> {
    let trusted = authority("oneloop demo CA")?;
    let other = authority("a CA that nobody trusts")?;
    let valid = (-1, 90);
    Ok(Certificates {
        ca_pem: trusted.pem(),
        ok: identity("127.0.0.1", valid, &trusted)?,
        expired: identity("127.0.0.1", (-31, -1), &trusted)?,
        wrong_host: identity("somewhere-else.example", valid, &trusted)?,
        untrusted: identity("127.0.0.1", valid, &other)?,
    })
}

fn authority(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_validity(&mut params, (-32, 365));
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

fn identity(host: &str, validity: Days, issuer: &CertifiedIssuer<'static, KeyPair>) -> Result<Identity, rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new([host.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, "oneloop demo site");
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params, validity);
    let leaf = params.signed_by(&key, issuer)?;
    Ok(Identity { chain_pem: leaf.pem() + &issuer.pem(), key_pem: key.serialize_pem() })
}

fn set_validity(params: &mut CertificateParams, (from, until): Days) {
    // A clock before 1970 counts as 1970: everything below stays in order.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let at = |days: i32| {
        let now = rcgen::date_time_ymd(1970, 1, 1) + now;
        let distance = DAY * days.unsigned_abs();
        if days < 0 { now - distance } else { now + distance }
    };
    params.not_before = at(from);
    params.not_after = at(until);
}
