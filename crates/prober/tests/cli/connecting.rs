//! The options about time, names and TLS, each by what it changes.

use std::net::UdpSocket;

use serde_json::Value;

use crate::server::{Server, TlsSite, wait_for_hangup};
use crate::{file, prober, ran};

/// The one result of a run with these options.
fn result(options: &[&str], url: &str) -> Value {
    let run = ran(prober(options).args(["--format", "jsonl", url]));
    let result = run.json().into_iter().next().unwrap_or_else(|| panic!("no result: {}", run.stderr));
    assert_eq!(run.code, Some(i32::from(result["ok"] != true)), "{options:?}: {result}");
    result
}

/// Kind, phase and curl's code of its failure.
fn failure(options: &[&str], url: &str) -> (String, String, u64) {
    let result = result(options, url);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&result["error"]["kind"]), text(&result["error"]["phase"]), result["exitcode"].as_u64().unwrap_or_default())
}

fn of(kind: &str, phase: &str, code: u64) -> (String, String, u64) {
    (kind.to_owned(), phase.to_owned(), code)
}

#[test]
fn each_limit_strikes_in_its_phase() {
    // A name server that is there and says nothing, and a server that accepts and says nothing.
    let names = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let names = names.local_addr().expect("an address").to_string();
    let silent = Server::accept(|mut stream| wait_for_hangup(&mut stream));
    let (plain, secure) = (silent.url("/"), silent.url("/").replace("http://", "https://"));
    let unnamed = ["--dns-servers", &names];
    let with = |limit: &'static str, more: &[&'static str]| [&[limit, "30ms"][..], more].concat();
    let named = "http://somewhere.example/";
    assert_eq!(
        failure(&[&with("--dns-timeout", &[])[..], &unnamed].concat(), named),
        of("resolve-timeout", "resolve", 28)
    );
    assert_eq!(
        failure(&[&with("--connect-timeout", &[])[..], &unnamed].concat(), named),
        of("resolve-timeout", "resolve", 28)
    );
    assert_eq!(failure(&with("--tls-timeout", &[]), &secure), of("tls-timeout", "tls", 28));
    assert_eq!(failure(&with("--connect-timeout", &[]), &secure), of("tls-timeout", "tls", 28));
    assert_eq!(failure(&with("--ttfb-timeout", &[]), &plain), of("ttfb-timeout", "wait", 28));
    assert_eq!(failure(&with("--max-time", &["--ttfb-timeout", "5s"]), &plain), of("timeout", "wait", 28));
    let late = result(&["-m", "50ms"], &plain);
    let total = late["total_ms"].as_f64().expect("a time");
    assert!((50.0..5_000.0).contains(&total), "{late}");
}

/// The name was asked for twice, each time within the whole limit.
#[test]
fn all_addresses_of_a_name_are_not_looked_for_past_the_limit() {
    let names = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = names.local_addr().expect("an address").to_string();
    let found = result(
        &["--all-addresses", "--dns-servers", &address, "-m", "50ms", "--retry", "0"],
        "http://somewhere.example/",
    );
    assert_eq!((&found["error"]["kind"], &found["error"]["phase"]), (&"timeout".into(), &"resolve".into()), "{found}");
    assert!(found["phases_ms"]["resolve"].as_f64().is_some_and(|spent| spent >= 50.0), "{found}");
    assert_eq!(found["url"], "http://somewhere.example/");
    names.set_nonblocking(true).expect("a socket of ours");
    let questions = std::iter::from_fn(|| names.recv(&mut [0; 512]).ok()).count();
    assert_eq!(questions, 2, "one for each family");
    let limited = ["--all-addresses", "--dns-servers", &address, "--dns-timeout", "30ms"];
    assert_eq!(failure(&limited, "http://somewhere.example/"), of("resolve-timeout", "resolve", 28));
}

#[test]
fn versions_of_tls_are_kept_to() {
    let site = TlsSite::start(20);
    let ca = file("ca", &site.ca).display().to_string();
    let version = |more: &[&str]| {
        result(&[&["--cacert", ca.as_str()][..], more].concat(), &site.url("/ok"))["tls"]["version"].clone()
    };
    for (options, expected) in [
        (vec![], "TLSv1.3"),
        (vec!["--tlsv1.2"], "TLSv1.3"),
        (vec!["--tlsv1.3"], "TLSv1.3"),
        (vec!["--tls-max", "1.2"], "TLSv1.2"),
        (vec!["--tlsv1.2", "--tls-max", "1.2"], "TLSv1.2"),
        (vec!["--tlsv1.3", "--tls-max", "1.3"], "TLSv1.3"),
    ] {
        assert_eq!(version(&options), expected, "{options:?}");
    }
}

#[test]
fn whom_to_trust_is_what_the_options_say() {
    let site = TlsSite::start(20);
    let ca = file("ca", &site.ca).display().to_string();
    let url = site.url("/ok");
    assert_eq!(failure(&[], &url), of("tls-untrusted", "tls", 60));
    assert_eq!(result(&["--cacert", &ca], &url)["tls"]["verified"], true);
    let insecure = result(&["-k"], &url);
    assert_eq!((&insecure["ok"], &insecure["tls"]["verified"]), (&true.into(), &false.into()));
    assert_eq!(
        insecure["tls"]["verify_error"]["kind"], "tls-untrusted",
        "and what is wrong with it is told all the same"
    );
    let other = TlsSite::start(60);
    let other = file("other", &other.ca).display().to_string();
    assert_eq!(failure(&["--cacert", &other], &url), of("tls-untrusted", "tls", 60));
    // What the system trusts is in the file that this variable names, for us as for OpenSSL.
    let native =
        |file: &str| ran(prober(&["--ca-native", &url]).env("SSL_CERT_FILE", file).env_remove("SSL_CERT_DIR")).code;
    assert_eq!((native(&ca), native(&other)), (Some(0), Some(1)));
    assert_eq!(failure(&["--cacert", &ca, "--servername", "elsewhere.example"], &url), of("tls-wrong-host", "tls", 60));
    let run = ran(prober(&["--cacert", &ca, "--servername", "elsewhere.example"]).arg(&url));
    assert!(run.stdout.contains("for 127.0.0.1, not for elsewhere.example"), "{}", run.stdout);
    let revoked = file("crl", &site.crl).display().to_string();
    assert_eq!(failure(&["--cacert", &ca, "--crlfile", &revoked], &url), of("tls-revoked", "tls", 60));
}

#[test]
fn files_that_cannot_be_used_are_named_before_anything_is_probed() {
    let garbage =
        file("garbage.pem", "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n").display().to_string();
    for option in ["--cacert", "--crlfile", "-E"] {
        for path in ["/nonexistent/x.pem", &garbage] {
            let run = ran(&mut prober(&[option, path, "https://127.0.0.1:1/"]));
            assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{option} {path}: {}", run.stderr);
            assert!(run.stderr.contains(path), "{option} {path}: {}", run.stderr);
        }
    }
    let run = ran(&mut prober(&["-E", &garbage, "--key", "/nonexistent/key.pem", "https://127.0.0.1:1/"]));
    assert_eq!(run.code, Some(2), "{}", run.stderr);
}

#[test]
fn names_go_where_they_are_sent_and_families_are_kept_to() {
    let site = Server::site();
    let port = site.url("").rsplit_once(':').map(|(_, port)| port.to_owned()).expect("a port");
    let url = format!("http://named.example:{port}/ok");
    let resolve = format!("named.example:{port}:127.0.0.1");
    let found = result(&["--resolve", &resolve], &url);
    assert_eq!((&found["addresses"], &found["remote_ip"]), (&serde_json::json!(["127.0.0.1"]), &"127.0.0.1".into()));
    let elsewhere = format!("named.example:80:127.0.0.1:{port}");
    assert_eq!(result(&["--connect-to", &elsewhere], "http://named.example/ok")["remote_port"].to_string(), port);
    assert_eq!(failure(&["-6"], &site.url("/ok")).0, "resolve");
    assert_eq!(result(&["-4"], &format!("http://localhost:{port}/ok"))["remote_ip"], "127.0.0.1");
    assert_eq!(result(&["--resolver", "system"], &format!("http://localhost:{port}/ok"))["ok"], true);
    // Through a proxy, the whole URL is asked for; but not for what --noproxy names.
    let proxy = site.url("");
    let through = result(&["-x", &proxy, "--proxy-user", "pu:hunter2"], "http://nobody.invalid/ok");
    assert_eq!((&through["status"], &through["remote_port"].to_string()), (&404.into(), &port), "{through}");
    assert_eq!(failure(&["-x", &proxy, "--noproxy", "nobody.invalid"], "http://nobody.invalid/ok").0, "resolve");
}
