//! What somebody new wants: each example of `--help`, run as it stands there, with a URL or a list put in its place.

use std::time::{Duration, Instant};

use crate::server::{Server, TlsSite};
use crate::{Ran, at, file, prober, ran, scratch, shell};

/// The command in `--help` that stands before these words, with its list and its URL replaced.
fn example(words: &str, list: &str, url: &str) -> String {
    let help = ran(&mut prober(&["--help"])).stdout;
    let line = help.lines().find(|line| line.starts_with("  prober ") && line.ends_with(&format!("   {words}")));
    let line = line.unwrap_or_else(|| panic!("--help has no example '{words}':\n{help}"));
    let command = line.trim_end_matches(words).trim();
    command.replace("@urls.txt", list).replace("URL", url).replace("http://localhost:8080", url)
}

fn run(command: &str) -> Ran {
    ran(&mut shell(command))
}

#[test]
fn the_slowest_phase_of_fifty_urls() {
    let site = Server::start(|stream, path| {
        if path == "/slow" {
            std::thread::sleep(Duration::from_secs(1)); // far slower than the others, also where the machine is busy
        }
        crate::server::respond(stream, "200 OK", "", "");
        false
    });
    let urls: Vec<_> = (0..50).map(|n| site.url(&if n == 30 { "/slow".to_owned() } else { format!("/{n}") })).collect();
    let list = at(&file("fifty", &urls.join("\n")));
    let run = run(&example("see the slowest phase of each URL of a list", &list, ""));
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    let line =
        |path: &str| run.stdout.lines().find(|line| line.contains(path)).unwrap_or_else(|| panic!("{}", run.stdout));
    assert!(line("/slow ").ends_with("ms wait"), "{}", run.stdout);
    assert_eq!(run.stdout.lines().filter(|line| line.contains(" 200 ")).count(), 50, "{}", run.stdout);
    // Which of all it was, and why, without looking through fifty lines.
    let slowest = run.stdout.split("slowest ").nth(1).unwrap_or_else(|| panic!("{}", run.stdout));
    assert!(slowest.contains(&format!(" ({}: wait ", urls[30])), "{}", run.stdout);
}

#[test]
fn certificates_that_expire_within_thirty_days() {
    let (soon, later) = (TlsSite::start(20), TlsSite::start(60));
    let trust = file("roots", &[soon.ca.as_str(), later.ca.as_str()].concat());
    let list = at(&file("list", &[soon.url("/ok"), soon.url("/missing"), later.url("/ok")].join("\n")));
    let command = example("find certificates that expire within 30 days", &list, "");
    let run = run(&format!("{command} --cacert {}", trust.display()));
    assert_eq!(run.code, Some(1), "{}{}", run.stdout, run.stderr);
    let lines: Vec<_> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{}", run.stdout);
    assert!(lines[0].contains("the certificate has 20 days left: expected 30 or more"), "{}", run.stdout);
    // A page that fails for another reason hides none.
    assert!(lines[1].contains("404") && lines[1].contains("the certificate has 20 days left"), "{}", run.stdout);
}

#[test]
fn a_csv_of_ten_rounds_a_second_apart() {
    let site = Server::site();
    let (list, path) = (at(&file("list", &[site.url("/ok"), site.url("/kept")].join("\n"))), scratch("10.csv"));
    let command =
        example("ten rounds, a second apart, as CSV", &list, "").replace("10.csv", &path.display().to_string());
    let begun = Instant::now();
    let run = run(&command);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{}", run.stderr);
    assert!(begun.elapsed() >= Duration::from_secs(9), "a second lies between the starts of two rounds");
    let csv = std::fs::read_to_string(&path).expect("the file is there");
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0][..5], ["index", "round", "attempt", "started_at", "url"]);
    let rounds: Vec<_> = rows[1..].iter().map(|row| (row[1], row[0])).collect();
    let expected: Vec<_> = (0..10).flat_map(|round| [(round.to_string(), "0"), (round.to_string(), "1")]).collect();
    assert_eq!(rounds, expected.iter().map(|(round, index)| (round.as_str(), *index)).collect::<Vec<_>>());
    let start = |row: &[&str]| row[3].parse::<jiff::Timestamp>().expect("a time");
    let apart = start(&rows[19]).duration_since(start(&rows[1])).as_secs_f64();
    assert!(apart > 8.5, "the ninth round after the first began {apart} s later");
}

#[test]
fn only_the_failures_of_a_list() {
    let site = Server::site();
    let list = at(&file(
        "list",
        &[site.url("/ok"), site.url("/missing"), site.url("/redirect"), site.url("/empty")].join("\n"),
    ));
    let run = run(&example("print only the failures of a list", &list, ""));
    let failed: Vec<_> = run.stdout.lines().map(|line| line.split_whitespace().nth(1).unwrap_or_default()).collect();
    assert_eq!((run.code, run.stderr.as_str()), (Some(1), ""));
    assert_eq!(failed, [site.url("/missing"), site.url("/empty")]);
}

#[test]
fn a_check_in_a_shell_script() {
    let site = Server::site();
    let good = run(&example("a check in a shell script", "", &site.url("/ok")));
    assert_eq!((good.code, good.stdout.as_str(), good.stderr.as_str()), (Some(0), "", ""));
    let bad = run(&example("a check in a shell script", "", &site.url("/missing")));
    assert!(bad.stdout.starts_with("FAIL ") && bad.stdout.ends_with("\ndown\n"), "{}", bad.stdout);
}

#[test]
fn the_other_examples_do_what_they_say() {
    let site = Server::site();
    let one = run(&example("probe one URL", "", "").replace("https://example.com", &site.url("/ok")));
    assert!(one.code == Some(0) && one.results().len() == 1, "{}", one.stdout);
    let wait = run(&example("wait for a server, a minute at most", "", &site.url("/ok")));
    assert_eq!(wait.code, Some(0), "{}", wait.stdout);
    let demo = run(&example("watch the built-in demo", "", ""));
    assert_eq!(demo.code, Some(0), "{}", demo.stderr);
}

/// The long form was three screens longer, and said little more: what it has beyond is in the manual.
#[test]
fn help_is_one_text_that_leads_with_examples() {
    let (short, long) = (ran(&mut prober(&["-h"])).stdout, ran(&mut prober(&["--help"])).stdout);
    assert_eq!(short, long);
    let at = |text: &str| long.find(text).unwrap_or_else(|| panic!("{text} is missing:\n{long}"));
    let order = [
        "Usage:",
        "Examples:",
        "Commands:",
        "Rounds:",
        "Pace:",
        "Request:",
        "Connection:",
        "TLS:",
        "What passes:",
        "Output:",
        "Exit status:",
    ];
    assert!(order.map(at).is_sorted(), "{long}");
    assert!(long.lines().count() < 150 && long.lines().all(|line| line.chars().count() <= 100), "{long}");
    for command in [["help", "serve"], ["serve", "--help"], ["serve", "-h"]] {
        let run = ran(&mut prober(&command));
        assert!(run.code == Some(0) && run.stdout.contains("--web.listen-address"), "{command:?}: {}", run.stderr);
    }
    let manual = ran(&mut prober(&["man"])).stdout;
    assert!(manual.contains("certificates that expire within 30 days") && manual.contains("Exit status"), "{manual}");
}
