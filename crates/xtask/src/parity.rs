//! `cargo xtask parity`: the trios, run in three languages, and their event logs compared.
//!
//! Job: run each program of `examples/trio` under CPython, Mono, .NET Core and on our loop, compare what it printed with
//! what is written beside it, and show a table. Neighbours: `parity/trio.rs` knows the files of a trio,
//! `parity/languages.rs` finds and starts the interpreters, `parity/table.rs` draws; `ci` calls [`check`].
//! Invariants: Python and our loop are held to one file, `expected.txt`; a language may only be left out where `CI` is
//! not set; `--record` takes that file from CPython, never from us.

pub(crate) mod languages;
mod table;
pub(crate) mod trio;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::thread;

use crate::shell;
use languages::{Language, Toolbox};
use table::{Cell, Row};
use trio::Trio;

const USAGE: &str = "\
usage: cargo xtask parity [OPTION] [NN]...

  NN               only these trios, by number or name; all without
  --record         write what CPython printed to expected.txt, and what .NET printed, where it differs, beside it
  --repeat COUNT   run each program so often, and fail if it ever differs: orders must not depend on luck
  --install        fetch the .NET Core runtime (a wheel of PyPI's) into target/tools
";

/// What the arguments ask for.
#[derive(Default)]
struct Options {
    record: bool,
    repeat: usize,
    names: Vec<String>,
}

/// Runs the trios that are named, or all, and prints the table.
pub(crate) fn main(arguments: &[String]) -> Result<(), String> {
    let mut options = Options { repeat: 1, ..Options::default() };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--install" => return languages::install().map(|where_to| println!("{where_to}")),
            "--record" => options.record = true,
            "--repeat" => {
                let count = arguments.next().and_then(|count| count.parse().ok()).filter(|count| *count > 0);
                options.repeat = count.ok_or("--repeat needs a count")?;
            }
            "--help" | "-h" => {
                print!("{USAGE}");
                return Ok(());
            }
            option if option.starts_with('-') => return Err(format!("parity has no option '{option}'\n\n{USAGE}")),
            name => options.names.push(name.to_owned()),
        }
    }
    let (toolbox, rows) = run(&options)?;
    println!("{}", table::draw(&toolbox.versions(), &rows, table::wants_colour()));
    verdict(&toolbox, &rows).map(drop)
}

/// Runs all trios for `cargo xtask ci`: a few words, or the table and what differs.
pub(crate) fn check() -> Result<String, String> {
    let (toolbox, rows) = run(&Options { repeat: 1, ..Options::default() })?;
    verdict(&toolbox, &rows).map_err(|faults| format!("{}\n{faults}", table::draw(&toolbox.versions(), &rows, false)))
}

fn run(options: &Options) -> Result<(Toolbox, Vec<Row>), String> {
    let all = trio::find()?;
    trio::check(&all)?;
    let chosen: Vec<Trio> = all.into_iter().filter(|trio| trio.is_named(&options.names)).collect();
    if chosen.is_empty() {
        return Err(format!("no trio is called {}", options.names.join(" or ")));
    }
    build(&chosen)?;
    let toolbox = Toolbox::find()?;
    let queue = Mutex::new(chosen.iter().collect::<VecDeque<_>>());
    let rows = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().ok().and_then(|mut queue| queue.pop_front());
                    let Some(trio) = next else { return };
                    let row = row(&toolbox, trio, options);
                    if let Ok(mut rows) = rows.lock() {
                        rows.push(row);
                    }
                }
            });
        }
    });
    let mut rows = rows.into_inner().map_err(|_| "a thread that ran trios panicked")?;
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((toolbox, rows))
}

/// Our column's programs, built in one go so that the table's time is running time.
fn build(trios: &[Trio]) -> Result<(), String> {
    let mut command = shell::cargo();
    command.args(["build", "--quiet", "--package", "oneloop-examples"]);
    for trio in trios {
        command.args(["--example", &trio.example()]);
    }
    shell::run(&mut command).map(drop)
}

fn row(toolbox: &Toolbox, trio: &Trio, options: &Options) -> Row {
    let mut row = Row { name: trio.name.clone(), cells: Vec::new() };
    for language in Language::ALL {
        row.cells.push(cell(toolbox, trio, language, options));
    }
    row
}

fn cell(toolbox: &Toolbox, trio: &Trio, language: Language, options: &Options) -> Cell {
    if let Some(why) = toolbox.lacks(language) {
        return Cell::Skipped(why);
    }
    if let Some(why) = toolbox.too_old(language, trio) {
        return Cell::TooNew(why);
    }
    let mut outcome = Cell::Same;
    for _ in 0..options.repeat {
        let printed = match toolbox.run(language, trio) {
            Ok(printed) => printed,
            Err(failure) => return Cell::Failed(failure),
        };
        if options.record
            && let Err(failure) = trio.record(language, &printed)
        {
            return Cell::Failed(failure);
        }
        outcome = match trio.expected(language) {
            Err(missing) => return Cell::Failed(missing),
            Ok(expected) if expected.text != printed => {
                return Cell::Differs(table::diff(&expected.file, &expected.text, &printed));
            }
            Ok(expected) if expected.is_common => Cell::Same,
            Ok(_) => Cell::AsDeclared,
        };
    }
    outcome
}

/// A sentence for CI's line, or everything that is not as it should be.
fn verdict(toolbox: &Toolbox, rows: &[Row]) -> Result<String, String> {
    let mut faults = String::new();
    for row in rows {
        for (language, cell) in Language::ALL.iter().zip(&row.cells) {
            if let Some(fault) = cell.fault(shell::is_ci()) {
                faults.push_str(&format!("\n{} in {}: {fault}\n", row.name, language.name()));
            }
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let too_new = rows.iter().flat_map(|row| row.cells.iter().map(move |cell| (row, cell)));
    let too_new = too_new.filter_map(|(row, cell)| match cell {
        Cell::TooNew(why) => Some(format!("{}: {why}", row.name)),
        _ => None,
    });
    let skipped = toolbox.missing().into_iter().chain(too_new);
    let skipped = skipped.map(|why| format!("\n         SKIPPED {why}")).collect::<String>();
    Ok(format!("{} trios in {}{skipped}", rows.len(), toolbox.versions().join(", ")))
}
