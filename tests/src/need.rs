//! What a test needs and a machine may lack.
//!
//! Job: say what is missing and let the test pass as skipped; or fail it, where `ONELOOP_TESTS_MAY_NOT_SKIP` is set.
//! Neighbours: `cargo xtask ci` sets that variable when `CI` is set, and counts the lines that end up in the file named
//! by `ONELOOP_TESTS_SKIPS`.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Whether the program can be started. When not, the test called `test` is skipped: it returns at once.
///
/// # Panics
/// When nothing may be skipped.
pub fn program(test: &str, program: &str, arguments: &[&str]) -> bool {
    let started = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !started {
        skip(test, &format!("{program} is not there, or may not run"));
    }
    started
}

/// Whether the process may have this many files open; the soft limit is raised as far as it takes.
///
/// # Panics
/// When nothing may be skipped.
pub fn open_files(test: &str, count: u64) -> bool {
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or_default();
    if limit < count {
        skip(test, &format!("it needs {count} open files, and {limit} are allowed"));
    }
    limit >= count
}

/// strace, and the right to trace.
#[must_use]
pub fn strace(test: &str) -> bool {
    program(test, "strace", &["-f", "-qq", "-o", "/dev/null", "true"])
}

/// Debian's nginx. It may lie outside an ordinary user's PATH.
#[must_use]
pub fn nginx(test: &str) -> bool {
    program(test, nginx_path(), &["-v"])
}

/// Debian's blackbox_exporter.
#[must_use]
pub fn blackbox_exporter(test: &str) -> bool {
    program(test, "prometheus-blackbox-exporter", &["--version"])
}

/// Debian's Prometheus.
#[must_use]
pub fn prometheus(test: &str) -> bool {
    program(test, "prometheus", &["--version"])
}

/// Prometheus's tool for checking rules and configurations.
#[must_use]
pub fn promtool(test: &str) -> bool {
    program(test, "promtool", &["--version"])
}

/// Where nginx is.
#[must_use]
pub fn nginx_path() -> &'static str {
    let usual = "/usr/sbin/nginx";
    if Path::new(usual).exists() { usual } else { "nginx" }
}

/// Notes that `test` was skipped, and why, where a person sees it although the test passes.
fn skip(test: &str, why: &str) {
    assert!(std::env::var_os("ONELOOP_TESTS_MAY_NOT_SKIP").is_none(), "{test} may not be skipped here, but {why}");
    // Not eprintln: the test runner keeps what passing tests print to itself.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
    if let Some(path) = std::env::var_os("ONELOOP_TESTS_SKIPS") {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let _ = file.and_then(|mut file| writeln!(file, "{test}: {why}"));
    }
}
