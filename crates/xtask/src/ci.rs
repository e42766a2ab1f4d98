//! `cargo xtask ci`: every check there is, one line each.
//!
//! Job: run the steps in order, cheap ones first, and show what a step printed only when it failed. A failed step does
//! not stop the others, so one run tells all. Neighbours: `.ci/run` installs what the steps need and calls this;
//! `lines`, `rules`, `links`, `parity` and `totals` hold the checks that are our own.
//! Invariant: with `CI` set nothing may be skipped; without it, what a machine lacks is said and skipped.

use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant, UNIX_EPOCH};

use crate::shell::{self, cargo};
use crate::totals::{self, Totals};
use crate::{
    book, docs, fuzz, layout, lines, links, manifests, mutants, parity, recorded, rules, static_binary, tokio_probe,
};

struct Step {
    name: &'static str,
    what: &'static str,
    /// Returns a few words for the step's line, or what to show when it failed.
    run: fn(&mut Totals) -> Result<String, String>,
}

const STEPS: [Step; 23] = [
    Step { name: "format", what: "cargo fmt --check", run: format },
    Step { name: "lines", what: "tier 1, run_once and the ladder's loop stay short", run: |_| lines::check() },
    Step { name: "rules", what: "no unsafe, and dependencies point one way", run: |_| rules::check() },
    Step { name: "links", what: "links between the pages lead somewhere", run: |_| links::check() },
    Step { name: "pages", what: "snippets and outputs in the pages are what their files say", run: |_| docs::check() },
    Step { name: "manifests", what: "the Kubernetes manifests keep to the API's schemas", run: |_| manifests::check() },
    Step { name: "book", what: "the pages as a web site, where mdbook is installed", run: |_| book::check() },
    Step { name: "deny", what: "licences, bans and sources, as deny.toml has them", run: deny },
    Step { name: "clippy", what: "cargo clippy on all targets, warnings denied", run: clippy },
    Step { name: "docs", what: "cargo doc, warnings denied", run: docs },
    Step { name: "build", what: "the release build has no warning", run: build },
    Step {
        name: "layout",
        what: "the functions that a probe runs through lie side by side",
        run: |_| layout::check_list(),
    },
    Step {
        name: "static",
        what: "a static prober, which runs where there is nothing else",
        run: |_| static_binary::check(),
    },
    Step { name: "demo", what: "the README's first command: exit 0, under 3 s", run: demo },
    Step { name: "tests", what: "the README's second command, nginx included", run: tests },
    Step { name: "parity", what: "each trio prints what it should in Python, C# and Rust", run: |_| parity::check() },
    Step { name: "recorded", what: "trios recorded in three languages keep one schema", run: |_| recorded::check() },
    Step { name: "tokio", what: "the programs on tokio print what chapter 16 shows", run: |_| tokio_probe::check() },
    Step { name: "heavy", what: "the tests that take a minute or more", run: heavy },
    Step { name: "loom", what: "the ready queue's hand-over between threads, model-checked", run: loom },
    Step {
        name: "fuzz",
        what: "each fuzz target for a few seconds, where a nightly compiler is",
        run: |_| fuzz::check(),
    },
    Step { name: "mutants", what: "the faults of cargo xtask mutants compile", run: |_| mutants::check() },
    Step { name: "package", what: "cargo package for every crate", run: package },
];

/// What the demo may take. A person is watching.
const DEMO_LIMIT: Duration = Duration::from_secs(3);

/// Runs the steps named, or all; or only lists them, or only records the number of tests.
pub(crate) fn main(arguments: &[String]) -> Result<(), String> {
    match arguments.first().map(String::as_str) {
        Some("--list") => {
            STEPS.iter().for_each(|step| println!("{:8} {}", step.name, step.what));
            return Ok(());
        }
        Some("--record") => return record(),
        _ => {}
    }
    if let Some(unknown) = arguments.iter().find(|name| STEPS.iter().all(|step| step.name != **name)) {
        return Err(format!("no step '{unknown}': cargo xtask ci --list names them"));
    }
    let chosen = |step: &&Step| arguments.is_empty() || arguments.iter().any(|name| name == step.name);
    let mut totals = Totals::default();
    let mut failed = Vec::new();
    for step in STEPS.iter().filter(chosen) {
        if let Err(output) = report(step.name, || (step.run)(&mut totals)) {
            println!("{output}");
            failed.push(step.name);
        }
    }
    // The last line is for whoever counts tests: a program, or a person who looks at the end.
    if totals != Totals::default() {
        println!("{totals}");
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

/// Prints the line of one step: its name at once, the rest when it is done.
fn report(name: &str, run: impl FnOnce() -> Result<String, String>) -> Result<(), String> {
    print!("{name:<8} ");
    // A closed stdout is noticed by the next print; nothing is lost by waiting for that.
    let _ = std::io::stdout().flush();
    let begin = Instant::now();
    let outcome = run();
    let seconds = begin.elapsed().as_secs_f64();
    match outcome {
        Ok(note) => {
            println!("{}", format!("ok     {seconds:6.1} s  {note}").trim_end());
            Ok(())
        }
        Err(output) => {
            println!("FAILED {seconds:6.1} s");
            Err(output)
        }
    }
}

fn format(_: &mut Totals) -> Result<String, String> {
    shell::run(cargo().args(["fmt", "--all", "--check", "--", "--color", "never"])).map(|_| String::new())
}

fn deny(_: &mut Totals) -> Result<String, String> {
    if !shell::is_there("cargo-deny", "--version") {
        let how = "cargo-deny is not installed: cargo install --locked cargo-deny";
        return if shell::is_ci() { Err(how.into()) } else { Ok(format!("SKIPPED: {how}")) };
    }
    // Advisories are not asked for: their database is no package, so not every machine can fetch it.
    shell::run(cargo().args(["deny", "--log-level", "error", "check", "bans", "licenses", "sources"]))
        .map(|_| String::new())
}

fn clippy(_: &mut Totals) -> Result<String, String> {
    shell::run(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])).map(|_| String::new())
}

fn docs(_: &mut Totals) -> Result<String, String> {
    let mut command = cargo();
    command.args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
    shell::run(&mut command).map(|_| String::new())
}

fn build(_: &mut Totals) -> Result<String, String> {
    let output = shell::run(cargo().args(["build", "--release"]))?;
    if output.contains("warning:") { Err(output) } else { Ok(String::new()) }
}

fn demo(_: &mut Totals) -> Result<String, String> {
    let mut command = readme_command("cargo run")?;
    let begin = Instant::now();
    let output = shell::run(&mut command)?;
    let took = begin.elapsed();
    if took > DEMO_LIMIT {
        return Err(format!("the demo took {took:.1?}, more than {DEMO_LIMIT:?}\n{output}"));
    }
    Ok(format!("ran in {took:.1?}"))
}

fn tests(totals: &mut Totals) -> Result<String, String> {
    let mut command = readme_command("cargo test")?;
    // One run tells of all that fails.
    command.arg("--no-fail-fast");
    run_tests("tests", command, totals)
}

fn heavy(totals: &mut Totals) -> Result<String, String> {
    let mut command = heavy_command();
    // One at a time: each of them keeps the machine busy.
    command.args(["--", "--ignored", "--test-threads", "1"]);
    run_tests("heavy", command, totals)
}

/// The whole workspace, as the README's command has it: another choice of packages would be another choice of features,
/// and build all anew.
fn heavy_command() -> Command {
    let mut command = cargo();
    command.args(["test", "--workspace", "--tests"]);
    command
}

fn loom(totals: &mut Totals) -> Result<String, String> {
    run_tests("loom", loom_command(), totals)
}

/// The model checker looks at every order of events, so it wants an optimised build; and a folder of its own, since a
/// changed `--cfg` would make cargo build everything anew each time.
fn loom_command() -> Command {
    let mut command = cargo();
    command.args(["test", "--package", "oneloop", "--lib", "--release", "--target-dir", "target/loom", "model"]);
    command.env("RUSTFLAGS", "--cfg loom");
    command.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    command
}

fn package(_: &mut Totals) -> Result<String, String> {
    // A folder of its own each time: cargo keeps what it unpacked by folder and version, also when the version's content
    // has changed since.
    let seconds = UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    let folder = shell::root().join(format!("target/package-{seconds}"));
    let mut command = cargo();
    command.args(["package", "--workspace", "--target-dir"]).arg(&folder);
    if !shell::is_ci() {
        // At a desk the check is of the manifests, not of whether all is committed.
        command.arg("--allow-dirty");
    }
    let output = shell::run(&mut command);
    let _ = std::fs::remove_dir_all(&folder); // not there if cargo never began
    let output = output?;
    let count = output.lines().filter(|line| line.trim_start().starts_with("Packaged ")).count();
    Ok(format!("{count} crates"))
}

/// Runs a test command and holds the number of tests that ran against the recorded one.
fn run_tests(step: &str, mut command: Command, totals: &mut Totals) -> Result<String, String> {
    let skips = std::env::temp_dir().join(format!("xtask-skips-{}", std::process::id()));
    command.env("ONELOOP_TESTS_SKIPS", &skips).env("ONELOOP_TESTS_PROFILE", "release");
    if shell::is_ci() {
        command.env("ONELOOP_TESTS_MAY_NOT_SKIP", "1");
    }
    let outcome = shell::run(&mut command);
    let skipped = std::fs::read_to_string(&skips).unwrap_or_default();
    // It is only there when something was skipped.
    let _ = std::fs::remove_file(&skips);

    let mut ran = Totals::read(outcome.as_ref().map_or_else(String::as_str, String::as_str));
    let all = ran.passed + ran.failed;
    ran.skipped = skipped.lines().count();
    ran.passed = ran.passed.saturating_sub(ran.skipped);
    totals.add(ran);
    let output = outcome.map_err(|output| totals::without_successes(&output))?;
    let expected = totals::expected(step)?;
    if all != expected {
        return Err(format!(
            "{all} tests ran, {expected} are recorded in {}: a test was lost, or run cargo xtask ci --record\n{}",
            totals::EXPECTED,
            totals::without_successes(&output)
        ));
    }
    let reasons: String = skipped.lines().map(|reason| format!("\n         SKIPPED {reason}")).collect();
    Ok(format!("{ran}{reasons}"))
}

/// Counts the tests without running them.
fn record() -> Result<(), String> {
    let list = |mut command: Command, arguments: &[&str]| {
        shell::run(command.arg("--").args(arguments)).map(|output| totals::listed(&output))
    };
    let readme = || readme_command("cargo test");
    let all = list(readme()?, &["--list"])?;
    let ignored = list(readme()?, &["--list", "--ignored"])?;
    let heavy = list(heavy_command(), &["--list", "--ignored"])?;
    let loom = list(loom_command(), &["--list"])?;
    let counts = [("tests", all.saturating_sub(ignored)), ("heavy", heavy), ("loom", loom)];
    totals::record(&counts)?;
    counts.iter().for_each(|(step, count)| println!("{step:8} {count}"));
    Ok(())
}

/// The first line that starts with `start` inside a code block of the README: what we tell people is what is run.
fn readme_command(start: &str) -> Result<Command, String> {
    let readme = shell::read("README.md")?;
    let line = fenced_lines(&readme).find(|line| line.starts_with(start));
    let line = line.ok_or(format!("README.md has no code block with a line '{start} ...'"))?;
    let mut command = cargo();
    command.args(line.split('#').next().unwrap_or_default().split_whitespace().skip(1));
    Ok(command)
}

fn fenced_lines(markdown: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    markdown.lines().filter(move |line| {
        let fence = line.starts_with("```");
        inside ^= fence;
        inside && !fence
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_taken_from_code_blocks_only() {
        let markdown =
            "cargo test in prose\n```sh\ncargo run --release\n```\ntext\n```sh\ncargo test --workspace  # all\n```\n";
        let lines: Vec<&str> = fenced_lines(markdown).collect();
        assert_eq!(lines, ["cargo run --release", "cargo test --workspace  # all"]);
    }

    #[test]
    fn every_step_has_a_name_of_its_own() {
        let mut names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), STEPS.len());
    }
}
