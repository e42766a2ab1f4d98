//! The step `fuzz` of `cargo xtask ci`: each fuzz target for a few seconds.
//!
//! Job: to see that the targets still build and that nothing falls over at once; docs/security.md has the long runs.
//! Neighbours: the tests `fuzz_smoke` run the same functions over the corpus, with any compiler, so nothing is lost
//! where this is skipped. Invariant: it runs where a nightly compiler and cargo-fuzz are installed, and is skipped
//! elsewhere, in CI too, because no other check needs them; the corpus in the tree stays as it is.

use std::process::Command;

use crate::shell;

/// For each target.
const SECONDS: u32 = 20;

/// Runs all targets, one after the other.
pub(crate) fn check() -> Result<String, String> {
    if !has_nightly() {
        return Ok("no target\n         SKIPPED fuzz: there is no nightly compiler with cargo-fuzz here".to_owned());
    }
    let corpora = shell::root().join("fuzz/corpus");
    let listed = std::fs::read_dir(&corpora).map_err(|error| format!("{}: {error}", corpora.display()))?;
    let mut targets: Vec<_> = listed.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    targets.sort();
    for target in &targets {
        // What is found goes into a folder of its own, not into the corpus.
        let found = shell::root().join("target/fuzz").join(target);
        std::fs::create_dir_all(&found).map_err(|error| format!("{}: {error}", found.display()))?;
        let mut command = nightly();
        command.args(["run", target]).arg(found).arg(corpora.join(target));
        command.args(["--", "-timeout=10", "-max_len=4096"]).arg(format!("-max_total_time={SECONDS}"));
        shell::run(&mut command)?;
    }
    Ok(format!("{} targets, {SECONDS} s each", targets.len()))
}

/// `cargo +nightly fuzz`. By the name, since only rustup's proxy knows of toolchains.
fn nightly() -> Command {
    let mut command = Command::new("cargo");
    command.args(["+nightly", "fuzz"]).current_dir(shell::root());
    command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").env_remove("RUSTC");
    command
}

fn has_nightly() -> bool {
    nightly().arg("--version").output().is_ok_and(|output| output.status.success())
}
