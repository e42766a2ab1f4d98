//! `cargo xtask hooks`: what watching the loop costs, when nobody watches and when a recorder does.
//!
//! Job: build M1 to M6 twice, as they are and with `--cfg oneloop_no_hooks`, which makes `Core::is_observed` a constant
//! `false` so that the compiler takes every hook out; count both by callgrind, and compare. Then run the benchmark of
//! the recorder. Fails when a loop without an observer pays more than 1 %, or a recorder takes 100 ns an event or more.
//! Neighbours: `bench` measures the same M1 to M6 against the peers; `observer.rs` of `oneloop` has the hooks.
//! Invariants: the counts are differences of a long and a short run, so what a program does once is not in them; debug
//! mode's test of a flag, through which steps and awaits are observed, is in both builds, since debug mode is.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::instructions;
use crate::shell::{self, cargo};

/// Units of a short and a long run.
const SHORT: usize = 5_000;
const LONG: usize = 20_000;
/// In percent of the instructions.
const ALLOWED: f64 = 1.0;
/// Nanoseconds an event.
const ALLOWED_AN_EVENT: f64 = 100.0;

/// Builds, counts, prints a table, and fails when something costs more than it may.
pub(crate) fn main(arguments: &[String]) -> Result<(), String> {
    if let Some(other) = arguments.first() {
        return Err(format!("no option '{other}'\n\nusage: cargo xtask hooks"));
    }
    let with = built("oneloop", "micro", None)?;
    let without = built("oneloop", "micro", Some("oneloop_no_hooks"))?;
    let mut too_much = Vec::new();
    println!("instructions a unit     with hooks   without");
    for case in ["M1", "M2", "M3", "M4", "M5", "M6"] {
        let count = |program: &Path| {
            let run = |more: bool| {
                let mut command = Command::new(program);
                command.args([case, &(if more { LONG } else { SHORT }).to_string()]);
                command
            };
            instructions(run, LONG - SHORT)?.ok_or_else(|| "valgrind is needed to count".to_owned())
        };
        let (observable, bare) = (count(&with)?, count(&without)?);
        let more = (observable / bare - 1.0) * 100.0;
        println!("{case:<22} {observable:>11.1} {bare:>9.1}   {more:+.2} %");
        if more > ALLOWED {
            too_much.push(format!("{case} pays {more:.2} % for hooks that nobody uses"));
        }
    }
    let said = shell::run(&mut Command::new(built("oneloop-trace", "recorder", None)?))?;
    print!("{said}");
    let nanoseconds = said.split_once("recorder ").and_then(|(_, rest)| rest.split(' ').next()?.parse::<f64>().ok());
    let nanoseconds = nanoseconds.ok_or("the recorder's benchmark said nothing of nanoseconds")?;
    if nanoseconds >= ALLOWED_AN_EVENT {
        too_much.push(format!("a recorder takes {nanoseconds} ns an event"));
    }
    if too_much.is_empty() { Ok(()) } else { Err(too_much.join("; ")) }
}

/// Builds a benchmark and returns where it is. One with another `cfg` has a folder of its own, so that neither build
/// throws the other's away.
fn built(package: &str, bench: &str, cfg: Option<&str>) -> Result<PathBuf, String> {
    let mut command = cargo();
    command.args([
        "bench",
        "--no-run",
        "--package",
        package,
        "--bench",
        bench,
        "--message-format=json-render-diagnostics",
    ]);
    if let Some(cfg) = cfg {
        let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
        command.args(["--target-dir", &format!("target/{cfg}")]).env("RUSTFLAGS", format!("{flags} --cfg {cfg}"));
    }
    let said = shell::run(&mut command)?;
    let messages = said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let programs = messages.filter(|message| message["target"]["name"] == bench);
    let path = programs.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).next_back();
    path.ok_or_else(|| format!("cargo built no benchmark {bench}"))
}
