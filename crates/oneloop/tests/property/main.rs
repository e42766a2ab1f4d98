//! Random programs must give the same event log on our loop as on CPython's.
//!
//! Job: make programs as data (`generate.rs`), run each here (`interpret.rs`) and under CPython (`interpret.py`, one
//! process for all), both on a virtual clock, and compare what happened, when, and in which order. One that differs is
//! shrunk (`shrink.rs`) and written to `kept/`, where it is run from then on. The differences that are allowed are listed
//! at the head of `interpret.py`, each with the line of CPython that leaves the order open.
//!
//! `ONELOOP_PROGRAMS=FROM..TO` runs other numbers than the usual ones; with `ONELOOP_SHRINK=0` the first that differs is
//! shown as it is, and not kept.

mod generate;
mod interpret;
#[path = "../harness/oracle.rs"]
mod oracle;
mod python;
mod shrink;

use std::{
    collections::{HashSet, VecDeque},
    fs,
    path::PathBuf,
};

use python::Python;
use serde_json::{Value, json};

/// As many as fit into a minute.
const PROGRAMS: std::ops::Range<u64> = 0..3000;
/// How many are handed to Python before its first answer is read: less than fills the pipes.
const AHEAD: usize = 4;

fn kept_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/property/kept")
}

/// CPython, or none when the test is skipped.
fn python(test: &str) -> Option<Python> {
    oracle::python(test).map(|program| Python::start(&program))
}

fn numbers() -> std::ops::Range<u64> {
    let chosen = std::env::var("ONELOOP_PROGRAMS").ok();
    let range = chosen.map(|text| {
        let (from, to) = text.split_once("..").expect("FROM..TO");
        from.parse().expect("a number")..to.parse().expect("a number")
    });
    range.unwrap_or(PROGRAMS)
}

/// The operation that this line tells the good end of: `12 t3.0b.1 put: None`.
fn ended_well(line: &str) -> Option<String> {
    const BAD: [&str; 6] = ["cancelled", "timeout", "absent", "runtime", "value", "error"];
    let (what, note) = line.split_once(": ")?;
    let mut words = what.split(' ').skip(1);
    let (at, name) = (words.next()?, words.next()?);
    let is_operation = at.starts_with('t') && words.next().is_none();
    (is_operation && !BAD.iter().any(|bad| note.starts_with(bad))).then(|| name.to_owned())
}

/// Both logs, beside each other from where they part.
fn compare(program: &Value, theirs: &[String], ours: &[String]) -> String {
    let same = theirs.iter().zip(ours).take_while(|(theirs, ours)| theirs == ours).count();
    let mut text = String::new();
    for line in theirs.iter().take(same) {
        text += &format!("          {line}\n");
    }
    for line in theirs.iter().skip(same).take(12) {
        text += &format!("CPython   {line}\n");
    }
    for line in ours.iter().skip(same).take(12) {
        text += &format!("oneloop   {line}\n");
    }
    let bodies = program["bodies"].as_array().expect("a list").iter().enumerate();
    let bodies: String =
        bodies.filter(|(_, ops)| ops != &&json!([])).map(|(number, ops)| format!("t{number}: {ops}\n")).collect();
    format!("{bodies}{text}")
}

#[test]
fn random_programs_give_cpythons_log() {
    let Some(mut python) = python("random_programs_give_cpythons_log") else { return };
    let (mut ahead, mut ended, mut failed) = (VecDeque::new(), HashSet::new(), None);
    for number in numbers().map(Some).chain([None; AHEAD]) {
        if let Some(program) = number.map(generate::program) {
            python.send(&program);
            ahead.push_back((number, program));
            if ahead.len() < AHEAD {
                continue;
            }
        }
        let Some((number, program)) = ahead.pop_front() else { break };
        let theirs = python.receive();
        ended.extend(theirs.iter().filter_map(|line| ended_well(line)));
        if interpret::run(&program) != theirs {
            failed = Some((number, program));
            break;
        }
    }
    for _ in ahead {
        python.receive();
    }
    let Some((number, program)) = failed else {
        let lost: Vec<_> = generate::operations().filter(|name| !ended.contains(*name)).collect();
        let few = numbers().count() < PROGRAMS.count();
        assert!(lost.is_empty() || few, "no program comes to a good end of {lost:?}: what is it that they test?");
        return;
    };
    if std::env::var("ONELOOP_SHRINK").is_ok_and(|value| value == "0") {
        let report = compare(&program, &python.run(&program), &interpret::run(&program));
        panic!("program {} differs:\n{report}", number.unwrap_or_default());
    }
    let smallest = shrink::shrink(program, |candidate| python.run(candidate) != interpret::run(candidate));
    let (theirs, ours) = (python.run(&smallest), interpret::run(&smallest));
    let report = compare(&smallest, &theirs, &ours);
    let path = kept_folder().join(format!("program-{}.json", number.unwrap_or_default()));
    let kept = json!({"program": smallest, "log": theirs});
    fs::write(&path, format!("{kept:#}\n")).expect("the folder of kept programs");
    panic!("program {} differs; shrunk and kept as {}:\n{report}", number.unwrap_or_default(), path.display());
}

/// Each was a fault once. CPython's answer was written down with it, so these run without Python, too.
#[test]
fn kept_programs_give_cpythons_log() {
    for entry in fs::read_dir(kept_folder()).expect("the folder of kept programs") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let kept: Value = serde_json::from_str(&fs::read_to_string(&path).expect("a file")).expect("JSON");
        let theirs: Vec<String> = serde_json::from_value(kept["log"].clone()).expect("a log");
        let ours = interpret::run(&kept["program"]);
        assert!(ours == theirs, "{}:\n{}", path.display(), compare(&kept["program"], &theirs, &ours));
    }
}
