//! The page of rules against the tests that it names: every line is there, and every test exists.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The checklist's length.
const LINES: usize = 114;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files under a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    for path in entries {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The names of the tests in a file: what follows `#[test]`.
fn tests_in(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        match line.strip_prefix("fn ").and_then(|rest| rest.split('(').next()) {
            Some(name) if is_test => names.push(name.to_owned()),
            _ => {}
        }
        is_test = line == "#[test]" || is_test && line.starts_with("#[");
    }
    names
}

/// By the name of the file, or of its folder for a `tests.rs`: the tests in it.
fn known_tests() -> HashMap<String, Vec<String>> {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    sources(&root().join("tests"), &mut files);
    let mut known: HashMap<String, Vec<String>> = HashMap::new();
    for file in files {
        let stem = match file.file_stem().unwrap().to_str().unwrap() {
            "tests" | "mod" => file.parent().unwrap().file_name().unwrap().to_str().unwrap(),
            stem => stem,
        };
        let names = tests_in(&std::fs::read_to_string(&file).unwrap());
        known.entry(stem.to_owned()).or_default().extend(names);
    }
    known
}

#[test]
fn every_line_of_the_checklist_names_tests_that_exist() {
    let page = std::fs::read_to_string(root().join("../../docs/conformance.md")).unwrap();
    let table = std::fs::read_to_string(root().join("src/proto/tests/cases.rs")).unwrap();
    let known = known_tests();
    let mut expected = 1;
    for line in page.lines() {
        let Some((number, rest)) = line.strip_prefix("| ").and_then(|rest| rest.split_once(" | ")) else { continue };
        let Ok(number) = number.parse::<usize>() else { continue };
        assert_eq!(number, expected, "the lines are in order, and none is missing");
        expected += 1;
        let (rule, tests) = rest.rsplit_once(" | ").expect("three columns");
        let tests = tests.strip_suffix(" |").expect("three columns");
        assert!(!rule.is_empty() && !tests.is_empty(), "line {number}");
        for test in tests.split(", `").flat_map(|part| part.split(", \"")) {
            let test = test.trim_matches(['`', '"']);
            match test.split_once("::") {
                Some((file, name)) => {
                    let there = known.get(file).is_some_and(|names| names.iter().any(|known| known == name));
                    assert!(there, "line {number} names the test {test}, which is not there");
                }
                None => {
                    let row = format!("case(\"{test}\", ");
                    assert!(table.contains(&row), "line {number} names the row {test:?}, which is not there");
                }
            }
        }
    }
    assert_eq!(expected, LINES + 1);
}

/// Line 70, and a promise of the resolver: what surrounds a program does not decide where its requests go.
#[test]
fn nothing_is_taken_from_the_environment() {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            let reads = ["env::var", "env::vars", "var_os("].iter().any(|call| line.contains(call));
            assert!(!reads, "{}: {line}", file.display());
        }
    }
}
