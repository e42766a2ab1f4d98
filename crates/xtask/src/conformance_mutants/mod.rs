//! `cargo xtask conformance-mutants`: do the tests of a rule notice when the rule is gone?
//!
//! Job: in a copy of the workspace, change the branch that holds one line of docs/conformance.md, run the tests that
//! the line names, and see them fail. A rule whose test stays green is one that nothing holds. Neighbours: `table.rs`
//! has the changes, `beyond.rs` those that no line of the page names; crates/oneloop-http/tests/conformance.rs checks
//! that the tests exist. Invariants: the sources themselves are never touched; a change that does not compile or does
//! not find its place is a failure too, so that the table cannot go stale in silence.

mod beyond;
mod table;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::mutants::replace_once;
use crate::shell;
use beyond::BEYOND;
use table::{MUTANTS, Mutant};

const USAGE: &str = "\
usage: cargo xtask conformance-mutants [LINE]...

  takes the branches of all rules out, one after the other, or of the lines of docs/conformance.md that are named;
  0 names the branches of the client that have no line there
";

/// For the tests of one change. Without the branch some of them wait for what never comes, which is to notice, too.
const PATIENCE: Duration = Duration::from_secs(60);

/// What becomes of one change.
enum Verdict {
    Noticed,
    Unnoticed,
    Broken(String),
}

pub(crate) fn main(arguments: &[String]) -> Result<(), String> {
    if arguments.iter().any(|argument| argument == "--help") {
        print!("{USAGE}");
        return Ok(());
    }
    let wanted: Vec<u8> = arguments
        .iter()
        .map(|argument| argument.parse().map_err(|_| format!("{argument:?} is not a line\n\n{USAGE}")))
        .collect::<Result<_, _>>()?;
    let copy = copy_of_the_workspace()?;
    let (mut lines, mut failures) = (Vec::new(), Vec::new());
    for mutant in MUTANTS.iter().chain(BEYOND) {
        let numbers = if mutant.lines.is_empty() { &[0] } else { mutant.lines };
        if !wanted.is_empty() && !numbers.iter().any(|number| wanted.contains(number)) {
            continue;
        }
        let begun = Instant::now();
        let name = match mutant.lines {
            [] => format!("{} in {}", mutant.from.trim().lines().next().unwrap_or_default(), mutant.file),
            lines => format!("line {lines:?} in {}", mutant.file),
        };
        let word = match judge(&copy, mutant) {
            Verdict::Noticed => {
                lines.extend_from_slice(mutant.lines);
                "noticed"
            }
            Verdict::Unnoticed => {
                failures.push(format!("{name}: nothing failed without\n{}", mutant.from));
                "UNNOTICED"
            }
            Verdict::Broken(why) => {
                failures.push(format!("{name}: {why}"));
                "BROKEN"
            }
        };
        println!("{word:9} {:5.1} s  {name}", begun.elapsed().as_secs_f64());
    }
    lines.sort_unstable();
    lines.dedup();
    println!("{} lines lose their branch and their tests fail", lines.len());
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

/// Changes one file, runs its tests, and changes it back.
fn judge(copy: &Path, mutant: &Mutant) -> Verdict {
    let path = copy.join(mutant.file);
    let original = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => return Verdict::Broken(format!("cannot read it: {error}")),
    };
    let planted = match replace_once(&original, mutant.from, mutant.to) {
        Ok(text) => text,
        Err(fault) => return Verdict::Broken(fault),
    };
    let verdict = match std::fs::write(&path, planted) {
        Err(error) => Verdict::Broken(format!("cannot write it: {error}")),
        Ok(()) => tests_notice(copy, mutant),
    };
    match std::fs::write(&path, original) {
        Ok(()) => verdict,
        Err(error) => Verdict::Broken(format!("cannot write it back: {error}")),
    }
}

fn tests_notice(copy: &Path, mutant: &Mutant) -> Verdict {
    // A folder of its own: a build of the people who work meanwhile would else wait for each of these, and these for it.
    let cargo = |arguments: &[&str], patience: Duration| {
        let mut command = shell::cargo();
        command.arg("test").arg("--manifest-path").arg(copy.join("Cargo.toml")).args(["-p", "oneloop-http"]);
        command.args(arguments).env("CARGO_TARGET_DIR", shell::root().join("target/conformance-mutants-build"));
        shell::output_within(&mut command, patience)
    };
    let (target, filter) = mutant.tests.split_at(mutant.tests.len() - 1);
    if let Err(output) = cargo(&[target, &["--no-run"]].concat(), Duration::MAX) {
        return Verdict::Broken(format!("it does not compile:\n{}", output.into_text()));
    }
    match cargo(&[target, filter].concat(), PATIENCE) {
        Ok(output) if output.contains(" 0 passed") => Verdict::Broken("no test of that name ran".into()),
        Ok(_) => Verdict::Unnoticed,
        Err(_) => Verdict::Noticed,
    }
}

/// A copy under `target`, so that an interrupted run leaves no change behind where people work.
fn copy_of_the_workspace() -> Result<PathBuf, String> {
    let (root, copy) = (shell::root(), shell::root().join("target/conformance-mutants"));
    let failed = |error: std::io::Error| format!("cannot copy the workspace: {error}");
    if copy.exists() {
        std::fs::remove_dir_all(&copy).map_err(failed)?;
    }
    std::fs::create_dir_all(&copy).map_err(failed)?;
    for name in ["Cargo.toml", "Cargo.lock", "README.md", "crates", "docs", "examples", "tests"] {
        copy_tree(&root.join(name), &copy.join(name)).map_err(failed)?;
    }
    Ok(copy)
}

fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    if !from.is_dir() {
        return std::fs::copy(from, to).map(drop);
    }
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_name() != "target" {
            copy_tree(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_has_its_place_in_the_source() {
        for mutant in MUTANTS.iter().chain(BEYOND) {
            let source = shell::read(mutant.file).unwrap();
            let planted = replace_once(&source, mutant.from, mutant.to);
            assert!(planted.is_ok(), "lines {:?}, {}: {planted:?}", mutant.lines, mutant.file);
        }
    }
}
