//! The prober against Debian's nginx, over HTTP and HTTPS.

use std::fmt::Write;

use oneloop_tests::folder::Folder;
use oneloop_tests::nginx::Nginx;
use oneloop_tests::{need, program};
use serde_json::Value;

fn is_there(test: &str) -> bool {
    need::nginx(test) && need::open_files(test, 4096)
}

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[test]
fn five_thousand_https_urls_are_all_green() {
    if !is_there("five_thousand_https_urls_are_all_green") {
        return;
    }
    let nginx = Nginx::start(None);
    let folder = Folder::new();
    let mut list = String::new();
    for index in 0..5_000 {
        writeln!(list, "{}", nginx.https(&format!("/{index}"))).expect("a line");
    }
    let list = folder.write("urls.txt", list);
    let outcome = program::run(
        program::prober()
            .arg("--cacert")
            .arg(nginx.root())
            .args(["--format", "jsonl"])
            .arg(format!("@{}", list.display())),
    );
    outcome.expect_code(0);
    let mut seen = vec![false; 5_000];
    for line in outcome.stdout.lines() {
        let result = json(line);
        assert_eq!(result["ok"], true, "{line}");
        assert_eq!(result["tls"]["version"], "TLSv1.3", "{line}");
        let index = usize::try_from(result["index"].as_u64().expect("an index")).expect("a small one");
        assert!(!std::mem::replace(&mut seen[index], true), "index {index} comes twice");
    }
    assert_eq!(seen.iter().filter(|seen| **seen).count(), 5_000);
    assert_eq!(outcome.threads, 1, "threads seen in /proc while it ran");
}

#[test]
fn plain_http_is_green_and_a_missing_page_is_red_and_says_why() {
    if !is_there("plain_http_is_green_and_a_missing_page_is_red_and_says_why") {
        return;
    }
    let nginx = Nginx::start(None);
    let outcome =
        program::run(program::prober().args(["--color", "never"]).args([nginx.http("/"), nginx.http("/missing")]));
    outcome.expect_code(1);
    let mut lines = outcome.stdout.lines();
    let (green, red) = (lines.next().expect("a line"), lines.next().expect("a second one"));
    assert!(green.contains(&nginx.http("/")) && green.contains("ms"), "{green}");
    assert!(red.contains(&nginx.http("/missing")) && red.contains("404"), "{red}");
}

#[test]
fn tls_1_2_is_spoken_where_the_server_has_no_other() {
    if !is_there("tls_1_2_is_spoken_where_the_server_has_no_other") {
        return;
    }
    let nginx = Nginx::start(None);
    let outcome = program::run(
        program::prober().arg("--cacert").arg(nginx.root()).args(["--format", "jsonl"]).arg(nginx.https_12("/")),
    );
    outcome.expect_code(0);
    let result = json(outcome.stdout.trim());
    assert_eq!(result["tls"]["version"], "TLSv1.2");
    assert_eq!(result["tls"]["verified"], true);
    assert_eq!(result["tls"]["chain"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_server_that_nobody_vouches_for_is_refused_and_its_chain_is_shown() {
    if !is_there("a_server_that_nobody_vouches_for_is_refused_and_its_chain_is_shown") {
        return;
    }
    let nginx = Nginx::start(None);
    let outcome = program::run(program::prober().args(["--format", "jsonl"]).arg(nginx.https("/")));
    outcome.expect_code(1);
    let result = json(outcome.stdout.trim());
    assert_eq!(result["error"]["kind"], "tls-untrusted");
    assert_eq!(result["tls"]["chain"].as_array().map(Vec::len), Some(2), "{result}");

    let outcome = program::run(program::prober().arg("-k").args(["--format", "jsonl"]).arg(nginx.https("/")));
    outcome.expect_code(0);
    assert_eq!(json(outcome.stdout.trim())["tls"]["verified"], false);
}

#[test]
fn kept_alive_connections_are_used_again() {
    if !is_there("kept_alive_connections_are_used_again") {
        return;
    }
    let nginx = Nginx::start(None);
    let urls = (0..20).map(|index| nginx.https(&format!("/{index}")));
    let outcome = program::run(
        program::prober()
            .args(["--keepalive", "--parallel-max", "1", "--format", "jsonl", "--cacert"])
            .arg(nginx.root())
            .args(urls),
    );
    outcome.expect_code(0);
    let reused = outcome.stdout.lines().filter(|line| json(line)["reused"] == true).count();
    assert_eq!(reused, 19);
}

#[test]
fn phases_add_up_to_the_total() {
    if !is_there("phases_add_up_to_the_total") {
        return;
    }
    let nginx = Nginx::start(None);
    let urls = (0..50).map(|index| nginx.https(&format!("/{index}")));
    let outcome =
        program::run(program::prober().arg("--cacert").arg(nginx.root()).args(["--format", "jsonl"]).args(urls));
    outcome.expect_code(0);
    for line in outcome.stdout.lines() {
        let result = json(line);
        let phases = ["resolve", "connect", "tls", "send", "wait", "transfer"];
        let sum: f64 = phases.iter().map(|phase| result["phases_ms"][phase].as_f64().expect("a phase")).sum();
        let total = result["total_ms"].as_f64().expect("a total");
        // They are exact in nanoseconds; adding up decimal fractions is not.
        assert!((sum - total).abs() < 1e-6, "{sum} is not {total}: {line}");
    }
}
