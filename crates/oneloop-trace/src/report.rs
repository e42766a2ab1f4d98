//! A log as a page that replays it: one file, no network.
//!
//! Job: put the log, the loop's own source and the scripts of `page/` into one HTML document. The source line that an
//! event lights is the one that tells the observer of it, found in the text by its name. Neighbours: `page/fold.js` is
//! the same fold as `fold.rs`. Invariants: nothing in a log can end the script that it stands in, or become markup:
//! text reaches the page as text nodes only.

use serde_json::{Map, Value, json};

use crate::log::Log;
use crate::text::{escaped, printable};

const PAGE: &str = include_str!("../page/page.html");
const HEAD: &str = include_str!("../page/head.html");
const STYLE: &str = include_str!("../page/style.css");
pub(crate) const KEYS: &str = include_str!("../page/keys.js");
const SCRIPTS: [&str; 4] =
    [include_str!("../page/fold.js"), include_str!("../page/words.js"), KEYS, include_str!("../page/page.js")];

/// An event's name in the schema (a wait's with what it waits for), and what stands in the line of the loop's source that
/// does it or tells of it.
const TOLD: [(&str, &str); 25] = [
    ("turn_begin", "core.observe_turn::<"),
    ("turn_end", "Event::TurnEnd"),
    ("park", "Event::Park {"),
    ("unpark", "Event::Unpark("),
    ("io_event", "Event::IoEvent {"),
    ("timer_add", "self.observe_timer("),
    ("timer_fire", "Event::TimerFire {"),
    ("timer_cancel", "Event::TimerCancel {"),
    ("register", "Event::Register {"),
    ("deregister", "Event::Deregister {"),
    ("spawn", "Event::Spawn {"),
    ("name", "Event::Name {"),
    ("span_begin", "Event::SpanBegin {"),
    ("span_end", "Event::SpanEnd {"),
    ("wake", "self.observe_wake("),
    ("poll_begin", "self.watched("),
    ("poll_end", "self.watched("),
    ("drop", "Event::Drop {"),
    ("thread_start", "Event::ThreadStart { name: &name"),
    ("thread_end", "thread_ended(&name)"),
    ("await", "Event::Await {"),
    ("wait timer", "core.observe_timer_wait("),
    ("wait source", "core.observe_source_wait("),
    ("wait future", "observe_targets(|| [self.target.clone()])"),
    ("wait line", "observe_targets(|| [self.clone()])"),
];

/// Renders a log as a page. `title` is its heading.
pub fn report(log: &Log, title: &str) -> String {
    report_of(log, title, true)
}

/// A page of our loop's log, with its source, or of another's, without.
pub(crate) fn report_of(log: &Log, title: &str, ours: bool) -> String {
    let log = serde_json::to_string(log).unwrap_or_default();
    let parts = [
        ("{{log}}", inert(&log)),
        ("{{sources}}", inert(&sources(ours).to_string())),
        ("{{script}}", SCRIPTS.concat()),
    ];
    document(PAGE, title, parts)
}

/// A whole document: a template of `page/` with the head that all have, its title, and what else it has room for.
pub(crate) fn document<const N: usize>(template: &str, title: &str, parts: [(&str, String); N]) -> String {
    let title = ("{{title}}", escaped(&printable(title)));
    let head = filled(HEAD, &[title.clone(), ("{{style}}", STYLE.to_string())]);
    let mut all = vec![("{{head}}", head), title];
    all.extend(parts);
    filled(template, &all)
}

/// A template with its marks replaced. One pass, so that a mark inside a part is not taken for one of the template's.
fn filled(template: &str, parts: &[(&str, String)]) -> String {
    let mut page = String::new();
    let mut rest = template;
    while let Some(at) = rest.find("{{") {
        page.push_str(&rest[..at]);
        rest = &rest[at..];
        match parts.iter().find(|(mark, _)| rest.starts_with(mark)) {
            Some((mark, part)) => {
                page.push_str(part);
                rest = &rest[mark.len()..];
            }
            None => {
                page.push_str("{{");
                rest = &rest[2..];
            }
        }
    }
    page.push_str(rest);
    page
}

/// The files that tell of events, and where in them.
fn sources(ours: bool) -> Value {
    let (mut files, mut places) = (Map::new(), Map::new());
    for (event, told) in TOLD.into_iter().filter(|_| ours) {
        let found = oneloop::SOURCES.iter().find_map(|(file, text)| {
            let line = text.lines().position(|line| line.contains(told))?;
            Some((*file, *text, line + 1))
        });
        if let Some((file, text, line)) = found {
            files.insert(file.to_string(), json!(text));
            places.insert(event.to_string(), json!({ "file": file, "line": line }));
        }
    }
    json!({ "files": files, "places": places })
}

/// JSON that can stand inside a script element: `<` begins nothing there.
fn inert(json: &str) -> String {
    json.replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Record, What};

    #[test]
    fn every_event_has_a_line_of_the_loops_source() {
        let sources = sources(true);
        let missing: Vec<_> = TOLD.iter().filter(|(event, _)| sources["places"].get(event).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?}");
        assert_eq!(sources["places"]["wait source"]["file"], "selector.rs");
        assert_eq!(sources["places"]["poll_begin"]["file"], "event_loop.rs");
        assert_eq!(sources["places"]["thread_start"]["file"], "executor.rs");
    }

    #[test]
    fn a_name_cannot_end_the_script_that_it_stands_in() {
        let name = "</script><script>alert(1)</script>{{style}}".to_string();
        let what = What::Name { task: 1, name: name.clone() };
        let log = Log { dropped: 0, records: vec![Record { n: 0, t: 0, turn: 0, what }] };
        let page = report(&log, &name);
        assert_eq!(page.matches("</script>").count(), 3);
        assert!(page.contains("&lt;/script&gt;") && page.contains("{{style}}"));
    }
}
