//! What the keys of a module mean: each becomes part of a [`Spec`], or is refused by name.
//!
//! Where blackbox_exporter and the command line differ by default (2xx and redirects followed; one address, IPv6 first),
//! a module is like blackbox_exporter. Files that a key names are looked at now, so that a missing one has a line.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

use oneloop_http::resolver::Family;
use oneloop_http::{AddressChoice, Proxy};

use super::fields::{Fields, text};
use super::shown::without_secrets;
use super::tree::{Fault, Node};
use super::{Module, Modules};
use crate::cli::values::{is_token, method, tls_version};
use crate::expect::{HeaderRule, Missing};
use crate::files::check_readable_again;
use crate::spec::{Pem, Spec, basic};
use crate::status::StatusSet;

/// Probers of blackbox_exporter's that load, and cannot be asked for.
const OTHERS: [&str; 6] = ["tcp", "icmp", "dns", "grpc", "unix", "websocket"];

/// All keys of `http`, for the hint at a misspelt one.
const HTTP_KEYS: [&str; 32] = [
    "authorization",
    "basic_auth",
    "bearer_token",
    "bearer_token_file",
    "body",
    "body_file",
    "body_size_limit",
    "compression",
    "enable_http2",
    "enable_http3",
    "fail_if_body_json_matches_cel",
    "fail_if_body_json_not_matches_cel",
    "fail_if_body_matches_regexp",
    "fail_if_body_not_matches_regexp",
    "fail_if_header_matches",
    "fail_if_header_not_matches",
    "fail_if_not_ssl",
    "fail_if_ssl",
    "follow_redirects",
    "headers",
    "http_headers",
    "ip_protocol_fallback",
    "method",
    "no_follow_redirects",
    "no_proxy",
    "oauth2",
    "preferred_ip_protocol",
    "proxy_connect_header",
    "proxy_from_environment",
    "proxy_url",
    "tls_config",
    "valid_status_codes",
];

pub(super) fn modules(root: Node) -> Result<BTreeMap<String, Rc<Module>>, Fault> {
    let mut fields = Fields::of(root, "")?;
    let line = fields.line();
    let Some(list) = fields.mapping("modules")? else {
        fields.end(&["modules"])?;
        return Err(Fault::new(line, "modules: there is no such key, and without it no module"));
    };
    fields.end(&["modules"])?;
    let mut modules = BTreeMap::new();
    for (_, name, path, node) in list.all() {
        let module = module(node, &path)?;
        modules.insert(name, Rc::new(module));
    }
    if modules.is_empty() {
        return Err(Fault::new(line, "modules: there is none"));
    }
    Ok(modules)
}

fn module(node: Node, path: &str) -> Result<Module, Fault> {
    let shown = without_secrets(&node);
    let mut fields = Fields::of(node, path)?;
    let line = fields.line();
    let known = |text: &str| (text == "http" || OTHERS.contains(&text)).then(|| text.to_owned());
    let prober = fields.parsed("prober", "http, tcp, icmp, dns, grpc, unix or websocket", known)?;
    let prober = prober.ok_or_else(|| Fault::new(line, format!("{path}.prober: it is missing")))?;
    let timeout = fields.duration("timeout")?.filter(|timeout| !timeout.is_zero());
    let http = fields.mapping("http")?;
    for other in OTHERS {
        // Not ours: its keys are not looked at.
        drop(fields.mapping(other)?);
    }
    fields.end(&["prober", "timeout", "http"])?;
    let mut spec = match http {
        Some(fields) => http_spec(fields, path)?,
        None => http_spec(Fields::of(Node { line, value: super::tree::Value::Mapping(Vec::new()) }, path)?, path)?,
    };
    if let Some(timeout) = timeout {
        spec.max_time = timeout;
    }
    if prober == "http" {
        // What only the library can tell (a certificate that is none, a header that cannot be sent) is told now.
        crate::probe::Prober::new(Rc::new(spec.clone()), None, false)
            .map_err(|error| Fault::new(line, format!("{path}.http: {error}")))?;
    }
    Ok(Module { prober, timeout, spec, shown })
}

fn http_spec(mut fields: Fields, path: &str) -> Result<Spec, Fault> {
    let mut spec = Spec::default();
    let line = fields.line();
    expectations(&mut fields, &mut spec)?;
    let named = |text: &str| if text.is_empty() { Some("GET".to_owned()) } else { method(text).ok() };
    if let Some(method) = fields.parsed("method", "a method", named)? {
        spec.method = method;
    }
    if let Some(headers) = fields.mapping("headers")? {
        for (line, name, path, node) in headers.all() {
            if name.is_empty() || !name.bytes().all(is_token) {
                return Err(Fault::new(line, format!("{path}: this cannot be the name of a header")));
            }
            let value = if node.is_null() { String::new() } else { text(node, &path)? };
            if value.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
                return Err(Fault::new(line, format!("{path}: the value holds a line break or a NUL")));
            }
            spec.headers.push((name, Some(value)));
        }
    }
    body(&mut fields, &mut spec)?;
    credentials(&mut fields, &mut spec)?;
    let (follow, stay) = (fields.truth("follow_redirects")?, fields.truth("no_follow_redirects")?);
    spec.redirects = (follow.unwrap_or(true) && !stay.unwrap_or(false)).then_some(10);
    // Go's client follows from https to http, and so does blackbox_exporter.
    spec.downgrades = true;
    addresses(&mut fields, &mut spec)?;
    proxy(&mut fields, &mut spec)?;
    if let Some(tls) = fields.mapping("tls_config")? {
        tls_config(tls, &mut spec)?;
    }
    // HTTP/2 is never spoken, so it does not matter whether it is allowed.
    fields.truth("enable_http2")?;
    fields.truth("skip_resolve_phase_with_proxy")?;
    fields.refuse(&[
        ("enable_http3", "HTTP/3 is not spoken"),
        ("fail_if_body_json_matches_cel", "CEL is not supported; a regular expression may do"),
        ("fail_if_body_json_not_matches_cel", "CEL is not supported; a regular expression may do"),
        ("oauth2", "OAuth 2 is not supported; a token can be given by authorization"),
        ("proxy_from_environment", "the environment is never asked for a proxy; use proxy_url"),
        ("proxy_connect_header", "headers for CONNECT are not supported"),
        ("http_headers", "this is not supported; use headers"),
    ])?;
    fields.end(&HTTP_KEYS)?;
    // As in blackbox_exporter, the name in Host is also the one that TLS asks for.
    let host = spec.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
    if let (None, Some((_, Some(host)))) = (&spec.tls.server_name, host) {
        spec.tls.server_name = Some(crate::spec::without_port(host).to_owned());
    }
    if spec.headers.iter().any(|(name, value)| name.eq_ignore_ascii_case("host") && value.as_deref() == Some("")) {
        return Err(Fault::new(line, format!("{path}.http.headers.Host: it is empty")));
    }
    Ok(spec)
}

fn expectations(fields: &mut Fields, spec: &mut Spec) -> Result<(), Fault> {
    let expect = &mut spec.expect;
    let codes = fields.list("valid_status_codes")?;
    expect.status = StatusSet::classes_of_success();
    if !codes.is_empty() {
        let mut ranges = Vec::new();
        for (path, node) in codes {
            let line = node.line;
            let code_text = text(node, &path)?;
            match code_text.parse::<u16>() {
                // To Go one that begins with a 0 is octal: it isn't guessed what is meant.
                Ok(code @ 100..=999) if code.to_string() == code_text => ranges.push((code, code)),
                _ => {
                    return Err(Fault::new(
                        line,
                        format!("{path}: expected a status such as 200, found {code_text:?}"),
                    ));
                }
            }
        }
        expect.status = StatusSet::of(ranges);
    }
    for (line, version) in fields.texts("valid_http_versions")? {
        if !["HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "HTTP/2", "HTTP/3.0", "HTTP/3"].contains(&version.as_str()) {
            return Err(Fault::new(
                line,
                format!("http.valid_http_versions: expected HTTP/1.1 or the like, found {version:?}"),
            ));
        }
        expect.versions.push(version);
    }
    expect.fail_if_ssl = fields.truth("fail_if_ssl")?.unwrap_or(false);
    expect.fail_if_not_ssl = fields.truth("fail_if_not_ssl")?.unwrap_or(false);
    expect.fail_if_body_matches = fields.regexes("fail_if_body_matches_regexp")?;
    expect.fail_if_body_not_matches = fields.regexes("fail_if_body_not_matches_regexp")?;
    expect.fail_if_header_matches = header_rules(fields, "fail_if_header_matches")?;
    expect.fail_if_header_not_matches = header_rules(fields, "fail_if_header_not_matches")?;
    Ok(())
}

fn header_rules(fields: &mut Fields, key: &str) -> Result<Vec<HeaderRule>, Fault> {
    let mut rules = Vec::new();
    for (path, node) in fields.list(key)? {
        let line = node.line;
        let mut rule = Fields::of(node, &path)?;
        let missing = |key: &str| Fault::new(line, format!("{path}.{key}: it is missing"));
        let name = rule.text("header")?.filter(|name| !name.is_empty()).ok_or_else(|| missing("header"))?;
        let regex = rule.regex("regexp")?.ok_or_else(|| missing("regexp"))?;
        let when_missing = match rule.truth("allow_missing")? {
            Some(true) => Missing::Passes,
            _ => Missing::Fails,
        };
        rule.end(&["header", "regexp", "allow_missing"])?;
        rules.push(HeaderRule { name, regex, when_missing });
    }
    Ok(rules)
}

fn body(fields: &mut Fields, spec: &mut Spec) -> Result<(), Fault> {
    if fields.has("body") && fields.has("body_file") {
        return Err(Fault::new(fields.line(), "http.body: body and body_file exclude each other"));
    }
    if let Some(body) = fields.text("body")?.filter(|body| !body.is_empty()) {
        spec.body = Some(body.into_bytes().into());
    }
    if let Some(bytes) = file(fields, "body_file")? {
        spec.body = Some(bytes.1.into());
    }
    let encodings = ["gzip", "br", "deflate", "identity", ""];
    let named = |text: &str| encodings.contains(&text).then(|| text.to_owned());
    let coding = fields.parsed("compression", "gzip, br, deflate or identity", named)?;
    if let Some(coding) = coding.filter(|coding| !coding.is_empty()) {
        let own = spec.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("accept-encoding"));
        if own.is_none() {
            spec.headers.push(("Accept-Encoding".to_owned(), Some(coding.clone())));
        }
        spec.compressed = coding != "identity";
    }
    if let Some(limit) =
        fields.parsed("body_size_limit", "a size such as 500KB or 10MB", size)?.filter(|limit| *limit > 0)
    {
        spec.largest_body = limit;
    }
    Ok(())
}

/// A size with a unit, each 1024 of the one before, as blackbox_exporter counts.
fn size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let power = match &text[digits.len()..] {
        "" | "B" => 0,
        "KB" | "KiB" | "K" => 1,
        "MB" | "MiB" | "M" => 2,
        "GB" | "GiB" | "G" => 3,
        "TB" | "TiB" | "T" => 4,
        _ => return None,
    };
    let unit = 1024u64.pow(power);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let of_unit = format!("0.{fraction}").parse::<f64>().ok();
    let of_unit = of_unit.filter(|_| fraction.bytes().all(|byte| byte.is_ascii_digit()))?;
    whole.parse::<u64>().ok()?.checked_mul(unit)?.checked_add((of_unit * unit as f64) as u64)
}

fn credentials(fields: &mut Fields, spec: &mut Spec) -> Result<(), Fault> {
    let line = fields.line();
    let ways = ["basic_auth", "authorization", "bearer_token", "bearer_token_file"];
    if ways.iter().filter(|key| fields.has(key)).count() > 1 {
        return Err(Fault::new(line, format!("http: at most one of {} may stand here", ways.join(", "))));
    }
    let mut value = None;
    if let Some(mut basic_auth) = fields.mapping("basic_auth")? {
        let user = secret(&mut basic_auth, "username", "username_file")?.unwrap_or_default();
        let password = secret(&mut basic_auth, "password", "password_file")?.unwrap_or_default();
        basic_auth.end(&["username", "username_file", "password", "password_file"])?;
        value = Some(basic(&format!("{user}:{password}")));
        spec.secrets.push(password);
    }
    if let Some(mut authorization) = fields.mapping("authorization")? {
        let scheme = authorization.text("type")?.filter(|scheme| !scheme.is_empty()).unwrap_or("Bearer".to_owned());
        let line = authorization.line();
        if scheme.eq_ignore_ascii_case("basic") {
            return Err(Fault::new(line, "http.authorization.type: for basic there is basic_auth"));
        }
        let credentials = secret(&mut authorization, "credentials", "credentials_file")?.unwrap_or_default();
        authorization.end(&["type", "credentials", "credentials_file"])?;
        if !credentials.is_empty() {
            value = Some(format!("{scheme} {credentials}"));
        }
        spec.secrets.push(credentials);
    }
    if let Some(token) = secret(fields, "bearer_token", "bearer_token_file")?.filter(|token| !token.is_empty()) {
        value = Some(format!("Bearer {token}"));
        spec.secrets.push(token);
    }
    if let Some(value) = value {
        if value.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return Err(Fault::new(line, "http: the credentials hold a line break or a NUL"));
        }
        // A header of that name goes before, as there.
        if !spec.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
            spec.override_headers(vec![("Authorization".to_owned(), Some(value))]);
        }
    }
    Ok(())
}

/// A value that stands under `key`, or in the file under `file_key`.
fn secret(fields: &mut Fields, key: &str, file_key: &str) -> Result<Option<String>, Fault> {
    if fields.has(key) && fields.has(file_key) {
        return Err(Fault::new(fields.line(), format!("{key}: it and {file_key} exclude each other")));
    }
    let own = fields.text(key)?;
    let from_file = file(fields, file_key)?.map(|(_, bytes)| String::from_utf8_lossy(&bytes).trim().to_owned());
    Ok(own.or(from_file))
}

fn addresses(fields: &mut Fields, spec: &mut Spec) -> Result<(), Fault> {
    let family = |text: &str| match text {
        "ip4" => Some(Family::V4),
        "ip6" | "" => Some(Family::V6),
        _ => None,
    };
    let preferred = fields.parsed("preferred_ip_protocol", "ip4 or ip6", family)?.unwrap_or(Family::V6);
    let fallback = fields.truth("ip_protocol_fallback")?.unwrap_or(true);
    spec.connection.choice = AddressChoice::One { preferred, fallback };
    Ok(())
}

fn proxy(fields: &mut Fields, spec: &mut Spec) -> Result<(), Fault> {
    let line = fields.line();
    if let Some(url) = fields.text("proxy_url")?.filter(|url| !url.is_empty()) {
        let proxy = url.parse::<Proxy>();
        let proxy =
            proxy.map_err(|error| Fault::new(line, format!("{}: {}", fields.path_of("proxy_url"), error.message())))?;
        spec.secrets.extend(crate::escape::url_secrets(&url));
        spec.connection.proxy = Some(proxy);
    }
    spec.connection.no_proxy = fields.text("no_proxy")?;
    Ok(())
}

fn tls_config(mut fields: Fields, spec: &mut Spec) -> Result<(), Fault> {
    let line = fields.line();
    let tls = &mut spec.tls;
    tls.insecure = fields.truth("insecure_skip_verify")?.unwrap_or(false);
    tls.server_name = fields.text("server_name")?.filter(|name| !name.is_empty());
    let known = |text: &str| tls_version(text).ok();
    // What is older is not spoken, so that it is at least TLS 1.2 is true of every connection.
    let least = |text: &str| if matches!(text, "TLS10" | "TLS11") { Some(None) } else { known(text).map(Some) };
    tls.min = fields.parsed("min_version", "TLS10, TLS11, TLS12 or TLS13", least)?.flatten();
    tls.max = fields.parsed("max_version", "TLS12 or TLS13", known)?;
    let ca = fields.text("ca")?.map(Pem::Text);
    let ca_file = file(&mut fields, "ca_file")?.map(|(path, _)| Pem::File(path));
    tls.cacert = ca.or(ca_file);
    let cert = file(&mut fields, "cert_file")?.map(|(path, _)| path);
    let key = file(&mut fields, "key_file")?.map(|(path, _)| path);
    tls.identity = match (cert, key) {
        (Some(cert), Some(key)) => Some((cert, Some(key))),
        (None, None) => None,
        (Some(_), None) => {
            return Err(Fault::new(line, "http.tls_config.key_file: it is missing, and cert_file is there"));
        }
        (None, Some(_)) => {
            return Err(Fault::new(line, "http.tls_config.cert_file: it is missing, and key_file is there"));
        }
    };
    fields.refuse(&[
        ("cert", "write the certificate into a file and name it in cert_file"),
        ("key", "write the key into a file and name it in key_file"),
    ])?;
    fields.end(&[
        "ca",
        "ca_file",
        "cert_file",
        "key_file",
        "server_name",
        "insecure_skip_verify",
        "min_version",
        "max_version",
    ])
}

/// The file that `key` names, and what is in it. It is read once more when the exporter loads its modules again, and by
/// TLS when a prober is made of one.
fn file(fields: &mut Fields, key: &str) -> Result<Option<(PathBuf, Vec<u8>)>, Fault> {
    let Some((line, name)) = fields.line_and_text(key)? else { return Ok(None) };
    match check_readable_again(name.as_ref()).and_then(|()| std::fs::read(&name)) {
        Ok(bytes) => Ok(Some((name.into(), bytes))),
        Err(error) => Err(Fault::new(line, format!("{}: cannot read {name}: {error}", fields.path_of(key)))),
    }
}

impl Modules {
    /// The module of that name, if there is one that can be probed with; else why not.
    pub(crate) fn find(&self, name: &str) -> Result<&Rc<Module>, String> {
        match self.by_name.get(name) {
            None => Err(format!("there is no module {name:?}")),
            Some(module) if module.prober != "http" => {
                Err(format!("the module {name:?} is for the prober {:?}; only http can be probed", module.prober))
            }
            Some(module) => Ok(module),
        }
    }
}
