//! Rounds, repetitions, and what a failure changes about them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::server::{Gate, Server, respond};
use crate::{prober, ran};

/// Answers 503 until it has been asked so often, then 200.
pub(crate) fn late(failures: usize) -> Server {
    let asked = AtomicUsize::new(0);
    Server::start(move |stream, _| {
        match asked.fetch_add(1, Ordering::SeqCst) < failures {
            true => respond(stream, "503 Service Unavailable", "", ""),
            false => respond(stream, "200 OK", "", ""),
        }
        false
    })
}

#[test]
fn every_round_probes_every_url_and_says_which_round_it_was() {
    let site = Server::site();
    let run = ran(&mut prober(&["-c", "3", "-i", "10ms", "--format", "jsonl", &site.url("/ok"), &site.url("/kept")]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let mut places: Vec<_> =
        run.json().iter().map(|result| (result["round"].as_u64(), result["index"].as_u64())).collect();
    places.sort_unstable();
    let expected: Vec<_> = (0..3).flat_map(|round| (0..2).map(move |index| (Some(round), Some(index)))).collect();
    assert_eq!(places, expected);
    let run = ran(&mut prober(&["-c", "2", "-i", "0", &site.url("/ok"), &site.url("/missing")]));
    assert_eq!((run.code, run.results().len()), (Some(1), 4));
    assert!(run.stdout.contains("4 probed in 2 rounds: 2 ok, 2 failed"), "{}", run.stdout);
}

#[test]
fn until_ok_repeats_what_failed_and_nothing_else() {
    let server = late(2);
    let run = ran(&mut prober(&[
        "--until-ok",
        "-i",
        "10ms",
        "--format",
        "jsonl",
        &Server::site().url("/ok"),
        &server.url("/"),
    ]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let mut results: Vec<_> = run
        .json()
        .iter()
        .map(|result| (result["round"].as_u64(), result["index"].as_u64(), result["status"].as_u64()))
        .collect();
    results.sort_unstable();
    let result = |round, index, status| (Some(round), Some(index), Some(status));
    assert_eq!(results, [result(0, 0, 200), result(0, 1, 503), result(1, 1, 503), result(2, 1, 200)]);
    let run = ran(&mut prober(&["--until-ok", "-c", "2", "-i", "10ms", &late(9).url("/")]));
    assert_eq!(run.code, Some(1), "the rounds are used up");
    assert!(run.stdout.contains("1 never passed"), "{}", run.stdout);
    let run = ran(&mut prober(&["--until-ok", "-i", "10ms", "gopher://never/"]));
    assert_eq!(run.code, Some(1), "what can never pass is not waited for");
}

#[test]
fn retry_reports_every_attempt_and_the_last_one_judges() {
    let server = late(2);
    let run = ran(&mut prober(&["--retry", "3", "--retry-delay", "10ms", "--format", "jsonl", &server.url("/")]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let attempts: Vec<_> =
        run.json().iter().map(|result| (result["attempt"].as_u64(), result["ok"].as_bool())).collect();
    assert_eq!(attempts, [(Some(1), Some(false)), (Some(2), Some(false)), (Some(3), Some(true))]);
    assert!(run.stderr.contains("1 probed: 1 ok, 2 repeated after a failure"), "{}", run.stderr);
    let run = ran(&mut prober(&[
        "--retry",
        "3",
        "--retry-delay",
        "10ms",
        "--format",
        "jsonl",
        &Server::site().url("/missing"),
    ]));
    assert_eq!((run.code, run.json().len()), (Some(1), 1), "404 is there to stay");
    let run =
        ran(&mut prober(&["--retry", "1", "--retry-delay", "0", "--format", "jsonl", &Server::site().url("/empty")]));
    assert_eq!((run.code, run.json().len()), (Some(1), 2));
    let run =
        ran(&mut prober(&["--retry", "1", "--retry-delay", "10ms", &late(1).url("/"), &Server::site().url("/ok")]));
    let results = run.results();
    assert!(
        results[0].starts_with("FAIL") && results[1].contains("attempt 2") && results[2].contains("/ok"),
        "{results:?}"
    );
}

#[test]
fn the_first_failure_ends_everything_when_asked_for() {
    let gate = Arc::new(Gate::default());
    let server = Server::start(move |stream, path| {
        match path {
            "/stall" => {
                gate.arrive();
                crate::server::wait_for_hangup(stream);
            }
            // Fails once the other one is surely in flight.
            _ => {
                gate.wait_for(1);
                respond(stream, "500 Oops", "", "");
            }
        }
        false
    });
    let urls = [server.url("/stall"), server.url("/fail"), server.url("/never")];
    let run =
        ran(&mut prober(&["--fail-early", "--parallel-max", "2", "--format", "jsonl", &urls[0], &urls[1], &urls[2]]));
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let results = run.json();
    let kind = |index: u64| {
        let result = results.iter().find(|result| result["index"] == index);
        result.map(|result| result["error"]["kind"].as_str().unwrap_or("none").to_owned())
    };
    assert_eq!((kind(0).as_deref(), kind(1).as_deref(), kind(2)), (Some("interrupted"), Some("status"), None));
    let stalled = results.iter().find(|result| result["index"] == 0).expect("its result");
    assert!(stalled["remote_port"].is_u64() && stalled["exitcode"] == 42, "what was known is kept: {stalled}");
}

/// Whatever ends the run before the repetition has begun: nothing was repeated, and the one attempt is the last.
#[test]
fn what_waits_to_be_repeated_at_the_end_is_judged_by_its_last_attempt() {
    let gate = Arc::new(Gate::default());
    let asked = gate.clone();
    let server = Server::start(move |stream, path| {
        match path {
            "/busy" => respond(stream, "503 Service Unavailable", "", ""),
            "/stall" => {
                asked.arrive();
                crate::server::wait_for_hangup(stream);
            }
            _ => respond(stream, "404 Not Found", "", ""),
        }
        false
    });
    // Nothing waits for the delay: it would take a minute.
    let retry = ["--retry", "3", "--retry-delay", "60", "--parallel-max", "1"];
    let (busy, missing, stall) = (server.url("/busy"), server.url("/missing"), server.url("/stall"));
    let run = ran(prober(&retry).args(["--fail-early", &busy, &missing]));
    assert!(run.code == Some(1) && run.stdout.contains("\n2 probed: 0 ok, 2 failed (2 status), in"), "{}", run.stdout);
    let run = ran(prober(&retry).args(["--format", "junit", "--fail-early", &busy, &missing]));
    assert!(run.stdout.contains("tests=\"2\" failures=\"2\" errors=\"0\" skipped=\"0\""), "{}", run.stdout);
    // It waits for its host, where the second one stalls.
    let stalls = gate.clone();
    let other = Server::start(move |stream, _| {
        stalls.wait_for(1);
        respond(stream, "404 Not Found", "", "");
        false
    });
    let at_host = ["--retry", "3", "--retry-delay", "0", "--parallel-max-host", "1"];
    let run = ran(prober(&at_host).args(["--fail-early", &busy, &stall, &other.url("/")]));
    let counts = "\n3 probed: 0 ok, 3 failed (1 interrupted, 2 status), in";
    assert!(run.code == Some(1) && run.stdout.contains(counts), "{}", run.stdout);

    let child = prober(&retry).args([&busy, &stall]).stdout(std::process::Stdio::piped()).spawn().expect("a start");
    gate.wait_for(2);
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().is_ok_and(|status| status.success()));
    let end = child.wait_with_output().expect("an end");
    let text = String::from_utf8(end.stdout).expect("UTF-8");
    assert!(end.status.code() == Some(130) && text.contains("\n1 probed: 0 ok, 1 failed (1 status), in"), "{text}");
    assert!(text.contains("interrupted: 1 probe was under way"), "{text}");
}

#[test]
fn after_ctrl_c_the_file_is_there_under_its_name_as_a_whole_document() {
    let gate = Arc::new(Gate::default());
    let asked = gate.clone();
    let server = Server::start(move |stream, _| {
        asked.arrive();
        respond(stream, "200 OK", "", "");
        false
    });
    let path = crate::scratch("endless.json");
    let mut command = prober(&["-i", "10ms", "--format", "json", "-o", &path.display().to_string(), &server.url("/")]);
    let mut child = command.stderr(std::process::Stdio::null()).spawn().expect("the program starts");
    // The third is asked for only when the second has its result.
    gate.wait_for(3);
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().is_ok_and(|status| status.success()));
    assert_eq!(child.wait().expect("an end").code(), Some(130));
    let written = std::fs::read_to_string(&path).expect("the results");
    let results: serde_json::Value = serde_json::from_str(&written).expect("a whole document");
    assert!(results.as_array().is_some_and(|results| results.len() >= 2), "{written}");
}

#[test]
fn a_url_whose_addresses_fail_is_repeated_once_a_round() {
    // Nobody listens there on either address of the name.
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let url = format!("http://localhost:{port}/");
    let run = ran(&mut prober(&["--until-ok", "-c", "3", "-i", "0", "--all-addresses", "--format", "jsonl", &url]));
    assert_eq!(run.code, Some(1));
    let rounds = |round: u64| run.json().iter().filter(|result| result["round"] == round).count();
    assert_eq!((rounds(0), rounds(1), rounds(2)), (2, 2, 2), "{}", run.stdout);
}

#[test]
fn no_host_has_more_probes_than_allowed_and_none_is_lost() {
    let most = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let seen = most.clone();
    let server = Server::start(move |stream, _| {
        let now = seen.0.fetch_add(1, Ordering::SeqCst) + 1;
        seen.1.fetch_max(now, Ordering::SeqCst);
        std::thread::yield_now();
        // Given back before the answer: a new probe may be here before this one is done with its own bookkeeping.
        seen.0.fetch_sub(1, Ordering::SeqCst);
        respond(stream, "200 OK", "", "");
        false
    });
    let urls: Vec<_> = (0..30).map(|number| server.url(&format!("/{number}"))).collect();
    let mut command = prober(&["--parallel-max-host", "2", "--format", "jsonl"]);
    let run = ran(command.args(&urls));
    assert_eq!((run.code, run.json().len()), (Some(0), 30), "{}", run.stderr);
    assert!(most.1.load(Ordering::SeqCst) <= 2, "{}", most.1.load(Ordering::SeqCst));
}

#[test]
fn starts_are_spaced_by_the_rate() {
    let site = Server::site();
    let url = site.url("/ok");
    let run = ran(&mut prober(&["--rate", "50", "--format", "jsonl", &url, &url, &url, &url]));
    let mut starts: Vec<jiff::Timestamp> = run
        .json()
        .iter()
        .map(|result| result["started_at"].as_str().and_then(|at| at.parse().ok()).expect("a time"))
        .collect();
    starts.sort();
    let whole = starts[3].duration_since(starts[0]);
    // Slots are 20 ms apart; a start may be late, never early (but for the clock's own steps).
    assert!(whole.as_millis() >= 59, "{whole:?}");
}

#[test]
fn every_address_of_a_name_gets_a_result() {
    let site = Server::site();
    let url = site.url("/ok").replace("127.0.0.1", "localhost");
    let run = ran(&mut prober(&["--all-addresses", "--format", "jsonl", &url]));
    let addresses: Vec<_> =
        run.json().iter().filter_map(|result| Some(result["addresses"][0].as_str()?.to_owned())).collect();
    assert!(addresses.contains(&"127.0.0.1".to_owned()) && addresses.contains(&"::1".to_owned()), "{}", run.stdout);
    assert!(run.json().iter().all(|result| result["index"] == 0));
}
