//! Each starter fails for the reason that it teaches, each solution passes, and each folder has what a reader looks for.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("exercises")
}

/// The folders' names, in order.
fn names() -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder()).expect("the exercises are there").flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    folders.map(|entry| entry.file_name().into_string().expect("an ASCII name")).collect()
}

fn exercise(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_exercise")).args(arguments).output().expect("it runs")
}

fn said(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("text")
}

#[test]
fn each_starter_fails_with_the_words_of_its_lesson() {
    for name in names() {
        let output = exercise(&[&name]);
        let expected = std::fs::read_to_string(folder().join(&name).join("starter.txt")).expect("starter.txt");
        assert_eq!(said(&output), expected, "{name}");
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(!expected.contains("panicked:"), "{name}: a panic is no lesson");
    }
}

#[test]
fn each_solution_passes() {
    for name in names() {
        let output = exercise(&[&name, "solution"]);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", said(&output));
        assert!(said(&output).starts_with(&format!("{name} is solved: ")), "{name}: {}", said(&output));
    }
}

#[test]
fn an_exercise_is_found_by_its_number() {
    for short in ["07", "7", "07-lost-wake"] {
        assert!(said(&exercise(&[short, "solution"])).starts_with("07-lost-wake is solved"), "{short}");
    }
    let unknown = exercise(&["99"]);
    assert_eq!(unknown.status.code(), Some(2));
    for name in names() {
        assert!(said(&unknown).contains(&name), "{name} is not listed");
    }
}

#[test]
fn each_folder_has_a_page_and_three_files_and_each_chapter_an_exercise() {
    let mut pages = String::new();
    for name in names() {
        for file in ["README.md", "starter.rs", "solution.rs", "check.rs"] {
            assert!(folder().join(&name).join(file).exists(), "{name}/{file}");
        }
    }
    let docs = folder().join("../../docs");
    for entry in std::fs::read_dir(docs).expect("the book is there").flatten() {
        let name = entry.file_name().into_string().expect("an ASCII name");
        if name.starts_with(|first: char| first.is_ascii_digit()) {
            let page = std::fs::read_to_string(entry.path()).expect("a page");
            assert!(page.contains("](../examples/exercises/"), "{name} ends with no exercise");
            pages.push_str(&page);
        }
    }
    for name in names() {
        assert!(pages.contains(&format!("examples/exercises/{name}")), "no chapter leads to {name}");
    }
}
