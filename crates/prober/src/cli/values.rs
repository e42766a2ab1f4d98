//! How single values are read: durations, numbers, sizes, rates, methods.
//!
//! Each function is a value parser for clap, which names the option in front of the sentence.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use oneloop_http::TlsVersion;

use crate::pattern::Pattern;

const DURATION: &str = "not a duration: write 10, 1.5s, 250ms or 2m";

/// A bare number is seconds, as in curl; else `ms`, `s` or `m`. More than nothing.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    more_than_nothing(pause(text)?, "no probe can end in no time")
}

/// As [`duration`], for what is done again each time that so much has passed.
pub(super) fn period(text: &str) -> Result<Duration, String> {
    more_than_nothing(pause(text)?, "nothing else would ever be done")
}

fn more_than_nothing(duration: Duration, why: &str) -> Result<Duration, String> {
    if duration.is_zero() { Err(format!("{why}: give more than 0")) } else { Ok(duration) }
}

/// A duration that may be nothing.
pub(crate) fn pause(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" => 60.0,
        _ => return Err(DURATION.to_owned()),
    };
    match Duration::try_from_secs_f64(decimal(digits).ok_or(DURATION)? * unit) {
        Ok(duration) if duration <= Duration::from_secs(86_400 * 365) => Ok(duration),
        _ => Err("longer than a year".to_owned()),
    }
}

/// Milliseconds, unless there is a unit: 500, 500ms, 2s. How long a step may take.
pub(super) fn milliseconds(text: &str) -> Result<Duration, String> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let duration = pause(&if plain { format!("{text}ms") } else { text.to_owned() })?;
    more_than_nothing(duration, "every step takes longer than no time")
}

/// Digits with at most one point: no sign, exponent, infinity.
fn decimal(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| plain)
}

/// Starts in a stretch of time, as the time from one to the next: `10`, `0.5`, `10/s`, `90/m`, `5/h`.
pub(super) fn rate(text: &str) -> Result<Duration, String> {
    let wrong = || "not a rate: write 10 or 10/s, 90/m, 5/h".to_owned();
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let seconds = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    match decimal(number) {
        Some(number) if number > 0.0 && number.is_finite() => {
            Duration::try_from_secs_f64(seconds / number).map_err(|_| wrong())
        }
        _ => Err(wrong()),
    }
}

/// A number of rounds.
pub(super) fn count(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("not a number from 1".to_owned()),
    }
}

/// How often, where never is an answer, too.
pub(super) fn times(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("not a number of times: write a whole number from 0 to {}", u32::MAX))
}

/// A number of days, a century at most.
pub(super) fn days(text: &str) -> Result<i64, String> {
    match text.parse() {
        Ok(number @ 0..=36_500) => Ok(number),
        _ => Err("not a number of days: write a whole number from 0 to 36500".to_owned()),
    }
}

/// A number of probes at once.
pub(crate) fn parallelism(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=1_000_000) => Ok(number),
        _ => Err("not a number from 1 to 1000000".to_owned()),
    }
}

/// Bytes, with curl's suffixes: k, M, G, T, each 1024 of the one before.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let power = match &text[digits.len()..] {
        "" | "B" | "b" => 0,
        "k" | "K" => 1,
        "m" | "M" => 2,
        "g" | "G" => 3,
        "t" | "T" => 4,
        _ => return Err("not a size: write 500, 64k, 10M or 1G".to_owned()),
    };
    let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1024u64.pow(power)));
    number.filter(|number| *number > 0).ok_or_else(|| "not a size from 1 byte: write 500, 64k, 10M or 1G".to_owned())
}

/// A method, one token.
pub(crate) fn method(text: &str) -> Result<String, String> {
    if text.is_empty() || !text.bytes().all(is_token) {
        return Err("a method is one word, such as GET or HEAD".to_owned());
    }
    if text == "CONNECT" {
        return Err("CONNECT makes a tunnel and has no response to probe".to_owned());
    }
    Ok(text.to_owned())
}

/// A regular expression.
pub(crate) fn regex(text: &str) -> Result<Pattern, String> {
    if text.is_empty() {
        return Err("an empty regular expression matches everything: write what to look for".to_owned());
    }
    Pattern::parse(text).map_err(|error| format!("not a regular expression: {error}"))
}

/// A name server: an address, with a port if it is not 53.
pub(super) fn server(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, 53));
    }
    text.parse()
        .map_err(|_| "not the address of a name server: write 9.9.9.9, 9.9.9.9:53 or [2620:fe::fe]:53".to_owned())
}

/// Where to listen: `127.0.0.1:9115`, `[::1]:9115`, `localhost:9115`, or `:9115` for every address.
pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    let wrong = || "not an address to listen at: write 127.0.0.1:9115, [::]:9115 or :9115".to_owned();
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse().map_err(|_| wrong())?;
    let address = match host {
        // Where there is IPv6, its unspecified address takes connections of both kinds.
        "" if std::net::TcpListener::bind("[::]:0").is_ok() => "::".parse(),
        "" => "0.0.0.0".parse(),
        "localhost" => "127.0.0.1".parse(),
        _ => host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>(),
    };
    Ok(SocketAddr::new(address.map_err(|_| wrong())?, port))
}

/// What the library reads by itself; its sentence begins with the option, which clap names already.
pub(super) fn library<T: std::str::FromStr<Err = oneloop_http::Error>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: oneloop_http::Error| error.message().to_owned())
}

/// A version of TLS: `1.2`, `1.3`, or as it is written elsewhere.
pub(crate) fn tls_version(text: &str) -> Result<TlsVersion, String> {
    match text.trim_start_matches("TLS").trim_start_matches('v') {
        "1.2" | "12" => Ok(TlsVersion::Tls12),
        "1.3" | "13" | "default" => Ok(TlsVersion::Tls13),
        "1.0" | "1.1" | "10" | "11" => Err("older than 1.2 is not spoken".to_owned()),
        _ => Err("not a version of TLS: write 1.2 or 1.3".to_owned()),
    }
}

/// Bytes of a token in the sense of RFC 9110, section 5.6.2.
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds_unless_they_say_otherwise() {
        for (text, millis) in [("10", 10_000), ("1.5", 1_500), ("250ms", 250), ("2s", 2_000), ("2m", 120_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "-1", "0", "0ms", "1e3", "inf", "nan", "1h", "1 s", "99999999999", "ß"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(pause("0"), Ok(Duration::ZERO));
        for (text, millis) in [("500", 500), ("20ms", 20), ("1.5s", 1_500)] {
            assert_eq!(milliseconds(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert!(milliseconds("").is_err() && milliseconds("0").is_err() && milliseconds("1h").is_err());
    }

    #[test]
    fn rates_become_the_time_between_two_starts() {
        for (text, millis) in [("10", 100), ("0.5", 2_000), ("10/s", 100), ("90/m", 666), ("60/h", 60_000)] {
            assert_eq!(rate(text).map(|gap| gap.as_millis()), Ok(millis), "{text}");
        }
        for text in ["", "0", "/s", "10/d", "-1", "1e9", "0/s"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_and_servers() {
        assert_eq!((size("500"), size("64k"), size("10M")), (Ok(500), Ok(65_536), Ok(10 << 20)));
        for text in ["0", "", "1x", "-1", "99999999999T"] {
            assert!(size(text).is_err(), "{text}");
        }
        for (text, address) in [("9.9.9.9", "9.9.9.9:53"), ("::1", "[::1]:53"), ("[::1]:5353", "[::1]:5353")] {
            assert_eq!(server(text).map(|server| server.to_string()), Ok(address.to_owned()));
        }
        assert!(server("dns.example").is_err());
    }
}
