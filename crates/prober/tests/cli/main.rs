//! The program as a person or a script runs it: what it prints, and how it ends.

mod attacks;
mod connecting;
mod demo;
mod descriptors;
mod expectations;
mod faults;
mod formats;
mod lists;
mod newcomer;
mod output;
mod rounds;
mod serve;
mod server;
mod usage;
mod write_out;

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The program with these arguments, in an environment that says nothing of colours, with nothing on its input.
pub(crate) fn prober(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prober"));
    command.args(arguments);
    plain(&mut command);
    command
}

/// A shell that runs `script`, in which `prober` is the program.
pub(crate) fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    let binary = env!("CARGO_BIN_EXE_prober");
    command.args(["-c", &format!("prober() {{ '{binary}' \"$@\"; }}; {script}")]);
    plain(&mut command);
    command
}

fn plain(command: &mut Command) {
    for name in ["NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
}

/// What a finished run left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    fn of(output: Output) -> Ran {
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
        }
    }

    /// The lines of results: what stands before the summary's empty line.
    pub(crate) fn results(&self) -> Vec<&str> {
        self.stdout.lines().take_while(|line| !line.is_empty()).collect()
    }

    /// The results of `--format jsonl`.
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect()
    }
}

/// Runs to the end.
pub(crate) fn ran(command: &mut Command) -> Ran {
    Ran::of(command.output().expect("the program starts"))
}

/// A path for a file of this test process that nobody else uses.
pub(crate) fn scratch(name: &str) -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{number}-{name}", std::process::id()))
}

/// A file with this content.
pub(crate) fn file(name: &str, content: &str) -> PathBuf {
    let path = scratch(name);
    std::fs::write(&path, content).expect("the scratch directory takes a file");
    path
}

/// `@` and the path, as it stands on the command line.
pub(crate) fn at(path: &std::path::Path) -> String {
    format!("@{}", path.display())
}
