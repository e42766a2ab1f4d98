//! Regular expressions of people, with the meaning that they have in blackbox_exporter.
//!
//! A module is to give the same verdict in both, and theirs is Go's (RE2's) syntax: `\d`, `\w`, `\s` and `\b` are ASCII,
//! a byte that is no UTF-8 counts as one U+FFFD, `\Q…\E` quotes, a brace that counts nothing means itself, and so do `[`,
//! `&&`, `--` and `~~` inside of brackets. `go_syntax` has all of it; the rest is the same in the crate `regex`.
//! Neighbours: `modules` and `cli` read patterns, `expect` asks.

use std::borrow::Cow;
use std::fmt;

use regex::Regex;

mod go_syntax;
use go_syntax::translated;

/// A pattern, and how it was written.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    regex: Regex,
    text: Box<str>,
}

impl Pattern {
    /// Reads `text`; the error is what is wrong with it, in a line.
    pub(crate) fn parse(text: &str) -> Result<Pattern, String> {
        match Regex::new(&translated(text)?) {
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
            (r#"^{"status": {"ok":true}}$"#, r#"{"status": {"ok":true}}"#, true),
            ("^a{,2}b{c{1$", "a{,2}b{c{1", true),
            ("^a{02}$", "a{02}", true),
            ("^a{2}b{1,}c{0,1}$", "aabbb", true),
            (r"^\b{start}", "{start}", false),
            (r"^\<a\>\_\ $", "<a>_ ", true),
            (r"^\101\x42\x{43}\0$", "ABC\0", true),
            (r"^\p{^Lu}\P{^Greek}$", "aα", true),
            (r"^\P{Cs}$", "a", true),
            (r"[\p{Cs}]", "a", false),
            ("^(?P<n>a)(?P<n>b)(?)c$", "abc", true),
            ("^(?ii)A(?i-i:B)(?s-i:.)$", "aB\n", true),
            ("^(?U)a+?$", "aaa", true),
            ("[[:]", ":", true),
            (r"^\x{e9}{2}$", "éé", true),
            (r"^\Qa.b\E+c\Q[", "a.bbc[", true),
            (r"^[+--]+$", "+,-", true),
            (r"^[a\-z]+$", "b", false),
            (r"^[ -[:^x:]]+$", "]", false),
            (r"^[ -[:^x:]]$", "A]", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} in {text}");
        }
    }

    /// blackbox_exporter 0.23 does not start with any of them.
    #[test]
    fn what_go_refuses_is_refused() {
        for pattern in [
            "a**",
            "a*+",
            "a{2}{3}",
            "a???",
            "a{1001}",
            "(?x)a b",
            "(?u)a",
            "(?i-u)a",
            "(?i-)",
            "(?-)",
            "(?-i-s)",
            "(?=a)",
            "(?<=a)",
            "(?P<>a)",
            "(?P<a.b>a)",
            "(?P<n",
            "(?i",
            r"\1",
            r"\8",
            r"\u0041",
            r"\h",
            r"\Z",
            r"\C",
            r"\é",
            r"[\b]",
            r"\p{greek}",
            r"\p{Script=Greek}",
            r"\p{Alphabetic}",
            r"\p{Age=3.0}",
            r"\p{",
            r"\p{}",
            r"\p",
            "[[:foo:]]",
            "[[:^foo:]]",
            "[z-a]",
            r"[a-\d]",
        ] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
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
        for pattern in ["(", "a**[", r"\", "[a", r"\8", "a{3,2}", r"\x{110000}"] {
            let error = Pattern::parse(pattern).expect_err(pattern);
            assert!(!error.is_empty() && !error.contains("(?-u"), "{error}");
        }
    }
}
