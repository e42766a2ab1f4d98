//! `cargo xtask recorded`: trios recorded in three languages, checked by one schema, and shown side by side.
//!
//! Job: run some of `examples/trio` under the recorders of `examples/recorded`, have each log keep the promises that
//! `oneloop_trace::check` knows, and write a page for each trio. Neighbours: `parity/languages.rs` finds and starts the
//! interpreters; `ci` calls [`check`]. Invariants: what a program prints must be what it prints unrecorded; a language
//! may only be left out where `CI` is not set.

use std::fs;
use std::path::Path;

use oneloop_trace::{Log, Side, State, check as promises, side_by_side};

use crate::parity::languages::{Language, Toolbox};
use crate::parity::trio::{self, Trio};
use crate::shell;

/// The trios that are recorded: those of which each language's file can run on any loop or pump.
const RECORDED: [&str; 5] = ["04-yielding", "05-ready-queue", "41-event", "42-lock", "43-semaphore"];

/// Records the trios that are named, or all five.
pub(crate) fn main(arguments: &[String]) -> Result<(), String> {
    println!("{}", record(arguments)?);
    Ok(())
}

/// Records all of them, for `cargo xtask ci`.
pub(crate) fn check() -> Result<String, String> {
    record(&[])
}

fn record(names: &[String]) -> Result<String, String> {
    let trios: Vec<Trio> = trio::find()?
        .into_iter()
        .filter(|trio| RECORDED.contains(&trio.name.as_str()) && trio.is_named(names))
        .collect();
    if trios.is_empty() {
        return Err(format!("these are recorded: {}", RECORDED.join(", ")));
    }
    shell::run(shell::cargo().args(["build", "--quiet", "--package", "oneloop-examples", "--example", "recorded"]))?;
    let toolbox = Toolbox::find()?;
    let missing = toolbox.missing();
    if shell::is_ci() && !missing.is_empty() {
        return Err(missing.join("\n"));
    }
    let folder = shell::root().join("target/recorded");
    fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let mut sums = String::new();
    for trio in &trios {
        sums.push_str(&format!("\n         {}", page(&toolbox, trio, &folder)?));
    }
    let skipped: String = missing.iter().map(|why| format!("\n         SKIPPED {why}")).collect();
    Ok(format!("{} trios in {}{sums}{skipped}", trios.len(), toolbox.versions().join(", ")))
}

/// Records a trio in each language that there is, and writes its page. Says how many polls and turns each took.
fn page(toolbox: &Toolbox, trio: &Trio, folder: &Path) -> Result<String, String> {
    let mut logs = Vec::new();
    for language in Language::ALL {
        if toolbox.lacks(language).is_none() && toolbox.too_old(language, trio).is_none() {
            let log = log(toolbox, trio, language)
                .map_err(|fault| format!("{} in {}: {fault}", trio.name, language.name()))?;
            logs.push((language, log));
        }
    }
    let sides: Vec<Side<'_>> = logs
        .iter()
        .map(|(language, log)| Side {
            title: language.name().to_owned(),
            log,
            ours: matches!(language, Language::Oneloop),
        })
        .collect();
    let file = folder.join(format!("{}.html", trio.name));
    fs::write(&file, side_by_side(&trio.name, &sides)).map_err(|error| format!("{}: {error}", file.display()))?;
    let counts = logs.iter().map(|(language, log)| {
        let mut state = State::of(log);
        log.records.iter().for_each(|record| drop(state.apply(record)));
        format!("{} {} polls in {} turns", language.name(), state.counts.polls, state.counts.turns)
    });
    Ok(format!("{}: {}", trio.name, counts.collect::<Vec<_>>().join(", ")))
}

fn log(toolbox: &Toolbox, trio: &Trio, language: Language) -> Result<Log, String> {
    let (printed, json) = toolbox.record(language, trio)?;
    let expected = trio.expected(language)?;
    if printed != expected.text {
        return Err(format!("recorded it prints other than {} says:\n{printed}", expected.file));
    }
    let log: Log = serde_json::from_str(&json).map_err(|error| format!("the log is not of the schema: {error}"))?;
    let faults = promises(&log);
    if !faults.is_empty() {
        return Err(format!("the log breaks promises:\n{}", faults.join("\n")));
    }
    if log.records.is_empty() {
        return Err("the log is empty".to_owned());
    }
    Ok(log)
}
