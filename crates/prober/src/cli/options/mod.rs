//! The options as clap sees them: names, values, help, groups. One definition, from which the parser, `--help`, the
//! manual page and the shells' completions are made.
//!
//! Reading order: this file, `probing`, `connecting`, `looks`. Neighbours: `values.rs` reads the values, the parent
//! module checks what only holds between options and makes [`Settings`](super::Settings). Names are curl's where curl
//! has one, else blackbox_exporter's; `-c` and `-i` are ping's.

mod connecting;
mod looks;
mod probing;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use super::values;
use crate::serve::allow::Pattern;

pub(in crate::cli) use connecting::{ConnectionOptions, TlsOptions, Who};
pub(crate) use looks::Format;
pub(in crate::cli) use looks::{OutputOptions, RecordOptions, TaskOptions};
pub(in crate::cli) use probing::{ExpectationOptions, ModuleOptions, PaceOptions, RequestOptions, RoundOptions};

/// What most people want, before the list of everything.
pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  prober https://example.com                           probe one URL
  prober --format waterfall @urls.txt                  see the slowest phase of each URL of a list
  prober -L -q @urls.txt                               print only the failures of a list
  prober -L -q --cert-days 30 @urls.txt                find certificates that expire within 30 days
  prober -c 10 -i 1 --format csv -o 10.csv @urls.txt   ten rounds, a second apart, as CSV
  prober --until-ok -c 60 http://localhost:8080        wait for a server, a minute at most
  prober -q -m 5 URL || echo down                      a check in a shell script
  prober demo                                          watch the built-in demo";

pub(in crate::cli) const EXIT_STATUS: &str = "\
Exit status: 0 all passed, 1 some failed, 2 usage, 130 and 143 stopped by a signal,
141 output closed.";

/// Probe many URLs at once on one thread, and say which part of each was slow
#[derive(Debug, Parser)]
#[command(
    name = "prober",
    version,
    override_usage = "prober [OPTIONS] [URL | @FILE | -]...\n       prober demo | serve | check-config | completions | man",
    help_template = "{about-with-newline}\n{usage-heading} {usage}\n\n{before-help}{all-args}{after-help}",
    before_help = EXAMPLES,
    after_help = EXIT_STATUS,
    disable_help_flag = true,
    subcommand_help_heading = "Commands"
)]
pub(in crate::cli) struct Cli {
    /// URLs; @FILE names a list of them, one a line; - reads it from standard input
    ///
    /// Blank lines and lines that begin with # are skipped. A URL with no scheme is http://. Without any URL, the
    /// built-in demo site is probed.
    #[arg(value_name = "URL | @FILE | -")]
    pub(in crate::cli) urls: Vec<OsString>,

    /// Print help; 'prober help' and the manual page say more of some options
    // The short one for both: the long one is three times as long.
    #[arg(short, long, global = true, action = clap::ArgAction::HelpShort)]
    help: Option<bool>,

    #[command(subcommand)]
    pub(in crate::cli) command: Option<Command>,

    #[command(flatten)]
    pub(in crate::cli) rounds: RoundOptions,
    #[command(flatten)]
    pub(in crate::cli) pace: PaceOptions,
    #[command(flatten)]
    pub(in crate::cli) request: RequestOptions,
    #[command(flatten)]
    pub(in crate::cli) connection: ConnectionOptions,
    #[command(flatten)]
    pub(in crate::cli) tls: TlsOptions,
    #[command(flatten)]
    pub(in crate::cli) expectation: ExpectationOptions,
    #[command(flatten)]
    pub(in crate::cli) module: ModuleOptions,
    #[command(flatten)]
    pub(in crate::cli) output: OutputOptions,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Probe the built-in demo site, or serve it
    Demo {
        /// Print the site's URLs and keep serving until interrupted
        #[arg(long)]
        serve: bool,
        #[command(flatten)]
        output: Box<OutputOptions>,
    },
    /// Serve probes to Prometheus, as blackbox_exporter does
    Serve(ServeOptions),
    /// Say whether a file of modules is a good one
    CheckConfig {
        /// The file, YAML as blackbox_exporter's
        file: PathBuf,
    },
    /// Print what a shell needs to complete prober's options
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, in roff: prober man | man -l -
    Man,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ServeOptions {
    /// Address and port to listen at; :9115 is every address of this machine
    #[arg(long = "web.listen-address", value_name = "ADDR:PORT", default_value = "127.0.0.1:9115", value_parser = values::listen)]
    pub(in crate::cli) listen: Vec<std::net::SocketAddr>,

    /// File of modules, YAML as blackbox_exporter's [default: one module, http_2xx]
    #[arg(long = "config.file", value_name = "FILE")]
    pub(in crate::cli) config_file: Option<PathBuf>,

    /// Trust what this system trusts, as blackbox_exporter does, where a module names no CA
    #[arg(long)]
    pub(in crate::cli) ca_native: bool,

    /// Kept back of the time that Prometheus allows for a scrape
    #[arg(long, value_name = "DUR", default_value = "0.5", value_parser = values::pause)]
    pub(in crate::cli) timeout_offset: Duration,

    // Not a comment for rustdoc, which would ask for a link.
    #[arg(
        long,
        value_name = "PATTERN",
        value_parser = Pattern::parse,
        help = "Probe only what matches: *.example.org, host:8080, 10.0.0.0/8, https://example.org/*"
    )]
    pub(in crate::cli) allow_target: Vec<Pattern>,

    /// Probes at once, at most; more are answered with 503
    #[arg(long, value_name = "N", default_value = "500", value_parser = values::parallelism)]
    pub(in crate::cli) parallel_max: usize,

    /// Connections at once, at most; more are answered with 503
    #[arg(long = "web.max-connections", value_name = "N", default_value = "1000", value_parser = values::parallelism)]
    pub(in crate::cli) connections_max: usize,

    #[command(flatten)]
    pub(in crate::cli) record: RecordOptions,

    #[command(flatten)]
    pub(in crate::cli) tasks: TaskOptions,
}
