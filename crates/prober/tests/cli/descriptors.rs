//! What the exporter does when descriptors, or places for connections, are few.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use crate::serve::{Exporter, answer, escaped, has};
use crate::server::{Gate, Server, respond};
use crate::shell;

/// An exporter under a limit on open files, and what it said before it said where it listens.
fn limited(limit: usize) -> (Exporter, String) {
    let binary = env!("CARGO_BIN_EXE_prober");
    Exporter::of(&mut shell(&format!("ulimit -n {limit}; exec '{binary}' serve --web.listen-address 127.0.0.1:0")))
}

/// A connection that has asked for a probe of `url`.
fn scrape(exporter: &Exporter, url: &str) -> TcpStream {
    let mut stream = TcpStream::connect(exporter.address).expect("a connection");
    let request = format!("GET /probe?target={} HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n", escaped(url));
    stream.write_all(request.as_bytes()).expect("it reads");
    stream
}

#[test]
fn few_descriptors_make_scrapes_wait_or_come_again_and_no_target_is_down_for_it() {
    let (gate, held) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
    let (come, go) = (held.clone(), gate.clone());
    let target = Server::start(move |stream, _| {
        come.arrive();
        go.wait_for(1);
        respond(stream, "200 OK", "", "");
        false
    });
    let (exporter, said) = limited(60);
    assert!(said.contains("only 60 files may be open (ulimit -n): at most "), "{said}");
    let mut scrapes: Vec<_> = (0..40).map(|_| scrape(&exporter, &target.url("/"))).collect();
    held.wait_for(5);
    gate.arrive();
    let answers: Vec<_> = scrapes.iter_mut().map(answer).collect();
    for (status, text) in &answers {
        assert!(*status == 503 || has(text, "probe_success 1"), "{status} {text}");
    }
    assert!(answers.iter().filter(|(status, _)| *status == 200).count() >= 5, "{answers:?}");
}

#[test]
#[cfg(target_os = "linux")] // which lets the limit of another process be lowered
fn a_probe_that_finds_no_descriptor_is_answered_with_503_and_counted_as_turned_away() {
    let (site, exporter) = (Server::site(), Exporter::start(&[]));
    // A connection that is there already, so that nothing but the probe needs a descriptor.
    let mut stream = TcpStream::connect(exporter.address).expect("a connection");
    let mut ask = |path: &str| {
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: e\r\n\r\n").as_bytes()).expect("it reads");
        let mut text = String::new();
        let length = |text: &str| {
            let (head, body) = text.split_once("\r\n\r\n")?;
            let length = head.split("Content-Length: ").nth(1)?.lines().next()?.parse::<usize>().ok()?;
            Some(body.len() >= length)
        };
        while length(&text) != Some(true) {
            let mut piece = [0; 1024];
            let count = stream.read(&mut piece).expect("an answer");
            assert_ne!(count, 0, "{text}");
            text += std::str::from_utf8(&piece[..count]).expect("ASCII");
        }
        text
    };
    let probe = format!("/probe?target={}", escaped(&site.url("/ok")));
    assert!(ask(&probe).contains("probe_success 1"));
    exporter.limit_files(3);
    let refused = ask(&probe);
    assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("descriptors"), "{refused}");
    let metrics = ask("/metrics");
    assert!(has(&metrics, "prober_rejected_total{reason=\"resources\"} 1"), "{metrics}");
    assert!(has(&metrics, "prober_probes_total{module=\"http_2xx\",outcome=\"failure\"} 0"), "{metrics}");
    exporter.limit_files(1_000);
    assert!(ask(&probe).contains("probe_success 1"));
}

/// They kept the exporter deaf for a minute.
#[test]
fn silent_connections_past_the_limit_are_told_so_and_keep_nobody_else_from_being_told() {
    let exporter = Exporter::start(&["--web.max-connections", "5"]);
    let connect = || TcpStream::connect(exporter.address).expect("a connection");
    let within: Vec<_> = (0..5).map(|_| connect()).collect();
    let mut past: Vec<_> = (0..64).map(|_| connect()).collect();
    assert_eq!(exporter.get("/-/healthy").0, 503);
    for stream in &mut past {
        assert_eq!(answer(stream).0, 503);
    }
    drop(within);
    let metrics = loop {
        match exporter.get("/metrics") {
            (200, metrics) => break metrics,
            (status, _) => assert_eq!(status, 503),
        }
    };
    let rejected = metrics.lines().find_map(|line| line.strip_prefix("prober_rejected_total{reason=\"connections\"} "));
    assert!(rejected.and_then(|count| count.parse().ok()).is_some_and(|count: usize| count >= 65), "{metrics}");
}
