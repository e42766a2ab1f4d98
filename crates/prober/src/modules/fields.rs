//! Taking a mapping apart, key by key: each is asked for by name and type, and what nobody asked for is an error.
//!
//! Messages name the path of the key (`modules.http_2xx.http.method`), what was expected and what stands there.
//! Neighbours: `tree` before it, `read` uses it.

use std::time::Duration;

use super::tree::{Fault, Node, Value};
use crate::nearest::nearest;
use crate::pattern::Pattern;

/// The entries of one mapping that have not been asked for yet.
#[derive(Debug)]
pub(super) struct Fields {
    /// Where the mapping stands: `modules.http_2xx`.
    path: String,
    line: usize,
    entries: Vec<(usize, String, Node)>,
}

impl Fields {
    /// Of the mapping at `path`; nothing at all is an empty one.
    pub(super) fn of(node: Node, path: &str) -> Result<Fields, Fault> {
        let (line, is_null) = (node.line, node.is_null());
        match node.value {
            Value::Mapping(entries) => Ok(Fields { path: path.to_owned(), line, entries }),
            _ if is_null => Ok(Fields { path: path.to_owned(), line, entries: Vec::new() }),
            _ => {
                let place = if path.is_empty() { "the file" } else { path };
                Err(Fault::new(line, format!("{place}: expected a mapping, found {}", node.kind())))
            }
        }
    }

    pub(super) fn line(&self) -> usize {
        self.line
    }

    fn take(&mut self, key: &str) -> Option<(String, Node)> {
        let at = self.entries.iter().position(|(_, name, _)| name == key)?;
        let (line, _, mut node) = self.entries.remove(at);
        if node.is_null() && line > 0 {
            node.line = line;
        }
        Some((self.path_of(key), node))
    }

    /// Is there such a key?
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(_, name, node)| name == key && !node.is_null())
    }

    /// The mapping under `key`; an empty one where there is none.
    pub(super) fn mapping(&mut self, key: &str) -> Result<Option<Fields>, Fault> {
        self.take(key).map(|(path, node)| Fields::of(node, &path)).transpose()
    }

    /// All entries, in the order of the file: line, name, path, value.
    pub(super) fn all(self) -> impl Iterator<Item = (usize, String, String, Node)> {
        let path = self.path;
        self.entries.into_iter().map(move |(line, key, node)| {
            let path = format!("{path}.{key}").trim_start_matches('.').to_owned();
            (line.max(node.line.min(1)), key, path, node)
        })
    }

    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>, Fault> {
        self.take(key).filter(|(_, node)| !node.is_null()).map(|(path, node)| text(node, &path)).transpose()
    }

    /// The text under `key`, and its line; nothing where it is empty.
    pub(super) fn line_and_text(&mut self, key: &str) -> Result<Option<(usize, String)>, Fault> {
        let Some((path, node)) = self.take(key).filter(|(_, node)| !node.is_null()) else { return Ok(None) };
        let line = node.line;
        Ok(Some((line, text(node, &path)?)).filter(|(_, text)| !text.is_empty()))
    }

    /// Where `key` stands, or would.
    pub(super) fn path_of(&self, key: &str) -> String {
        format!("{}.{key}", self.path).trim_start_matches('.').to_owned()
    }

    pub(super) fn texts(&mut self, key: &str) -> Result<Vec<(usize, String)>, Fault> {
        let items = self.list(key)?;
        items.into_iter().map(|(path, node)| Ok((node.line, text(node, &path)?))).collect()
    }

    /// The items under `key`, each with its path.
    pub(super) fn list(&mut self, key: &str) -> Result<Vec<(String, Node)>, Fault> {
        let Some((path, node)) = self.take(key).filter(|(_, node)| !node.is_null()) else { return Ok(Vec::new()) };
        let (line, kind) = (node.line, node.kind());
        match node.value {
            Value::Sequence(items) => {
                Ok(items.into_iter().enumerate().map(|(nth, item)| (format!("{path}[{nth}]"), item)).collect())
            }
            _ => Err(Fault::new(line, format!("{path}: expected a list, found {kind}"))),
        }
    }

    pub(super) fn truth(&mut self, key: &str) -> Result<Option<bool>, Fault> {
        self.parsed(key, "true or false", |text| match text {
            // All that YAML 1.1 has, and Go's parser takes where a truth is wanted.
            "true" | "True" | "TRUE" | "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
            "false" | "False" | "FALSE" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
            _ => None,
        })
    }

    /// A duration as Go writes it: `5s`, `1m30s`, `500ms`.
    pub(super) fn duration(&mut self, key: &str) -> Result<Option<Duration>, Fault> {
        self.parsed(key, "a duration such as 5s or 500ms", go_duration)
    }

    /// A value that `read` understands; anything else is an error that says what was expected.
    pub(super) fn parsed<T>(
        &mut self,
        key: &str,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Fault> {
        let Some((path, node)) = self.take(key).filter(|(_, node)| !node.is_null()) else { return Ok(None) };
        let line = node.line;
        let text = match node.value {
            Value::Scalar(text, _) => text,
            _ => return Err(Fault::new(line, format!("{path}: expected {expected}, found {}", node.kind()))),
        };
        match read(&text) {
            Some(value) => Ok(Some(value)),
            None => {
                let shown: String = text.chars().take(60).collect();
                Err(Fault::new(line, format!("{path}: expected {expected}, found {shown:?}")))
            }
        }
    }

    pub(super) fn regexes(&mut self, key: &str) -> Result<Vec<Pattern>, Fault> {
        let items = self.list(key)?;
        items.into_iter().map(|(path, node)| regex(node, &path)).collect()
    }

    pub(super) fn regex(&mut self, key: &str) -> Result<Option<Pattern>, Fault> {
        self.take(key).filter(|(_, node)| !node.is_null()).map(|(path, node)| regex(node, &path)).transpose()
    }

    /// A key that stands here but cannot be honoured is an error, not a surprise later.
    pub(super) fn refuse(&mut self, keys: &[(&str, &str)]) -> Result<(), Fault> {
        for (key, why) in keys {
            if let Some((path, node)) = self.take(key) {
                // Switched off, it asks for nothing.
                if !node.is_null() && !matches!(&node.value, Value::Scalar(text, _) if text == "false") {
                    return Err(Fault::new(node.line, format!("{path}: {why}")));
                }
            }
        }
        Ok(())
    }

    /// Nothing may be left.
    pub(super) fn end(self, known: &[&str]) -> Result<(), Fault> {
        let Some((line, key, node)) = self.entries.into_iter().next() else { return Ok(()) };
        let path = format!("{}.{key}", self.path).trim_start_matches('.').to_owned();
        let near = nearest(&key, known.iter().copied());
        let hint = near.map(|other| format!("; did you mean {other}?")).unwrap_or_default();
        Err(Fault::new(if line > 0 { line } else { node.line }, format!("{path}: there is no such key{hint}")))
    }
}

pub(super) fn text(node: Node, path: &str) -> Result<String, Fault> {
    let (line, kind) = (node.line, node.kind());
    match node.value {
        Value::Scalar(text, _) => Ok(text),
        _ => Err(Fault::new(line, format!("{path}: expected text, found {kind}"))),
    }
}

fn regex(node: Node, path: &str) -> Result<Pattern, Fault> {
    let line = node.line;
    let pattern = text(node, path)?;
    Pattern::parse(&pattern)
        .map_err(|error| Fault::new(line, format!("{path}: {pattern:?} is not a regular expression: {error}")))
}

/// Numbers with units, one after the other; also with a `d`, `w` or `y`, as Prometheus has them.
pub(super) fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum = 0.0;
    if text == "0" {
        return Some(Duration::ZERO);
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        sum += number
            * match &rest[..end] {
                "ns" => 1e-9,
                "us" | "µs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3_600.0,
                "d" => 86_400.0,
                "w" => 7.0 * 86_400.0,
                "y" => 365.0 * 86_400.0,
                _ => return None,
            };
        rest = &rest[end..];
    }
    Duration::try_from_secs_f64(sum).ok().filter(|_| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_go_writes_them() {
        for (text, millis) in [("5s", 5_000), ("500ms", 500), ("1m30s", 90_000), ("1.5s", 1_500), ("1d", 86_400_000)] {
            assert_eq!(go_duration(text).map(|length| length.as_millis()), Some(millis), "{text}");
        }
        for text in ["", "5", "s", "5 s", "-1s", "5x", "1e3s"] {
            assert_eq!(go_duration(text), None, "{text}");
        }
    }
}
