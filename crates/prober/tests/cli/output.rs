//! What is printed where: formats, colours, secrets, files, and pipes that close.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::server::{Server, respond};
use crate::{at, file, prober, ran, scratch, shell};

#[test]
fn json_has_every_key_in_the_order_of_the_schema_and_phases_that_add_up() {
    let run = ran(&mut prober(&["--format", "jsonl", "-L", &Server::site().url("/redirect")]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let keys = [
        "schema_version",
        "index",
        "round",
        "attempt",
        "started_at",
        "url",
        "url_effective",
        "ok",
        "status",
        "error",
        "exitcode",
        "method",
        "http_version",
        "addresses",
        "remote_ip",
        "remote_port",
        "local_ip",
        "local_port",
        "reused",
        "body_bytes",
        "body_sha256",
        "headers",
        "redirect_url",
        "redirects",
        "phases_ms",
        "headers_ms",
        "total_ms",
        "queue_ms",
        "loop_lag_ms",
        "tls",
    ];
    let mut at = 0;
    for key in keys {
        let found = run.stdout[at..].find(&format!("\"{key}\":"));
        at += found.unwrap_or_else(|| panic!("{key} is missing or out of order in {}", run.stdout));
    }
    let result = &run.json()[0];
    assert_eq!((&result["status"], &result["body_bytes"]), (&200.into(), &5.into()));
    assert_eq!(result["redirects"][0]["status"], 302);
    assert!(result["url_effective"].as_str().is_some_and(|url| url.ends_with("/ok")));
    assert!(result["local_port"].is_u64() && result["addresses"][0] == "127.0.0.1");
    for part in [result, &result["redirects"][0]] {
        let nanos = |value: &serde_json::Value| (value.as_f64().unwrap_or(0.0) * 1e6).round() as u64;
        let sum: u64 = part["phases_ms"].as_object().expect("an object").values().map(nanos).sum();
        assert_eq!(sum, nanos(&part["total_ms"]), "{part}");
    }
}

#[test]
fn a_redirect_is_red_unless_it_may_be_followed() {
    let site = Server::site();
    let run = ran(&mut prober(&[&site.url("/redirect")]));
    assert_eq!(run.code, Some(1));
    assert!(run.results()[0].contains("302 Found: redirects to") && run.results()[0].contains("-L"), "{}", run.stdout);
    assert_eq!(ran(&mut prober(&["-L", &site.url("/redirect")])).code, Some(0));
    assert_eq!(ran(&mut prober(&["--expect-status", "3xx", &site.url("/redirect")])).code, Some(0));
    let run = ran(&mut prober(&["-L", "--max-redirs", "3", "--format", "jsonl", &site.url("/loop")]));
    assert_eq!(run.json()[0]["error"]["kind"], "too-many-redirects");
    assert_eq!(run.json()[0]["redirects"].as_array().map(Vec::len), Some(3));
}

#[test]
fn kept_connections_are_used_again_only_when_asked_for() {
    let url = Server::site().url("/kept");
    for (arguments, reused) in [(vec!["--keepalive"], true), (vec![], false)] {
        let mut all = vec!["--format", "jsonl", "--parallel-max", "1"];
        all.extend(arguments);
        all.extend([url.as_str(), url.as_str()]);
        let run = ran(&mut prober(&all));
        assert_eq!(run.code, Some(0), "{}", run.stdout);
        assert_eq!(run.json()[1]["reused"], reused, "{}", run.stdout);
    }
}

#[test]
fn a_method_without_body_and_headers_of_ones_own() {
    let server = Server::accept(|mut stream| {
        let mut head = vec![0; 4096];
        let count = stream.read(&mut head).unwrap_or(0);
        let head = String::from_utf8_lossy(&head[..count]).into_owned();
        let good = head.starts_with("HEAD / HTTP/1.1\r\n")
            && head.contains("\r\nX-One: 1\r\n")
            && head.contains("\r\nX-Two: 2\r\n")
            && head.contains("\r\nUser-Agent: me\r\n")
            && !head.to_ascii_lowercase().contains("accept:");
        let status = if good { "200 OK" } else { "400 Bad Request" };
        let _ = std::io::Write::write_all(
            &mut stream,
            format!("HTTP/1.1 {status}\r\nContent-Length: 9\r\n\r\n").as_bytes(),
        );
    });
    let headers = file("headers", "X-Two: 2\nUser-Agent: me\n");
    let run =
        ran(&mut prober(&["-X", "HEAD", "-H", "X-One: 1", "-H", &at(&headers), "-H", "Accept:", &server.url("/")]));
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
}

#[test]
fn secrets_are_printed_in_no_format() {
    let site = Server::site();
    let with_password = |path| site.url(path).replace("http://", "http://me:hunter2@");
    let list = file("list", &format!("{}\nhttp://me:hunter2@a b/\n", with_password("/secret")));
    let formats = ["text", "waterfall", "jsonl", "json", "csv", "prom", "junit", "har"];
    let write_out = "%{url} %{url_effective} %{errormsg} %{json} %{header_json} %header{set-cookie} %header{x-echo} %{urle.password}\n";
    let mut ways: Vec<Vec<&str>> = formats.iter().map(|format| vec!["--format", format, "--stats"]).collect();
    ways.extend([vec!["-v"], vec!["--format", "jsonl", "-L"], vec!["-L", "-w", write_out]]);
    // The server sends back what it was sent: neither a header of its own nor a failure's sentence may show it.
    let echo = site.url("/echo");
    for options in ways {
        let first = with_password("/redirect");
        let list = at(&list);
        let mut command = prober(&options);
        command.args(["-H", "Cookie: id=hunter2-cookie", "-H", "Proxy-Authorization: Basic hunter2-proxy"]);
        command.args([
            "--oauth2-bearer",
            "hunter2-token",
            "--fail-if-header-matches",
            "X-Echo: hunter2",
            &first,
            &list,
            &echo,
        ]);
        let run = ran(&mut command);
        assert!(
            !run.stdout.contains("hunter2-") && !run.stderr.contains("hunter2-"),
            "{options:?}: {}{}",
            run.stdout,
            run.stderr
        );
        let shown = run.stdout.replace("X-Echo matches hunter2", "");
        assert!(!shown.contains("hunter2") && !run.stderr.contains("hunter2"), "{options:?}: {shown}{}", run.stderr);
        assert!(run.stdout.contains("secret"), "{options:?}: {}", run.stdout);
    }
    let run = ran(&mut prober(&["-H", "Authorization hunter2", &site.url("/ok")]));
    assert_eq!(run.code, Some(2));
    assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
}

/// The user information of a URL becomes a header, and a server may send that back.
#[test]
fn what_is_sent_of_a_urls_password_is_printed_in_no_format() {
    let url = Server::site().url("/echo").replace("http://", "http://me:sek%72it9@");
    let sent = "bWU6c2Vrcml0OQ==";
    let formats = ["text", "waterfall", "jsonl", "json", "csv", "prom", "junit", "har"];
    let mut ways: Vec<Vec<&str>> = formats.iter().map(|format| vec!["--format", format]).collect();
    ways.extend([
        vec!["-v"],
        vec!["-w", "%{header_json} %header{x-echo}"],
        vec!["-w", "%{stderr}%{header_json} %header{x-echo}"],
        vec!["--fail-if-header-matches", "X-Echo: Basic"],
    ]);
    let mut hidden = 0;
    for options in ways {
        let run = ran(prober(&options).args([&url, "//me:sekrit9@h/", "http://me:sek/rit9@h/"]));
        let said = run.stdout + &run.stderr;
        assert!(
            ![sent, "sekrit9", "sek%72it9", "rit9"].iter().any(|secret| said.contains(secret)),
            "{options:?}: {said}"
        );
        hidden += usize::from(said.contains("Basic <secret>"));
    }
    assert!(hidden > 3, "the echo is shown in some of them");
}

#[test]
fn what_a_server_sends_cannot_drive_the_terminal() {
    for options in [["-v", "--color=never"], ["--format", "jsonl"]] {
        let run = ran(prober(&options).arg(Server::site().url("/escape")));
        assert_eq!(run.code, Some(1));
        let obeyed = |c: char| c.is_control() && c != '\n';
        assert!(!run.stdout.contains(obeyed), "{:?}", run.stdout);
        assert!(run.stdout.contains("9b"), "the control character is shown: {:?}", run.stdout);
    }
}

#[test]
fn colour_is_for_people_and_quiet_is_for_failures() {
    let site = Server::site();
    let (good, bad) = (site.url("/ok"), site.url("/missing"));
    let run = ran(&mut prober(&["--color", "always", &good, &bad]));
    assert!(run.stdout.contains("\x1b[32mok ") && run.stdout.contains("\x1b[31mFAIL "), "{:?}", run.stdout);
    assert!(!ran(&mut prober(&[&good, &bad])).stdout.contains('\x1b'));
    let run = ran(&mut prober(&["-q", &good, &bad]));
    assert_eq!((run.stdout.lines().count(), run.stderr.as_str()), (1, ""));
    assert!(run.stdout.starts_with("FAIL "), "{}", run.stdout);
    let run = ran(&mut prober(&["--format", "jsonl", &good, &bad]));
    assert!(run.stderr.contains("2 probed: 1 ok, 1 failed (1 status)"), "{}", run.stderr);
}

#[test]
fn a_file_of_results_appears_when_it_is_complete() {
    let path = scratch("results.txt");
    std::fs::write(&path, "old").expect("the scratch directory takes a file");
    let name = path.display().to_string();
    let run = ran(&mut prober(&["-o", &name, &Server::site().url("/ok")]));
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""));
    assert!(run.stderr.contains("1 probed: 1 ok"), "{}", run.stderr);
    let written = std::fs::read_to_string(&path).expect("the results");
    assert!(written.starts_with("ok ") && written.lines().count() == 1, "{written}");
    let directory = path.parent().expect("a directory");
    let leftover = std::fs::read_dir(directory)
        .expect("a readable directory")
        .flatten()
        .any(|entry| entry.path() != path && entry.file_name().to_string_lossy().contains("results.txt."));
    assert!(!leftover, "the file under its other name is gone");
}

/// Results may have secrets in their paths: a file that only some may read does not become one for all.
#[test]
fn a_file_of_results_keeps_the_permissions_of_the_one_that_it_replaces() {
    use std::os::unix::fs::PermissionsExt;
    let path = file("private.txt", "old");
    let set = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode));
    set(0o600).expect("a file of ours");
    let run = ran(&mut prober(&["-o", &path.display().to_string(), &Server::site().url("/ok")]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let mode = std::fs::metadata(&path).map(|metadata| metadata.permissions().mode() & 0o777);
    assert_eq!(mode.ok(), Some(0o600));
    assert!(std::fs::read_to_string(&path).is_ok_and(|written| written.starts_with("ok ")));
}

#[test]
fn a_reader_who_leaves_ends_the_run_quietly() {
    let list = file("list", &"gopher://host/\n".repeat(50_000));
    let mut child =
        prober(&[&at(&list)]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut output = BufReader::new(child.stdout.take().expect("a piped stdout"));
    let mut line = String::new();
    output.read_line(&mut line).expect("a first line");
    assert!(line.starts_with("FAIL "), "{line}");
    drop(output);
    let end = child.wait_with_output().expect("an end");
    assert_eq!(end.status.code(), Some(141));
    assert_eq!(String::from_utf8_lossy(&end.stderr), "");
}

#[test]
fn a_full_device_is_an_error_with_a_sentence() {
    if !std::path::Path::new("/dev/full").exists() {
        eprintln!("skipped: there is no /dev/full here");
        return;
    }
    let run = ran(&mut shell(&format!("prober {} >/dev/full", Server::site().url("/ok"))));
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("cannot write the results"), "{}", run.stderr);
}

#[test]
fn help_and_version_go_to_stdout_and_end_well() {
    for option in ["--help", "-h", "--version"] {
        let run = ran(&mut prober(&[option]));
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{option}");
        assert!(run.stdout.contains("prober"));
    }
}

#[test]
fn one_file_is_never_written_twice_nor_over_the_list() {
    let (path, url) = (scratch("twice"), Server::site().url("/ok"));
    let name = path.display().to_string();
    let roundabout =
        format!("{}/./{}", path.parent().expect("a folder").display(), path.file_name().expect("a name").display());
    for options in [
        ["--trace", &name, "--report", &name],
        ["-o", &name, "--trace", &roundabout],
        ["--report", &roundabout, "-o", &name],
    ] {
        let run = ran(prober(&options).arg(&url));
        assert_eq!(run.code, Some(2), "{options:?}: {}", run.stdout);
        assert!(run.stderr.contains("would both write to"), "{options:?}: {}", run.stderr);
        assert!(!path.exists(), "{options:?}: nothing was opened");
    }
    let list = file("list", &url);
    let link = scratch("link");
    std::os::unix::fs::symlink(&list, &link).expect("a link");
    for option in ["-o", "--trace", "--report"] {
        let run = ran(prober(&[option, &link.display().to_string()]).arg(at(&list)));
        assert_eq!(run.code, Some(2), "{option}: {}", run.stderr);
        assert!(run.stderr.contains("would overwrite the list"), "{option}: {}", run.stderr);
        assert_eq!(std::fs::read_to_string(&list).ok().as_ref(), Some(&url), "the list is as it was");
    }
    let (modules, key) = (file("read.yml", "modules: {a: {prober: http}}\n"), file("read.key", "a key"));
    let (modules, key) = (modules.display().to_string(), key.display().to_string());
    for (what, options) in [
        ("the modules in", vec!["-o", &modules, "--config.file", &modules, "--module", "a"]),
        ("the key in", vec!["--report", &key, "-E", &modules, "--key", &key]),
        ("the authorities in", vec!["--trace", &key, "--cacert", &key]),
        ("the body in", vec!["-o", &key, "-d", &format!("@{key}")]),
        ("the format in", vec!["-o", &key, "-w", &format!("@{key}")]),
    ] {
        let run = ran(prober(&options).arg(&url));
        assert_eq!(run.code, Some(2), "{what}: {}", run.stderr);
        assert!(run.stderr.contains(&format!("would overwrite {what}")), "{}", run.stderr);
    }
    assert_eq!(std::fs::read(&key).ok().as_deref(), Some(&b"a key"[..]), "the key is as it was");
    let run = ran(prober(&["-o", "/dev/null", "--trace", "/dev/null"]).arg(&url));
    assert_eq!(run.code, Some(0), "what is written to a device is not lost: {}", run.stderr);
}

/// A failed handshake was told with the URL's whole authority, user and password included.
#[test]
fn a_failure_names_the_server_without_user_and_password() {
    let site = Server::site();
    let formats = ["text", "waterfall", "jsonl", "json", "csv", "prom", "junit", "har"];
    let mut ways: Vec<Vec<&str>> = formats.iter().map(|format| vec!["--format", *format]).collect();
    ways.extend([
        vec!["-v"],
        vec!["-q"],
        vec!["-w", "%{url} %{errormsg} %{json}\n"],
        vec!["--retry", "1", "--retry-delay", "0"],
    ]);
    let reset = Server::resetting().url("/").replace("http://", "https://me:hunter2@");
    let nowhere = "http://me:hunter2@127.0.0.1:1/";
    let proxy = site.url("").replace("http://", "http://pu:hunter2-proxy@");
    for proxied in [false, true] {
        for options in &ways {
            let (trace, report, results) = (scratch("trace"), scratch("report"), scratch("results"));
            let written = [("--trace", &trace), ("--report", &report), ("-o", &results)];
            let mut command = prober(options);
            for (option, path) in written {
                command.arg(option).arg(path);
            }
            if proxied {
                command.args(["-x", &proxy]);
            }
            let run =
                ran(command.args([reset.as_str(), nowhere, "ftp://me:hunter2@h/", "http://me:hunter2@x.invalid/"]));
            assert_eq!(run.code, Some(1), "{options:?}: {}", run.stderr);
            let files = written.map(|(_, path)| std::fs::read_to_string(path).expect("a file that was asked for"));
            for text in files.iter().chain([&run.stdout, &run.stderr]) {
                let at =
                    text.find("hunter2").map(|at| text[at.saturating_sub(200)..].chars().take(300).collect::<String>());
                assert_eq!(at, None, "{options:?}, proxied: {proxied}");
            }
        }
    }
}

/// `%{stderr}` was written where it was rendered: with a full pipe the whole run stood still.
#[test]
fn a_stderr_that_nobody_reads_keeps_no_result() {
    let site = Server::site();
    // More than a pipe takes.
    let template = file("long", &format!("%{{stderr}}{}\n%{{stdout}}done\n", "x".repeat(200_000)));
    let mut child = prober(&["-w", &at(&template), &site.url("/ok")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a piped stdout")).read_line(&mut line).expect("a line");
    assert_eq!(line, "done\n");
    let rest = child.wait_with_output().expect("it ends");
    assert_eq!((rest.status.code(), rest.stderr.iter().filter(|byte| **byte == b'x').count()), (Some(0), 200_000));
}

/// What the redirect said is kept where it leads to nobody; why the probe failed, and what is judged, is the end.
#[test]
fn the_last_response_is_told_though_a_later_request_had_none() {
    let server = Server::start(|stream, _| {
        respond(stream, "302 Found", "Location: http://127.0.0.1:1/\r\nX-Here: yes\r\n", "");
        false
    });
    // The status would be expected, were it that of the last request.
    let options = ["-L", "--expect-status", "302", "--format"];
    let run = ran(prober(&options).args(["jsonl", &server.url("/")]));
    let result = &run.json()[0];
    assert_eq!((run.code, result["ok"].as_bool(), result["exitcode"].as_u64()), (Some(1), Some(false), Some(7)));
    assert_eq!((result["status"].as_u64(), result["http_version"].as_str()), (Some(302), Some("1.1")), "{result}");
    assert_eq!(result["headers"][1], serde_json::json!(["x-here", "yes"]), "{result}");
    assert_eq!((&result["error"]["kind"], &result["error"]["phase"]), (&"connect".into(), &"connect".into()));
    assert_eq!(result["url_effective"], "http://127.0.0.1:1/");
    let run = ran(prober(&options).args(["csv", &server.url("/")]));
    assert!(run.stdout.contains(",http://127.0.0.1:1/,false,302,connect,"), "{}", run.stdout);
    let run = ran(prober(&options).args(["prom", &server.url("/")]));
    assert!(run.stdout.contains("\"} 0\n") && !run.stdout.contains("\"} 302\n"), "as in the exporter: {}", run.stdout);
}
