//! Figures that repeat exactly: user instructions by callgrind, system calls by strace.
//!
//! Neighbours: `works` asks for them. Both tools are optional: without one, its figures are left out. What a program
//! does once (starting, reading roots) is taken away by running it for a short list and a long one.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::shell;

/// User instructions a unit: `command(true)` does `units` more of them than `command(false)`.
pub(crate) fn instructions(command: impl Fn(bool) -> Command, units: usize) -> Result<Option<f64>, String> {
    if !shell::is_there("valgrind", "--version") {
        return Ok(None);
    }
    let count = |more: bool| -> Result<f64, String> {
        let wrapped = ["--tool=callgrind", "--callgrind-out-file=/dev/null"];
        let output = wrap("valgrind", &wrapped, &command(more))
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("valgrind: {error}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(format!("valgrind: the program that was counted failed: {said}"));
        }
        let collected = said.lines().find_map(|line| line.split("Collected : ").nth(1)?.trim().parse().ok());
        collected.ok_or_else(|| format!("valgrind counted nothing: {said}"))
    };
    Ok(Some((count(true)? - count(false)?) / units.max(1) as f64))
}

/// System calls a unit and how they add up. Waiting is left out; what is not the
/// connection's (memory, the TLS provider's random bytes, the lines on stdout) is listed and not counted.
pub(crate) fn system_calls(
    command: impl Fn(bool) -> Command,
    units: usize,
    file: &Path,
) -> Result<Option<(f64, String)>, String> {
    if !shell::is_there("strace", "-V") {
        return Ok(None);
    }
    let count = |more: bool| -> Result<BTreeMap<String, f64>, String> {
        let path = file.to_string_lossy();
        let status = wrap("strace", &["-f", "-c", "-o", &path], &command(more))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let status = status.map_err(|error| format!("strace: {error}"))?;
        if !status.success() {
            return Err("strace: the program that was counted failed".to_owned());
        }
        let table = std::fs::read_to_string(file).map_err(|error| format!("{path}: {error}"))?;
        Ok(table.lines().filter_map(summary_line).collect())
    };
    let (few, many) = (count(false)?, count(true)?);
    let mut each: Vec<(String, f64)> = many
        .into_iter()
        .filter(|(name, _)| name != "epoll_wait" && name != "total")
        .map(|(name, calls)| {
            let before = few.get(&name).copied().unwrap_or(0.0);
            (name, (calls - before) / units.max(1) as f64)
        })
        .filter(|(_, calls)| *calls > 0.02)
        .collect();
    each.sort_by(|a, b| b.1.total_cmp(&a.1));
    let counted = each.iter().filter(|(name, _)| !["getrandom", "brk", "write"].contains(&name.as_str()));
    let total = counted.map(|(_, calls)| calls).sum();
    let listed: Vec<String> = each.iter().map(|(name, calls)| format!("{name} {calls:.2}")).collect();
    Ok(Some((total, listed.join(", "))))
}

/// A line of `strace -c`: `% time  seconds  usecs/call  calls  [errors]  syscall`.
fn summary_line(line: &str) -> Option<(String, f64)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let name = words.last().filter(|_| words.len() >= 5)?;
    Some(((*name).to_owned(), words.get(3)?.parse().ok()?))
}

/// The same command, run by another program.
fn wrap(program: &str, options: &[&str], command: &Command) -> Command {
    let mut wrapped = Command::new(program);
    wrapped.args(options).arg(command.get_program()).args(command.get_args());
    wrapped
}
