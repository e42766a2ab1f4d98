//! M1 to M6: what the loop itself costs, beside tokio, smol and asyncio.
//!
//! Neighbours: `crates/oneloop/benches/micro.rs` and `peers/` have the cases in the same shapes. Invariant: each
//! measurement is a process of its own.

use std::process::{Command, Stdio};

use super::Plan;
use super::process::{median, take_turns};
use super::programs::Programs;
use super::table::{Limit, Report, Table, figure};

/// One case with its counts: all, quick, and those for Python, which would take minutes for the others'.
struct Case {
    name: &'static str,
    title: &'static str,
    full: usize,
    quick: usize,
    python: usize,
    connections: usize,
}

const CASES: &[Case] = &[
    Case {
        name: "M1",
        title: "create a task and await it, one by one",
        full: 2_000_000,
        quick: 500_000,
        python: 100_000,
        connections: 1,
    },
    Case {
        name: "M2",
        title: "create 1,000,000 tasks, then gather",
        full: 1_000_000,
        quick: 500_000,
        python: 200_000,
        connections: 1,
    },
    Case {
        name: "M3",
        title: "100 tasks yield in turn",
        full: 10_000_000,
        quick: 2_000_000,
        python: 500_000,
        connections: 1,
    },
    Case {
        name: "M4",
        title: "there and back through two queues",
        full: 1_000_000,
        quick: 200_000,
        python: 100_000,
        connections: 1,
    },
    Case {
        name: "M5",
        title: "100,000 sleeping tasks",
        full: 100_000,
        quick: 100_000,
        python: 100_000,
        connections: 1,
    },
    Case { name: "M6", title: "TCP echo, 1 connection", full: 100_000, quick: 20_000, python: 20_000, connections: 1 },
    Case {
        name: "M6",
        title: "TCP echo, 100 connections",
        full: 200_000,
        quick: 50_000,
        python: 20_000,
        connections: 100,
    },
];

const OURS: &str = "oneloop";
const OURS_61: &str = "oneloop, poll_every(61)";
const TOKIO: &str = "tokio";
const TOKIO_TASK: &str = "tokio, inside a spawned task";
const TOKIO_EACH: &str = "tokio, event_interval(1)";
/// The one that looks at the kernel as often as our loop does by default: once for each step of these cases.
const TOKIO_EACH_TASK: &str = "tokio, event_interval(1), inside a spawned task";
const SMOL: &str = "smol";
const ASYNCIO: &str = "asyncio";

/// One program in one case, and what its runs gave.
struct Contender {
    name: &'static str,
    command: Vec<String>,
    ns: Vec<f64>,
    bytes: Vec<f64>,
    failure: Option<String>,
}

pub(crate) fn run(plan: &Plan, programs: &Programs, report: &mut Report) -> Result<(), String> {
    for case in CASES.iter().filter(|case| plan.wants(case.name)) {
        eprintln!("{}: {}", case.name, case.title);
        let mut contenders = contenders(plan, programs, case);
        for round in 0..plan.rounds {
            take_turns(&mut contenders, round, Contender::run);
        }
        tabulate(case, &contenders, report);
        judge(case, &contenders, report);
    }
    Ok(())
}

fn contenders(plan: &Plan, programs: &Programs, case: &Case) -> Vec<Contender> {
    let count = plan.count(case.full, case.quick).to_string();
    let connections = case.connections.to_string();
    let program = |name, path: std::path::PathBuf, options: &[&str]| {
        let mut command = vec![path.to_string_lossy().into_owned(), case.name.to_owned(), count.clone()];
        command.extend(["--connections".to_owned(), connections.clone()]);
        command.extend(options.iter().map(|&option| option.to_owned()));
        Contender { name, command, ns: Vec::new(), bytes: Vec::new(), failure: None }
    };
    let tokio = || programs.peer("micro-tokio");
    let mut all = vec![
        program(OURS, programs.micro.clone(), &[]),
        program(OURS_61, programs.micro.clone(), &["--poll-every", "61"]),
        program(TOKIO, tokio(), &["--root"]),
        program(TOKIO_TASK, tokio(), &[]),
        program(TOKIO_EACH, tokio(), &["--root", "--interval", "1"]),
        program(TOKIO_EACH_TASK, tokio(), &["--interval", "1"]),
        program(SMOL, programs.peer("micro-smol"), &[]),
    ];
    if let Some(python) = &programs.python {
        let script = programs.scripts.join("micro.py").to_string_lossy().into_owned();
        let count = case.python.min(plan.count(case.python, case.python / 4)).to_string();
        let command = vec![python.clone(), script, case.name.to_owned(), count, connections.clone()];
        all.push(Contender { name: ASYNCIO, command, ns: Vec::new(), bytes: Vec::new(), failure: None });
    }
    all
}

impl Contender {
    fn run(&mut self) {
        let Some((program, arguments)) = self.command.split_first() else { return };
        match Command::new(program).args(arguments).stdin(Stdio::null()).output() {
            Ok(output) if output.status.success() => {
                for line in String::from_utf8_lossy(&output.stdout).lines() {
                    match line.split_once(' ').map(|(key, value)| (key, value.parse())) {
                        Some(("ns", Ok(value))) => self.ns.push(value),
                        Some(("bytes", Ok(value))) => self.bytes.push(value),
                        _ => {}
                    }
                }
            }
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                self.failure = Some(said.lines().next_back().unwrap_or("failed").to_owned());
            }
            Err(error) => self.failure = Some(error.to_string()),
        }
    }
}

fn tabulate(case: &Case, contenders: &[Contender], report: &mut Report) {
    let ours = median_of(contenders, OURS, |c| &c.ns);
    let memory = case.name == "M5";
    let rows = contenders.iter().map(|contender| {
        let ns = median(contender.ns.clone());
        let mut row = vec![contender.name.to_owned()];
        match (ns, &contender.failure) {
            (Some(ns), _) => {
                row.push(figure(ns));
                row.push(ours.map_or(String::new(), |ours| format!("{:.2}", ours / ns)));
            }
            (None, failure) => row.extend([failure.clone().unwrap_or_default(), String::new()]),
        }
        if memory {
            row.push(median(contender.bytes.clone()).map_or(String::new(), figure));
        }
        row
    });
    let mut columns = vec!["program", "ns on the processor", "oneloop ÷ this"];
    if memory {
        columns.push("bytes a task");
    }
    let title = format!("{}: {}", case.name, case.title);
    report.table(Table { title, columns, rows: rows.collect() });
}

fn median_of(contenders: &[Contender], name: &str, of: impl Fn(&Contender) -> &Vec<f64>) -> Option<f64> {
    let contender = contenders.iter().find(|contender| contender.name == name)?;
    median(of(contender).clone())
}

/// The limits of each case: our program, the peer's and the ratio.
fn judge(case: &Case, contenders: &[Contender], report: &mut Report) {
    let limits: &[(&str, &str, f64)] = match case.name {
        "M1" => &[(OURS, TOKIO_EACH_TASK, 0.75), (OURS, TOKIO_EACH, 0.75), (OURS_61, TOKIO, 0.45)],
        "M2" => &[(OURS, TOKIO, 0.6)],
        "M3" => &[(OURS, TOKIO, 0.85)],
        "M4" => &[(OURS, TOKIO_EACH_TASK, 1.1), (OURS, TOKIO_EACH, 1.1), (OURS, TOKIO, 1.1), (OURS_61, TOKIO, 0.41)],
        "M5" => &[(OURS, TOKIO, 0.8)],
        _ => &[(OURS, TOKIO, 0.95)],
    };
    let mut compare = |measure: &str, unit: &str, of: fn(&Contender) -> &Vec<f64>| {
        for &(ours, theirs, limit) in limits {
            let figures = (median_of(contenders, ours, of), median_of(contenders, theirs, of));
            if let (Some(our), Some(their)) = figures {
                let how = ours.strip_prefix(OURS).unwrap_or_default();
                let measure = format!("{measure}{how}");
                report.limit(Limit {
                    case: case.name,
                    measure: &measure,
                    ours: our,
                    unit,
                    against: theirs,
                    theirs: Some(their),
                    limit,
                });
            }
        }
    };
    compare(case.title, "ns", |contender| &contender.ns);
    if case.name == "M5" {
        compare("memory of a sleeping task", "bytes", |contender| &contender.bytes);
    }
}
