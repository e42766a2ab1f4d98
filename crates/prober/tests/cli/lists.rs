//! Where URLs come from, in which order results come out, and what an empty list means.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::sync::Arc;

use crate::server::{Gate, Server, respond};
use crate::{at, file, prober, ran, shell};

#[test]
fn results_keep_the_order_of_the_list_though_the_first_is_the_last_to_finish() {
    let gate = Arc::new(Gate::default());
    let server = Server::start(move |stream, path| {
        match path {
            "/first" => gate.wait_for(2),
            _ => gate.arrive(),
        }
        respond(stream, "200 OK", "", "");
        false
    });
    let urls = ["/first", "/second", "/third"].map(|path| server.url(path));
    let run = ran(&mut prober(&[&urls[0], &urls[1], &urls[2]]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let results = run.results();
    assert_eq!(results.len(), 3);
    for (result, url) in results.iter().zip(&urls) {
        assert!(result.starts_with("ok ") && result.contains(url.as_str()) && result.contains("ms"), "{result}");
    }
    assert!(run.stdout.contains("3 probed: 3 ok"));
}

#[test]
fn arguments_lists_and_standard_input_follow_each_other() {
    let server = Server::site();
    let list = file("list", &format!("# a list\n\n{}\n", server.url("/b")));
    let script =
        format!("echo {} | prober {} {} - {}", server.url("/c"), server.url("/a"), at(&list), server.url("/d"));
    let run = ran(&mut shell(&script));
    assert_eq!(run.code, Some(1));
    let paths: Vec<_> = run.results().iter().filter_map(|line| line.split('/').nth(3)?.chars().next()).collect();
    assert_eq!(paths, ['a', 'b', 'c', 'd']);
}

#[test]
fn a_malformed_line_gets_its_own_result_and_stops_nothing() {
    let server = Server::site();
    let list = file("list", &format!("{0}\nhttp://[bad\n{0}\n", server.url("/ok")));
    let run = ran(&mut prober(&[&at(&list)]));
    assert_eq!(run.code, Some(1));
    let results = run.results();
    assert!(results[0].starts_with("ok ") && results[2].starts_with("ok "), "{results:?}");
    assert!(results[1].starts_with("FAIL ") && results[1].contains(&format!("{}:2: bad URL", list.display())));
}

#[test]
fn nothing_to_probe_is_never_green() {
    let empty = file("empty", "# only a comment\n\n");
    for script in [
        "URLS=; prober -m 5 $URLS",
        "URLS=; prober -- $URLS",
        "prober --",
        "prober - </dev/null",
        "printf '' | prober -",
        &format!("prober {}", at(&empty)),
        &format!("prober -o /dev/null {}", at(&empty)),
    ] {
        let run = ran(&mut shell(script));
        assert_eq!(run.code, Some(2), "{script}: {}{}", run.stdout, run.stderr);
        assert!(run.stderr.contains("no URL"), "{script}: {}", run.stderr);
        assert_eq!(run.stdout, "", "{script}");
    }
    assert_eq!(ran(&mut shell("URL=; prober \"$URL\"")).code, Some(1), "an empty URL is a malformed one");
}

#[test]
fn what_cannot_be_read_is_said_before_anything_is_probed() {
    let server = Server::site();
    let url = server.url("/ok");
    let garbage = file("garbage.pem", "-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n");
    let nothing = file("nothing.pem", "");
    let garbage = garbage.display().to_string();
    let nothing = nothing.display().to_string();
    for (arguments, named) in [
        (vec![url.as_str(), "@/nonexistent/list"], "/nonexistent/list"),
        (vec![url.as_str(), "@/"], "directory"),
        (vec!["--cacert", garbage.as_str(), url.as_str()], "garbage.pem"),
        (vec!["--cacert", nothing.as_str(), url.as_str()], "nothing.pem"),
        (vec!["--cacert", "/nonexistent/ca", url.as_str()], "/nonexistent/ca"),
        (vec!["-o", "/nonexistent/out", url.as_str()], "/nonexistent/out"),
        (vec!["-H", "@/nonexistent/headers", url.as_str()], "/nonexistent/headers"),
        (vec!["-H", "Content-Length: 5", url.as_str()], "'Content-Length'"),
        (vec!["-H", "X-Name: žluť", url.as_str()], "'X-Name'"),
    ] {
        let run = ran(&mut prober(&arguments));
        assert_eq!(run.code, Some(2), "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(named), "{arguments:?}: {}", run.stderr);
        assert_eq!(run.stdout, "", "{arguments:?}");
    }
}

#[test]
fn standard_input_is_a_stream_and_each_result_comes_when_it_is_ready() {
    let server = Server::site();
    let mut child = prober(&["-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut input = child.stdin.take().expect("a piped stdin");
    let mut output = BufReader::new(child.stdout.take().expect("a piped stdout")).lines();
    for path in ["/ok", "/missing", "/ok?3"] {
        // Each line is asked for only once the one before has been answered: nobody may wait for the end of the list.
        writeln!(input, "{}", server.url(path)).expect("the program reads");
        let line = output.next().expect("a result").expect("UTF-8");
        assert!(line.contains(&server.url(path)), "{line}");
    }
    drop(input);
    assert_eq!(child.wait().expect("an end").code(), Some(1));
}

/// Probes that fail at once arm no timer. After the nineteenth the feeder waited for a turn that nothing could begin.
#[test]
fn a_list_of_probes_that_never_wait_comes_to_its_end() {
    let list = at(&file("at-once", &"http://nowhere.invalid/\n".repeat(60)));
    let run = ran(&mut prober(&["-q", "--format", "jsonl", &list]));
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert_eq!(run.stdout.lines().count(), 60, "{}", run.stderr);
}
