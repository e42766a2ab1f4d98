//! What can go wrong in TLS, in our words: kind, detail and sentence.
//!
//! What is trusted is decided by rustls and the verifier; here is only said why not, and where it helps what to do next.

use std::fmt::Debug;

use rustls::{AlertDescription, CertRevocationListError, CertificateError, InvalidMessage, OtherError};

use crate::error::{Error, ErrorKind};

/// The name of an enum's variant: its `Debug` up to the first bracket.
fn variant(value: &dyn Debug) -> String {
    let text = format!("{value:?}");
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default().to_owned()
}

/// Kind and finer reason of a refused certificate; `chain` is what was presented.
pub(super) fn verify_error(error: &rustls::Error, chain: &[Box<[u8]>]) -> (ErrorKind, String) {
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
        CertificateError::UnknownIssuer => where_it_ends(chain).into(),
        CertificateError::BadSignature if unusable_rsa_key(chain).is_some() => "KeySize".into(),
        // What `openssl req -x509` makes unless told otherwise is marked as a CA's.
        CertificateError::Other(other) if is_authority_as_leaf(other) && is_self_signed(chain) => "SelfSigned".into(),
        CertificateError::Other(other) => format!("{:?}", other.0),
        reason => variant(reason),
    };
    (kind, detail)
}

/// Whether a certificate was refused for want of a path from it to a trusted root, or because an authority's begins none.
pub(super) fn lacks_path(error: &rustls::Error) -> bool {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => true,
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => is_authority_as_leaf(other),
        _ => false,
    }
}

fn is_authority_as_leaf(other: &OtherError) -> bool {
    format!("{:?}", other.0) == "CaUsedAsEndEntity"
}

/// Why a chain leads to no trusted root, told from its shape, as OpenSSL does (its errors 18, 21, and 19 or 20).
fn where_it_ends(chain: &[Box<[u8]>]) -> &'static str {
    match chain {
        _ if is_self_signed(chain) => "SelfSigned",
        [_] => "IncompleteChain",
        _ => "UnknownIssuer",
    }
}

fn is_self_signed(chain: &[Box<[u8]>]) -> bool {
    chain.first().is_some_and(|leaf| is_self_issued(leaf))
}

/// A refused certificate in our words: short, and with what to do where that is known.
pub(super) fn bad_certificate(error: &rustls::Error, chain: &[Box<[u8]>]) -> Error {
    let (kind, detail) = verify_error(error, chain);
    let what = match (kind, detail.as_str()) {
        (ErrorKind::TlsExpired, _) => "a certificate that has expired",
        (ErrorKind::TlsNotYetValid, _) => "a certificate that is not valid yet (is this machine's clock right?)",
        (ErrorKind::TlsWrongHost, _) => "a certificate for other names",
        (ErrorKind::TlsRevoked, _) => "a certificate that has been revoked",
        (ErrorKind::TlsBadSignature, "KeySize") => return bad_key_size(error, chain),
        (ErrorKind::TlsBadSignature, _) => "a signature that does not verify",
        (_, "SelfSigned") => {
            "a certificate that it has signed itself (if it is the right one, trust it as a CA; one that is marked as a \
             CA's own, which a server's should not be, is refused all the same)"
        }
        (_, "IncompleteChain") => {
            "its own certificate alone, and who issued that is not trusted (is an intermediate missing in the server's \
             chain, or is it a private CA, which has to be given as one to trust?)"
        }
        (_, "UnknownIssuer") => match chain {
            [.., last] if is_self_issued(last) => {
                "a chain that leads to a root which is not trusted (if it is a private CA, give it as one to trust)"
            }
            _ => {
                "a chain that leads to no trusted root (if it is a private CA's, give that as one to trust; else a \
                 further intermediate is missing)"
            }
        },
        (_, "InvalidPurpose") => "a certificate that is not for servers",
        (_, "CaUsedAsEndEntity") => "a CA's certificate in place of a server's",
        _ => {
            let message = format!("the server showed a certificate that breaks the rules: {detail}");
            return Error::new(kind, message).with_detail(detail).with_source(error.clone());
        }
    };
    // rustls's own words, with their dates in seconds, stay with the source.
    Error::new(kind, format!("the server showed {what}")).with_detail(detail).with_source(error.clone())
}

/// What is verified with an RSA key of a size that rustls takes no signature of looks forged to it.
fn bad_key_size(error: &rustls::Error, chain: &[Box<[u8]>]) -> Error {
    let (depth, bits) = unusable_rsa_key(chain).unwrap_or_default();
    let whose = if depth == 0 { "a certificate" } else { "a chain with an issuer's certificate" };
    let message = format!(
        "the server showed {whose} whose RSA key has {bits} bits, with which nothing can be verified: at least 2048 and \
         at most 8192 are taken (it needs a new key and certificate)"
    );
    Error::new(ErrorKind::TlsBadSignature, message).with_detail("KeySize").with_source(error.clone())
}

/// A revocation list that was given for the issuer of a certificate, and that cannot be relied on.
pub(super) fn bad_revocation_list(error: &rustls::Error, reason: &CertRevocationListError) -> Error {
    let why = match reason {
        CertRevocationListError::BadSignature => "is not signed by that issuer".to_owned(),
        CertRevocationListError::IssuerInvalidForCrl => "comes from one that may not sign such lists".to_owned(),
        reason => format!("cannot be used ({})", variant(reason)),
    };
    let message = format!(
        "whether the server's certificate has been revoked cannot be told: the list given for its issuer {why}"
    );
    Error::new(ErrorKind::TlsUntrusted, message).with_detail(variant(error)).with_source(error.clone())
}

/// How far a TLS connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing of TLS has come from the server.
    Unheard,
    Handshake,
    Established,
}

/// An error of rustls in our words.
pub(super) fn tls_error(error: &rustls::Error, stage: Stage) -> Error {
    let source = error.clone();
    let established = stage == Stage::Established;
    match error {
        rustls::Error::AlertReceived(alert) => {
            let (kind, message) = if established {
                (ErrorKind::Receive, format!("the server broke off the TLS connection with the alert {alert:?}"))
            } else {
                (ErrorKind::TlsHandshake, format!("the server broke off the TLS handshake with the alert {alert:?}"))
            };
            Error::new(kind, message).with_detail(format!("{alert:?}")).with_source(source)
        }
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion)
            if stage == Stage::Unheard =>
        {
            let message = "what the server answered is not TLS (is this an http port?)";
            Error::new(ErrorKind::TlsHandshake, message).with_detail(variant(error)).with_source(source)
        }
        rustls::Error::InvalidMessage(
            reason @ (InvalidMessage::MessageTooLarge
            | InvalidMessage::HandshakePayloadTooLarge
            | InvalidMessage::CertificatePayloadTooLarge),
        ) => {
            let (kind, what) = match reason {
                _ if established => (ErrorKind::Receive, "a TLS record that is larger than TLS allows"),
                InvalidMessage::MessageTooLarge => {
                    (ErrorKind::TlsHandshake, "a TLS record that is larger than TLS allows")
                }
                _ => (ErrorKind::TlsHandshake, "a TLS handshake message (its chain of certificates?) of over 64 KB"),
            };
            Error::new(kind, format!("the server sent {what}")).with_detail(variant(reason)).with_source(source)
        }
        _ if established => Error::new(ErrorKind::Receive, format!("the TLS connection broke: {error}"))
            .with_detail(variant(error))
            .with_source(source),
        _ => Error::new(ErrorKind::TlsHandshake, format!("the TLS handshake failed: {error}"))
            .with_detail(variant(error))
            .with_source(source),
    }
}

/// Whether an alert says that our certificate is wanted or refused. `asked`: whether the server has asked for one.
pub(super) fn about_client_cert(alert: AlertDescription, asked: bool) -> bool {
    use AlertDescription as Alert;
    match alert {
        Alert::CertificateRequired => true,
        // What servers say in TLS 1.2, where there is no alert of its own for it.
        Alert::HandshakeFailure | Alert::BadCertificate | Alert::NoCertificate | Alert::AccessDenied => asked,
        Alert::CertificateUnknown | Alert::UnknownCA | Alert::UnsupportedCertificate => asked,
        // Of the server's own certificate only we could say so.
        Alert::CertificateExpired | Alert::CertificateRevoked => asked,
        _ => false,
    }
}

/// Whether issuer and subject of a certificate are one. Only for the words of a message: what is trusted is decided by
/// rustls alone. Anything odd is a no.
fn is_self_issued(certificate: &[u8]) -> bool {
    fields(certificate).is_some_and(|[_, _, issuer, _, subject, _]| issuer == subject)
}

/// The first certificate with an RSA key of a size of which no signature is taken: its place in the chain, and the bits.
/// Only for the words of a message, too.
fn unusable_rsa_key(chain: &[Box<[u8]>]) -> Option<(usize, usize)> {
    let sizes = chain.iter().enumerate().filter_map(|(depth, certificate)| Some((depth, rsa_bits(certificate)?)));
    sizes.into_iter().find(|(_, bits)| !(2048..=8192).contains(bits))
}

/// How long the RSA key of a certificate is; `None` where it has another, or cannot be read.
fn rsa_bits(certificate: &[u8]) -> Option<usize> {
    const RSA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1]; // 1.2.840.113549.1.1.1
    let [.., key] = fields(certificate)?;
    let (_, algorithm, key) = der_value(key)?;
    let (_, name, _) = der_value(algorithm)?;
    let (_, bits, _) = der_value(key)?;
    // No unused bits; then modulus and exponent.
    let (_, key, _) = der_value(bits.strip_prefix(&[0])?)?;
    let (_, modulus, _) = der_value(key)?;
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let modulus = modulus.get(zeros..)?;
    let first = modulus.first()?.leading_zeros() as usize;
    (name == RSA).then_some(modulus.len() * 8 - first)
}

/// The first fields of a certificate: serial number, algorithm, issuer, validity, subject, public key.
fn fields(certificate: &[u8]) -> Option<[&[u8]; 6]> {
    let (_, certificate, _) = der_value(certificate)?;
    let (_, mut body, _) = der_value(certificate)?;
    let mut fields = [&[][..]; 6];
    for field in &mut fields {
        let (tag, mut value, mut rest) = der_value(body)?;
        // Version, which may be absent, is the only one that is tagged.
        if tag == 0xA0 {
            (_, value, rest) = der_value(rest)?;
        }
        (*field, body) = (value, rest);
    }
    Some(fields)
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
