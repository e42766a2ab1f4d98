//! Regular expressions of people, with the meaning that they have in blackbox_exporter.
//!
//! A module is to give the same verdict in both, and theirs is Go's (RE2's) syntax: `\d`, `\w`, `\s` and `\b` are ASCII,
//! a byte that is no UTF-8 counts as one U+FFFD, `\Q…\E` quotes, and inside of brackets `[`, `&&`, `--` and `~~` mean
//! themselves. The rest is the same in the crate `regex`. Neighbours: `modules` and `cli` read patterns, `expect` asks.

use std::borrow::Cow;
use std::fmt;

use regex::Regex;

/// A pattern, and how it was written.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    regex: Regex,
    text: Box<str>,
}

impl Pattern {
    /// Reads `text`; the error is what is wrong with it, in a line.
    pub(crate) fn parse(text: &str) -> Result<Pattern, String> {
        match Regex::new(&translated(text)) {
            Ok(regex) => Ok(Pattern { regex, text: text.into() }),
            // In the words for what was written, if these see the fault, too.
            Err(error) => {
                let error = Regex::new(text).err().unwrap_or(error);
                Err(last_line(&error))
            }
        }
    }

    /// Whether it matches anywhere.
    pub(crate) fn is_match(&self, bytes: &[u8]) -> bool {
        self.regex.is_match(&as_go_reads(bytes))
    }
}

/// regex's errors draw the expression over several lines; the last one has the reason.
fn last_line(error: &regex::Error) -> String {
    error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `bytes` as text, with one U+FFFD for each byte that is no UTF-8.
fn as_go_reads(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '\u{fffd}'));
    }
    Cow::Owned(text)
}

/// Go's pattern in the syntax of the crate `regex`.
fn translated(pattern: &str) -> String {
    let (mut out, mut rest, mut in_class) = (String::with_capacity(pattern.len() + 16), pattern, false);
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        match character {
            '\\' => rest = escape(&mut out, rest, in_class),
            '[' if !in_class => {
                in_class = true;
                out.push('[');
                let negated = rest.starts_with('^');
                out.push_str(if negated { "^" } else { "" });
                rest = &rest[usize::from(negated)..];
                // The first bracket is a member of the class.
                if let Some(after) = rest.strip_prefix(']') {
                    out.push_str("\\]");
                    rest = after;
                }
            }
            '[' => match rest.strip_prefix(':').and_then(|name| name.find(":]")) {
                Some(end) => {
                    out.push_str(&format!("[{}", &rest[..end + 3]));
                    rest = &rest[end + 3..];
                }
                None => out.push_str("\\["),
            },
            ']' => {
                in_class = false;
                out.push(']');
            }
            '&' | '~' if in_class => out.extend(['\\', character]),
            '-' if in_class && rest.starts_with('-') => {
                out.push_str("-\\-");
                rest = &rest[1..];
            }
            _ => out.push(character),
        }
    }
    out
}

/// What a backslash before `rest` begins, and what is behind that.
fn escape<'a>(out: &mut String, rest: &'a str, in_class: bool) -> &'a str {
    if let Some(quoted) = rest.strip_prefix('Q').filter(|_| !in_class) {
        let (quoted, behind) = quoted.split_once("\\E").unwrap_or((quoted, ""));
        out.push_str(&regex::escape(quoted));
        return behind;
    }
    let Some(letter) = rest.chars().next() else {
        out.push('\\');
        return rest;
    };
    let ascii = match letter {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        's' => "[\\t\\n\\f\\r ]",
        'S' => "[^\\t\\n\\f\\r ]",
        'b' if !in_class => "(?-u:\\b)",
        _ => {
            out.extend(['\\', letter]);
            ""
        }
    };
    out.push_str(ascii);
    &rest[letter.len_utf8()..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: impl AsRef<[u8]>) -> bool {
        Pattern::parse(pattern).expect(pattern).is_match(text.as_ref())
    }

    /// Each verdict is that of blackbox_exporter 0.23 (Go's `regexp`).
    #[test]
    fn patterns_mean_what_they_mean_in_go() {
        for (pattern, text, expected) in [
            (r"^\d+$", "٣", false),
            (r"^\w+$", "ünï", false),
            (r"^\W+$", "üï", true),
            (r"a\sb", "a\u{a0}b", false),
            (r"a\sb", "a\u{b}b", false),
            (r"\bway", "öway", true),
            (r"^[\d\-]+$", "1-2", true),
            (r"^[^\s]+$", "a\u{a0}b", true),
            (r"\Q1+1=[2]\E!", "1+1=[2]!", true),
            (r"\Qa.b", "axb", false),
            (r"^[[]+$", "[[", true),
            (r"^[a&&b]+$", "a&b", true),
            (r"^[a~~b]+$", "~", true),
            (r"^[+--]$", ",", true),
            (r"^[]a]+$", "]a", true),
            (r"^[^]a]+$", "b", true),
            (r"^[[:alpha:]]+$", "ab", true),
            (r"^[[:^alpha:]]+$", "12", true),
            (r"^\pL+$", "ünï", true),
            (r"(?i)STRASSE", "strasse", true),
            (r"\\d", r"\d", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} in {text}");
        }
    }

    #[test]
    fn a_byte_that_is_no_utf8_is_one_character() {
        let page = b"<p>caf\xe9 ok</p>";
        for pattern in ["(?s)^.*$", "<p>[^<]+</p>", "caf. ok", r"caf\S ok", "caf\u{fffd} ok", r"caf\W\sok"] {
            assert!(matches(pattern, page), "{pattern}");
        }
        assert!(matches("^..$", b"\xff\xfe") && !matches("^.$", b"\xff\xfe"));
    }

    #[test]
    fn a_fault_is_told_in_the_words_of_what_was_written() {
        for pattern in ["(", "a**[", r"\", "[a", r"\8"] {
            let error = Pattern::parse(pattern).expect_err(pattern);
            assert!(!error.is_empty() && !error.contains("(?-u"), "{error}");
        }
    }
}
