//! The programs of chapter 16 that stand on tokio.
//!
//! Job: build them, and compare what `differs` prints with what the chapter shows. Neighbours: `ladder --tokio` times
//! the probe beside the rungs; `ci` calls `check`. Invariant: the package is outside the workspace, so nothing else
//! builds tokio.

use std::path::PathBuf;
use std::process::Command;

use crate::shell::{self, cargo};

const MANIFEST: &str = "peers/tokio/Cargo.toml";

/// Builds them, and says where the programs are.
pub(crate) fn build() -> Result<PathBuf, String> {
    let target = shell::root().join("target/tokio");
    let mut command = cargo();
    command.args(["build", "--quiet", "--locked", "--manifest-path", MANIFEST, "--target-dir"]).arg(&target);
    shell::run(&mut command)?;
    Ok(target.join("debug"))
}

/// Runs `differs`, which must print what the book says.
pub(crate) fn check() -> Result<String, String> {
    let printed = shell::run(&mut Command::new(build()?.join("differs")))?;
    let expected = shell::read("peers/tokio/expected.txt")?;
    if printed.trim() != expected.trim() {
        return Err(format!("peers/tokio prints\n{printed}\nand its expected.txt has\n{expected}"));
    }
    Ok(format!("{} lines", expected.lines().count()))
}
