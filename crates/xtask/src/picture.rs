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
    // On a terminal, where the prober breaks its lines; its stderr, with the progress bar, is left out.
    let line = format!("stty rows 50 cols {} && {} --color always 2>&-", svg::COLUMNS, program.display());
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        // As `cargo run` starts it, which is what the picture's first line says.
        .env("CARGO_PKG_NAME", "prober")
        .env("TERM", "xterm-256color")
        .current_dir(shell::root())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run script (apt-get install bsdutils): {error}"))?;
    if !output.status.success() {
        return Err(format!("the demo failed with {}, so there is nothing to show", output.status));
    }
    let printed = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    let picture = svg::draw("cargo run --release", &printed);
    let path = shell::root().join(PICTURE);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    }
    std::fs::write(&path, picture).map_err(|error| format!("cannot write {PICTURE}: {error}"))?;
    println!("wrote {PICTURE}");
    Ok(())
}
