//! Chapter 11: what must not compile doesn't, for the reason that the page gives, and what must, does what it says.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use oneloop_tests::folder::Folder;

fn compile(file: &str, folder: &Folder) -> (PathBuf, Output) {
    let program = folder.path().join("program");
    // The compiler that cargo was told to use, or the one that rustup picks for this folder.
    let compiler = option_env!("RUSTC").unwrap_or("rustc");
    let mut command = Command::new(compiler);
    command.args(["--edition", "2024", "--crate-name", "program", "-o"]).arg(&program);
    let output = command.arg(Path::new("pin").join(file)).output().expect("rustc runs");
    (program, output)
}

#[track_caller]
fn is_refused(file: &str, code: &str, words: &str) {
    let folder = Folder::new();
    let (_, output) = compile(file, &folder);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{file} compiles");
    assert!(text.contains(&format!("error[{code}]")) && text.contains(words), "{file}: {text}");
    assert_eq!(
        text.lines().filter(|line| line.starts_with("error[")).count(),
        1,
        "{file} has another fault, too: {text}"
    );
}

#[test]
fn a_future_that_borrows_from_itself_is_not_polled_unpinned() {
    is_refused("polls_unpinned.rs", "E0277", "cannot be unpinned");
}

#[test]
fn what_is_pinned_is_not_moved_out() {
    is_refused("moves_out.rs", "E0507", "cannot move out");
}

#[test]
fn the_box_moves_and_the_value_stays() {
    let folder = Folder::new();
    let (program, output) = compile("pinned.rs", &folder);
    assert!(output.status.success(), "{output:?}");
    let output = Command::new(program).output().expect("it runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), include_str!("../pin/expected.txt"));
}
