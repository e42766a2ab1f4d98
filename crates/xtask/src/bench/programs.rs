//! Building the programs that are compared, and where each then is.
//!
//! Job: `prober` and the loop's bench program from the workspace, the peers from `peers/`, all in the release profile,
//! which is the same text in both. Neighbours: `works` and `micro` run what is found here.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::Plan;
use crate::shell;

/// The programs by where they are.
pub(crate) struct Programs {
    pub(crate) prober: PathBuf,
    /// `prober` built with another TLS provider, and that provider's name.
    pub(crate) prober_with: Vec<(&'static str, PathBuf)>,
    pub(crate) micro: PathBuf,
    pub(crate) peers: PathBuf,
    pub(crate) scripts: PathBuf,
    /// A Python that has aiohttp, if there is one.
    pub(crate) python: Option<String>,
}

impl Programs {
    /// A peer's program by its name.
    pub(crate) fn peer(&self, name: &str) -> PathBuf {
        self.peers.join(name)
    }
}

/// Builds what the plan needs. The first time takes minutes: the profile optimises across all crates.
pub(crate) fn build(plan: &Plan) -> Result<Programs, String> {
    let root = shell::root();
    eprintln!("building the peers");
    let mut peers = cargo();
    peers.args(["build", "--release", "--locked", "--manifest-path", "peers/Cargo.toml"]);
    if plan.providers {
        // Another folder, so that the peers of a run without them are not built anew.
        peers.args(["--features", "aws-lc-rs,graviola", "--target-dir", "peers/target/providers"]);
    }
    if !plan.built {
        shell::run(&mut peers)?;
    }
    let needs = |kind| plan.cases.iter().any(|case| case.starts_with(kind));
    let mut prober_with = Vec::new();
    let mut prober = PathBuf::new();
    if plan.built {
        prober = root.join("target/release/prober");
    } else if needs('W') {
        eprintln!("building prober");
        prober = built(&["build", "--package", "prober", "--bin", "prober", "--release"])?;
        if plan.providers {
            eprintln!("building prober with aws-lc-rs");
            let other = built(&[
                "build",
                "--package",
                "prober",
                "--bin",
                "prober",
                "--release",
                "--target-dir",
                "target/aws-lc-rs",
                "--no-default-features",
                "--features",
                "aws-lc-rs",
            ])?;
            prober_with.push(("aws-lc-rs", other));
        }
    }
    let mut micro = PathBuf::new();
    if needs('M') {
        eprintln!("building the loop's small cases");
        micro = built(&["bench", "--package", "oneloop", "--bench", "micro", "--no-run"])?;
    }
    let folder = if plan.providers { "peers/target/providers/release" } else { "peers/target/release" };
    Ok(Programs {
        prober,
        prober_with,
        micro,
        peers: root.join(folder),
        scripts: root.join("peers/python"),
        python: python(),
    })
}

/// Cargo without what `cargo run` told us about ourselves: ring's build script looks at it, and would have ring and all
/// that stands on it built anew whenever it differs from a person's own build.
fn cargo() -> Command {
    let mut command = shell::cargo();
    let ours = std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
    });
    for (name, _) in ours {
        command.env_remove(name);
    }
    command
}

/// Runs a build and gives the program that cargo says it made.
fn built(arguments: &[&str]) -> Result<PathBuf, String> {
    let output = shell::run(cargo().args(arguments).arg("--message-format=json"))?;
    let made = output
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| Some(PathBuf::from(message.get("executable")?.as_str()?)))
        .next_back();
    made.ok_or_else(|| format!("cargo {} made no program", arguments.join(" ")))
}

/// A Python with aiohttp: the system's (apt-get install python3-aiohttp) or another.
fn python() -> Option<String> {
    let found = ["/usr/bin/python3", "python3"].into_iter().find(|python| {
        let check = Command::new(python).args(["-c", "import aiohttp"]).output();
        check.is_ok_and(|check| check.status.success())
    });
    found.map(str::to_owned)
}

/// What everything is, for the page: versions as the programs themselves and the lock files say them.
pub(crate) fn versions() -> String {
    let mut parts = vec![processor()];
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    parts.push(format!("Linux {}", kernel.trim()));
    parts.extend(said(Command::new("rustc").arg("--version")));
    parts.extend(said(Command::new("nginx").arg("-v")).map(|v| v.replace("nginx version: ", "")));
    let ours = shell::read("Cargo.lock").unwrap_or_default();
    let ours = ["mio", "rustls", "ring"].map(|name| locked(&ours, name)).join(", ");
    parts.push(format!("ours with {ours}"));
    let theirs = shell::read("peers/Cargo.lock").unwrap_or_default();
    let names = ["tokio", "hyper", "reqwest", "smol", "rustls", "ring", "aws-lc-rs", "graviola"];
    parts.push(format!("the peers with {}", names.map(|name| locked(&theirs, name)).join(", ")));
    if let Some(python) = python() {
        let script = "import sys, aiohttp; print('Python', sys.version.split()[0] + ', aiohttp', aiohttp.__version__)";
        parts.extend(said(Command::new(python).args(["-c", script])));
    }
    parts.join("; ")
}

fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let cores = info.lines().filter(|line| line.starts_with("processor")).count();
    format!("{cores} cores of {}", name.unwrap_or("an unknown processor"))
}

/// The first line that a program says, on stdout or else on stderr.
fn said(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let bytes = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    String::from_utf8_lossy(&bytes).lines().next().map(str::to_owned)
}

/// `name version`, as the lock file has it.
fn locked(lock: &str, name: &str) -> String {
    let version =
        lock.split_once(&format!("name = \"{name}\"\nversion = \"")).and_then(|(_, rest)| rest.split('"').next());
    format!("{name} {}", version.unwrap_or("?"))
}
