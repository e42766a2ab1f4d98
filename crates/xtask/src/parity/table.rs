//! The table of the trios, and what is shown when one differs.
//!
//! Job: draw. Neighbours: `parity` fills the cells. Invariant: without colour the table says the same.

use std::fmt::Write;
use std::io::IsTerminal;

use super::languages::Language;

/// What became of one trio in one language.
pub(crate) enum Cell {
    /// It printed what CPython prints.
    Same,
    /// It printed what its own file says.
    AsDeclared,
    /// It printed something else. How, line by line.
    Differs(String),
    /// It could not be run to its end.
    Failed(String),
    /// The machine lacks what it needs.
    Skipped(String),
    /// It needs a newer Python than the machine has, and no registry of packages carries one: said, but no fault.
    TooNew(String),
}

/// One trio.
pub(crate) struct Row {
    pub(crate) name: String,
    /// In the order of [`Language::ALL`].
    pub(crate) cells: Vec<Cell>,
}

impl Cell {
    fn word(&self) -> (&'static str, &'static str) {
        match self {
            Cell::Same => ("same", "32"),
            Cell::AsDeclared => ("as declared", "36"),
            Cell::Differs(_) => ("DIFFERS", "31;1"),
            Cell::Failed(_) => ("FAILED", "31;1"),
            Cell::Skipped(_) | Cell::TooNew(_) => ("skipped", "33"),
        }
    }

    /// What is wrong with it, if anything is. Where nothing may be skipped, a skip is wrong.
    pub(crate) fn fault(&self, may_not_skip: bool) -> Option<String> {
        match self {
            Cell::Same | Cell::AsDeclared | Cell::TooNew(_) => None,
            Cell::Differs(diff) => Some(diff.clone()),
            Cell::Failed(failure) => Some(failure.clone()),
            Cell::Skipped(why) => may_not_skip.then(|| format!("skipped, and with CI set nothing may be: {why}")),
        }
    }
}

/// Colours are for a person at a terminal who has not asked for none.
pub(crate) fn wants_colour() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The table, under a line that says which version of what was run.
pub(crate) fn draw(versions: &[String], rows: &[Row], colour: bool) -> String {
    let first = rows.iter().map(|row| row.name.len()).max().unwrap_or_default().max("trio".len());
    let width = "as declared".len();
    let mut text = format!("{}\n\n{:first$}", versions.join(" · "), "trio");
    for language in Language::ALL {
        let _ = write!(text, "  {:width$}", language.name());
    }
    text.truncate(text.trim_end().len());
    let length = first + Language::ALL.len() * (width + 2);
    let _ = write!(text, "\n{}", "─".repeat(length));
    for row in rows {
        let _ = write!(text, "\n{:first$}", row.name);
        for cell in &row.cells {
            let (word, code) = cell.word();
            let padding = width - word.len();
            let word = if colour { format!("\x1b[{code}m{word}\x1b[0m") } else { word.to_owned() };
            let _ = write!(text, "  {word}{:padding$}", "");
        }
        text.truncate(text.trim_end().len());
    }
    let _ = write!(text, "\n{}\n{}", "─".repeat(length), summary(rows));
    text
}

fn summary(rows: &[Row]) -> String {
    let count = |is: fn(&Cell) -> bool| rows.iter().flat_map(|row| &row.cells).filter(|cell| is(cell)).count();
    let bad = count(|cell| matches!(cell, Cell::Differs(_) | Cell::Failed(_)));
    let (same, declared) = (count(|cell| matches!(cell, Cell::Same)), count(|cell| matches!(cell, Cell::AsDeclared)));
    let skipped = count(|cell| matches!(cell, Cell::Skipped(_) | Cell::TooNew(_)));
    format!("{} trios: {same} same, {declared} as declared, {bad} differ, {skipped} skipped", rows.len())
}

/// Line by line what was expected (`-`) and what was printed (`+`), with the lines that they share between.
pub(crate) fn diff(file: &str, expected: &str, printed: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), printed.lines().collect());
    // Lengths of the longest common subsequences of all pairs of tails.
    let mut longest = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            longest[i][j] =
                if old[i] == new[j] { longest[i + 1][j + 1] + 1 } else { longest[i + 1][j].max(longest[i][j + 1]) };
        }
    }
    let mut text = format!("\n--- {file}\n+++ printed");
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        let (sign, line) = if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
            (' ', old[i - 1])
        } else if j == new.len() || (i < old.len() && longest[i + 1][j] >= longest[i][j + 1]) {
            i += 1;
            ('-', old[i - 1])
        } else {
            j += 1;
            ('+', new[j - 1])
        };
        let _ = write!(text, "\n{sign} {line}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_keeps_what_is_common() {
        assert_eq!(diff("e", "a\nb\nc\n", "a\nc\nd\n"), "\n--- e\n+++ printed\n  a\n- b\n  c\n+ d");
    }

    #[test]
    fn a_skip_is_a_fault_only_where_nothing_may_be_skipped() {
        let skipped = Cell::Skipped("no mono".into());
        assert!(skipped.fault(false).is_none() && skipped.fault(true).is_some());
        assert!(Cell::AsDeclared.fault(true).is_none());
    }

    #[test]
    fn the_table_has_a_line_a_trio_and_counts() {
        let row = Row { name: "01-x".into(), cells: vec![Cell::Same, Cell::AsDeclared, Cell::Differs("d".into())] };
        let table = draw(&["CPython 3.13.0".into()], &[row], false);
        assert!(table.contains("\n01-x  same         as declared  DIFFERS\n"), "{table}");
        assert!(table.ends_with("1 trios: 1 same, 1 as declared, 1 differ, 0 skipped"), "{table}");
    }
}
