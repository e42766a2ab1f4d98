//! What may be shown: control characters escaped, secrets left out.
//!
//! Neighbours: every renderer in `report` passes what a server or a list said through here first.
//! Invariants: nothing that passed through [`terminal`] can move a cursor, ring a bell or reverse a line;
//! nothing that passed through [`url_without_secrets`] bears user information.

use std::borrow::Cow;
use std::ops::Range;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use percent_encoding::percent_decode_str;

/// What stands where a secret stood.
pub(crate) const SECRET: &str = "<secret>";

/// Is this the name of a header whose value is never shown?
pub(crate) fn is_secret_header(name: &str) -> bool {
    ["authorization", "proxy-authorization", "cookie", "set-cookie"]
        .iter()
        .any(|secret| name.eq_ignore_ascii_case(secret))
}

/// Appends `text` to `out` with its control characters visible: `\n`, `\x1b`, `\u{9b}`.
///
/// C1 controls count (a terminal takes U+009B for ESC `[`), and so do the marks that reorder a line of text.
pub(crate) fn terminal(out: &mut Vec<u8>, text: &str) {
    // Nearly every text is printable ASCII: one pass finds that out, and one copy does the rest.
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for character in text.chars() {
        match character {
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\0'..='\x1f' | '\x7f' => {
                out.extend_from_slice(format!("\\x{:02x}", character as u32).as_bytes());
            }
            _ if oneloop_trace::drives(character) => {
                out.extend_from_slice(format!("\\u{{{:x}}}", character as u32).as_bytes());
            }
            _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// `bytes` as text: what is UTF-8 stays, every other byte becomes `\xNN`.
pub(crate) fn bytes_as_text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    Cow::Owned(text)
}

/// `url` with its user information, if it has any, replaced by `<secret>`.
///
/// This looks at the text alone, so that it serves for URLs that do not parse, too.
pub(crate) fn url_without_secrets(url: &str) -> Cow<'_, str> {
    masked(url, user_information(url))
}

/// `text` with the user information of every URL in it replaced by `<secret>`: of every word with a slash.
pub(crate) fn text_without_secrets(text: &str) -> Cow<'_, str> {
    if !text.contains('@') {
        return Cow::Borrowed(text);
    }
    let ends = |c: char| c.is_whitespace() || c == '"';
    let shown = text.split_inclusive(ends).map(|word| match word.contains(['/', '\\']) {
        true => url_without_secrets(word),
        false => Cow::Borrowed(word),
    });
    Cow::Owned(shown.collect())
}

/// What did not parse as a URL, with all that may have been meant as user information replaced by `<secret>`: a password
/// with a slash in it ends the host's place too early.
pub(crate) fn bad_url_without_secrets(url: &str) -> Cow<'_, str> {
    let start = authority_start(url);
    masked(url, url.rfind('@').filter(|at| *at >= start).map(|at| start..at))
}

fn masked(url: &str, place: Option<Range<usize>>) -> Cow<'_, str> {
    match place {
        Some(place) => Cow::Owned(format!("{}{SECRET}{}", &url[..place.start], &url[place.end..])),
        None => Cow::Borrowed(url),
    }
}

/// Where the user information of `url` stands, without its `@`. A `://` in front of it need not be there, and one behind
/// it may be part of a path: `user:password@host/?next=http://other`.
fn user_information(url: &str) -> Option<Range<usize>> {
    if !url.contains('@') {
        return None;
    }
    let before = |start: usize| {
        let authority = &url[start..];
        let end = authority.find(['/', '?', '#', '\\']).unwrap_or(authority.len());
        authority[..end].rfind('@').map(|at| start..start + at)
    };
    before(authority_start(url)).or_else(|| before(url.find("://")? + 3))
}

/// Behind a scheme and its slashes, however many, if `url` begins with these; else 0.
fn authority_start(url: &str) -> usize {
    let scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.') || c.is_whitespace();
    let Some(rest) = url.trim_start_matches(scheme).strip_prefix(':') else {
        return url.len() - url.trim_start_matches(['/', '\\']).len();
    };
    let authority = rest.trim_start_matches(['/', '\\']);
    if authority.len() == rest.len() { 0 } else { url.len() - authority.len() }
}

/// What must not be shown of the user information of `url`, wherever it turns up: the password, as it is written and as
/// it is meant, and what a server is sent of it.
pub(crate) fn url_secrets(url: &str) -> Vec<String> {
    let Some(information) = user_information(url).and_then(|range| url.get(range)) else { return Vec::new() };
    let (user, password) = information.split_once(':').unwrap_or((information, ""));
    let (user, meant): (Vec<u8>, Vec<u8>) =
        (percent_decode_str(user).collect(), percent_decode_str(password).collect());
    let sent = BASE64_STANDARD.encode([&user[..], b":", &meant[..]].concat());
    vec![password.to_owned(), String::from_utf8_lossy(&meant).into_owned(), sent]
}

/// The values that must not be shown wherever they turn up: a server may send back what it was sent.
#[derive(Debug, Default)]
pub(crate) struct Secrets(Vec<Vec<u8>>);

/// A secret shorter than this would hide innocent words; it is left out of the places that are known, and no others.
const SHORTEST_SECRET: usize = 4;

impl Secrets {
    /// Of these values; each is also known as it stands in JSON, in XML, in HTML and behind percent signs.
    pub(crate) fn new(values: impl IntoIterator<Item = String>) -> Secrets {
        let mut all = Vec::new();
        for value in values.into_iter().filter(|value| value.len() >= SHORTEST_SECRET) {
            let json = serde_json::to_string(&value).unwrap_or_default();
            let xml = oneloop_trace::escaped(&value);
            let html = xml.replace('\'', "&#39;");
            let quoted = value.replace('"', "\"\"");
            let escaped = json.trim_matches('"').to_owned();
            // Padding of base64 is left out in a URL, or stands behind percent signs.
            let unpadded = value.trim_end_matches('=').to_owned();
            all.extend([value, escaped, xml, html, quoted, unpadded].map(String::into_bytes));
        }
        all.retain(|form| form.len() >= SHORTEST_SECRET);
        // The longest first: one secret may be part of another.
        all.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        all.dedup();
        Secrets(all)
    }

    /// Puts `<secret>` in place of each of them in `out`, from the byte at `from` on.
    pub(crate) fn hide(&self, out: &mut Vec<u8>, from: usize) {
        for secret in &self.0 {
            let mut at = from;
            while let Some(found) = out.get(at..).and_then(|rest| find(rest, secret)) {
                out.splice(at + found.start..at + found.end, SECRET.bytes());
                at += found.start + SECRET.len();
            }
        }
    }

    /// `text` without them.
    pub(crate) fn hidden(&self, text: &str) -> String {
        let mut out = text.as_bytes().to_vec();
        self.hide(&mut out, 0);
        String::from_utf8_lossy(&out).into_owned()
    }
}

/// Where `secret` stands in `text`: as it is, or with any of its bytes behind percent signs, as a server that puts it into
/// a URL writes it, and as a URL is written that has it raw.
fn find(text: &[u8], secret: &[u8]) -> Option<Range<usize>> {
    (0..text.len()).find_map(|start| {
        let rest = text.get(start..)?;
        let length = if rest.starts_with(secret) { Some(secret.len()) } else { in_a_url(rest, secret) };
        length.map(|length| start..start + length)
    })
}

/// How much of the beginning of `text` is `secret` as it stands in a URL.
fn in_a_url(text: &[u8], secret: &[u8]) -> Option<usize> {
    let mut at = 0;
    for &byte in secret {
        let rest = text.get(at..)?;
        at += match rest.first()? {
            b'%' => {
                let digits = std::str::from_utf8(rest.get(1..3)?).ok()?;
                u8::from_str_radix(digits, 16).ok().filter(|meant| *meant == byte).map(|_| 3)?
            }
            b'+' if byte == b' ' => 1,
            same if *same == byte => 1,
            _ => return None,
        };
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = Vec::new();
        terminal(&mut out, text);
        String::from_utf8(out).expect("escaping keeps UTF-8")
    }

    #[test]
    fn a_secret_is_known_in_the_forms_in_which_it_is_shown() {
        let secrets = Secrets::new(["it's <so> \"secret\" & long".to_owned()]);
        for shown in [
            "it's <so> \"secret\" & long",
            "it's <so> \\\"secret\\\" & long",
            "it's &lt;so&gt; &quot;secret&quot; &amp; long",
            "it&#39;s &lt;so&gt; &quot;secret&quot; &amp; long",
            "it's <so> \"\"secret\"\" & long",
        ] {
            assert_eq!(secrets.hidden(shown), "<secret>");
        }
    }

    #[test]
    fn a_secret_is_known_behind_percent_signs() {
        let secrets =
            Secrets::new(["tok/SECRET+1 2=".into(), "Päßwörd".into(), "bWU6U0VDUkVUMTI=".into(), "50%off".into()]);
        for shown in [
            "tok%2FSECRET%2B1%202%3D",
            "tok%2fSECRET%2b1+2=",
            "%74ok/SECRET%2B1%202%3d",
            "P%C3%A4%C3%9Fw%C3%B6rd",
            "bWU6U0VDUkVUMTI%3D",
            "bWU6U0VDUkVUMTI",
            "50%25off",
            "50%off",
        ] {
            assert_eq!(secrets.hidden(&format!("/login?t={shown}&x=%")), "/login?t=<secret>&x=%", "{shown}");
        }
        assert_eq!(secrets.hidden("tok%2FSECRET"), "tok%2FSECRET");
        assert_eq!(Secrets::new(["====".into(), "ab==".into()]).hidden("ab =="), "ab ==");
    }

    #[test]
    fn what_a_terminal_would_obey_becomes_visible() {
        assert_eq!(escaped("plain text"), "plain text");
        assert_eq!(escaped("a\x1b[31mred\x07"), "a\\x1b[31mred\\x07");
        assert_eq!(escaped("line\r\nnext\t"), "line\\r\\nnext\\t");
        assert_eq!(escaped("\u{9b}2J"), "\\u{9b}2J");
        assert_eq!(escaped("\u{202e}gpj.exe\u{61c}"), "\\u{202e}gpj.exe\\u{61c}");
        assert_eq!(escaped("žluťoučký 🐎"), "žluťoučký 🐎");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_spelt_out() {
        assert_eq!(bytes_as_text(b"caf\xc3\xa9"), "café");
        assert_eq!(bytes_as_text(b"caf\xe9!\xff"), "caf\\xe9!\\xff");
    }

    #[test]
    fn user_information_never_shows() {
        for (url, shown) in [
            ("http://me:pw@host/", "http://<secret>@host/"),
            ("me:pw@host/path", "<secret>@host/path"),
            ("http://a@b:p@ss@host", "http://<secret>@host"),
            ("http://host/a@b", "http://host/a@b"),
            ("http://host?to=a@b", "http://host?to=a@b"),
            ("http://host/", "http://host/"),
            ("http://me:p w@ho st/", "http://<secret>@ho st/"),
            // Found by the fuzz target `exporter_query`: a `://` behind hid what stands in front.
            ("me:pw@host/?next=http://b", "<secret>@host/?next=http://b"),
            ("me:pw@host://a@b", "<secret>@host://a@b"),
            ("http:\\\\me:pw@host", "http:\\\\<secret>@host"),
            ("https:/me:pw@host", "https:/<secret>@host"),
            (" http://me:pw@host", " http://<secret>@host"),
            ("<http://me:pw@host>", "<http://<secret>@host>"),
            ("http:me:pw@host", "<secret>@host"),
            ("//me:pw@host/", "//<secret>@host/"),
            ("/path/me@host", "/path/me@host"),
        ] {
            assert_eq!(url_without_secrets(url), shown, "{url}");
        }
        assert_eq!(
            text_without_secrets("http://me:pw@a/ redirects to \"https://x@b\", not to me@home"),
            "http://<secret>@a/ redirects to \"https://<secret>@b\", not to me@home"
        );
        assert_eq!(text_without_secrets("see http://a/@b"), "see http://a/@b");
        assert_eq!(
            text_without_secrets(r#"to "//u:pw@[::1", http:/u:pw@x/ and http:\\u:pw@x"#),
            r#"to "//<secret>@[::1", http:/<secret>@x/ and http:\\<secret>@x"#
        );
        assert_eq!(bad_url_without_secrets("http://me:p/w@h/"), "http://<secret>@h/");
        assert_eq!(bad_url_without_secrets("http://[bad"), "http://[bad");
    }

    #[test]
    fn the_secrets_of_a_url_are_known_in_the_form_that_is_sent_too() {
        let secrets = url_secrets("http://me:hunter%322@host/");
        assert_eq!(secrets, ["hunter%322", "hunter22", "bWU6aHVudGVyMjI="]);
        assert_eq!(url_secrets("http://host/me:hunter2@x"), [""; 0]);
        assert_eq!(url_secrets("http://me%zz%@host")[2], BASE64_STANDARD.encode(b"me%zz%:"));
    }

    #[test]
    fn secret_headers_are_known_in_any_case() {
        assert!(is_secret_header("Set-Cookie") && is_secret_header("AUTHORIZATION"));
        assert!(!is_secret_header("Content-Type"));
    }

    #[test]
    fn secrets_are_hidden_wherever_they_stand() {
        let secrets = Secrets::new(["hunter2".into(), "pw".into(), "a\"b<c".into(), "hunter2-long".into()]);
        assert_eq!(secrets.hidden("x hunter2, hunter2-long; pw"), "x <secret>, <secret>; pw");
        assert_eq!(secrets.hidden(r#"{"v":"a\"b<c"}"#), r#"{"v":"<secret>"}"#);
        assert_eq!(secrets.hidden("<v>a&quot;b&lt;c</v>"), "<v><secret></v>");
        let mut out = b"hunter2 hunter2".to_vec();
        secrets.hide(&mut out, 7);
        assert_eq!(out, b"hunter2 <secret>");
    }
}
