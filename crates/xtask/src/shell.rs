//! Running other programs, and finding the workspace.
//!
//! Job: start a program in the workspace's root and keep all that it prints, so that a step that passes costs one line
//! and a step that fails shows everything. Neighbours: every command module.
//! Invariant: stdout and stderr go to one file in the order in which they were written, as on a terminal.

use std::ffi::OsString;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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
    let path = std::env::temp_dir().join(format!("xtask-{}.log", std::process::id()));
    let mut log = std::fs::File::options().create(true).truncate(true).read(true).write(true).open(&path)?;
    // The open file outlives its name, so nothing is left behind however we end.
    std::fs::remove_file(&path)?;
    let status =
        command.current_dir(root()).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log.try_clone()?).status()?;
    let mut bytes = Vec::new();
    log.seek(SeekFrom::Start(0))?;
    log.read_to_end(&mut bytes)?;
    Ok((status.success(), String::from_utf8_lossy(&bytes).into_owned()))
}

fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    command.get_args().fold(program, |line, argument| format!("{line} {}", argument.to_string_lossy()))
}
