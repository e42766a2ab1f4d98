//! The formats for programs, each read back by a reader of its kind where there is one here.

use std::process::{Command, Stdio};
use std::sync::Arc;

use crate::rounds::late;
use crate::server::{Gate, Server};
use crate::{file, prober, ran};

#[test]
fn json_is_one_array_in_the_order_of_the_list() {
    let site = Server::site();
    let run = ran(&mut prober(&["--format", "json", &site.url("/ok"), "http://[bad", &site.url("/missing")]));
    let array: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    let indexes: Vec<_> = array.as_array().expect("an array").iter().map(|result| result["index"].as_u64()).collect();
    assert_eq!(indexes, [Some(0), Some(1), Some(2)]);
    let run =
        ran(&mut prober(&["--format", "json", "-q", &site.url("/ok"), &site.url("/missing"), &site.url("/gone")]));
    let array: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(array.as_array().map(Vec::len), Some(2));
    let run = ran(&mut prober(&["--format", "json", "-q", &site.url("/ok")]));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&run.stdout).ok(), Some(serde_json::json!([])));
}

#[test]
fn csv_has_a_line_of_names_and_as_many_values() {
    let site = Server::site();
    let run = ran(&mut prober(&["--format", "csv", "-c", "2", "-i", "0", &site.url("/ok"), &site.url("/missing")]));
    let lines: Vec<Vec<&str>> =
        run.stdout.split("\r\n").filter(|line| !line.is_empty()).map(|line| line.split(',').collect()).collect();
    assert_eq!(lines.len(), 5, "{}", run.stdout);
    let names = &lines[0];
    let at = |name: &str| names.iter().position(|column| *column == name).expect("a column");
    assert_eq!((lines[1][at("ok")], lines[1][at("status")], lines[2][at("error_kind")]), ("true", "200", "status"));
    assert_eq!((lines[3][at("round")], lines[3][at("index")]), ("1", "0"));
    let number = |line: &Vec<&str>, name: &str| line[at(name)].parse::<f64>().unwrap_or(0.0);
    let phases = ["resolve_ms", "connect_ms", "tls_ms", "send_ms", "wait_ms", "transfer_ms"];
    let sum: f64 = phases.iter().map(|phase| number(&lines[1], phase)).sum();
    assert!((sum - number(&lines[1], "total_ms")).abs() < 1e-6);
}

#[test]
fn write_out_has_curls_variables_in_cumulative_seconds() {
    let site = Server::site();
    let format = r"%{http_code} %{num_redirects} %{url_effective} %{time_namelookup} %{time_connect} %{time_pretransfer} %{time_starttransfer} %{time_total} %header{content-length} %{exitcode}\n";
    let run = ran(&mut prober(&["-L", "-w", format, &site.url("/redirect")]));
    let words: Vec<_> = run.stdout.split_whitespace().collect();
    assert_eq!((words[0], words[1], words[2], words[8], words[9]), ("200", "1", site.url("/ok").as_str(), "5", "0"));
    let times: Vec<f64> = words[3..8].iter().map(|time| time.parse().expect("seconds")).collect();
    assert!(times.is_sorted() && times[4] > 0.0, "{times:?}");
    let run = ran(&mut prober(&["-w", "%{exitcode} %{errormsg}%{stderr}[%{kind}]", "http://[bad"]));
    assert!(run.stdout.starts_with("3 ") && run.stderr.contains("[bad-url]"), "{}{}", run.stdout, run.stderr);
    let template = file("template", "%{response_code}\\n");
    let run = ran(&mut prober(&["-w", &format!("@{}", template.display()), &site.url("/ok")]));
    assert_eq!(run.stdout, "200\n");
    assert_eq!(ran(&mut prober(&["-w", "%{http_cod}", &site.url("/ok")])).code, Some(2));
}

#[test]
fn junit_counts_its_cases_and_failures() {
    let site = Server::site();
    let run = ran(&mut prober(&["--format", "junit", &site.url("/ok"), &site.url("/missing?a&b")]));
    assert!(
        run.stdout.contains("<testsuite name=\"prober\" tests=\"2\" failures=\"1\" errors=\"0\""),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("<failure type=\"status\" message=\"404 Not Found: expected 200\">"));
    assert!(run.stdout.contains("/missing?a&amp;b\"") && run.stdout.trim_end().ends_with("</testsuites>"));
}

/// Every attempt is reported and the last one judges: the suite is red exactly when the run is.
#[test]
fn junit_skips_what_was_repeated() {
    let counts = |tests, failures, skipped| {
        format!(
            "<testsuite name=\"prober\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\""
        )
    };
    let retry = ["--format", "junit", "--retry", "1", "--retry-delay", "0"];
    let until_ok = ["--format", "junit", "--until-ok", "-c", "2", "-i", "0"];
    for (options, again) in [(&retry[..], "repeated by another attempt"), (&until_ok, "repeated in the next round")] {
        for (failures, code, red) in [(1, 0, 0), (2, 1, 1)] {
            let (site, server) = (Server::site().url("/ok"), late(failures).url("/"));
            let run = ran(prober(options).args([&site, &server]));
            assert_eq!(run.code, Some(code), "{}", run.stderr);
            assert!(run.stdout.contains(&counts(3, red, 1)), "{}", run.stdout);
            let skipped = format!("<skipped message=\"{again} after: 503 Service Unavailable: expected 200\">");
            assert_eq!(run.stdout.matches(&skipped).count(), 1, "{}", run.stdout);
            assert_eq!(run.stdout.matches("<failure ").count(), red, "{}", run.stdout);
            // What passed is not shown then, and overrules all the same.
            let server = late(failures).url("/");
            let run = ran(prober(options).args(["-q", &site, &server]));
            assert!(run.stdout.contains(&counts(1 + red, red, 1)), "{}", run.stdout);
        }
    }
    let run = ran(prober(&until_ok).args(["gopher://never/", &late(1).url("/")]));
    assert!(run.code == Some(1) && run.stdout.contains(&counts(3, 1, 1)), "it is not repeated: {}", run.stdout);
}

#[test]
fn har_has_an_entry_a_request_whose_timings_add_up() {
    let site = Server::site();
    let run =
        ran(&mut prober(&["--format", "har", "-L", "-H", "Cookie: id=hunter2", &site.url("/redirect"), "http://[bad"]));
    assert!(!run.stdout.contains("hunter2"));
    let har: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    let entries = har["log"]["entries"].as_array().expect("entries");
    let statuses: Vec<_> = entries.iter().map(|entry| entry["response"]["status"].as_u64()).collect();
    assert_eq!(statuses, [Some(302), Some(200), Some(0)]);
    for entry in entries {
        let timing = |name: &str| entry["timings"][name].as_f64().filter(|time| *time >= 0.0).unwrap_or(0.0);
        let sum: f64 = ["dns", "connect", "send", "wait", "receive"].iter().map(|name| timing(name)).sum();
        assert!((sum - entry["time"].as_f64().expect("a time")).abs() < 1e-6, "{entry}");
        assert_eq!(entry["timings"]["ssl"], -1, "there was none: {entry}");
    }
    // A redirect may make a GET without a body of what was a POST with one; and what was never sent was to be a POST.
    let run = ran(&mut prober(&["--format", "har", "-L", "-d", "a=b", &site.url("/redirect"), "http://[bad"]));
    let har: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    let requests = har["log"]["entries"].as_array().expect("entries").iter().map(|entry| &entry["request"]);
    let requests: Vec<_> = requests.map(|request| (request["method"].as_str(), request["bodySize"].as_i64())).collect();
    assert_eq!(requests, [(Some("POST"), Some(3)), (Some("GET"), Some(0)), (Some("POST"), Some(-1))]);
}

/// After a signal, too, a document is whole: what is finished is in it.
#[test]
fn a_run_that_is_stopped_leaves_a_whole_document_in_every_format() {
    let gate = Arc::new(Gate::default());
    let server = Server::holding(&gate);
    let (good, stall) = (server.url("/good"), server.url("/stall"));
    for (nth, format) in ["json", "har", "junit", "csv", "prom", "jsonl"].into_iter().enumerate() {
        // One at a time: the first has ended when the second is asked for.
        let mut command = prober(&["--parallel-max", "1", "--format", format, &good, &stall]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        gate.wait_for(nth + 1);
        let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()));
        let end = child.wait_with_output().expect("an end");
        assert_eq!(end.status.code(), Some(130), "{format}");
        assert!(String::from_utf8_lossy(&end.stderr).contains("interrupted: 1 probe was under way"), "{format}");
        let text = String::from_utf8(end.stdout).expect("UTF-8");
        let json = || serde_json::from_str::<serde_json::Value>(&text).expect("a whole document");
        match format {
            "json" => assert_eq!(json().as_array().map(Vec::len), Some(1)),
            "har" => assert_eq!(json()["log"]["entries"].as_array().map(Vec::len), Some(1)),
            "junit" => {
                assert!(text.contains("tests=\"1\" failures=\"0\"") && text.ends_with("</testsuites>\n"), "{text}")
            }
            "csv" => assert_eq!(text.lines().count(), 2, "{text}"),
            "prom" => assert!(text.contains(&format!("probe_success{{url=\"{good}\"}} 1\n")), "{text}"),
            _ => assert_eq!(text.lines().count(), 1, "{text}"),
        }
    }
}

#[test]
fn prom_has_one_set_of_samples_a_url() {
    let site = Server::site();
    let (good, bad) = (site.url("/ok"), site.url("/missing"));
    let run = ran(&mut prober(&["--format", "prom", &good, &bad, &good]));
    let has = |line: &str| run.stdout.lines().filter(|other| *other == line).count();
    assert_eq!(has(&format!("probe_success{{url=\"{good}\"}} 1")), 1, "{}", run.stdout);
    assert_eq!(has(&format!("probe_http_status_code{{url=\"{bad}\"}} 404")), 1);
    assert_eq!(has("# TYPE probe_success gauge"), 1);
    assert!(run.stdout.contains(&format!("probe_failure_info{{url=\"{bad}\",kind=\"status\",phase=\"\"}} 1")));
}

#[test]
fn a_waterfall_fits_its_columns_and_one_url_is_a_staircase() {
    let site = Server::site();
    let run = ran(prober(&["--format", "waterfall", &site.url("/ok"), &site.url("/missing")])
        .env("COLUMNS", "80")
        .env("LC_ALL", "C"));
    assert!(run.stdout.is_ascii() && run.results().iter().all(|line| line.len() <= 80), "{}", run.stdout);
    assert!(run.stdout.contains(" status") && run.stdout.contains("404 Not Found: expected 200"));
    let run = ran(prober(&["--format", "waterfall", &site.url("/ok")]).env("LC_ALL", "C.UTF-8"));
    assert!(
        run.stdout.contains("first byte: ") && run.stdout.contains("total: ") && run.stdout.contains('│'),
        "{}",
        run.stdout
    );
}

#[test]
fn stats_and_histogram_stand_below_the_results() {
    let site = Server::site();
    let run = ran(&mut prober(&["-c", "5", "-i", "0", "--stats", "--histogram", &site.url("/ok")]));
    for text in ["median", "99 %", "connect ", "total ", "total time of 5 probes"] {
        assert!(run.stdout.contains(text), "{text}: {}", run.stdout);
    }
    let run = ran(&mut prober(&["--format", "jsonl", "--stats", &site.url("/ok")]));
    assert_eq!(run.json().len(), 1);
    assert!(run.stderr.contains("median"), "{}", run.stderr);
}

#[test]
fn bodies_are_hashed_when_asked_for() {
    let run = ran(&mut prober(&["--hash-body", "--format", "jsonl", &Server::site().url("/ok")]));
    let digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"; // printf hello | sha256sum
    assert_eq!(run.json()[0]["body_sha256"], digest);
}

#[test]
fn completions_and_the_manual_come_from_the_one_definition() {
    for (arguments, part) in [
        (vec!["completions", "bash"], "--parallel-max-host"),
        (vec!["completions", "zsh"], "--until-ok"),
        (vec!["completions", "fish"], "fail-early"),
        (vec!["man"], ".TH prober"),
    ] {
        let run = ran(&mut prober(&arguments));
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(run.stdout.contains(part), "{arguments:?}");
    }
    let run = ran(&mut prober(&["--retri", "3", "http://h/"]));
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("--retry"), "a misspelt option is answered with one that there is: {}", run.stderr);
}
