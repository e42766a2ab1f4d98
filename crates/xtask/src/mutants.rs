//! `cargo xtask mutants`: ten faults are planted in the loop, and each must be caught.
//!
//! Job: copy the runtime, its random programs and the trios into a workspace of their own under target/, plant one
//! fault after the other in the copy, run everything there, and say which programs gave another log than CPython's.
//! Neighbours: `mutants/faults.rs` has the faults; the trios' `expected.txt` and `crates/oneloop/tests/property` find
//! them. Invariants: the unchanged copy passes first, so that what fails later fails for the fault; a fault that no
//! program catches fails the command; nothing outside target/ is touched.

mod faults;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::shell::{self, Limited};
use faults::{FAULTS, Fault};

const USAGE: &str = "\
usage: cargo xtask mutants [NAME]...

  NAME      only these faults; all without
  --list    say what is planted
";

/// Where the copy is. Its build is kept, so that only what a fault has changed is built anew.
const SCRATCH: &str = "target/mutants";
/// What is copied: of the examples only the trios.
const COPIED: [&str; 3] = ["crates/oneloop", "examples/trio", "Cargo.lock"];
/// How many random programs are run: the first dozens catch most.
const PROGRAMS: &str = "0..1500";
/// A fault may make a program wait or turn for ever.
const TRIO_PATIENCE: Duration = Duration::from_secs(10);
const PROPERTY_PATIENCE: Duration = Duration::from_secs(120);

/// Plants the faults that are named, or all, one by one.
pub(crate) fn main(arguments: &[String]) -> Result<(), String> {
    if arguments.iter().any(|argument| argument == "--list") {
        FAULTS.iter().for_each(|fault| println!("{:20} {}", fault.name, fault.what));
        return Ok(());
    }
    if let Some(unknown) = arguments.iter().find(|name| FAULTS.iter().all(|fault| fault.name != **name)) {
        return Err(format!("no fault is called '{unknown}'\n\n{USAGE}"));
    }
    let scratch = Scratch::lay_out()?;
    println!("{:20} {:9}  trios", "fault", "random");
    let sound = scratch.run()?;
    if !sound.is_empty() {
        return Err(format!("without any fault these fail: {sound:?}"));
    }
    println!("{:20} {:9}  -", "none", "-");
    let mut missed = Vec::new();
    for fault in FAULTS.iter().filter(|fault| arguments.is_empty() || arguments.iter().any(|name| fault.name == name)) {
        scratch.plant(fault)?;
        let caught = scratch.run();
        scratch.restore(fault)?;
        let caught = caught.map_err(|error| format!("{}: {error}", fault.name))?;
        if caught.is_empty() {
            missed.push(fault.name);
        }
        let random = caught.random.as_deref().unwrap_or("-");
        let trios = if caught.trios.is_empty() { "-".to_owned() } else { caught.trios.join(" ") };
        println!("{:20} {random:9}  {trios}", fault.name);
    }
    if missed.is_empty() { Ok(()) } else { Err(format!("nothing catches: {}", missed.join(", "))) }
}

/// For CI, which has no time for all of it: each fault has its place, and compiles where it is planted.
pub(crate) fn check() -> Result<String, String> {
    let scratch = Scratch::lay_out()?;
    for fault in &FAULTS {
        scratch.plant(fault)?;
        let mut command = scratch.cargo(&["check", "--quiet", "--package", "oneloop"]);
        let checked = shell::output_within(&mut command, Duration::MAX);
        scratch.restore(fault)?;
        checked.map_err(|output| format!("{}: {}", fault.name, output.into_text()))?;
    }
    Ok(format!("{} faults compile", FAULTS.len()))
}

/// Which programs gave another log.
#[derive(Debug)]
struct Caught {
    /// The number of the first random program, or why there is none.
    random: Option<String>,
    /// The numbers of the trios.
    trios: Vec<String>,
}

impl Caught {
    fn is_empty(&self) -> bool {
        self.random.is_none() && self.trios.is_empty()
    }
}

/// The copy.
struct Scratch {
    root: PathBuf,
    /// The names of the trios in it.
    trios: Vec<String>,
}

impl Scratch {
    fn lay_out() -> Result<Scratch, String> {
        let root = shell::root().join(SCRATCH);
        for path in COPIED {
            let to = root.join(path);
            if to.is_dir() {
                fs::remove_dir_all(&to).map_err(|error| format!("cannot remove {}: {error}", to.display()))?;
            }
            copy(&shell::root().join(path), &to)?;
        }
        let mut trios = Vec::new();
        for entry in fs::read_dir(root.join("examples/trio")).map_err(|error| error.to_string())?.flatten() {
            let main = entry.path().join("main.rs");
            let Some(source) = fs::read_to_string(&main).ok() else { continue };
            // One program holds them all, since linking each would take longer than everything else.
            write(&main, &source.replacen("\nfn main()", "\npub(crate) fn main()", 1))?;
            trios.push(entry.file_name().to_string_lossy().into_owned());
        }
        trios.sort();
        let manifest = shell::read("Cargo.toml")?;
        let members = manifest.lines().find(|line| line.starts_with("members = ")).ok_or("no members")?;
        let manifest = manifest.replace(members, "members = [\"crates/oneloop\", \"trios\"]");
        let kept = manifest.lines().filter(|line| !line.starts_with("default-members") && !line.starts_with("exclude"));
        write(&root.join("Cargo.toml"), &kept.collect::<Vec<_>>().join("\n"))?;
        write(&root.join("trios/Cargo.toml"), TRIOS_MANIFEST)?;
        write(&root.join("trios/src/main.rs"), &one_program(&trios))?;
        Ok(Scratch { root, trios })
    }

    fn plant(&self, fault: &Fault) -> Result<(), String> {
        for (file, old, new) in fault.edits {
            let path = self.root.join("crates/oneloop/src").join(file);
            let source = fs::read_to_string(&path).map_err(|error| format!("cannot read {file}: {error}"))?;
            write(&path, &replace_once(&source, old, new).map_err(|why| format!("{}: {file}: {why}", fault.name))?)?;
        }
        Ok(())
    }

    fn restore(&self, fault: &Fault) -> Result<(), String> {
        for (file, ..) in fault.edits {
            let path = Path::new("crates/oneloop/src").join(file);
            let source = shell::read(&path.to_string_lossy())?;
            write(&self.root.join(&path), &source)?;
        }
        Ok(())
    }

    fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = shell::cargo();
        command.args(arguments).current_dir(&self.root).env("CARGO_TARGET_DIR", self.root.join("target"));
        // What a fault leaves unused is no fault.
        command.env("RUSTFLAGS", "--cap-lints warn").env("CARGO_PROFILE_DEV_DEBUG", "0");
        command
    }

    fn run(&self) -> Result<Caught, String> {
        let mut build = self.cargo(&["build", "--quiet", "--package", "trios"]);
        shell::output_within(&mut build, Duration::MAX).map_err(Limited::into_text)?;
        let mut test = self.cargo(&["test", "--quiet", "--package", "oneloop", "--test", "property", "--no-run"]);
        shell::output_within(&mut test, Duration::MAX).map_err(Limited::into_text)?;

        let program = self.root.join("target/debug/trios");
        let mut trios = Vec::new();
        for trio in &self.trios {
            let expected = ["expected.rs.txt", "expected.txt"]
                .iter()
                .find_map(|file| fs::read_to_string(self.root.join("examples/trio").join(trio).join(file)).ok());
            let printed = shell::output_within(Command::new(&program).arg(trio).current_dir(&self.root), TRIO_PATIENCE);
            if printed.ok() != expected {
                trios.push(trio.split('-').next().unwrap_or(trio).to_owned());
            }
        }
        let mut test = self.cargo(&["test", "--quiet", "--package", "oneloop", "--test", "property"]);
        test.env("ONELOOP_PROGRAMS", PROGRAMS).env("ONELOOP_SHRINK", "0").env("RUST_BACKTRACE", "0");
        let random = match shell::output_within(&mut test, PROPERTY_PATIENCE) {
            Ok(_) => None,
            Err(Limited::NoEnd(_)) => Some("no end".to_owned()),
            Err(Limited::Failed(output)) => Some(first_program(&output).unwrap_or("failed").to_owned()),
        };
        Ok(Caught { random, trios })
    }
}

/// An edit that the source has outgrown is a failure, here and in the test below.
pub(crate) fn replace_once(source: &str, old: &str, new: &str) -> Result<String, String> {
    match source.matches(old).count() {
        1 => Ok(source.replacen(old, new, 1)),
        count => Err(format!("it holds this {count} times, not once:\n{old}")),
    }
}

const TRIOS_MANIFEST: &str = "\
[package]
name = \"trios\"
version = \"0.0.0\"
edition.workspace = true

[dependencies]
oneloop.workspace = true
";

/// A program that runs the trio that it is told to.
fn one_program(trios: &[String]) -> String {
    let module = |name: &String| format!("trio_{}", name.replace('-', "_"));
    let mut source = String::from("#![allow(dead_code)]\nuse std::process::{ExitCode, Termination};\n\n");
    for name in trios {
        source.push_str(&format!("#[path = \"../../examples/trio/{name}/main.rs\"]\nmod {};\n", module(name)));
    }
    source.push_str("\nfn main() -> ExitCode {\n    match std::env::args().nth(1).as_deref() {\n");
    for name in trios {
        source.push_str(&format!("        Some(\"{name}\") => {}::main().report(),\n", module(name)));
    }
    source.push_str("        _ => ExitCode::FAILURE,\n    }\n}\n");
    source
}

/// The number in `program 12 differs`, or the name of a kept one.
fn first_program(output: &str) -> Option<&str> {
    let (_, rest) = output.split_once("program ")?;
    rest.split_once(" differs").map(|(number, _)| number).filter(|number| number.len() < 9)
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let fails = |error: std::io::Error| format!("cannot copy {}: {error}", from.display());
    if !from.is_dir() {
        return fs::copy(from, to).map(drop).map_err(fails);
    }
    fs::create_dir_all(to).map_err(fails)?;
    for entry in fs::read_dir(from).map_err(fails)? {
        let entry = entry.map_err(fails)?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let fails = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(fails)?;
    }
    fs::write(path, text).map_err(fails)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Planting takes a quarter of an hour and is done rarely; that each fault has its place is looked at each time.
    #[test]
    fn every_edit_of_a_fault_has_its_place_in_the_source() {
        for fault in &FAULTS {
            let mut edited = std::collections::BTreeMap::new();
            for (file, old, new) in fault.edits {
                let path = Path::new("crates/oneloop/src").join(file);
                let source = edited.remove(file).unwrap_or_else(|| shell::read(&path.to_string_lossy()).unwrap());
                let changed = replace_once(&source, old, new);
                edited.insert(file, changed.unwrap_or_else(|why| panic!("{}: {file}: {why}", fault.name)));
            }
        }
    }

    #[test]
    fn the_program_that_differs_is_named() {
        assert_eq!(first_program("panicked at x:\nprogram 17 differs; shrunk"), Some("17"));
        assert_eq!(first_program("error: test failed"), None);
    }

    #[test]
    fn one_program_runs_each_trio() {
        let source = one_program(&["01-hot-cold".to_owned()]);
        assert!(source.contains("mod trio_01_hot_cold;") && source.contains("Some(\"01-hot-cold\")"), "{source}");
    }
}
