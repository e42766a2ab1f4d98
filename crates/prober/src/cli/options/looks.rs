//! The options about what is printed, how, and where to.
//!
//! Neighbours: the parent module gathers all groups. These may stand before and after the command `demo`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::cli::values;
use crate::colour;

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(in crate::cli) struct OutputOptions {
    /// How to print results: text for people, waterfall to see the phases, the others for programs [default: text]
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(in crate::cli) format: Option<Format>,

    /// Print this for each result instead of a line, with curl's %{variables}; @FILE reads it from a file
    #[arg(short = 'w', long, value_name = "FORMAT", conflicts_with = "format", allow_hyphen_values = true)]
    pub(in crate::cli) write_out: Option<String>,

    /// Write the results to FILE (under another name until the end)
    #[arg(short = 'o', long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,

    /// Print a table of percentiles of all phases in the end
    #[arg(long)]
    pub(in crate::cli) stats: bool,

    /// Print a histogram of the total times in the end
    #[arg(long)]
    pub(in crate::cli) histogram: bool,

    #[command(flatten)]
    pub(in crate::cli) record: RecordOptions,

    #[command(flatten)]
    pub(in crate::cli) tasks: TaskOptions,

    /// When to colour [default: auto]
    #[arg(long, value_name = "WHEN", value_enum)]
    pub(in crate::cli) color: Option<colour::When>,

    /// Print failed probes only
    #[arg(short = 'q', long, conflicts_with = "verbose")]
    pub(in crate::cli) quiet: bool,

    /// Print response heads, phases and certificates, too
    #[arg(short = 'v', long)]
    pub(in crate::cli) verbose: bool,
}

impl OutputOptions {
    /// These, or where they say nothing, `others`.
    pub(in crate::cli) fn or(self, others: OutputOptions) -> OutputOptions {
        OutputOptions {
            format: self.format.or(others.format),
            write_out: self.write_out.or(others.write_out),
            output: self.output.or(others.output),
            stats: self.stats | others.stats,
            histogram: self.histogram | others.histogram,
            record: self.record.or(others.record),
            tasks: self.tasks.or(others.tasks),
            color: self.color.or(others.color),
            quiet: self.quiet | others.quiet,
            verbose: self.verbose | others.verbose,
        }
    }
}

/// The run as the loop saw it, written when it is over.
#[derive(Debug, Args)]
pub(in crate::cli) struct RecordOptions {
    /// Write what the loop did to FILE, for ui.perfetto.dev
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) trace: Option<PathBuf>,

    /// Write a page to FILE that replays the run, turn by turn
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) report: Option<PathBuf>,
}

impl RecordOptions {
    /// These, or where they say nothing, `others`.
    pub(in crate::cli) fn or(self, others: RecordOptions) -> RecordOptions {
        RecordOptions { trace: self.trace.or(others.trace), report: self.report.or(others.report) }
    }
}

/// Looking at the tasks while the program runs.
#[derive(Debug, Args)]
pub(in crate::cli) struct TaskOptions {
    /// Print what each task waits for on stderr, every DUR [1s]; SIGUSR1 prints it once, also without this
    #[arg(long, value_name = "DUR", value_parser = values::period, num_args = 0..=1, require_equals = true, default_missing_value = "1s")]
    pub(in crate::cli) tasks: Option<Duration>,

    /// Start a thread that says on stderr what the loop is stuck in, when one step takes longer than MS [500]
    #[arg(long, value_name = "MS", value_parser = values::milliseconds, num_args = 0..=1, require_equals = true, default_missing_value = "500")]
    pub(in crate::cli) watchdog: Option<Duration>,
}

impl TaskOptions {
    /// These, or where they say nothing, `others`.
    pub(in crate::cli) fn or(self, others: TaskOptions) -> TaskOptions {
        TaskOptions { tasks: self.tasks.or(others.tasks), watchdog: self.watchdog.or(others.watchdog) }
    }
}

/// The value of `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A line a probe, in the order of the list, for people
    Text,
    /// Bars of phases on one time axis; a staircase for a single URL
    Waterfall,
    /// A JSON object a line, in the order of completion, for programs
    #[value(alias = "ndjson")]
    Jsonl,
    /// One JSON array, in the order of the list
    Json,
    /// Comma-separated values with a line of names
    Csv,
    /// Prometheus's text format, the last result of each URL
    #[value(alias = "prometheus")]
    Prom,
    /// JUnit's XML, for CI systems
    Junit,
    /// HTTP archive 1.2, for browsers' tools
    Har,
}
