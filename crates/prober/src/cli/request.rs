//! What the request options add up to: headers, credentials, the body.
//!
//! No message shows a value: it may be a secret. Files are read here, before the loop exists.

use super::options::RequestOptions;
use super::reads;
use super::values::is_token;
use crate::spec::{Header, Spec};

/// Applies the options that were given to `spec`.
pub(super) fn apply(options: &RequestOptions, spec: &mut Spec) -> Result<(), String> {
    let mut given = headers(&options.header)?;
    let mut unless_given = |header: Header| {
        if !given.iter().any(|(name, _)| name.eq_ignore_ascii_case(&header.0)) {
            given.push(header);
        }
    };
    if let Some(agent) = &options.user_agent {
        unless_given(checked("User-Agent", agent, "-A")?);
    }
    if let Some(user) = &options.user {
        let Some((_, password)) = user.split_once(':') else {
            return Err("-u is written USER:PASSWORD (nobody is asked for a password)".to_owned());
        };
        spec.secrets.push(password.to_owned());
        unless_given(("Authorization".to_owned(), Some(crate::spec::basic(user))));
    }
    if let Some(token) = &options.oauth2_bearer {
        if token.trim().is_empty() {
            return Err("the token of --oauth2-bearer is empty".to_owned());
        }
        spec.secrets.push(token.clone());
        unless_given(checked("Authorization", &format!("Bearer {token}"), "--oauth2-bearer")?);
    }
    spec.override_headers(given);
    if !options.data.is_empty() {
        spec.body = Some(data(&options.data)?.into());
        spec.method = "POST".to_owned();
        if !spec.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            let form = "application/x-www-form-urlencoded".to_owned();
            spec.headers.push(("Content-Type".to_owned(), Some(form)));
        }
    }
    if let Some(method) = &options.request {
        spec.method.clone_from(method);
    }
    if let Some(size) = options.max_filesize {
        spec.largest_body = size;
    }
    if options.location {
        spec.redirects = Some(options.max_redirs.unwrap_or(10));
    } else if let (Some(most), Some(_)) = (options.max_redirs, spec.redirects) {
        spec.redirects = Some(most);
    }
    Ok(())
}

/// All `-d`, joined by `&` as curl joins them; of a file, line breaks are left out as curl leaves them out.
fn data(parts: &[String]) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    for (nth, part) in parts.iter().enumerate() {
        if nth > 0 {
            body.push(b'&');
        }
        match part.strip_prefix('@') {
            None => body.extend_from_slice(part.as_bytes()),
            Some(path) => {
                let read = reads::bytes("the body", "-d", path)?;
                body.extend(read.into_iter().filter(|byte| !b"\r\n\0".contains(byte)));
            }
        }
    }
    Ok(body)
}

fn checked(name: &str, value: &str, option: &str) -> Result<Header, String> {
    match value.bytes().any(|byte| byte == b'\r' || byte == b'\n' || byte == 0) {
        true => Err(format!("the value of {option} holds a line break or a NUL")),
        false => Ok((name.to_owned(), Some(value.to_owned()))),
    }
}

/// The values of all `-H`, with each `@FILE` replaced by the lines of that file.
fn headers(lines: &[String]) -> Result<Vec<Header>, String> {
    let mut headers = Vec::new();
    for line in lines {
        let Some(path) = line.strip_prefix('@') else {
            headers.push(header(line)?);
            continue;
        };
        let text = reads::text("the headers", "-H", path)?;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            headers.push(header(line).map_err(|error| format!("{path}: {error}"))?);
        }
    }
    Ok(headers)
}

/// `Name: value`; as in curl, `Name:` means none and `Name;` an empty value. The message never shows the value: it may
/// be a secret.
fn header(line: &str) -> Result<Header, String> {
    let (name, value) = match (line.split_once(':'), line.strip_suffix(';')) {
        (Some((name, value)), _) => (name, Some(value.trim_matches([' ', '\t'])).filter(|value| !value.is_empty())),
        (None, Some(name)) => (name, Some("")),
        (None, None) => return Err("a header (-H) is written 'Name: value'".to_owned()),
    };
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(format!("'{}' cannot be the name of a header", name.escape_debug()));
    }
    if value.unwrap_or_default().bytes().any(|byte| byte == b'\r' || byte == b'\n' || byte == 0) {
        return Err(format!("the value of the header '{name}' holds a line break or a NUL"));
    }
    Ok((name.to_owned(), value.map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_taken_apart_and_their_values_never_repeated_in_errors() {
        assert_eq!(header("X-A:  b:c "), Ok(("X-A".into(), Some("b:c".into()))));
        assert_eq!(header("X-Empty;"), Ok(("X-Empty".into(), Some(String::new()))));
        assert_eq!(header("X-None:"), Ok(("X-None".into(), None)));
        for line in ["no colon", ": value", "a b: secret", "X: secret\r\nY: z", ""] {
            let error = header(line).expect_err(line);
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn data_is_joined_as_curl_joins_it() {
        assert_eq!(data(&["a=1".into(), "b=2".into()]), Ok(b"a=1&b=2".to_vec()));
        assert!(data(&["@/nonexistent/body".into()]).is_err_and(|error| error.contains("/nonexistent/body")));
    }
}
