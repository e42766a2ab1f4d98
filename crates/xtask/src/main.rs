//! `cargo xtask`: the commands of the people who work on oneloop.
//!
//! Job: one place for what would else be a heap of shell scripts, so that what CI runs is what a person runs.
//! Neighbours: `.ci/run` installs the tools and calls `ci`; each command is a module of its own.
//! Invariants: a command prints what it does, and a failed one exits with 1 after naming what failed.

#![forbid(unsafe_code)]

mod bench;
mod book;
mod ci;
mod conformance_mutants;
mod docs;
mod fences;
mod fuzz;
mod hooks;
mod ladder;
mod layout;
mod lines;
mod links;
mod manifests;
mod mutants;
mod parity;
mod picture;
mod places;
mod recorded;
mod rules;
mod runs;
mod shell;
mod slow_server;
mod static_binary;
mod svg;
mod tokio_probe;
mod totals;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  ci [STEP]...     run every check, or only the steps that are named; --list lists them
  ci --record      write the number of tests there are now to .ci/expected-tests
  bench [CASE]...  measure against the peers; --help has its options
  hooks            what hooks cost a loop that nobody watches, in instructions, and a recorder an event, in ns
  recorded [NN]... record some trios in three languages, and write a page of each to target/recorded
  mutants [NAME].. plant ten faults in a copy of the loop, one by one, and say what catches each
  parity [NN]...   run the trios in Python, C# and Rust, and compare what they print; --help has its options
  ladder [--tokio] run the ladder's rungs on the demo site, and print what each costs; also the probe on tokio
  layout [--check] list anew which functions a probe runs through, for the linker to lay them side by side
  conformance-mutants [LINE]...
                   take the branch of each rule in docs/conformance.md out, and see its tests fail
  docs [--check]   copy the pages' snippets and outputs anew from the files they name, or only compare them
  slow-server      a server that takes 100 ms alone and among 5,000 fast ones: are its times the same?
  book-links       what docs/book.toml has mdBook call, to send links to where the source is hosted
  picture          draw the README's picture anew from a run of the demo
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[][..]),
    };
    let outcome = match command {
        "bench" => bench::main(rest),
        "book-links" => book::links(rest),
        "ci" => ci::main(rest),
        "conformance-mutants" => conformance_mutants::main(rest),
        "docs" => docs::main(rest),
        "hooks" => hooks::main(rest),
        "mutants" => mutants::main(rest),
        "parity" => parity::main(rest),
        "recorded" => recorded::main(rest),
        "picture" => picture::main(rest),
        "slow-server" => slow_server::main(rest),
        "ladder" => ladder::main(rest),
        "layout" => layout::main(rest),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        other => Err(format!("no command '{other}'\n\n{USAGE}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
