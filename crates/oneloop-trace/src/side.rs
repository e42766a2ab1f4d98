//! Several logs side by side on one page, stepped together: the same program in several languages.
//!
//! Job: put a whole replay page for each log into a frame, and around them the buttons that move all. Neighbours:
//! `report.rs` makes the pages; `examples/recorded` has the loops of other languages that write such logs. Invariants:
//! one file, no network; each frame stands by itself, so nothing that holds for one page must be shown anew.

use crate::log::Log;
use crate::report::{KEYS, document, report_of};
use crate::text::{escaped, printable};

const PAGE: &str = include_str!("../page/side.html");
const SCRIPT: &str = include_str!("../page/side.js");

/// One column.
#[derive(Clone, Debug)]
pub struct Side<'a> {
    /// Its heading: a language and its version.
    pub title: String,
    /// What was recorded.
    pub log: &'a Log,
    /// Recorded of our loop: then its source is shown.
    pub ours: bool,
}

/// Renders logs as one page with a column for each, in this order.
pub fn side_by_side(title: &str, sides: &[Side<'_>]) -> String {
    let frame = |side: &Side<'_>| {
        let page = report_of(side.log, &side.title, side.ours);
        format!("<iframe title=\"{}\" srcdoc=\"{}\"></iframe>", escaped(&printable(&side.title)), escaped(&page))
    };
    let frames: String = sides.iter().map(frame).collect();
    document(PAGE, title, [("{{frames}}", frames), ("{{script}}", [KEYS, SCRIPT].concat())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_log_has_a_frame_of_its_own_and_can_end_none() {
        let log = Log::default();
        let side = |title: &str, ours| Side { title: title.to_owned(), log: &log, ours };
        let page = side_by_side("a < b", &[side("\"></iframe>", false), side("ours", true)]);
        assert_eq!((page.matches("<iframe ").count(), page.matches("</iframe>").count()), (2, 2));
        assert!(page.contains("<h1>a &lt; b</h1>"));
        // The source of our loop is in one of them.
        assert_eq!(page.matches("fn run_once").count(), 1);
    }
}
