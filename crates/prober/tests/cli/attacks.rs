//! `prober serve` against clients that leave, send nonsense, half of it, or all at once: each gets a clear answer, and
//! nothing is left of it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use crate::scratch;
use crate::serve::{Exporter, answer, escaped, has};
use crate::server::{Gate, Server, respond, wait_for_hangup};

/// It went on until its time was up, two minutes without a scraper's header, and kept its place for so long.
#[test]
fn a_scraper_that_leaves_ends_its_probe() {
    let (come, left) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
    let (arrived, gone) = (come.clone(), left.clone());
    let target = Server::start(move |stream, path| {
        match path {
            "/stall" => {
                arrived.arrive();
                wait_for_hangup(stream);
                gone.arrive();
            }
            _ => respond(stream, "200 OK", "", ""),
        }
        false
    });
    let exporter = Exporter::start(&["--parallel-max", "1"]);
    let mut stream = TcpStream::connect(exporter.address).expect("a connection");
    let request = format!("GET /probe?target={} HTTP/1.1\r\nHost: e\r\n\r\n", escaped(&target.url("/stall")));
    stream.write_all(request.as_bytes()).expect("it reads");
    come.wait_for(1);
    assert_eq!(exporter.probe(&target.url("/ok"), "").0, 503, "the only place is taken");
    drop(stream);
    left.wait_for(1);
    assert_eq!(exporter.probe(&target.url("/ok"), "").0, 200);
    assert!(has(&exporter.get("/metrics").1, "prober_probes_in_flight 0"));
}

#[test]
fn requests_that_come_together_are_answered_one_after_the_other() {
    let (site, exporter) = (Server::site(), Exporter::start(&[]));
    let mut stream = TcpStream::connect(exporter.address).expect("a connection");
    let probe = format!("/probe?target={}", escaped(&site.url("/ok")));
    let targets = ["/-/healthy", &probe, "http://exporter/-/healthy", "/nothing", &probe];
    let head = |target: &str, fields: &str| format!("GET {target} HTTP/1.1\r\nHost: e\r\n{fields}\r\n");
    let mut requests: String = targets.iter().map(|target| head(target, "")).collect();
    requests += &head("/metrics", "Connection: close\r\n");
    stream.write_all(requests.as_bytes()).expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("answers");
    let statuses: Vec<_> = text.split("HTTP/1.1 ").skip(1).filter_map(|answer| answer.get(..3)).collect();
    assert_eq!(statuses, ["200", "200", "200", "404", "200", "200"], "{text}");
    assert!(has(&text, "prober_probes_total{module=\"http_2xx\",outcome=\"success\"} 2"), "{text}");
}

/// Each is told what is wrong with it, or closed, and nothing of it is left.
#[test]
fn odd_requests_are_answered_and_leave_nothing_behind() {
    let (site, exporter) = (Server::site(), Exporter::start(&[]));
    let target = escaped(&site.url("/ok"));
    let close = "Host: e\r\nConnection: close\r\n\r\n";
    let timeout = |value: &str| {
        format!("GET /probe?target={target} HTTP/1.1\r\nX-Prometheus-Scrape-Timeout-Seconds: {value}\r\n{close}")
    };
    for (request, status) in [
        (format!("HEAD /probe?target={target} HTTP/1.1\r\n{close}"), 200),
        (format!("POST /probe?target={target} HTTP/1.1\r\nContent-Length: 0\r\n{close}"), 405),
        (format!("BREW / HTTP/1.1\r\n{close}"), 405),
        (format!("OPTIONS * HTTP/1.1\r\n{close}"), 404),
        (format!("CONNECT a:1 HTTP/1.1\r\n{close}"), 404),
        ("GET /-/healthy HTTP/1.0\r\n\r\n".to_owned(), 200),
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(), 400),
        (format!("GET / HTTP/1.1\r\nHost: f\r\n{close}"), 400),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 400),
        ("\x16\x03\x01\x02 garbage\r\n\r\n".to_owned(), 400),
        (
            format!("POST /-/reload HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n{close}0\r\n\r\n"),
            400,
        ),
        (format!("POST /-/reload HTTP/1.1\r\nContent-Length: 99999999999\r\n{close}"), 413),
        (format!("GET /probe?target={} HTTP/1.1\r\n{close}", "a".repeat(100_000)), 431),
        (format!("GET / HTTP/1.1\r\nX: {}\r\n{close}", "a".repeat(100_000)), 431),
        (format!("GET /probe?{}target={target} HTTP/1.1\r\n{close}", "a=b&".repeat(3_000)), 200),
        (format!("GET /probe?target={target}&hostname=a%0d%0ab HTTP/1.1\r\n{close}"), 400),
        (timeout("-1"), 400),
        (timeout("NaN"), 400),
        (timeout("1e400"), 400),
        (timeout("0.1"), 200),
        (timeout("0"), 200),
    ] {
        let mut stream = TcpStream::connect(exporter.address).expect("a connection");
        // It may be refused before all of it was written.
        let _ = stream.write_all(request.as_bytes());
        assert_eq!(answer(&mut stream).0, status, "{}", request.chars().take(100).collect::<String>());
    }
    for text in ["%zz", "http%3A%2F%2Fa%00b%2F", "http%3A%2F%2F127.0.0.1%2F%0d%0aX%3Ay", "http://<script>/"] {
        let (status, page) = exporter.get(&format!("/probe?target={text}"));
        assert!(status == 200 && has(&page, "probe_success 0"), "{text}: {page}");
    }
    assert!(!exporter.get("/").1.contains("<script>/"), "{}", exporter.get("/").1);
    // Half a request, and a client that says nothing: they keep nobody from being answered.
    let half: Vec<_> = (0..50).map(|_| TcpStream::connect(exporter.address).expect("a connection")).collect();
    half.iter().for_each(|mut stream| stream.write_all(b"GET / HTT").expect("it reads"));
    assert_eq!(exporter.get("/-/healthy").0, 200);
    drop(half);
    let (_, metrics) = exporter.get("/metrics");
    assert!(has(&metrics, "prober_probes_in_flight 0"), "{metrics}");
}

#[test]
fn a_reload_during_a_probe_leaves_the_probe_alone() {
    let (come, leave) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
    let (arrived, go) = (come.clone(), leave.clone());
    let target = Server::start(move |stream, _| {
        arrived.arrive();
        go.wait_for(1);
        respond(stream, "200 OK", "", "");
        false
    });
    let path = scratch("during.yml");
    let write = |text: &str| std::fs::write(&path, text).expect("the scratch directory takes a file");
    write("modules:\n  one:\n    prober: http\n");
    let mut exporter = Exporter::start(&["--config.file", &path.display().to_string()]);
    let mut stream = TcpStream::connect(exporter.address).expect("a connection");
    let request = format!(
        "GET /probe?module=one&target={} HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n",
        escaped(&target.url("/"))
    );
    stream.write_all(request.as_bytes()).expect("it reads");
    come.wait_for(1);
    for (text, words) in [("modules: [", "during.yml:"), ("modules:\n  two:\n    prober: http\n", "loaded again")] {
        write(text);
        exporter.signal("-HUP");
        let line = exporter.line();
        assert!(line.contains(words), "{line}");
    }
    leave.arrive();
    assert!(
        answer(&mut stream).1.contains("probe_success 1"),
        "the module that it began with is gone, the probe is not"
    );
    assert_eq!(exporter.probe(&target.url("/"), "&module=one").0, 400);
    assert_eq!(exporter.probe(&target.url("/"), "&module=two").0, 200);
}
