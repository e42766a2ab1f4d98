//! Where CPython is, which says what is right.
//!
//! Job: find one of 3.13 or later, since the loop mirrors its rules, or skip the test and say so. Neighbours:
//! `property` has it run random programs, `cpython` those whose output is kept.

use std::{
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The interpreter; none if there is none, and the test is skipped. `ONELOOP_PYTHON` chooses one.
pub(crate) fn python(test: &str) -> Option<PathBuf> {
    let found = find();
    if found.is_none() {
        skip(test, "no CPython of 3.13 or later was found");
    }
    found
}

fn skip(test: &str, why: &str) {
    // Debian's CPython is older, and no registry of packages has a newer one: then there is nothing to install.
    let is_an_older_one_here = is_at_least(Path::new("python3"), (3, 11));
    let may_skip = std::env::var_os("ONELOOP_TESTS_MAY_NOT_SKIP").is_none() || is_an_older_one_here;
    assert!(may_skip, "{test} may not be skipped here, but {why}");
    eprintln!("SKIPPED {test}: {why}");
    if let Some(path) = std::env::var_os("ONELOOP_TESTS_SKIPS") {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let _ = file.and_then(|mut file| writeln!(file, "{test}: {why}"));
    }
}

fn find() -> Option<PathBuf> {
    if let Some(chosen) = std::env::var_os("ONELOOP_PYTHON") {
        return Some(chosen.into());
    }
    let mut programs: Vec<PathBuf> = ["python3", "python3.14", "python3.13"].map(PathBuf::from).to_vec();
    let manager = std::env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv")));
    if let Some(versions) = manager.and_then(|root| std::fs::read_dir(root.join("versions")).ok()) {
        programs.extend(versions.flatten().map(|version| version.path().join("bin/python3")));
    }
    programs.into_iter().find(|program| is_at_least(program, (3, 13)))
}

fn is_at_least(program: &Path, (major, minor): (u32, u32)) -> bool {
    let check = format!("import sys; sys.exit(sys.version_info < ({major}, {minor}))");
    let status = Command::new(program).args(["-c", &check]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
