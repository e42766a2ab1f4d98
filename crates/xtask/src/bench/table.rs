//! What came out, as Markdown: the limits first, then every figure.
//!
//! Neighbours: `works` and `micro` fill it. Invariant: nothing stands in a table that was not measured in this run; a
//! program that failed says so in its row.

use std::fs;

use super::Plan;
use crate::shell;

const PAGE: &str = "docs/performance.md";
const BEGIN: &str = "<!-- made by `cargo xtask bench --write`: begin -->";
const END: &str = "<!-- made by `cargo xtask bench --write`: end -->";

pub(crate) struct Report {
    how: String,
    notes: Vec<String>,
    limits: Vec<[String; 7]>,
    tables: Vec<Table>,
}

/// All figures of one case.
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) columns: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// One limit: our figure, and a peer's figure or a fixed one that it is held against.
pub(crate) struct Limit<'a> {
    pub(crate) case: &'a str,
    pub(crate) measure: &'a str,
    pub(crate) ours: f64,
    pub(crate) unit: &'a str,
    pub(crate) against: &'a str,
    /// `None`: the limit is a figure of its own.
    pub(crate) theirs: Option<f64>,
    pub(crate) limit: f64,
}

impl Report {
    pub(crate) fn new(plan: &Plan) -> Report {
        let kind = if plan.quick { "a quick run, for looking only" } else { "a full run" };
        let versions = super::programs::versions();
        Report {
            how: format!("From {kind}, the median of {} rounds. {versions}.", plan.rounds),
            notes: Vec::new(),
            limits: Vec::new(),
            tables: Vec::new(),
        }
    }

    /// A sentence of its own above the tables.
    pub(crate) fn note(&mut self, text: String) {
        eprintln!("  {text}");
        self.notes.push(text);
    }

    pub(crate) fn limit(&mut self, limit: Limit<'_>) {
        let Limit { case, measure, ours, unit, against, theirs, limit } = limit;
        let (theirs_text, compared, limit_text) = match theirs {
            Some(theirs) => (format!("{} {unit}", figure(theirs)), ours / theirs, format!("{limit} ×")),
            None => (String::new(), ours, format!("{limit} {unit}")),
        };
        let ratio = theirs.map_or(String::new(), |_| format!("{compared:.2} ×"));
        let verdict = if compared <= limit { "yes" } else { "**no**" };
        let row = [
            format!("{case} {measure}"),
            format!("{} {unit}", figure(ours)),
            against.to_owned(),
            theirs_text,
            ratio,
            limit_text,
            verdict.to_owned(),
        ];
        eprintln!("  {}", row.join(" | "));
        self.limits.push(row);
    }

    pub(crate) fn table(&mut self, table: Table) {
        eprint!("{}", table.markdown());
        self.tables.push(table);
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("{}\n", self.how);
        if !self.notes.is_empty() {
            text.push('\n');
        }
        for note in &self.notes {
            text.push_str(&format!("- {note}\n"));
        }
        if !self.limits.is_empty() {
            let columns = ["work and measure", "ours", "against", "theirs", "ratio", "limit", "met"];
            let rows = self.limits.iter().map(|row| row.to_vec()).collect();
            let table = Table { title: "Limits".to_owned(), columns: columns.to_vec(), rows };
            text.push_str(&table.markdown());
        }
        for table in &self.tables {
            text.push_str(&table.markdown());
        }
        text
    }
}

impl Table {
    fn markdown(&self) -> String {
        let line = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
        let mut text = format!("\n### {}\n\n", self.title);
        text.push_str(&line(self.columns.clone()));
        text.push_str(&line(self.columns.iter().map(|_| "---").collect()));
        for row in &self.rows {
            text.push_str(&line(row.iter().map(String::as_str).collect()));
        }
        text
    }
}

/// Three figures that mean something, whatever the size.
pub(crate) fn figure(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// Puts `text` between the markers of the page.
pub(crate) fn write_into_page(text: &str) -> Result<(), String> {
    let page = shell::read(PAGE)?;
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let (before, after) = parts.ok_or_else(|| format!("{PAGE} has lost its markers"))?;
    let page = format!("{before}{BEGIN}\n\n{text}\n{END}{after}");
    fs::write(shell::root().join(PAGE), page).map_err(|error| format!("{PAGE}: {error}"))?;
    println!("wrote {PAGE}");
    Ok(())
}
