//! Which statuses pass: the value of `--expect-status`.

use std::fmt;

/// A set of status codes, kept as the ranges that were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatusSet(Vec<(u16, u16)>);

impl Default for StatusSet {
    /// Exactly 200, as in the script that this program grew from.
    fn default() -> StatusSet {
        StatusSet(vec![(200, 200)])
    }
}

impl StatusSet {
    /// All of 2xx, as in blackbox_exporter.
    pub(crate) fn classes_of_success() -> StatusSet {
        StatusSet(vec![(200, 299)])
    }

    /// These ranges, each from the first to the second.
    pub(crate) fn of(ranges: Vec<(u16, u16)>) -> StatusSet {
        StatusSet(ranges)
    }

    /// Reads `200`, `2xx`, `200-204`, or several of them with commas.
    pub(crate) fn parse(text: &str) -> Result<StatusSet, String> {
        text.split(',').map(|part| range(part.trim())).collect::<Result<_, _>>().map(StatusSet)
    }

    /// Is `status` one of them?
    pub(crate) fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|(low, high)| (*low..=*high).contains(&status))
    }
}

fn range(part: &str) -> Result<(u16, u16), String> {
    let code = |text: &str| match text.parse::<u16>() {
        Ok(number @ 100..=999) if text.len() == 3 => Ok(number),
        _ => Err(format!("'{part}' is not a status: write 200, 2xx or 200-204")),
    };
    if let Some(class) = part.strip_suffix("xx").or_else(|| part.strip_suffix("XX")) {
        let low = code(&format!("{class}00"))?;
        return Ok((low, low + 99));
    }
    let (low, high) = part.split_once('-').unwrap_or((part, part));
    match (code(low)?, code(high)?) {
        (low, high) if low <= high => Ok((low, high)),
        _ => Err(format!("'{part}' is an empty range")),
    }
}

impl fmt::Display for StatusSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, (low, high)) in self.0.iter().enumerate() {
            let comma = if nth > 0 { "," } else { "" };
            match (low, high) {
                _ if low == high => write!(f, "{comma}{low}")?,
                _ if low % 100 == 0 && *high == low + 99 => write!(f, "{comma}{}xx", low / 100)?,
                _ => write!(f, "{comma}{low}-{high}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_classes_and_ranges() {
        let set = StatusSet::parse("200, 3xx,404-410").expect("a good list");
        for status in [200, 300, 399, 404, 410] {
            assert!(set.contains(status), "{status}");
        }
        for status in [199, 201, 400, 403, 411] {
            assert!(!set.contains(status), "{status}");
        }
        assert_eq!(set.to_string(), "200,3xx,404-410");
        assert!(StatusSet::default().contains(200) && !StatusSet::default().contains(204));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "2", "20", "2000", "xx", "0xx", "2yy", "204-200", "200,", "+20", "-200", "2x0", "ééxx"] {
            assert!(StatusSet::parse(text).is_err(), "{text}");
        }
    }
}
