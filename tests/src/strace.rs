//! Reading what strace wrote.
//!
//! Job: count system calls by name. Neighbours: the tests of system calls and of threads run the prober under strace
//! with [`command`], and read the file with [`Calls`].

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// A command that runs `program` under strace, following all its threads and children, and writes the calls to `log`.
/// `calls` names those that are wanted, or is empty for all.
#[must_use]
pub fn command(program: &Path, log: &Path, calls: &[&str]) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o"]).arg(log).stdin(Stdio::null());
    if !calls.is_empty() {
        // With a filter in the kernel the other calls cost nothing.
        command.args([
            OsStr::new("--seccomp-bpf"),
            OsStr::new("-e"),
            OsStr::new(&format!("trace={}", calls.join(","))),
        ]);
    }
    command.arg(program);
    command
}

/// How often each call was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls(BTreeMap<String, u64>);

impl Calls {
    /// Counts the calls in a log.
    #[must_use]
    pub fn read(log: &str) -> Calls {
        let mut calls = BTreeMap::new();
        for name in log.lines().filter_map(name) {
            *calls.entry(name.to_string()).or_default() += 1;
        }
        Calls(calls)
    }

    /// How often this call was made.
    #[must_use]
    pub fn of(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// How many calls there were in all, but for those named.
    #[must_use]
    pub fn total_without(&self, names: &[&str]) -> u64 {
        self.0.iter().filter(|(name, _)| !names.contains(&name.as_str())).map(|(_, count)| count).sum()
    }

    /// What this log has more than a shorter run's.
    #[must_use]
    pub fn beyond(&self, shorter: &Calls) -> Calls {
        let beyond = self.0.iter().map(|(name, count)| (name.clone(), count.saturating_sub(shorter.of(name))));
        Calls(beyond.filter(|(_, count)| *count > 0).collect())
    }
}

/// The call's name in a line such as `1234 read(5, "x", 4096) = 1`. A call that was cut in two by another thread is
/// counted once, where it began; lines about signals and exits have no name.
fn name(line: &str) -> Option<&str> {
    let call = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
    let (name, _) = call.split_once('(')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    is_name.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = r#"812 socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK, IPPROTO_IP) = 5
812 connect(5, {sa_family=AF_INET, sin_port=htons(80)}, 16) = -1 EINPROGRESS (Operation now in progress)
812 epoll_wait(3,  <unfinished ...>
813 read(7, "clone(", 6) = 6
812 <... epoll_wait resumed>[], 1024, 10) = 0
812 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED(1)} ---
812 close(5)                = 0
812 close(3)                = 0
812 +++ exited with 0 +++
"#;

    #[test]
    fn each_call_is_counted_once_and_nothing_else_is() {
        let calls = Calls::read(LOG);
        assert_eq!(calls.of("epoll_wait"), 1);
        assert_eq!(calls.of("close"), 2);
        assert_eq!(calls.of("clone"), 0);
        assert_eq!(calls.total_without(&["epoll_wait"]), 5);
    }

    #[test]
    fn a_longer_run_is_compared_with_a_shorter_one() {
        let shorter = Calls::read("1 close(5) = 0\n1 brk(NULL) = 0x1\n");
        let beyond = Calls::read(LOG).beyond(&shorter);
        assert_eq!((beyond.of("close"), beyond.of("brk"), beyond.of("socket")), (1, 0, 1));
    }

    #[test]
    fn a_line_without_a_thread_id_counts_too() {
        assert_eq!(Calls::read("brk(NULL) = 0x55\n").of("brk"), 1);
    }
}
