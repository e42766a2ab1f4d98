//! `cargo xtask picture`: the picture on the first page, made from a run.
//!
//! Job: run the demo as a person would and draw what it printed as `docs/img/demo.svg`. Neighbours: `svg` draws.
//! Invariant: the picture shows a real run. Its times are that run's, so it is not compared byte for byte in CI.

use std::process::{Command, Stdio};

use crate::{shell, svg};

const PICTURE: &str = "docs/img/demo.svg";

/// Draws the picture anew.
pub(crate) fn main(arguments: &[String]) -> Result<(), String> {
    if let Some(argument) = arguments.first() {
        return Err(format!("picture takes no argument, and got '{argument}'"));
    }
    shell::run(shell::cargo().args(["build", "--release", "--package", "prober"]))?;
    let program = shell::root().join("target/release/prober");
    // Only stdout: the picture shows the results, and the progress bar is drawn on a terminal alone.
    let output = Command::new(&program)
        .args(["--color", "always"])
        // As `cargo run` starts it, which is what the picture's first line says.
        .env("CARGO_PKG_NAME", "prober")
        .current_dir(shell::root())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
    if !output.status.success() {
        return Err(format!("the demo failed with {}, so there is nothing to show", output.status));
    }
    let picture = svg::draw("cargo run --release", &String::from_utf8_lossy(&output.stdout));
    let path = shell::root().join(PICTURE);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    }
    std::fs::write(&path, picture).map_err(|error| format!("cannot write {PICTURE}: {error}"))?;
    println!("wrote {PICTURE}");
    Ok(())
}
