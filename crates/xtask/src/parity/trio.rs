//! The files of a trio.
//!
//! Job: find `examples/trio/NN-name`, check that nothing of it is missing, and say what each language has to print.
//! Neighbours: `parity` runs them. A trio is `main.py`, `Program.cs` with `NN-name.csproj`, `main.rs` (an example of the
//! package `oneloop-examples`, `trio-NN-name`), a `README.md` that says what to see, and what is expected:
//!
//! | file | for whom |
//! |---|---|
//! | `expected.txt` | CPython and our loop, and whoever has no file of their own |
//! | `expected.cs.txt` | C#, where it differs |
//! | `expected.cs.mono.txt`, `expected.cs.core.txt` | one of the two runtimes, where they differ among themselves |
//! | `expected.rs.txt` | our loop, where it may differ from CPython: at most three, each by a rule that the page names |
//!
//! Invariant: a file for one language says something else than the file it stands in for.

use std::fs;
use std::path::{Path, PathBuf};

use super::languages::Language;
use crate::shell;

const FOLDER: &str = "examples/trio";
const MANIFEST: &str = "examples/Cargo.toml";
/// How many trios may differ between CPython and our loop.
const OUR_DIFFERENCES: usize = 3;

/// One program in three languages.
pub(crate) struct Trio {
    /// `NN-name`, as its folder is called.
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    /// The Python that it needs, when 3.11 won't do: `(3, 12)`.
    pub(crate) python: (u32, u32),
}

/// What a language has to print.
pub(crate) struct Expected {
    pub(crate) file: String,
    pub(crate) text: String,
    /// It is what CPython prints.
    pub(crate) is_common: bool,
}

/// All trios, in the order of their numbers.
pub(crate) fn find() -> Result<Vec<Trio>, String> {
    let folder = shell::root().join(FOLDER);
    let entries = fs::read_dir(&folder).map_err(|error| format!("cannot read {FOLDER}: {error}"))?;
    let mut trios = Vec::new();
    for entry in entries {
        let folder = entry.map_err(|error| format!("cannot read {FOLDER}: {error}"))?.path();
        let Some(name) = folder.file_name().and_then(|name| name.to_str()).filter(|_| folder.is_dir()) else {
            continue;
        };
        let python = fs::read_to_string(folder.join("main.py")).ok().and_then(|source| needed_python(&source));
        trios.push(Trio { name: name.to_owned(), python: python.unwrap_or((3, 11)), folder });
    }
    trios.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(trios)
}

/// The version in a line `# needs Python 3.12`.
fn needed_python(source: &str) -> Option<(u32, u32)> {
    let version = source.lines().find_map(|line| line.strip_prefix("# needs Python "))?;
    let (major, minor) = version.trim().split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Whether every trio is whole, and cargo knows of it.
pub(crate) fn check(trios: &[Trio]) -> Result<(), String> {
    let manifest = shell::read(MANIFEST)?;
    let list = shell::read(&format!("{FOLDER}/README.md"))?;
    let mut faults: Vec<String> = trios.iter().flat_map(|trio| trio.faults(&manifest)).collect();
    for trio in trios.iter().filter(|trio| !list.contains(&format!("({}/README.md)", trio.name))) {
        faults.push(format!("{FOLDER}/README.md does not list {}", trio.name));
    }
    for line in manifest.lines().filter_map(|line| line.strip_prefix("path = \"trio/")) {
        let name = line.split('/').next().unwrap_or_default();
        if trios.iter().all(|trio| trio.name != name) {
            faults.push(format!("{MANIFEST} names trio/{name}, which is not there"));
        }
    }
    let ours: Vec<&str> = trios.iter().filter(|trio| trio.has("expected.rs.txt")).map(|trio| &*trio.name).collect();
    if ours.len() > OUR_DIFFERENCES {
        faults.push(format!("more than {OUR_DIFFERENCES} trios differ between CPython and us: {}", ours.join(", ")));
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

impl Trio {
    /// The name of its Rust program for `cargo run --example`.
    pub(crate) fn example(&self) -> String {
        format!("trio-{}", self.name)
    }

    /// Whether one of `names` means this trio: its number, its name, or both. No names mean all.
    pub(crate) fn is_named(&self, names: &[String]) -> bool {
        let (number, rest) = self.name.split_once('-').unwrap_or((&self.name, ""));
        let means = |name: &String| {
            let digits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
            *name == self.name || name == rest || (digits && name.parse::<u32>().ok() == number.parse().ok())
        };
        names.is_empty() || names.iter().any(means)
    }

    fn has(&self, file: &str) -> bool {
        self.folder.join(file).is_file()
    }

    fn faults(&self, manifest: &str) -> Vec<String> {
        let name = &self.name;
        let mut faults = Vec::new();
        let project = format!("{name}.csproj");
        for file in ["main.py", "Program.cs", "main.rs", "README.md", project.as_str()] {
            if !self.has(file) {
                faults.push(format!("{FOLDER}/{name} has no {file}"));
            }
        }
        let numbered =
            name.split_once('-').is_some_and(|(number, _)| number.len() == 2 && number.parse::<u8>().is_ok());
        if !numbered {
            faults.push(format!("{FOLDER}/{name}: the name is not of the form NN-name"));
        }
        let entry = format!("name = \"{}\"\npath = \"trio/{name}/main.rs\"\n", self.example());
        if !manifest.contains(&entry) {
            faults.push(format!("{MANIFEST} lacks\n[[example]]\n{entry}"));
        }
        if self.has("expected.rs.txt") && !self.page().contains("rule ") {
            faults.push(format!("{FOLDER}/{name}/README.md names no rule by which we differ from CPython"));
        }
        for (special, general) in [
            ("expected.rs.txt", "expected.txt"),
            ("expected.cs.txt", "expected.txt"),
            ("expected.cs.mono.txt", "expected.cs.txt"),
            ("expected.cs.core.txt", "expected.cs.txt"),
        ] {
            let general = if self.has(general) { general } else { "expected.txt" };
            if self.has(special) && self.read(special).ok() == self.read(general).ok() {
                faults.push(format!("{FOLDER}/{name}: {special} says what {general} says"));
            }
        }
        faults
    }

    fn page(&self) -> String {
        self.read("README.md").unwrap_or_default()
    }

    fn read(&self, file: &str) -> Result<String, String> {
        let path = self.folder.join(file);
        fs::read_to_string(&path).map_err(|error| format!("cannot read {FOLDER}/{}/{file}: {error}", self.name))
    }

    /// What `language` has to print, from the most special file that is there.
    pub(crate) fn expected(&self, language: Language) -> Result<Expected, String> {
        let candidates: &[&str] = match language {
            Language::Python => &["expected.txt"],
            Language::Mono => &["expected.cs.mono.txt", "expected.cs.txt", "expected.txt"],
            Language::Core => &["expected.cs.core.txt", "expected.cs.txt", "expected.txt"],
            Language::Oneloop => &["expected.rs.txt", "expected.txt"],
        };
        let file = candidates.iter().find(|file| self.has(file)).copied().unwrap_or("expected.txt");
        let text = self.read(file)?;
        let is_common = file == "expected.txt" || self.read("expected.txt").is_ok_and(|common| common == text);
        Ok(Expected { file: file.to_owned(), text, is_common })
    }

    /// Writes what `language` printed where its expectation stands. Ours is never written: it is CPython's.
    pub(crate) fn record(&self, language: Language, printed: &str) -> Result<(), String> {
        let common = self.read("expected.txt").unwrap_or_default();
        match language {
            Language::Python => self.write("expected.txt", printed),
            // Mono is run before .NET Core: what it prints is C#'s, until the other one differs.
            Language::Mono => {
                let files = ["expected.cs.txt", "expected.cs.mono.txt", "expected.cs.core.txt"];
                files.iter().for_each(|file| self.remove(file));
                if printed == common { Ok(()) } else { self.write("expected.cs.txt", printed) }
            }
            Language::Core => {
                let of_both = self.read("expected.cs.txt").unwrap_or(common);
                if printed == of_both { Ok(()) } else { self.write("expected.cs.core.txt", printed) }
            }
            Language::Oneloop => Ok(()),
        }
    }

    fn write(&self, file: &str, text: &str) -> Result<(), String> {
        fs::write(self.folder.join(file), text).map_err(|error| format!("cannot write {}/{file}: {error}", self.name))
    }

    fn remove(&self, file: &str) {
        let _was_not_there = fs::remove_file(self.folder.join(file));
    }

    /// A file of the trio, for a command line.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        Path::new(&self.folder).join(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Trio {
        Trio { name: name.into(), folder: PathBuf::new(), python: (3, 11) }
    }

    #[test]
    fn a_trio_is_named_by_its_number_its_name_or_both() {
        let trio = named("07-late-cancel");
        for name in ["7", "07", "late-cancel", "07-late-cancel"] {
            assert!(trio.is_named(&[name.to_string()]), "{name}");
        }
        for name in ["70", "late", "", "cancel"] {
            assert!(!trio.is_named(&[name.to_string()]), "{name}");
        }
        assert!(trio.is_named(&[]));
    }

    #[test]
    fn a_program_says_which_python_it_needs() {
        assert_eq!(needed_python("\"\"\"x\"\"\"\n# needs Python 3.12\n"), Some((3, 12)));
        assert_eq!(needed_python("import asyncio\n"), None);
    }

    #[test]
    fn a_trio_that_cargo_does_not_know_is_a_fault() {
        let faults = named("07-late-cancel").faults("");
        assert!(faults.iter().any(|fault| fault.contains("name = \"trio-07-late-cancel\"")), "{faults:?}");
    }
}
