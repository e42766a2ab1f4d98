//! What the prober does when it is called the wrong way: never green by accident, never a panic.

use std::io::Write;
use std::process::{Command, Stdio};

use oneloop_tests::folder::Folder;
use oneloop_tests::program;

/// Runs a line of shell in which `$PROBER` is the program.
fn shell(line: &str) -> program::Outcome {
    program::run(Command::new("sh").args(["-c", line]).env("PROBER", program::path()).stdin(Stdio::null()))
}

/// A script has no terminal, so nothing there tells an empty variable from a wish to see the demo; and an error is the
/// safe answer. Whoever wants the demo in a script says `prober demo`.
#[test]
fn an_empty_variable_in_a_script_is_an_error() {
    let outcome = shell(r#"URLS=""; "$PROBER" $URLS"#);
    outcome.expect_code(2);
    assert!(outcome.stderr.contains("demo"), "{}", outcome.stderr);
}

#[test]
fn an_empty_variable_after_an_option_is_an_error() {
    let outcome = shell(r#"URLS=""; "$PROBER" --parallel-max 10 $URLS"#);
    outcome.expect_code(2);
    assert!(!outcome.stderr.is_empty(), "it says what is missing");
}

#[test]
fn an_empty_variable_after_two_dashes_is_an_error() {
    shell(r#"URLS=""; "$PROBER" -- $URLS"#).expect_code(2);
}

#[test]
fn an_empty_variable_in_quotes_is_a_bad_url() {
    shell(r#"URLS=""; "$PROBER" "$URLS""#).expect_code(1);
}

#[test]
fn an_empty_list_is_an_error() {
    let folder = Folder::new();
    let list = folder.write("urls.txt", "\n# nothing here\n\n");
    program::run(program::prober().arg(format!("@{}", list.display()))).expect_code(2);
}

#[test]
fn an_empty_standard_input_is_an_error() {
    program::run(program::prober().arg("-")).expect_code(2);
}

#[test]
fn the_demo_is_announced_where_no_result_is_printed() {
    let outcome = program::run(program::prober().arg("demo"));
    outcome.expect_code(0);
    assert!(outcome.stderr.contains("demo"), "{}", outcome.stderr);
}

#[test]
fn a_list_that_cannot_be_read_is_named() {
    let outcome = program::run(program::prober().arg("@/nonexistent/urls.txt"));
    outcome.expect_code(2);
    assert!(outcome.stderr.contains("/nonexistent/urls.txt"), "{}", outcome.stderr);
}

#[test]
fn a_ca_file_with_garbage_is_named() {
    let folder = Folder::new();
    let garbage = folder.write("ca.pem", "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n");
    let outcome = program::run(program::prober().arg("--cacert").arg(&garbage).arg("https://127.0.0.1:1/"));
    outcome.expect_code(2);
    assert!(outcome.stderr.contains("ca.pem"), "{}", outcome.stderr);
}

#[test]
fn a_malformed_url_is_a_result_of_its_own_and_stops_nothing_else() {
    let outcome = program::run(program::prober().args(["--format", "jsonl", "http://[", "http://127.0.0.1:1/"]));
    outcome.expect_code(1);
    let kinds: Vec<bool> = outcome.stdout.lines().map(|line| line.contains("\"kind\":\"bad-url\"")).collect();
    assert_eq!(kinds.len(), 2, "{}", outcome.stdout);
    assert_eq!(kinds.iter().filter(|bad| **bad).count(), 1, "{}", outcome.stdout);
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let outcome = shell(
        r#"for n in $(seq 2000); do echo "http://127.0.0.1:1/$n"; done | { "$PROBER" -; echo "code $?" >&2; } | head -n 1"#,
    );
    assert_eq!(
        outcome.stderr.lines().filter(|line| line.starts_with("code ")).collect::<Vec<_>>(),
        ["code 141"],
        "{}",
        outcome.stderr
    );
    assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
}

#[test]
fn a_list_may_come_through_a_pipe_that_is_written_slowly() {
    let mut process = program::prober()
        .args(["--format", "jsonl", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program started");
    let mut input = process.stdin.take().expect("its input");
    for piece in ["http://127.0.", "0.1:1/a\n# com", "ment\n\nhttp://127.0.0.1:1/b"] {
        input.write_all(piece.as_bytes()).expect("a piece written");
    }
    drop(input);
    let output = process.wait_with_output().expect("its output");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 2);
}
