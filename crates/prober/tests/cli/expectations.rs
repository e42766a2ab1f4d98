//! What must hold for a probe to pass, and what is sent and read for it.

use std::io::Read;

use crate::server::{Server, respond};
use crate::{file, prober, ran};

/// The kind and the detail of the one result's error.
fn error(arguments: &[&str], url: &str) -> Option<(String, String)> {
    let run = ran(prober(arguments).args(["--format", "jsonl", url]));
    let result = run.json().into_iter().next().unwrap_or_else(|| panic!("no result: {}", run.stderr));
    assert_eq!(run.code, Some(i32::from(!result["error"].is_null())), "{result}");
    let text = |key: &str| result["error"][key].as_str().unwrap_or_default().to_owned();
    (!result["error"].is_null()).then(|| (text("kind"), text("detail")))
}

#[test]
fn each_expectation_has_its_detail() {
    let site = Server::site();
    let url = site.url("/ok"); // its body is "hello"
    let assertion = |detail: &str| Some(("assertion".to_owned(), detail.to_owned()));
    for (arguments, expected) in [
        (vec!["--fail-if-body-matches", "h.llo"], assertion("BodyMatches")),
        (vec!["--fail-if-body-matches", "absent"], None),
        (vec!["--fail-if-body-not-matches", "^hello$"], None),
        (vec!["--fail-if-body-not-matches", "^ello"], assertion("BodyNotMatches")),
        (vec!["--fail-if-header-matches", "Content-Length: ^5$"], assertion("HeaderMatches")),
        (vec!["--fail-if-header-matches", "X-Absent: ."], None),
        (vec!["--fail-if-header-not-matches", "content-length: 5"], None),
        (vec!["--fail-if-header-not-matches", "content-length: 6"], assertion("HeaderNotMatches")),
        (vec!["--fail-if-header-not-matches", "X-Absent: ."], assertion("HeaderMissing")),
        (vec!["--fail-if-not-ssl"], assertion("NotSsl")),
        (vec!["--cert-days", "30"], None),
        (vec!["--slo", "total=1m,ttfb=1m,connect=1m"], None),
        (vec!["--expect-status", "404"], Some(("status".to_owned(), "200".to_owned()))),
        (vec!["--max-filesize", "4"], Some(("too-large".to_owned(), String::new()))),
        (vec!["--max-filesize", "5"], None),
    ] {
        let found = error(&arguments, &url);
        match &expected {
            Some((kind, detail)) if detail.is_empty() => {
                assert_eq!(found.map(|(kind, _)| kind).as_ref(), Some(kind), "{arguments:?}");
            }
            _ => assert_eq!(found, expected, "{arguments:?}"),
        }
    }
}

#[test]
fn a_bound_on_time_is_an_assertion() {
    let server = Server::start(|stream, _| {
        std::thread::sleep(std::time::Duration::from_millis(30));
        respond(stream, "200 OK", "", "");
        false
    });
    let slow = Some(("assertion".to_owned(), "Slo".to_owned()));
    for bound in ["total=5ms", "ttfb=5ms", "headers=5ms", "wait=5ms"] {
        assert_eq!(error(&["--slo", bound], &server.url("/")), slow, "{bound}");
    }
    assert_eq!(error(&["--slo", "send=10s"], &server.url("/")), None);
}

#[test]
fn data_credentials_and_agent_go_out() {
    let server = Server::accept(|mut stream| {
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        while !bytes.ends_with(b"a=1&b=2") {
            match stream.read(&mut buffer) {
                Ok(count) if count > 0 => bytes.extend_from_slice(&buffer[..count]),
                _ => break,
            }
        }
        let request = String::from_utf8_lossy(&bytes).into_owned();
        let good = request.starts_with("POST / HTTP/1.1\r\n")
            && request.contains("\r\nContent-Length: 7\r\n")
            && request.contains("\r\nContent-Type: application/x-www-form-urlencoded\r\n")
            && request.contains("\r\nAuthorization: Basic bWU6aHVudGVyMg==\r\n")
            && request.contains("\r\nUser-Agent: agent/1\r\n")
            && request.ends_with("\r\n\r\na=1&b=2");
        let status = if good { "200 OK" } else { "400 Bad Request" };
        respond(&mut stream, status, "", "");
    });
    let body = file("body", "b=\r\n2\n");
    let body = format!("@{}", body.display());
    let run = ran(&mut prober(&["-d", "a=1", "-d", &body, "-u", "me:hunter2", "-A", "agent/1", &server.url("/")]));
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
}

#[test]
fn a_module_says_what_to_expect_and_options_override_it() {
    let site = Server::site();
    let modules = file(
        "modules.yml",
        "modules:\n  found:\n    prober: http\n    http:\n      valid_status_codes: [404]\n  ssh:\n    prober: tcp\n",
    );
    let modules = modules.display().to_string();
    let with = |name| vec!["--config.file", modules.as_str(), "--module", name];
    assert_eq!(error(&with("found"), &site.url("/missing")), None);
    let overridden = [with("found"), vec!["--expect-status", "200"]].concat();
    assert_eq!(error(&overridden, &site.url("/missing")).map(|(kind, _)| kind).as_deref(), Some("status"));
    assert_eq!(error(&["--module", "http_2xx"], &site.url("/redirect")), None, "a module follows redirects");
    for (name, said) in [("absent", "no module"), ("ssh", "tcp")] {
        let run = ran(prober(&with(name)).arg(site.url("/ok")));
        assert_eq!(run.code, Some(2), "{name}");
        assert!(run.stderr.contains(said) && run.stderr.contains(name), "{}", run.stderr);
    }
    let bad = file("bad.yml", "modules:\n  m:\n    prober: http\n    http:\n      metod: GET\n");
    let bad = bad.display().to_string();
    for arguments in [vec!["check-config", &bad], vec!["--config.file", &bad, "--module", "m", "http://h"]] {
        let run = ran(&mut prober(&arguments));
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(run.stderr.contains(&format!("{bad}:5: modules.m.http.metod")), "{}", run.stderr);
    }
    assert_eq!(ran(&mut prober(&["check-config", &modules])).code, Some(0));
}
