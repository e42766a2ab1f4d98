//! The facts of a certificate that a report shows, read from its DER.
//!
//! A server may send anything as a certificate: what cannot be read is left out, and never an error.

use std::fmt::Write;
use std::net::IpAddr;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use x509_parser::asn1_rs::{PrintableString, ToDer, Utf8String};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate, X509Name};

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

    /// A sentence about one that is not for `host`.
    pub(crate) fn not_for(&self, host: &str) -> String {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match self.san.as_slice() {
            // It is there, and as something else than what it is compared with.
            names if names.iter().any(|name| name == bare) => match bare.parse::<IpAddr>() {
                Ok(_) => format!("the certificate has {bare} as a name, where it needs it as an IP address"),
                Err(_) => format!("the certificate has {bare} as something else than a DNS name, which it has to be"),
            },
            [] => format!("the certificate is for no name at all, not for {host}"),
            [name] => format!("the certificate is for {name}, not for {host}"),
            [name, rest @ ..] => format!("the certificate is for {name} and {} more, not for {host}", rest.len()),
        }
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

/// `der` as PEM.
pub(crate) fn pem(der: &[u8]) -> String {
    let digits = BASE64_STANDARD.encode(der);
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in digits.as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text + "-----END CERTIFICATE-----\n"
}

/// What blackbox_exporter tells of a server's own certificate, in Go's way of writing it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// Of the whole DER, in hexadecimal.
    pub(crate) sha256: String,
    pub(crate) subject: String,
    pub(crate) issuer: String,
    /// DNS names, with commas.
    pub(crate) names: String,
    /// In hexadecimal, without leading zero bytes.
    pub(crate) serial: String,
}

impl Leaf {
    /// Reads `der`; `None` if that is no certificate.
    pub(crate) fn read(der: &[u8]) -> Option<Leaf> {
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        let names = match parsed.subject_alternative_name() {
            Ok(Some(extension)) => extension
                .value
                .general_names
                .iter()
                .filter_map(|name| match name {
                    GeneralName::DNSName(name) => Some(*name),
                    _ => None,
                })
                .collect::<Vec<_>>()
                .join(","),
            _ => String::new(),
        };
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let serial = parsed.raw_serial();
        let leading = serial.iter().take_while(|byte| **byte == 0).count();
        Some(Leaf {
            sha256: hex(&Sha256::digest(der)),
            subject: go_name(parsed.subject()),
            issuer: go_name(parsed.issuer()),
            names,
            serial: hex(serial.get(leading..).unwrap_or_default()),
        })
    }
}

/// A distinguished name as Go prints it: by RFC 2253, the usual attributes in an order of Go's own, repeats of one
/// attribute joined by `+`, and unusual attributes behind all others.
fn go_name(name: &X509Name<'_>) -> String {
    // From the last that Go's sequence has to the first, since RFC 2253 prints from the end.
    const USUAL: [(&str, &str); 9] = [
        ("2.5.4.5", "SERIALNUMBER"),
        ("2.5.4.3", "CN"),
        ("2.5.4.11", "OU"),
        ("2.5.4.10", "O"),
        ("2.5.4.17", "POSTALCODE"),
        ("2.5.4.9", "STREET"),
        ("2.5.4.7", "L"),
        ("2.5.4.8", "ST"),
        ("2.5.4.6", "C"),
    ];
    let attributes: Vec<_> =
        name.iter_attributes().map(|attribute| (attribute.attr_type().to_id_string(), attribute)).collect();
    let mut parts = Vec::new();
    for (id, short) in USUAL {
        let values = attributes.iter().filter(|(other, _)| other == id);
        let values = values.filter_map(|(_, attribute)| attribute.as_str().ok());
        // Of a name or a serial number Go keeps one, the last.
        let values: Vec<_> = match short {
            "CN" | "SERIALNUMBER" => values.rev().take(1).collect(),
            _ => values.collect(),
        };
        if !values.is_empty() {
            let values = values.into_iter().map(|value| format!("{short}={}", rfc2253(value)));
            parts.push(values.collect::<Vec<_>>().join("+"));
        }
    }
    for (id, attribute) in attributes.iter().rev() {
        if !USUAL.iter().any(|(usual, _)| usual == id) {
            // Go reads a text and writes it anew, in one of two types.
            let der = match attribute.as_str() {
                Ok(text) if text.bytes().all(is_printable) => PrintableString::new(text).to_der_vec(),
                Ok(text) => Utf8String::new(text).to_der_vec(),
                Err(_) => attribute.attr_value().to_der_vec(),
            };
            let der = der.unwrap_or_default();
            let hex: String = der.iter().map(|byte| format!("{byte:02x}")).collect();
            parts.push(format!("{id}=#{hex}"));
        }
    }
    parts.join(",")
}

/// What a PrintableString may hold.
fn is_printable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte)
}

fn rfc2253(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut text = String::with_capacity(value.len());
    for (at, character) in value.chars().enumerate() {
        let escaped = match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => true,
            ' ' => at == 0 || at == last,
            '#' => at == 0,
            _ => false,
        };
        if escaped {
            text.push('\\');
        }
        text.push(character);
    }
    text
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

    /// It said 'for 127.0.0.1, not for 127.0.0.1'.
    #[test]
    fn an_address_that_a_certificate_has_as_a_name_is_told_as_that() {
        use rcgen::SanType;
        let sentence = |san: Vec<SanType>, host: &str| {
            let mut parameters = rcgen::CertificateParams::default();
            parameters.subject_alt_names = san;
            let key = rcgen::KeyPair::generate().expect("a key");
            Certificate::read(parameters.self_signed(&key).expect("a certificate").der()).not_for(host)
        };
        let name = |text: &str| SanType::DnsName(text.try_into().expect("a name"));
        assert_eq!(
            sentence(vec![name("a.example"), name("127.0.0.1")], "127.0.0.1"),
            "the certificate has 127.0.0.1 as a name, where it needs it as an IP address"
        );
        assert_eq!(
            sentence(vec![name("::1")], "[::1]"),
            "the certificate has ::1 as a name, where it needs it as an IP address"
        );
        let mail = SanType::Rfc822Name("a.example".try_into().expect("a name"));
        assert_eq!(
            sentence(vec![mail], "a.example"),
            "the certificate has a.example as something else than a DNS name, which it has to be"
        );
        assert_eq!(sentence(vec![name("b")], "127.0.0.1"), "the certificate is for b, not for 127.0.0.1");
    }

    #[test]
    fn garbage_is_no_error() {
        let read = Certificate::read(b"not DER at all");
        assert_eq!((&read.subject, read.days_left(Timestamp::UNIX_EPOCH)), (&None, None));
    }

    #[test]
    fn names_are_written_as_go_writes_them() {
        use rcgen::DnType;
        let mut parameters =
            rcgen::CertificateParams::new(vec!["a.example".into(), "b.example".into()]).expect("names");
        let name = &mut parameters.distinguished_name;
        name.push(DnType::CountryName, "NL");
        name.push(DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]), "a@b.c");
        name.push(DnType::StateOrProvinceName, "North");
        name.push(DnType::LocalityName, "Town");
        name.push(DnType::OrganizationName, "Some, Inc.");
        name.push(DnType::CommonName, " a+b ");
        parameters.serial_number = Some(vec![0x01, 0xab].into());
        let key = rcgen::KeyPair::generate().expect("a key");
        let leaf = Leaf::read(parameters.self_signed(&key).expect("a certificate").der()).expect("a leaf");
        let rest = "L=Town,ST=North,C=NL,1.2.840.113549.1.9.1=#0c056140622e63";
        assert_eq!(leaf.subject, format!("CN=\\ a\\+b\\ ,O=Some\\, Inc.,{rest}"));
        assert_eq!((leaf.names.as_str(), leaf.serial.as_str()), ("a.example,b.example", "01ab"));
        assert_eq!(Leaf::read(b"nothing"), None);
    }
}
