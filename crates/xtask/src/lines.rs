//! How long the things that a reader must get through may be.
//!
//! Job: count tier 1 of the runtime, `run_once`, and the whole loop of the ladder, and refuse what has outgrown a
//! sitting. Neighbours: `ci` calls `check`; the limits are the design's. Comments and blank lines count, since they are
//! read too; what stands under `#[cfg(test)]` does not.

use crate::shell;

/// Tier 1, in the order in which it is read.
const TIER_1: [&str; 11] = [
    "lib.rs",
    "event_loop.rs",
    "ready.rs",
    "handle.rs",
    "timers.rs",
    "clock.rs",
    "selector.rs",
    "task.rs",
    "future.rs",
    "sleep.rs",
    "error.rs",
];
const TIER_1_LIMIT: usize = 1_900;
const RUN_ONCE_LIMIT: usize = 60;
const LADDER: &str = "examples/ladder/07_timers.rs";
const LADDER_LIMIT: usize = 200;

/// Counts, and says in one line what was counted.
pub(crate) fn check() -> Result<String, String> {
    let mut table = String::new();
    let mut total = 0;
    for name in TIER_1 {
        let lines = without_tests(&shell::read(&format!("crates/oneloop/src/{name}"))?).len();
        table.push_str(&format!("{lines:6} {name}\n"));
        total += lines;
    }
    let source = shell::read("crates/oneloop/src/event_loop.rs")?;
    let run_once = function_length(&source, "run_once").ok_or("event_loop.rs has no fn run_once")?;
    let ladder = shell::read(LADDER)?.lines().count();

    let summary = format!(
        "tier 1 {total} of {TIER_1_LIMIT}, run_once {run_once} of {RUN_ONCE_LIMIT}, ladder {ladder} of {LADDER_LIMIT}"
    );
    if total > TIER_1_LIMIT || run_once > RUN_ONCE_LIMIT || ladder > LADDER_LIMIT {
        return Err(format!("too long to be read in one sitting: {summary}\n{table}"));
    }
    Ok(summary)
}

/// The lines of `source` that are not tests. A test module is an item under `#[cfg(test)]` that begins in the first
/// column, so it ends with a brace in the first column, or on its own line when it is `mod tests;`.
fn without_tests(source: &str) -> Vec<&str> {
    let mut kept = Vec::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        if !is_test_attribute(line) {
            kept.push(line);
            continue;
        }
        for line in lines.by_ref() {
            let ends_at_once = !line.starts_with([' ', '#', '/']) && line.trim_end().ends_with(';');
            if line == "}" || ends_at_once || (line.ends_with('}') && !line.starts_with(' ')) {
                break;
            }
        }
    }
    kept
}

fn is_test_attribute(line: &str) -> bool {
    line == "#[cfg(test)]" || line == "#[cfg(all(test, not(loom)))]" || line == "#[cfg(all(test, loom))]"
}

/// The number of lines of the first `fn name`, from its signature to the brace that closes it.
fn function_length(source: &str, name: &str) -> Option<usize> {
    let marks = [format!("fn {name}("), format!("fn {name}<")];
    let lines: Vec<&str> = source.lines().collect();
    let begin = lines.iter().position(|line| marks.iter().any(|mark| line.contains(mark)))?;
    let first = lines.get(begin)?;
    let indent = first.len() - first.trim_start().len();
    let closing = format!("{}}}", " ".repeat(indent));
    let length = lines.iter().skip(begin).position(|line| *line == closing)?;
    Some(length + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_not_counted_but_comments_and_blank_lines_are() {
        let source = "//! head\n\nfn a() {}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn t() {}\n}\n// tail\n";
        assert_eq!(without_tests(source), ["//! head", "", "fn a() {}", "", "// tail"]);
    }

    #[test]
    fn a_test_module_in_a_file_of_its_own_takes_one_item() {
        let source = "#[cfg(test)]\n#[path = \"t.rs\"]\nmod tests;\nfn a() {}\n";
        assert_eq!(without_tests(source), ["fn a() {}"]);
    }

    #[test]
    fn a_function_is_measured_to_its_own_brace() {
        let source = "impl L {\n    fn run_once(&self) {\n        if x {\n        }\n    }\n\n    fn other() {}\n}\n";
        assert_eq!(function_length(source, "run_once"), Some(4));
        assert_eq!(function_length(source, "absent"), None);
    }
}
