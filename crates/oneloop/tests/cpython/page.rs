//! `docs/parity.md` says how many of CPython's tests are ported. This counts, and compares.
//!
//! `ONELOOP_WRITE_PARITY=1 cargo test -p oneloop --test cpython page` writes the table anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

const BEGIN: &str = "<!-- counted by crates/oneloop/tests/cpython/page.rs -->\n";
const END: &str = "<!-- end -->";
const REASONS: &[&str] = &["repr", "garbage collector", "traceback", "subprocess", "Windows", "ssl transport"];

fn crate_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The classes in the order of `names.txt`: file, class, its tests.
fn all_tests() -> Vec<(String, String, Vec<String>)> {
    let mut classes: Vec<(String, String, Vec<String>)> = Vec::new();
    for line in include_str!("names.txt").lines() {
        match line.strip_prefix("# ").and_then(|head| head.split_once(' ')) {
            Some((file, class)) => classes.push((file.to_owned(), class.to_owned(), Vec::new())),
            None => classes.last_mut().unwrap().2.push(line.to_owned()),
        }
    }
    classes
}

/// Every `Class.test` that a test of this crate says that it mirrors.
fn mirrored(folder: &Path, found: &mut BTreeMap<String, PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            mirrored(&path, found);
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = source.lines().map(str::trim).collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(name) = line.strip_prefix("/// Mirrors CPython ") else { continue };
            let name = name.strip_suffix('.').unwrap_or_else(|| panic!("{}:{}: no full stop", path.display(), at + 1));
            let item = lines[at..].iter().find(|line| !line.starts_with("///"));
            assert_eq!(item, Some(&"#[test]"), "{}:{}: it stands before no test", path.display(), at + 1);
            if let Some(before) = found.insert(name.to_owned(), path.clone()) {
                panic!("{name} is mirrored twice: {} and {}", before.display(), path.display());
            }
        }
    }
}

/// The tests that the page says can't be ported, each with its reason: lines of the form ``- `Class.test`: reason``.
fn not_portable(page: &str) -> BTreeMap<String, String> {
    let lines = page.lines().filter_map(|line| line.strip_prefix("- `")?.split_once("`: "));
    lines.map(|(name, reason)| (name.to_owned(), reason.to_owned())).collect()
}

/// Whether `names.txt` has the class. Tests of other classes may be mirrored, too; they don't have to be complete.
fn is_listed(name: &str) -> bool {
    all_tests().iter().any(|(_, class, _)| name.split('.').next() == Some(class))
}

fn table(ported: &BTreeMap<String, PathBuf>, not_portable: &BTreeMap<String, String>) -> String {
    let mut table =
        String::from("| class | file | tests | ported | not portable | to do |\n|---|---|---|---|---|---|\n");
    let mut sums = [0; 4];
    for (file, class, tests) in all_tests() {
        let count = |is_there: &dyn Fn(&String) -> bool| {
            tests.iter().filter(|test| is_there(&format!("{class}.{test}"))).count()
        };
        let (done, not) = (count(&|name| ported.contains_key(name)), count(&|name| not_portable.contains_key(name)));
        let row = [tests.len(), done, not, tests.len() - done - not];
        sums.iter_mut().zip(row).for_each(|(sum, number)| *sum += number);
        let [all, done, not, to_do] = row;
        writeln!(table, "| `{class}` | `{file}` | {all} | {done} | {not} | {to_do} |").unwrap();
    }
    let others = ported.keys().filter(|name| !is_listed(name)).count();
    writeln!(table, "| other classes, in part | | | {others} | | |").unwrap();
    let [all, done, not, to_do] = sums;
    writeln!(table, "| all that are listed | | {all} | {done} | {not} | {to_do} |").unwrap();
    table
}

#[test]
fn the_page_says_how_many_are_ported() {
    let file = crate_folder().join("../../docs/parity.md");
    let Ok(page) = fs::read_to_string(&file) else {
        eprintln!("skipped: the crate stands alone, without the book");
        return;
    };
    let mut ported = BTreeMap::new();
    mirrored(&crate_folder().join("tests"), &mut ported);
    let not_portable = not_portable(&page);
    let known: BTreeSet<String> = all_tests()
        .into_iter()
        .flat_map(|(_, class, tests)| tests.into_iter().map(move |test| format!("{class}.{test}")))
        .collect();
    for name in ported.keys().chain(not_portable.keys()).filter(|name| is_listed(name)) {
        assert!(known.contains(name), "CPython has no {name}");
    }
    for (name, reason) in &not_portable {
        assert!(REASONS.contains(&reason.as_str()), "{name}: {reason} is no reason");
        assert!(!ported.contains_key(name), "{name} is ported, but said not to be portable");
    }
    let counted = table(&ported, &not_portable);
    let (head, rest) = page.split_once(BEGIN).expect("the page has no table");
    let (written, tail) = rest.split_once(END).expect("the table has no end");
    if std::env::var_os("ONELOOP_WRITE_PARITY").is_some() {
        fs::write(&file, format!("{head}{BEGIN}{counted}{END}{tail}")).unwrap();
    } else {
        assert_eq!(written, counted, "docs/parity.md: set ONELOOP_WRITE_PARITY to have it written");
    }
}
