//! Servers that misbehave, a machine that runs out of descriptors, and people who lose patience.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use crate::server::{Gate, Server, respond};
use crate::{Ran, at, file, prober, ran, shell};

#[test]
fn each_misbehaviour_has_its_kind_and_costs_no_other_result() {
    let (site, resetting) = (Server::site(), Server::resetting());
    let cases = [
        (site.url("/ok"), None, 0),
        (resetting.url("/"), Some("receive"), 56),
        (site.url("/stall"), Some("timeout"), 28),
        (site.url("/early"), Some("truncated-body"), 18),
        (site.url("/empty"), Some("empty-reply"), 52),
        (site.url("/garbage"), Some("protocol"), 8),
        (site.url("/endless"), Some("protocol"), 8),
        (site.url("/endless-head"), Some("too-large"), 63),
        (site.url("/missing"), Some("status"), 22),
        ("http://nobody.invalid/".to_owned(), Some("resolve"), 6),
        ("gopher://host/".to_owned(), Some("unsupported-scheme"), 1),
        (site.url("/ok"), None, 0),
    ];
    let mut arguments = vec!["--format", "jsonl", "-m", "1"];
    arguments.extend(cases.iter().map(|(url, ..)| url.as_str()));
    let run = ran(&mut prober(&arguments));
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let mut results = run.json();
    results.sort_by_key(|result| result["index"].as_u64());
    assert_eq!(results.len(), cases.len());
    for (result, (url, kind, exitcode)) in results.iter().zip(&cases) {
        assert_eq!(result["error"]["kind"].as_str(), *kind, "{url}: {result}");
        assert_eq!(result["exitcode"], *exitcode, "{url}");
        assert_eq!(result["ok"], kind.is_none(), "{url}");
    }
    assert_eq!(results[2]["error"]["phase"], "wait");
    assert!(run.stderr.contains("12 probed: 2 ok, 10 failed"), "{}", run.stderr);
}

#[test]
fn a_stalled_server_is_given_its_time_and_named_with_what_was_awaited() {
    let run = ran(&mut prober(&["-m", "50ms", &Server::site().url("/stall")]));
    assert_eq!(run.code, Some(1));
    let result = run.results()[0];
    assert!(result.contains("no result within 50 ms: time ran out waiting for the response"), "{result}");
}

/// It was called a faulty response.
#[test]
fn a_body_over_our_own_limit_is_told_with_the_limit_and_what_sets_it() {
    let run = ran(&mut prober(&["--max-filesize", "3", &Server::site().url("/ok")]));
    assert_eq!(run.code, Some(1));
    let sentence = "the response was not read on: the body is larger than the limit of 3 bytes (--max-filesize";
    assert!(run.stdout.contains(sentence), "{}", run.stdout);
}

#[test]
#[cfg(target_os = "linux")] // which lets the limit of another process be lowered
fn running_out_of_descriptors_lowers_the_parallelism_and_fails_no_probe() {
    // The limit falls while 30 probes are under way, so what fitted at the start does not fit any more.
    let (come, leave) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
    let (arrive, go) = (come.clone(), leave.clone());
    let server = Server::start(move |stream, _| {
        arrive.arrive();
        go.wait_for(1);
        respond(stream, "200 OK", "", "");
        false
    });
    let list = file("list", &format!("{}\n", server.url("/")).repeat(150));
    let child = prober(&["--parallel-max", "30", &at(&list)])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    come.wait_for(30);
    let id = child.id().try_into().expect("a process's number");
    rlimit::prlimit(id, rlimit::Resource::NOFILE, Some((20, 20)), None).expect("it is our child");
    leave.arrive();
    let run = Ran::of(child.wait_with_output().expect("an end"));
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("150 probed: 150 ok"), "{}", run.stdout);
    assert_eq!(run.stderr.matches("no file descriptors left").count(), 1, "{}", run.stderr);
    assert!(run.stdout.contains("file descriptors ran out"), "{}", run.stdout);
}

#[test]
fn what_is_open_at_the_start_counts_when_the_parallelism_is_fitted() {
    let server = Server::site();
    let run_with = |open: &str| {
        // Only dash and bash read two-digit descriptors right; both are a Debian sh.
        let mut command = Command::new("bash");
        let url = server.url("/ok");
        let script = format!("ulimit -n 64; exec {open}; exec '{}' {url}", env!("CARGO_BIN_EXE_prober"));
        let run = ran(command.args(["-c", &script]));
        assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
        let told = run.stderr.split("at most ").nth(1).and_then(|rest| rest.split(' ').next());
        told.and_then(|count| count.parse::<usize>().ok()).unwrap_or_else(|| panic!("{}", run.stderr))
    };
    let few = run_with("4<&0 5<&0 6<&0");
    let many = run_with("4<&0 5<&0 6<&0 20<&0 21<&0 22<&0 23<&0 24<&0 25<&0 26<&0 27<&0 28<&0 29<&0");
    assert_eq!(many + 10, few);
}

#[test]
#[cfg(target_os = "linux")] // where it is known how few it needs besides
fn a_lone_probe_without_a_descriptor_fails_after_a_short_patience_and_stderr_says_why() {
    let url = Server::site().url("/ok");
    let binary = env!("CARGO_BIN_EXE_prober");
    let under =
        |limit: usize| ran(&mut shell(&format!("ulimit -n {limit}; exec '{binary}' --format jsonl -m 20 {url} {url}")));
    // How few it starts with depends on the machine; one fewer than is enough is the limit looked for.
    let enough = (8..40).find(|limit| under(*limit).code == Some(0)).expect("40 are enough");
    let run = under(enough - 1);
    assert_eq!(run.stdout.matches("\"kind\":\"local\"").count(), 2, "{enough}: {run:?}");
    assert_eq!(run.stderr.matches("no file descriptor left for a single probe").count(), 1, "{run:?}");
}

#[test]
#[cfg(target_os = "linux")] // where all of 127.0.0.0/8 is loopback
fn connections_kept_for_later_give_way_to_those_that_are_needed_now() {
    let server = Server::site();
    let urls = (1..=80).map(|host| server.url("/kept").replace("127.0.0.1", &format!("127.0.0.{host}")) + "\n");
    let list = file("list", &urls.collect::<String>());
    let run = ran(&mut shell(&format!("ulimit -n 40; prober --keepalive --parallel-max 8 {}", at(&list))));
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
}

#[test]
fn parallelism_is_bounded_by_what_was_asked_for() {
    let server = Server::site();
    let list = file("list", &format!("{}\n", server.url("/ok")).repeat(40));
    let run = ran(&mut shell(&format!("ulimit -n 24; prober --parallel-max 3 {}", at(&list))));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{}", run.stdout);
}

#[test]
fn a_signal_prints_what_is_finished_and_the_summary() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let server = Server::site();
        let mut child = prober(&[&server.url("/ok"), &server.url("/stall"), &server.url("/missing")])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut output = BufReader::new(child.stdout.take().expect("a piped stdout")).lines().map_while(Result::ok);
        let first = output.next().expect("the first result");
        assert!(first.starts_with("ok "), "{first}");
        send(signal, &child);
        let rest: Vec<_> = output.collect();
        assert_eq!(child.wait().expect("an end").code(), Some(code), "{rest:?}");
        assert!(rest.iter().any(|line| line.contains("interrupted")), "{rest:?}");
    }
}

#[test]
fn a_second_signal_ends_at_once_though_nobody_reads_the_results() {
    let list = file("list", &"gopher://host/with/a/path/that/makes/the/line/longer\n".repeat(20_000));
    let mut child = prober(&[&at(&list)]).stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut output = BufReader::new(child.stdout.take().expect("a piped stdout")).lines();
    output.next().expect("the first result").expect("UTF-8");
    // The pipe is full and stays so: after the first signal the rest cannot be written.
    let status = loop {
        send("INT", &child);
        if let Some(status) = child.try_wait().expect("a child of ours") {
            break status;
        }
        std::thread::yield_now();
    };
    assert_eq!(status.code(), Some(130));
}

fn send(signal: &str, child: &Child) {
    let sent = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "kill sends a signal");
}

#[test]
fn the_exit_code_of_each_kind_is_the_one_that_curl_gives() {
    if Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("skipped: curl is not installed");
        return;
    }
    let (site, resetting) = (Server::site(), Server::resetting());
    for url in [
        site.url("/ok"),
        site.url("/missing"),
        site.url("/stall"),
        site.url("/early"),
        site.url("/empty"),
        site.url("/loop"),
        resetting.url("/"),
        "http://127.0.0.1:1/".to_owned(),
        "http://nobody.invalid/".to_owned(),
        "http://[bad/".to_owned(),
        "bogus://host/".to_owned(),
    ] {
        // As in `prober`: a status that is not expected fails, redirects are followed, no proxy comes between.
        let curl = Command::new("curl")
            .args(["--silent", "--fail", "--location", "--max-redirs", "10", "--max-time", "1", "--noproxy", "*"])
            .args(["--output", "/dev/null", &url])
            .status()
            .expect("curl starts");
        let run = ran(&mut prober(&["--format", "jsonl", "-L", "-m", "1", &url]));
        assert_eq!(run.json()[0]["exitcode"].as_i64(), curl.code().map(i64::from), "{url}: {}", run.stdout);
    }
}
