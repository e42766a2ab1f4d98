//! The facts of a certificate that a report shows, read from its DER.
//!
//! A server may send anything as a certificate: what cannot be read is left out, and never an error.

use std::fmt::Write;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// One certificate of a chain. The order of the fields is that of the keys in JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Certificate {
    pub(crate) subject: Option<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) san: Vec<String>,
    pub(crate) serial: Option<String>,
    /// Of the whole DER, in hexadecimal.
    pub(crate) sha256: String,
    #[serde(serialize_with = "to_the_second")]
    pub(crate) not_before: Option<Timestamp>,
    #[serde(serialize_with = "to_the_second")]
    pub(crate) not_after: Option<Timestamp>,
}

impl Certificate {
    /// Reads `der`.
    pub(crate) fn read(der: &[u8]) -> Certificate {
        let sha256 = Sha256::digest(der).iter().fold(String::with_capacity(64), |mut text, byte| {
            // Writing into a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        });
        let Ok((_, parsed)) = X509Certificate::from_der(der) else {
            return Certificate {
                subject: None,
                issuer: None,
                san: Vec::new(),
                serial: None,
                sha256,
                not_before: None,
                not_after: None,
            };
        };
        let san = match parsed.subject_alternative_name() {
            Ok(Some(extension)) => extension.value.general_names.iter().filter_map(name).collect(),
            _ => Vec::new(),
        };
        let validity = parsed.validity();
        Certificate {
            subject: Some(parsed.subject().to_string()),
            issuer: Some(parsed.issuer().to_string()),
            san,
            serial: Some(parsed.raw_serial_as_string()),
            sha256,
            not_before: Timestamp::from_second(validity.not_before.timestamp()).ok(),
            not_after: Timestamp::from_second(validity.not_after.timestamp()).ok(),
        }
    }

    /// Whole days until it expires at `now`, rounded down: negative once it has expired.
    pub(crate) fn days_left(&self, now: Timestamp) -> Option<i64> {
        self.not_after.map(|end| (end.as_second() - now.as_second()).div_euclid(86_400))
    }
}

/// A subject's alternative name, as people write it.
fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(text) | GeneralName::RFC822Name(text) | GeneralName::URI(text) => Some((*text).to_owned()),
        GeneralName::IPAddress(bytes) => match **bytes {
            [a, b, c, d] => Some(IpAddr::from([a, b, c, d]).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
        },
        _ => None,
    }
}

fn to_the_second<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.collect_str(&format_args!("{time:.0}")),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_gives_its_facts() {
        let mut parameters =
            rcgen::CertificateParams::new(vec!["a.example".into(), "127.0.0.1".into()]).expect("names");
        parameters.not_before = rcgen::date_time_ymd(2024, 1, 2);
        parameters.not_after = rcgen::date_time_ymd(2024, 3, 4);
        let key = rcgen::KeyPair::generate().expect("a key");
        let der = parameters.self_signed(&key).expect("a certificate");
        let read = Certificate::read(der.der());
        assert_eq!(read.san, ["a.example", "127.0.0.1"]);
        assert_eq!(read.not_after.map(|end| format!("{end:.0}")).as_deref(), Some("2024-03-04T00:00:00Z"));
        assert_eq!(read.sha256.len(), 64);
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        assert_eq!(read.days_left(at("2024-03-03T00:00:01Z")), Some(0));
        assert_eq!(read.days_left(at("2024-03-04T00:00:01Z")), Some(-1));
    }

    #[test]
    fn garbage_is_no_error() {
        let read = Certificate::read(b"not DER at all");
        assert_eq!((&read.subject, read.days_left(Timestamp::UNIX_EPOCH)), (&None, None));
    }
}
