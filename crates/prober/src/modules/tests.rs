//! Files of modules, good and bad.

use super::*;
use oneloop_http::AddressChoice;
use oneloop_http::resolver::Family;

fn parse(text: &str) -> Result<Modules, String> {
    Modules::parse("file.yml", text)
}

/// The spec of the module `m` whose `http` is `http`, indented by six blanks.
fn http(http: &str) -> Result<Spec, String> {
    let modules = parse(&format!("modules:\n  m:\n    prober: http\n    http:\n{http}"))?;
    Ok(modules.find("m")?.spec.clone())
}

#[test]
fn without_keys_a_module_is_as_in_blackbox_exporter() {
    let modules = Modules::built_in();
    let spec = &modules.find(DEFAULT).expect("the built-in module").spec;
    assert!(spec.expect.status.contains(299) && !spec.expect.status.contains(301));
    assert_eq!(spec.redirects, Some(10));
    assert_eq!(spec.connection.choice, AddressChoice::One { preferred: Family::V6, fallback: true });
}

#[test]
fn every_key_that_can_be_honoured_is() {
    let spec = http(
        "      method: POST\n      headers:\n        X-Number: 200\n        Host: name.example:8080\n      body: a=1\n      \
         valid_status_codes: [200, 404]\n      valid_http_versions: [HTTP/1.1, HTTP/2.0]\n      follow_redirects: false\n      \
         fail_if_ssl: false\n      fail_if_not_ssl: true\n      fail_if_body_matches_regexp: ['a+']\n      \
         fail_if_body_not_matches_regexp: [b]\n      fail_if_header_matches:\n      - header: A\n        regexp: x\n        allow_missing: true\n      \
         fail_if_header_not_matches:\n      - {header: B, regexp: y}\n      basic_auth:\n        username: me\n        password: hunter2\n      \
         proxy_url: http://me:hunter3@127.0.0.1:3128\n      preferred_ip_protocol: ip4\n      ip_protocol_fallback: false\n      \
         compression: gzip\n      body_size_limit: 5MB\n      enable_http2: true\n      tls_config:\n        insecure_skip_verify: true\n        min_version: TLS13\n",
    )
    .expect("a good module");
    assert_eq!((spec.method.as_str(), spec.body.as_deref()), ("POST", Some(&b"a=1"[..])));
    assert_eq!((spec.redirects, spec.largest_body, spec.compressed), (None, 5 << 20, true));
    assert!(spec.expect.fail_if_not_ssl && spec.expect.status.contains(404) && !spec.expect.status.contains(201));
    assert_eq!(spec.tls.server_name.as_deref(), Some("name.example"));
    assert!(
        spec.fields().contains(&("X-Number", "200"))
            && spec.fields().contains(&("Authorization", "Basic bWU6aHVudGVyMg=="))
    );
    assert_eq!(spec.connection.choice, AddressChoice::One { preferred: Family::V4, fallback: false });
    assert!(spec.all_secrets().contains(&"hunter2".to_owned()) && spec.all_secrets().contains(&"hunter3".to_owned()));
}

/// Files as templates and older habits write them: blackbox_exporter 0.23 takes each of them, and reads them so.
#[test]
fn what_is_empty_is_as_if_it_were_not_there_and_old_ways_of_writing_are_known() {
    let empty = http(
        "      method: ''\n      compression: ''\n      bearer_token: ''\n      preferred_ip_protocol: ''\n      headers: {X-V: }\n",
    );
    let empty = empty.expect("a good module");
    assert_eq!((empty.method.as_str(), empty.fields()[2..].to_vec()), ("GET", vec![("X-V", "")]));
    let empty = http("      authorization: {}\n").expect("a good module");
    assert_eq!(empty.fields().len(), 2, "but User-Agent and Accept");
    for (text, follows) in [
        ("follow_redirects: false\n      no_follow_redirects: false", false),
        ("follow_redirects: true\n      no_follow_redirects: true", false),
        ("follow_redirects: NO", false),
        ("no_follow_redirects: Y", false),
        ("no_follow_redirects: Off", true),
    ] {
        let spec = http(&format!("      {text}\n")).expect(text);
        assert_eq!(spec.redirects.is_some(), follows, "{text}");
    }
    let sized = http("      body_size_limit: 1.5MB\n      tls_config: {min_version: TLS10}\n").expect("a good module");
    assert_eq!((sized.largest_body, sized.tls.min), (3 << 19, None));
    assert!(http("      body_size_limit: 1.5e3MB\n").is_err(), "a fraction has digits");
    // A header that is written out goes before what the credentials would make.
    let both = http("      headers: {Authorization: mine}\n      basic_auth: {username: me, password: hunter2}\n");
    assert_eq!(both.expect("a good module").fields()[2..], [("Authorization", "mine")]);
}

#[test]
fn what_is_wrong_is_named_with_file_line_and_key() {
    for (text, line, key) in [
        ("modules:\n  m:\n    prober: http\n    http:\n      metod: GET\n", 5, "modules.m.http.metod"),
        ("modules:\n  m:\n    prober: http\n    timeout: [5]\n", 4, "modules.m.timeout"),
        ("modules:\n  m:\n    prober: http\n    timeout: soon\n", 4, "modules.m.timeout"),
        ("modules:\n  m:\n    prober: smtp\n", 3, "modules.m.prober"),
        ("modules:\n  m:\n    timeout: 5s\n", 3, "modules.m.prober"),
        ("modules:\n  m:\n    prober: http\n    http:\n      valid_status_codes: 200\n", 5, "valid_status_codes"),
        (
            "modules:\n  m:\n    prober: http\n    http:\n      valid_status_codes:\n      - 200\n      - ok\n",
            7,
            "valid_status_codes[1]",
        ),
        // 200, octal, to Go; nobody means that.
        ("modules:\n  m:\n    prober: http\n    http:\n      valid_status_codes: [0310]\n", 5, "valid_status_codes[0]"),
        ("modules:\n  m:\n    prober: http\n    http:\n      fail_if_ssl: maybe\n", 5, "fail_if_ssl"),
        (
            "modules:\n  m:\n    prober: http\n    http:\n      fail_if_body_matches_regexp:\n      - '('\n",
            6,
            "fail_if_body_matches_regexp[0]",
        ),
        (
            "modules:\n  m:\n    prober: http\n    http:\n      fail_if_header_matches:\n      - header: A\n",
            6,
            "regexp",
        ),
        ("modules:\n  m:\n    prober: http\n    http:\n      enable_http3: true\n", 5, "enable_http3"),
        ("modules:\n  m:\n    prober: http\n    http:\n      oauth2:\n        client_id: x\n", 6, "oauth2"),
        (
            "modules:\n  m:\n    prober: http\n    http:\n      tls_config:\n        ca_file: /nonexistent/ca\n",
            6,
            "ca_file",
        ),
        // It would be empty, or wait for ever, when it is read again.
        (
            "modules:\n  m:\n    prober: http\n    http:\n      tls_config:\n        ca_file: /dev/null\n",
            6,
            "no regular file",
        ),
        ("modules:\n  m:\n    prober: http\n    http:\n      tls_config:\n        cafile: x\n", 6, "tls_config.cafile"),
        (
            "modules:\n  m:\n    prober: http\n    http:\n      headers:\n        Host: a\n        host: b\n",
            3,
            "modules.m.http: the header 'Host'",
        ),
        (
            "modules:\n  m:\n    prober: http\n    http:\n      method: TRACE\n      body: x\n",
            3,
            "a TRACE request must not have a body",
        ),
        ("modules:\n  m:\n    prober: http\n  m:\n    prober: http\n", 4, "m"),
        ("moduls:\n  m:\n    prober: http\n", 1, "moduls"),
        ("modules:\n  m: http\n", 2, "modules.m"),
        ("modules:\n  m:\n   - a\n  b\n", 5, ""),
    ] {
        let error = parse(text).expect_err(text);
        assert!(error.starts_with(&format!("file.yml:{line}: ")) && error.contains(key), "{text}\n{error}");
    }
    let error = parse("modules:\n  m:\n    prober: http\n    http:\n      metod: GET\n").expect_err("a misspelt key");
    assert!(error.contains("did you mean method?"), "{error}");
    assert!(parse("").expect_err("an empty file").starts_with("file.yml:1: "));
}

#[test]
fn modules_for_other_probers_load_and_cannot_be_asked_for() {
    let modules = parse(
        "modules:\n  ssh:\n    prober: tcp\n    tcp:\n      query_response:\n      - expect: '^SSH-2.0-'\n  dns:\n    prober: dns\n    dns:\n      query_name: a.example\n  icmp:\n    prober: icmp\n",
    )
    .expect("they load");
    for name in ["ssh", "dns", "icmp", "none"] {
        assert!(modules.find(name).is_err(), "{name}");
    }
}

#[test]
fn secrets_are_not_shown() {
    let modules = parse(
        "modules:\n  m:\n    prober: http\n    http:\n      basic_auth: {username: me, password: hunter2}\n      \
         headers:\n        Cookie: id=hunter2\n        X-Open: 'yes'\n      proxy_url: http://me:hunter2@proxy:1\n      fail_if_body_matches_regexp: [\"a: b\"]\n",
    )
    .expect("a good file");
    assert!(!modules.shown.contains("hunter2"), "{}", modules.shown);
    assert!(
        modules.shown.contains("password: <secret>") && modules.shown.contains("<secret>@proxy"),
        "{}",
        modules.shown
    );
    let again = modules.shown.replace("\"http://<secret>@proxy:1\"", "http://proxy:1");
    parse(&again).expect("what is shown is YAML with the same keys");
}
