//! What happens when nothing is asked for.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::{prober, ran};

#[test]
fn without_a_url_the_demo_is_probed_and_behaves_as_announced() {
    let run = ran(&mut prober(&[]));
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    assert!(run.stderr.contains("no URL given: probing the built-in demo"), "{}", run.stderr);
    assert!(run.stderr.contains("behaved as announced"), "{}", run.stderr);
    assert!(run.results().iter().any(|line| line.starts_with("FAIL ")), "red lines belong to the demo");
    let run = ran(&mut prober(&["demo"]));
    assert!(run.stderr.starts_with("prober: probing the built-in demo"), "it was asked for: {}", run.stderr);
}

#[test]
fn a_refused_certificate_is_shown_all_the_same() {
    let run = ran(&mut prober(&["--format", "jsonl"]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let results = run.json();
    let refused: Vec<_> = results.iter().filter(|result| result["tls"]["verified"] == false).collect();
    assert_eq!(refused.len(), 3);
    for result in refused {
        assert_eq!(result["error"]["phase"], "tls");
        assert_eq!(result["exitcode"], 60);
        let leaf = &result["tls"]["chain"][0];
        assert!(
            leaf["subject"].is_string() && leaf["not_after"].as_str().is_some_and(|end| end.ends_with('Z')),
            "{result}"
        );
        let expired = result["error"]["kind"] == "tls-expired";
        assert_eq!(result["tls"]["days_left"].as_i64().is_some_and(|days| days < 0), expired, "{result}");
    }
}

#[test]
fn the_demo_is_served_until_a_signal_comes() {
    let mut child = prober(&["demo", "--serve"]).stdout(Stdio::piped()).spawn().expect("the program starts");
    let urls: Vec<_> = BufReader::new(child.stdout.take().expect("a piped stdout"))
        .lines()
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .collect();
    let good = urls.iter().find(|url| url.starts_with("http://") && url.ends_with("/ok")).expect("a good endpoint");
    assert_eq!(ran(&mut prober(&[good])).code, Some(0));
    assert!(Command::new("kill").arg(child.id().to_string()).status().is_ok_and(|status| status.success()));
    assert_eq!(child.wait().expect("an end").code(), Some(143));
}
