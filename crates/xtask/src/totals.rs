//! How many tests there are, how many ran, and how many there should have been.
//!
//! Job: add up the test runner's closing lines, and hold the sum against `.ci/expected-tests`, so that tests which
//! silently stop running fail CI. Neighbours: `ci` runs the tests; the harness in `tests/` notes what it skipped.
//! Invariant: the file is written by `cargo xtask ci --record` and never by a run that checks it.

use std::fmt;

use crate::shell;

pub(crate) const EXPECTED: &str = ".ci/expected-tests";

/// What a run of the tests came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Totals {
    /// Adds up every `test result:` line of a run: one for each test program, and one for each crate's documentation.
    /// Ignored tests are not counted as skipped: they are heavy, and have a step of their own.
    pub(crate) fn read(output: &str) -> Totals {
        let mut totals = Totals::default();
        for line in output.lines().filter_map(|line| line.trim().strip_prefix("test result:")) {
            totals.passed += number_before(line, " passed");
            totals.failed += number_before(line, " failed");
        }
        totals
    }

    pub(crate) fn add(&mut self, other: Totals) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// What a run printed, less the programs in which all went well, and less the dull lines of the others. What fails must
/// be found by a person who sees the last screen alone.
pub(crate) fn without_successes(output: &str) -> String {
    let begins = |line: &str| {
        let line = line.trim_start();
        ["Running ", "Doc-tests "].iter().any(|start| line.starts_with(start)) || is_cargos_list(line)
    };
    let is_dull = |line: &&str| {
        line.trim_start().starts_with("Compiling ")
            || line.is_empty()
            || line.starts_with("running 0 tests")
            || (line.starts_with("test ") && (line.ends_with(" ok") || line.contains("... ignored")))
    };
    let has = |program: &[&str], result: &str| program.iter().any(|line| line.starts_with(result));
    let lines: Vec<&str> = output.lines().collect();
    let programs = lines.chunk_by(|_, next| !begins(next));
    // One that was ended by a signal has no closing line at all, and is shown.
    let failed = programs.filter(|program| !begins(program[0]) || !has(program, "test result: ok"));
    let kept: Vec<&str> = failed.flatten().copied().filter(|line| !is_dull(line)).collect();
    kept.join("\n")
}

/// Cargo's last words, which name the programs that failed.
fn is_cargos_list(line: &str) -> bool {
    line.starts_with("error: ") && line.trim_end().ends_with(" failed:")
}

/// The number of tests that a run with `-- --list` names.
pub(crate) fn listed(output: &str) -> usize {
    output.lines().filter(|line| line.ends_with(": test")).count()
}

/// The recorded number for a step, from the lines `step number` of the file.
pub(crate) fn expected(step: &str) -> Result<usize, String> {
    let file = shell::read(EXPECTED)?;
    find(&file, step).ok_or(format!("{EXPECTED} has no number for '{step}': run cargo xtask ci --record"))
}

/// Writes the numbers of all steps.
pub(crate) fn record(counts: &[(&str, usize)]) -> Result<(), String> {
    let mut file = String::from("# tests that must run in each step of CI; written by cargo xtask ci --record\n");
    for (step, count) in counts {
        file.push_str(&format!("{step} {count}\n"));
    }
    std::fs::write(shell::root().join(EXPECTED), file).map_err(|error| format!("cannot write {EXPECTED}: {error}"))
}

fn find(file: &str, step: &str) -> Option<usize> {
    let fields = file.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' '));
    fields.filter(|(name, _)| *name == step).find_map(|(_, count)| count.trim().parse().ok())
}

fn number_before(line: &str, word: &str) -> usize {
    let digits = line.find(word).and_then(|at| line.get(..at)).and_then(|head| head.rsplit(' ').next());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_lines_of_all_test_programs_are_added_up() {
        let output = "running 3 tests\ntest result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n\
                      noise\ntest result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(Totals::read(output), Totals { passed: 13, failed: 2, skipped: 0 });
    }

    #[test]
    fn a_run_without_a_closing_line_counts_nothing() {
        assert_eq!(Totals::read("error: could not compile"), Totals::default());
    }

    #[test]
    fn what_went_well_is_left_out_of_what_is_shown() {
        let output = "   Compiling x v1\n\nrunning 2 tests\ntest a ... ok\ntest b ... FAILED\n\nb panicked\n";
        assert_eq!(without_successes(output), "running 2 tests\ntest b ... FAILED\nb panicked");
        let (good, bad) = ("     Running a\nnoise\ntest result: ok. 1 passed\n", "     Running b\nb panicked\n");
        let list = "error: 1 target failed:\n    `-p b`\n";
        let shown = "     Running b\nb panicked\nerror: 1 target failed:\n    `-p b`";
        assert_eq!(without_successes(&[good, bad, good, list].concat()), shown);
    }

    #[test]
    fn tests_are_listed_one_a_line() {
        assert_eq!(listed("a::b: test\nc: test\nd: benchmark\n\n2 tests, 1 benchmark\n"), 2);
    }

    #[test]
    fn a_step_is_found_by_its_whole_name() {
        assert_eq!(find("# c\ntests 12\ntests-heavy 3\n", "tests-heavy"), Some(3));
        assert_eq!(find("tests 12\n", "test"), None);
    }
}
