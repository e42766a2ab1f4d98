//! Prometheus's text exposition format, version 0.0.4: samples in, text out.
//!
//! Neighbours: `gauges` makes a probe's samples, `report::prom` prints those of a run, `serve` those of a scrape.
//! Invariant: each family's lines stand together, with one HELP and one TYPE in front; label values are escaped, also
//! for a terminal, which the format itself does not ask for.

use std::io::Write;

use crate::escape;

/// What kind of number a family holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Gauge,
    Counter,
    Histogram,
}

/// Name, kind and meaning of a family of samples.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) help: &'static str,
}

impl Family {
    pub(crate) const fn gauge(name: &'static str, help: &'static str) -> Family {
        Family { name, kind: Kind::Gauge, help }
    }

    pub(crate) const fn counter(name: &'static str, help: &'static str) -> Family {
        Family { name, kind: Kind::Counter, help }
    }
}

/// One number with its labels.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) family: &'static Family,
    /// What a histogram's lines have behind the name: `_bucket`, `_sum`, `_count`.
    pub(crate) suffix: &'static str,
    pub(crate) labels: Vec<(&'static str, String)>,
    pub(crate) value: f64,
}

impl Sample {
    pub(crate) fn new(family: &'static Family, value: f64) -> Sample {
        Sample { family, suffix: "", labels: Vec::new(), value }
    }

    pub(crate) fn label(mut self, name: &'static str, value: impl Into<String>) -> Sample {
        self.labels.push((name, value.into()));
        self
    }

    pub(crate) fn suffix(mut self, suffix: &'static str) -> Sample {
        self.suffix = suffix;
        self
    }
}

/// Appends all samples, grouped by family in the order in which families first appear.
pub(crate) fn write(out: &mut Vec<u8>, samples: &[Sample]) {
    let mut families: Vec<&'static Family> = Vec::new();
    let mut by_family: std::collections::HashMap<&str, Vec<&Sample>> = std::collections::HashMap::new();
    for sample in samples {
        let group = by_family.entry(sample.family.name).or_default();
        if group.is_empty() {
            families.push(sample.family);
        }
        group.push(sample);
    }
    for family in families {
        let kind = match family.kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
        };
        drop(writeln!(out, "# HELP {} {}\n# TYPE {0} {kind}", family.name, family.help));
        for sample in by_family.get(family.name).into_iter().flatten() {
            line(out, sample);
        }
    }
}

fn line(out: &mut Vec<u8>, sample: &Sample) {
    drop(write!(out, "{}{}", sample.family.name, sample.suffix));
    for (nth, (name, value)) in sample.labels.iter().enumerate() {
        out.push(if nth == 0 { b'{' } else { b',' });
        drop(write!(out, "{name}=\""));
        label_value(out, value);
        out.push(b'"');
    }
    if !sample.labels.is_empty() {
        out.push(b'}');
    }
    drop(writeln!(out, " {}", number(sample.value)));
}

fn label_value(out: &mut Vec<u8>, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => out.extend_from_slice(b"\\\\"),
            '"' => out.extend_from_slice(b"\\\""),
            '\n' => out.extend_from_slice(b"\\n"),
            _ if oneloop_trace::drives(character) => {
                // As everywhere else, `\x1b`, whose backslash the format wants twice.
                out.push(b'\\');
                escape::terminal(out, character.encode_utf8(&mut [0; 4]));
            }
            _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// A float as the format wants it.
pub(crate) fn number(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        _ if value.is_nan() => "NaN".to_owned(),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static UP: Family = Family::gauge("up", "Whether it is up.");
    static DOWN: Family = Family::counter("down_total", "How often it was down.");

    #[test]
    fn what_drives_a_terminal_is_visible_in_a_label() {
        let mut out = Vec::new();
        write(&mut out, &[Sample::new(&UP, 1.0).label("url", "http://\x1b[2J\u{9b}\r\u{202e}é/")]);
        let text = String::from_utf8(out).expect("text");
        assert!(text.ends_with("up{url=\"http://\\\\x1b[2J\\\\u{9b}\\\\r\\\\u{202e}é/\"} 1\n"), "{text}");
    }

    #[test]
    fn families_stand_together_and_labels_are_escaped() {
        let samples = [
            Sample::new(&UP, 1.0).label("of", "a\"b\\c\nd"),
            Sample::new(&DOWN, 3.0),
            Sample::new(&UP, 0.5).label("of", "x").label("and", "y"),
        ];
        let mut out = Vec::new();
        write(&mut out, &samples);
        assert_eq!(
            String::from_utf8(out).expect("text"),
            "# HELP up Whether it is up.\n# TYPE up gauge\nup{of=\"a\\\"b\\\\c\\nd\"} 1\nup{of=\"x\",and=\"y\"} 0.5\n\
             # HELP down_total How often it was down.\n# TYPE down_total counter\ndown_total 3\n"
        );
        assert_eq!(
            (number(f64::INFINITY), number(1.7e9), number(-1.0)),
            ("+Inf".into(), "1700000000".into(), "-1".into())
        );
    }
}
