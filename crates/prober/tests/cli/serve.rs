//! `prober serve` as a scraper and an operator meet it: pages, limits, reload, the end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use crate::server::{Gate, Server, TlsSite, respond};
use crate::{file, prober, ran, scratch};

/// The exporter, running until it is dropped.
pub(crate) struct Exporter {
    child: Child,
    pub(crate) address: SocketAddr,
    /// What it says after it has said where it listens.
    stderr: BufReader<std::process::ChildStderr>,
}

impl Exporter {
    pub(crate) fn start(arguments: &[&str]) -> Exporter {
        let mut command = prober(&["serve", "--web.listen-address", "127.0.0.1:0"]);
        Exporter::of(command.args(arguments)).0
    }

    /// The one that `command` starts, and what it says before it says where it listens.
    pub(crate) fn of(command: &mut Command) -> (Exporter, String) {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the program starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("a piped stderr"));
        let mut said = String::new();
        loop {
            let mut line = String::new();
            stderr.read_line(&mut line).expect("a line that says where it listens");
            let Some((_, address)) = line.trim().rsplit_once("serving at http://") else {
                assert_ne!(line, "", "it ended and said {said}");
                said += &line;
                continue;
            };
            let address = address.trim_end_matches('/');
            let address = address.parse().unwrap_or_else(|_| panic!("no address in {line}"));
            return (Exporter { child, address, stderr }, said);
        }
    }

    /// Changes how many files it may have open.
    #[cfg(target_os = "linux")]
    pub(crate) fn limit_files(&self, soft: u64) {
        let id = self.child.id().try_into().expect("a process's number");
        let (_, hard) = rlimit::Resource::NOFILE.get().expect("a limit");
        rlimit::prlimit(id, rlimit::Resource::NOFILE, Some((soft, hard)), None).expect("it is our child");
    }

    /// Status and body of the answer to a request with these lines in its head.
    pub(crate) fn ask(&self, method: &str, target: &str, fields: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).expect("a connection");
        let request = format!("{method} {target} HTTP/1.1\r\nHost: exporter\r\n{fields}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it reads");
        answer(&mut stream)
    }

    pub(crate) fn get(&self, target: &str) -> (u16, String) {
        self.ask("GET", target, "")
    }

    pub(crate) fn probe(&self, url: &str, more: &str) -> (u16, String) {
        self.get(&format!("/probe?target={}{more}", escaped(url)))
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().is_ok_and(|status| status.success()));
    }

    /// The next line on its stderr.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stderr.read_line(&mut line).expect("a line");
        line
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn answer(stream: &mut TcpStream) -> (u16, String) {
    let mut text = String::new();
    // A connection that is reset after the answer has said what it had to say.
    let _ = stream.read_to_string(&mut text);
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

pub(crate) fn escaped(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

pub(crate) fn has(text: &str, line: &str) -> bool {
    text.lines().any(|other| other == line)
}

#[test]
fn a_probe_gives_the_metrics_of_a_good_or_a_bad_target() {
    let (site, exporter) = (Server::site(), Exporter::start(&[]));
    let (status, text) = exporter.probe(&site.url("/redirect"), "&module=http_2xx&unknown=x");
    assert_eq!(status, 200);
    for line in [
        "probe_success 1",
        "probe_http_status_code 200",
        "probe_http_redirects 1",
        "probe_http_content_length 5",
        "probe_ip_protocol 4",
        "probe_http_ssl 0",
        "probe_http_version 1.1",
        "probe_failed_due_to_regex 0",
    ] {
        assert!(has(&text, line), "{line}\n{text}");
    }
    for phase in ["resolve", "connect", "tls", "processing", "transfer"] {
        assert!(text.contains(&format!("probe_http_duration_seconds{{phase=\"{phase}\"}} ")), "{phase}");
    }
    let (status, text) = exporter.probe(&site.url("/missing"), "");
    assert_eq!(status, 200, "a failed probe is an answer like any other");
    assert!(has(&text, "probe_success 0") && has(&text, "probe_failure_info{kind=\"status\",phase=\"\"} 1"), "{text}");
    let (status, text) = exporter.get("/metrics");
    assert!(status == 200 && has(&text, "prober_probes_total{module=\"http_2xx\",outcome=\"failure\"} 1"), "{text}");
    assert!(has(&text, "prober_probe_duration_seconds_count{module=\"http_2xx\"} 2"), "{text}");
    let (status, page) = exporter.get("/");
    assert!(status == 200 && page.contains("/missing") && page.contains("FAIL"), "{page}");
}

#[test]
fn questions_that_make_no_sense_are_answered_with_400_and_nothing_is_probed() {
    let exporter = Exporter::start(&[]);
    let long = format!("/probe?target={}", "a".repeat(3_000));
    for target in ["/probe", "/probe?target=", "/probe?target=a&target=b", "/probe?target=a&module=none", &long] {
        assert_eq!(exporter.get(target).0, 400, "{target}");
    }
    let timeout = exporter.ask("GET", "/probe?target=a", "X-Prometheus-Scrape-Timeout-Seconds: soon\r\n");
    assert_eq!(timeout.0, 400);
    assert!(has(&exporter.get("/metrics").1, "prober_module_unknown_total 1"));
    assert_eq!(
        (exporter.get("/nothing").0, exporter.ask("POST", "/metrics", "").0, exporter.get("/-/reload").0),
        (404, 405, 405)
    );
    assert_eq!(exporter.get("/-/healthy").0, 200);
    let huge = exporter.ask("GET", "/", &format!("X: {}\r\n", "a".repeat(64 * 1024)));
    assert!(huge.0 >= 400 || huge.0 == 0, "{huge:?}");
}

#[test]
fn the_scraper_bounds_the_time_and_so_does_the_module() {
    let site = Server::site();
    let modules = file(
        "timeouts.yml",
        "modules:\n  short:\n    prober: http\n    timeout: 100ms\n  http_2xx:\n    prober: http\n",
    );
    let exporter = Exporter::start(&["--config.file", &modules.display().to_string()]);
    for (module, seconds) in [("short", "60"), ("http_2xx", "0.6")] {
        let target = format!("/probe?module={module}&target={}", escaped(&site.url("/stall")));
        let (status, text) =
            exporter.ask("GET", &target, &format!("X-Prometheus-Scrape-Timeout-Seconds: {seconds}\r\n"));
        assert_eq!(status, 200);
        assert!(has(&text, "probe_failure_info{kind=\"timeout\",phase=\"wait\"} 1"), "{module}: {text}");
        let took = text.lines().find_map(|line| line.strip_prefix("probe_duration_seconds ")?.parse::<f64>().ok());
        assert!(took.is_some_and(|took| took < 10.0), "{took:?}");
    }
}

#[test]
fn a_bad_configuration_changes_nothing_and_is_named() {
    let path = scratch("reload.yml");
    let write = |text: &str| std::fs::write(&path, text).expect("the scratch directory takes a file");
    write("modules:\n  one:\n    prober: http\n");
    let mut exporter = Exporter::start(&["--config.file", &path.display().to_string()]);
    assert_eq!(exporter.get("/probe?target=gopher%3A%2F%2Fx&module=one").0, 200);
    write("modules:\n  two:\n    prober: http\n    http: {metod: GET}\n");
    let (status, text) = exporter.ask("POST", "/-/reload", "Content-Length: 0\r\n");
    assert!(status == 500 && text.contains(":4: modules.two.http.metod"), "{status} {text}");
    assert!(exporter.line().contains("modules.two.http.metod"));
    assert!(has(&exporter.get("/metrics").1, "prober_config_last_reload_successful 0"));
    assert!(exporter.get("/config").1.contains("one"));
    write("modules:\n  three:\n    prober: http\n");
    exporter.signal("-HUP");
    assert!(exporter.line().contains("loaded again"));
    assert!(exporter.get("/config").1.contains("three"));
    assert!(has(&exporter.get("/metrics").1, "prober_config_last_reload_successful 1"));
    assert_eq!(exporter.get("/probe?target=gopher%3A%2F%2Fx&module=one").0, 400);
    let bad = file("start.yml", "modules: 5\n");
    let run = crate::ran(&mut prober(&["serve", "--config.file", &bad.display().to_string()]));
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains(&format!("{}:1: modules", bad.display())), "{}", run.stderr);
}

/// Read once more, it would keep the loop until somebody wrote to it.
#[test]
fn a_configuration_that_has_become_a_pipe_is_not_waited_for() {
    let path = scratch("pipe.yml");
    std::fs::write(&path, "modules:\n  one:\n    prober: http\n").expect("the scratch directory takes a file");
    let exporter = Exporter::start(&["--config.file", &path.display().to_string()]);
    std::fs::remove_file(&path).expect("it was there");
    assert!(Command::new("mkfifo").arg(&path).status().is_ok_and(|status| status.success()));
    let (status, text) = exporter.ask("POST", "/-/reload", "Content-Length: 0\r\n");
    assert!(status == 500 && text.contains("no regular file"), "{status} {text}");
    assert!(exporter.get("/config").1.contains("one"));
    std::fs::remove_file(&path).expect("it was there");
}

#[cfg(target_os = "linux")]
#[test]
fn what_nobody_reads_on_stderr_takes_one_descriptor() {
    let path = scratch("unread.yml");
    let write = |text: &str| std::fs::write(&path, text).expect("the scratch directory takes a file");
    write("modules:\n  one:\n    prober: http\n");
    let exporter = Exporter::start(&["--config.file", &path.display().to_string()]);
    let descriptors = || {
        let list = std::fs::read_dir(format!("/proc/{}/fd", exporter.child.id()));
        list.expect("the exporter runs").count()
    };
    assert_eq!(exporter.get("/-/healthy").0, 200);
    let before = descriptors();
    let long = "x".repeat(3_000); // of a file that is not there, and is named
    write(&format!("modules:\n  one:\n    prober: http\n    http:\n      tls_config:\n        ca_file: /{long}\n"));
    for _ in 0..60 {
        assert_eq!(exporter.ask("POST", "/-/reload", "Content-Length: 0\r\n").0, 500); // 180 KB, of which a pipe takes 64
    }
    assert_eq!(exporter.get("/-/healthy").0, 200);
    let after = descriptors();
    assert!(after <= before + 2, "{before} before and {after} after"); // stderr's, and a connection that is closing
}

#[test]
fn past_its_limits_the_exporter_says_503_and_answers_again_later() {
    let gate = Arc::new(Gate::default());
    let target = Server::holding(&gate);
    let exporter = Exporter::start(&["--parallel-max", "2"]);
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(exporter.address).expect("a connection");
        let request = format!(
            "GET /probe?target={} HTTP/1.1\r\nHost: e\r\nX-Prometheus-Scrape-Timeout-Seconds: 2\r\nConnection: close\r\n\r\n",
            escaped(&target.url("/stall"))
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        waiting.push(stream);
    }
    gate.wait_for(2);
    assert_eq!(exporter.probe(&target.url("/ok"), "").0, 503);
    assert!(has(&exporter.get("/metrics").1, "prober_probes_in_flight 2"));
    for mut stream in waiting {
        assert!(answer(&mut stream).1.contains("probe_success 0"));
    }
    assert_eq!(exporter.probe(&target.url("/ok"), "").0, 200);
    assert!(has(&exporter.get("/metrics").1, "prober_rejected_total{reason=\"probes\"} 1"));

    let few = Exporter::start(&["--web.max-connections", "2"]);
    let idle: Vec<_> = (0..2).map(|_| TcpStream::connect(few.address).expect("a connection")).collect();
    assert_eq!(few.get("/-/healthy").0, 503);
    drop(idle);
}

#[test]
fn what_is_not_allowed_is_asked_for_neither_directly_nor_by_a_redirect_nor_by_a_name() {
    let inner = Server::site();
    let secret = inner.url("/ok");
    let to = secret.clone();
    let outer = Server::start(move |stream, _| {
        respond(stream, "302 Found", &format!("Location: {to}\r\n"), "");
        false
    });
    let port =
        |url: &str| url.trim_end_matches("/ok").trim_end_matches('/').rsplit(':').next().unwrap_or_default().to_owned();
    let allowed = format!("127.0.0.1:{}", port(&outer.url("/")));
    // A pattern with a port is one for a host.
    let exporter = Exporter::start(&["--allow-target", &allowed]);
    assert_eq!(exporter.probe(&secret, "").0, 403);
    let (status, text) = exporter.probe(&outer.url("/"), "");
    assert_eq!(status, 200);
    assert!(
        has(&text, "probe_success 0") && has(&text, "probe_failure_info{kind=\"bad-url\",phase=\"resolve\"} 1"),
        "{text}"
    );
    let exporter = Exporter::start(&["--allow-target", "10.0.0.0/8"]);
    let (_, text) = exporter.probe(&secret.replace("127.0.0.1", "localhost"), "");
    assert!(has(&text, "probe_success 0") && !text.contains("probe_http_status_code 200"), "{text}");
    let exporter = Exporter::start(&["--allow-target", "127.0.0.0/8"]);
    assert!(has(&exporter.probe(&secret, "").1, "probe_success 1"));
}

#[test]
fn a_host_name_goes_into_the_request_and_a_contradiction_is_refused() {
    let site = Server::start(|stream, _| {
        respond(stream, "200 OK", "", "");
        false
    });
    let modules = file(
        "hosts.yml",
        "modules:\n  named:\n    prober: http\n    http:\n      headers: {Host: one.example}\n  echo:\n    prober: http\n    http:\n      fail_if_header_not_matches: [{header: X-Echo, regexp: 'Host: two.example'}]\n",
    );
    let exporter = Exporter::start(&["--config.file", &modules.display().to_string()]);
    assert_eq!(exporter.probe(&site.url("/"), "&module=named&hostname=two.example").0, 400);
    assert_eq!(exporter.probe(&site.url("/"), "&module=named&hostname=one.example").0, 200);
    let (_, text) = exporter.probe(&site.url("/echo"), "&module=echo&hostname=two.example");
    assert!(has(&text, "probe_success 1"), "{text}");
}

#[test]
fn the_length_of_a_compressed_body_is_what_it_was_before() {
    const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x57\xc8\xc0\x4e\x02\x00\xf6\xd2\x53\x38\x1d\x00\x00\x00"; // "hello" five times
    let site = Server::start(|stream, _| {
        let length = GZIP.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        let _ = stream.write_all(&[head.as_bytes(), GZIP].concat());
        false
    });
    let modules = file(
        "gzip.yml",
        "modules:\n  gzip:\n    prober: http\n    http:\n      compression: gzip\n      fail_if_body_not_matches_regexp: ['^(hello ?){5}$']\n",
    );
    let exporter = Exporter::start(&["--config.file", &modules.display().to_string()]);
    let (_, text) = exporter.probe(&site.url("/"), "&module=gzip");
    assert!(has(&text, "probe_success 1") && has(&text, "probe_http_uncompressed_body_length 29"), "{text}");
    assert!(has(&text, &format!("probe_http_content_length {}", GZIP.len())), "{text}");
}

/// A CA of one's own is where blackbox_exporter looks for it: in the system's store.
#[test]
fn modules_trust_the_systems_store_when_they_are_told_to() {
    let site = TlsSite::start(40);
    let other = TlsSite::start(41);
    let (store, empty) = (file("store.pem", &site.ca), file("empty.pem", ""));
    let own = file("other.pem", &other.ca);
    let modules =
        format!("modules:\n  m: {{prober: http}}\n  o: {{prober: http, http: {{tls_config: {{ca_file: {own:?}}}}}}}\n");
    let modules = file("store.yml", &modules).display().to_string();
    let serving = |store: &std::path::Path, options: &[&str]| {
        let mut command = prober(&["serve", "--web.listen-address", "127.0.0.1:0", "--config.file", &modules]);
        command.args(options).env("SSL_CERT_FILE", store).env_remove("SSL_CERT_DIR");
        command
    };
    let passes = |exporter: &Exporter, site: &TlsSite, module: &str| {
        has(&exporter.probe(&site.url("/ok"), &format!("&module={module}")).1, "probe_success 1")
    };
    let (exporter, _) = Exporter::of(&mut serving(&store, &["--ca-native"]));
    assert!(passes(&exporter, &site, "m") && !passes(&exporter, &other, "m"));
    assert!(passes(&exporter, &other, "o") && !passes(&exporter, &site, "o"), "its own CA goes before");
    let (exporter, _) = Exporter::of(&mut serving(&store, &[]));
    assert!(!passes(&exporter, &site, "m"));
    let run = ran(&mut serving(&empty, &["--ca-native"]));
    assert!(run.code == Some(2) && run.stderr.contains("no certificates to trust"), "{:?} {}", run.code, run.stderr);
}

#[test]
fn no_page_shows_a_secret() {
    let site = Server::site();
    let modules = file(
        "secrets.yml",
        "modules:\n  m:\n    prober: http\n    http:\n      basic_auth: {username: me, password: hunter2}\n      headers: {Cookie: id=hunter2}\n      fail_if_body_matches_regexp: [hello]\n",
    );
    let exporter = Exporter::start(&["--config.file", &modules.display().to_string()]);
    let url = site.url("/secret").replace("http://", "http://me:hunter2@");
    for target in ["/ok", "/echo"] {
        let url = site.url(target).replace("http://", "http://me:hunter2@");
        assert!(!exporter.probe(&url, "&module=m").1.contains("hunter2"));
    }
    let (status, text) = exporter.probe(&url, "&module=m&debug=true");
    assert!(
        status == 200
            && text.contains("probe_success 1")
            && text.contains("<secret>@")
            && text.contains("password: <secret>"),
        "{text}"
    );
    for text in [text, exporter.get("/config").1, exporter.get("/").1, exporter.get("/metrics").1] {
        assert!(!text.contains("hunter2") && !text.contains("aHVudGVyMg"), "{text}");
    }
    assert!(exporter.get("/config").1.contains("<secret>"));
}

#[test]
fn no_page_shows_what_came_from_a_file_or_went_to_a_proxy() {
    let site = Server::site();
    let (password, token) = (file("password", "hunter2-password"), file("token", "hunter2-token\n"));
    let proxy = site.url("").replace("http://", "http://pu:hunter2-proxy@");
    let modules = format!(
        "modules:\n  password: {{prober: http, http: {{basic_auth: {{username: me, password_file: {}}}}}}}\n  \
         token: {{prober: http, http: {{authorization: {{credentials_file: {}}}}}}}\n  \
         bearer: {{prober: http, http: {{bearer_token: hunter2-bearer}}}}\n  \
         proxied: {{prober: http, http: {{proxy_url: '{proxy}'}}}}\n",
        password.display(),
        token.display(),
    );
    let modules = file("files.yml", &modules);
    let exporter = Exporter::start(&["--config.file", &modules.display().to_string()]);
    for module in ["password", "token", "bearer", "proxied"] {
        for target in [site.url("/echo"), Server::resetting().url("/").replace("http://", "https://me:hunter2-url@")] {
            let (status, text) = exporter.probe(&target, &format!("&module={module}&debug=true"));
            assert!(status == 200 && !text.contains("hunter2"), "{module} {target}: {text}");
        }
    }
    for page in ["/config", "/", "/metrics"] {
        let (_, text) = exporter.get(page);
        assert!(!text.contains("hunter2"), "{page}: {text}");
    }
}

#[test]
fn a_signal_lets_what_is_under_way_finish_and_ends_well() {
    let gate = Arc::new(Gate::default());
    let (come, leave) = (gate.clone(), Arc::new(Gate::default()));
    let go = leave.clone();
    let target = Server::start(move |stream, _| {
        come.arrive();
        go.wait_for(1);
        respond(stream, "200 OK", "", "");
        false
    });
    let mut exporter = Exporter::start(&[]);
    let mut stream = TcpStream::connect(exporter.address).expect("a connection");
    let request = format!("GET /probe?target={} HTTP/1.1\r\nHost: e\r\n\r\n", escaped(&target.url("/")));
    stream.write_all(request.as_bytes()).expect("it reads");
    gate.wait_for(1);
    exporter.signal("-TERM");
    leave.arrive();
    assert!(answer(&mut stream).1.contains("probe_success 1"));
    assert_eq!(exporter.child.wait().expect("an end").code(), Some(0));
}
