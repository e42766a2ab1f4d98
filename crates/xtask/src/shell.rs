//! Running other programs, and finding the workspace.
//!
//! Job: start a program in the workspace's root and keep all that it prints, so that a step that passes costs one line
//! and a step that fails shows everything. Neighbours: every command module.
//! Invariant: stdout and stderr go to one file in the order in which they were written, as on a terminal.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The workspace's root: two folders above this crate.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// The cargo that runs us, so that a toolchain chosen by hand stays chosen.
pub(crate) fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.env("CARGO_TERM_COLOR", "never");
    command
}

/// Runs `command` in the workspace's root. `Ok` has what it printed when it exits with 0, `Err` the command line and
/// what it printed when not.
pub(crate) fn run(command: &mut Command) -> Result<String, String> {
    let line = describe(command);
    let (success, output) = capture(command).map_err(|error| format!("$ {line}\ncannot run it: {error}"))?;
    if success { Ok(output) } else { Err(format!("$ {line}\n{output}")) }
}

/// How a program that was given some time has failed, with what it printed.
#[derive(Debug)]
pub(crate) enum Limited {
    /// It could not be started, or exited with another code than 0.
    Failed(String),
    /// It was ended from here, because it had not ended by itself.
    NoEnd(String),
}

impl Limited {
    /// What there is to show.
    pub(crate) fn into_text(self) -> String {
        match self {
            Limited::Failed(text) | Limited::NoEnd(text) => text,
        }
    }
}

/// Runs `command` for at most `patience`. `Ok` has what it wrote to stdout when it exits with 0. What it has started is
/// ended with it.
pub(crate) fn output_within(command: &mut Command, patience: Duration) -> Result<String, Limited> {
    let program = command.get_program().to_string_lossy().into_owned();
    let fails = |error: std::io::Error| Limited::Failed(format!("cannot run {program}: {error}"));
    let (mut stdout, mut stderr) = (nameless_file().map_err(fails)?, nameless_file().map_err(fails)?);
    command.stdin(Stdio::null()).stdout(stdout.try_clone().map_err(fails)?).stderr(stderr.try_clone().map_err(fails)?);
    let mut child = command.process_group(0).spawn().map_err(fails)?;
    let begin = Instant::now();
    let status = loop {
        match child.try_wait().map_err(fails)? {
            Some(status) => break Some(status),
            None if begin.elapsed() > patience => {
                // The group, because cargo starts others. It may have ended just now; it is waited for either way.
                let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).status();
                let _ = child.wait();
                break None;
            }
            None => thread::sleep(Duration::from_millis(2)),
        }
    };
    let printed = read_back(&mut stdout).map_err(fails)?.replace("\r\n", "\n");
    let all = printed.clone() + &read_back(&mut stderr).map_err(fails)?;
    match status {
        Some(status) if status.success() => Ok(printed),
        Some(status) => Err(Limited::Failed(format!("{status}\n{all}"))),
        None => Err(Limited::NoEnd(format!("it had not ended after {patience:?}\n{all}"))),
    }
}

/// Whether a program of this name can be started at all.
pub(crate) fn is_there(program: &str, version_flag: &str) -> bool {
    Command::new(program)
        .arg(version_flag)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// CI runs are strict: what a person's machine may lack, CI must have.
pub(crate) fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false" && value != "0")
}

/// Reads a file of the workspace, with an error that names it.
pub(crate) fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(root().join(path)).map_err(|error| format!("cannot read {path}: {error}"))
}

fn capture(command: &mut Command) -> std::io::Result<(bool, String)> {
    // One file for both streams keeps their order; a pipe each would not.
    let mut log = nameless_file()?;
    let status =
        command.current_dir(root()).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log.try_clone()?).status()?;
    Ok((status.success(), read_back(&mut log)?))
}

/// A file that is gone with the last who has it open, however we end.
fn nameless_file() -> std::io::Result<File> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("xtask-{}-{number}.log", std::process::id()));
    let file = File::options().create(true).truncate(true).read(true).write(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

/// All that was written to it.
fn read_back(file: &mut File) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    command.get_args().fold(program, |line, argument| format!("{line} {}", argument.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, patience: Duration) -> Result<String, Limited> {
        output_within(Command::new("sh").args(["-c", script]), patience)
    }

    #[test]
    fn what_a_failing_program_says_is_shown() {
        let failure = sh("echo out; echo err >&2; exit 3", Duration::MAX).unwrap_err().into_text();
        assert!(failure.contains('3') && failure.contains("out") && failure.contains("err"), "{failure}");
        assert_eq!(sh("echo out; echo err >&2", Duration::MAX).ok().as_deref(), Some("out\n"));
    }

    #[test]
    fn a_program_that_does_not_end_is_ended_with_what_it_has_started() {
        let failure = sh("echo begins; sleep 3600 & wait", Duration::ZERO).unwrap_err();
        assert!(matches!(failure, Limited::NoEnd(_)), "{failure:?}");
    }
}
