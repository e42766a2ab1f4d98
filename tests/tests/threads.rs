//! No thread is ever made, and no process.

use std::fmt::Write;
use std::process::{Command, Stdio};

use oneloop_tests::folder::Folder;
use oneloop_tests::nginx::Nginx;
use oneloop_tests::strace::{self, Calls};
use oneloop_tests::{need, program};

const BIRTHS: [&str; 4] = ["clone", "clone3", "fork", "vfork"];

/// On a terminal, so that the progress bar is drawn: libraries for such bars like to start a thread that ticks.
#[test]
fn five_thousand_https_probes_with_a_progress_bar_start_no_thread() {
    let test = "five_thousand_https_probes_with_a_progress_bar_start_no_thread";
    if !(need::nginx(test) && need::strace(test) && need::program(test, "script", &["--version"])) {
        return;
    }
    let nginx = Nginx::start(None);
    let folder = Folder::new();
    let mut list = String::new();
    for index in 0..5_000 {
        writeln!(list, "{}", nginx.https(&format!("/{index}"))).expect("a line");
    }
    let list = folder.write("urls.txt", list);
    let log = folder.path().join("strace.log");
    let traced = strace::command(program::path(), &log, &[&BIRTHS[..], &["execve"]].concat());
    // `script` runs a line of shell on a terminal of its own. The results go to a file, so that what is left on the
    // terminal is the bar alone.
    let mut line = quoted(traced.get_program());
    traced.get_args().for_each(|argument| line += &format!(" {}", quoted(argument)));
    let results = folder.path().join("results.txt");
    write!(
        line,
        " --cacert {} @{} > {}",
        quoted(nginx.root().as_os_str()),
        quoted(list.as_os_str()),
        quoted(results.as_os_str())
    )
    .expect("a line");
    let outcome = program::run(
        Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .env("TERM", "xterm")
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::null()),
    );
    outcome.expect_code(0);

    let results = std::fs::read_to_string(&results).expect("results");
    assert!(results.lines().count() >= 5_000, "{} lines", results.lines().count());
    assert!(outcome.stdout.contains("\x1b["), "no progress bar was drawn: {:?}", outcome.stdout);
    let log = std::fs::read_to_string(&log).expect("strace's log");
    let calls = Calls::read(&log);
    assert_eq!(calls.of("execve"), 1, "strace saw the program start");
    assert_eq!(calls.total_without(&["execve"]), 0, "{log}");
}

fn quoted(argument: &std::ffi::OsStr) -> String {
    format!("'{}'", argument.to_string_lossy().replace('\'', r"'\''"))
}

/// Where strace is not there, the kernel's own count is.
#[test]
fn the_demo_runs_on_one_thread() {
    let outcome = program::run(program::prober().arg("demo"));
    outcome.expect_code(0);
    if cfg!(target_os = "linux") {
        assert_eq!(outcome.threads, 1);
    }
}
