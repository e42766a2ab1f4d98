//! `prober`, built once and watched from outside.
//!
//! Job: find the program that is under test, run it to its end, and say what it printed, how much memory it had at most
//! and how many threads. Neighbours: `ONELOOP_TESTS_PROFILE=release`, set by `cargo xtask ci`, chooses the build.
//! Invariant: the program that is run is the one that the sources make: cargo is asked each time.

use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread::JoinHandle;
use std::time::Duration;

/// What is known of a run when it is over.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub status: ExitStatus,
    /// All that it wrote to standard output.
    pub stdout: String,
    /// All that it wrote to standard error.
    pub stderr: String,
    /// The most memory that was resident at once (`VmHWM`), in KiB; 0 when the system does not say.
    pub peak_kib: u64,
    /// The most threads that were seen at once; 0 when the system does not say.
    pub threads: usize,
}

/// A command that runs the prober, with no input and without colours that the tester's environment asks for.
#[must_use]
pub fn prober() -> Command {
    let mut command = Command::new(path());
    command.stdin(Stdio::null());
    for variable in ["NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "CLICOLOR"] {
        command.env_remove(variable);
    }
    command
}

/// Where the program is. The first call builds it.
///
/// # Panics
/// When it does not build.
pub fn path() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(build)
}

/// Whether it is the optimised program, for which the limits on memory are promised.
#[must_use]
pub fn is_release() -> bool {
    std::env::var("ONELOOP_TESTS_PROFILE").is_ok_and(|profile| profile == "release")
}

/// Runs a command to its end.
///
/// # Panics
/// When it cannot be started.
pub fn run(command: &mut Command) -> Outcome {
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program started");
    let stdout = drain(process.stdout.take());
    let stderr = drain(process.stderr.take());
    let (mut peak_kib, mut threads) = (0, 0);
    let status = loop {
        let (peak, count) = look_at(&process);
        // The peak only grows, until the process is over and has none.
        peak_kib = peak_kib.max(peak);
        threads = threads.max(count);
        if let Some(status) = process.try_wait().expect("a process to wait for") {
            break status;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let text = |thread: JoinHandle<Vec<u8>>| String::from_utf8_lossy(&thread.join().unwrap_or_default()).into_owned();
    Outcome { status, stdout: text(stdout), stderr: text(stderr), peak_kib, threads }
}

impl Outcome {
    /// Fails the test, with all that was printed, unless the program ended with this exit code.
    ///
    /// # Panics
    /// When it ended otherwise.
    #[track_caller]
    pub fn expect_code(&self, code: i32) -> &Outcome {
        let tail = |text: &str| {
            text.lines().rev().take(30).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
        };
        assert!(
            self.status.code() == Some(code),
            "exit code {code} was expected, not {}\nstdout ends with:\n{}\nstderr ends with:\n{}",
            self.status,
            tail(&self.stdout),
            tail(&self.stderr)
        );
        self
    }
}

fn drain(stream: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            // What was read before an error is what there is to show.
            let _ = stream.read_to_end(&mut bytes);
        }
        bytes
    })
}

/// Its peak memory in KiB, 0 where the system does not say, and its threads.
pub(crate) fn look_at(process: &Child) -> (u64, usize) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    (field("VmHWM:").unwrap_or_default(), usize::try_from(field("Threads:").unwrap_or_default()).unwrap_or(usize::MAX))
}

fn build() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command
        .args(["build", "--message-format", "json-render-diagnostics"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    if is_release() {
        command.args(["--release", "--package", "prober"]);
    } else {
        // The whole workspace's choice of features, as `cargo test --workspace` has it: so nothing is built twice.
        command.args(["--workspace", "--bin", "prober"]);
    }
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().expect("cargo started");
    assert!(output.status.success(), "prober does not build");
    let messages = String::from_utf8_lossy(&output.stdout);
    let mut executables = messages.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_prober = message.get("target")?.get("name")? == "prober";
        is_prober.then(|| message.get("executable")?.as_str().map(PathBuf::from))?
    });
    executables.next_back().expect("cargo names the program that it built")
}
