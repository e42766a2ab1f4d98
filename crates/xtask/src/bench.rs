//! `cargo xtask bench`: oneloop and `prober` beside the programs that they are measured against, in one run.
//!
//! Job: build all programs, start the servers, run the cases W1 to W6 and M1 to M6 of `docs/performance.md`, print the
//! tables with their ratios, and with `--write` put them into that page. Neighbours: `programs` builds and finds the
//! programs, `server` runs nginx and the holding server, `process` measures a child, `works` and `micro` are the cases,
//! `table` says what came out. Invariants: programs of a case take turns within each round, so that a slow spell of the
//! machine hits all alike; the median of the rounds counts. Clients run on core 0 and servers on core 1. Nothing that
//! was started outlives the command.

use std::path::PathBuf;

mod before;
mod counts;
mod micro;
mod process;
mod programs;
mod server;
mod table;
mod works;

pub(crate) use counts::instructions;
pub(crate) use process::median;
pub(crate) use server::Servers;
use table::Report;

const USAGE: &str = "\
usage: cargo xtask bench [CASE]... [OPTIONS]

CASE is one of W1 to W6 and M1 to M6, or W or M for all of that kind; without one, all are run.

  --quick        smaller counts and fewer rounds: for looking, not for quoting
  --deep         W6 counts the instructions of the million URLs too: a quarter of an hour more
  --rounds N     how often each program runs, 5 unless told
  --providers    also build and measure the other TLS providers (W1)
  --built        take prober and the peers as they were last built
  --before FILE  hold W1 to W4 against FILE, a prober that was built from another commit, by what can be counted
  --write        put the tables into docs/performance.md
";

/// The cases, in the order in which they run.
const CASES: [&str; 12] = ["W1", "W2", "W3", "W4", "W5", "W6", "M1", "M2", "M3", "M4", "M5", "M6"];

/// What was asked for on the command line.
struct Plan {
    cases: Vec<&'static str>,
    quick: bool,
    deep: bool,
    rounds: usize,
    providers: bool,
    built: bool,
    /// Another prober, to be held against.
    before: Option<PathBuf>,
    write: bool,
}

impl Plan {
    fn parse(arguments: &[String]) -> Result<Plan, String> {
        let mut plan = Plan {
            cases: Vec::new(),
            quick: false,
            deep: false,
            rounds: 0,
            providers: false,
            built: false,
            before: None,
            write: false,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--quick" => plan.quick = true,
                "--deep" => plan.deep = true,
                "--providers" => plan.providers = true,
                "--built" => plan.built = true,
                "--before" => plan.before = Some(arguments.next().ok_or("--before needs a file")?.into()),
                "--write" => plan.write = true,
                "--rounds" => {
                    let rounds = arguments.next().and_then(|n| n.parse().ok());
                    plan.rounds = rounds.ok_or("--rounds needs a number")?;
                }
                wanted => {
                    let found = CASES.iter().filter(|case| case.starts_with(wanted));
                    let before = plan.cases.len();
                    plan.cases.extend(found);
                    if plan.cases.len() == before {
                        return Err(format!("no case '{wanted}'\n\n{USAGE}"));
                    }
                }
            }
        }
        if plan.cases.is_empty() {
            plan.cases = CASES.to_vec();
        }
        if plan.rounds == 0 {
            plan.rounds = if plan.quick { 3 } else { 5 };
        }
        Ok(plan)
    }

    fn wants(&self, case: &str) -> bool {
        self.cases.contains(&case)
    }

    /// The full count, or the one that is enough for a look.
    fn count(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }
}

/// Runs what was asked for.
pub(crate) fn main(arguments: &[String]) -> Result<(), String> {
    if arguments.iter().any(|a| a == "--help" || a == "-h") {
        print!("{USAGE}");
        return Ok(());
    }
    let plan = Plan::parse(arguments)?;
    let programs = programs::build(&plan)?;
    process::pin_to_client_core()?;
    let mut report = Report::new(&plan);
    if plan.cases.iter().any(|case| case.starts_with('W')) {
        works::run(&plan, &programs, &mut report)?;
    }
    if plan.before.is_none() && plan.cases.iter().any(|case| case.starts_with('M')) {
        micro::run(&plan, &programs, &mut report)?;
    }
    let text = report.markdown();
    print!("\n{text}");
    if plan.write {
        table::write_into_page(&text)?;
    }
    Ok(())
}
