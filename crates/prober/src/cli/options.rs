//! The options as clap sees them: names, values, help, groups. One definition, from which the parser, `--help`, the
//! manual page and the shells' completions are made.
//!
//! Neighbours: `values.rs` reads the values, the parent module checks what only holds between options and makes
//! [`Settings`](super::Settings). Names are curl's where curl has one, else blackbox_exporter's; `-c` and `-i` are ping's.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use oneloop_http::{ConnectTo, ResolveOverride, TlsVersion};

use super::values;
use crate::colour;
use crate::expect::{HeaderRule, Slo};
use crate::serve::allow::Pattern;
use crate::status::StatusSet;

const EXAMPLES: &str = "\
Examples:
  prober https://example.com                        probe one URL
  prober --format waterfall @urls.txt               which phase of which URL is slow
  prober -L --expect-status 2xx -q @urls.txt        only the failures of a list
  prober --cert-days 30 -q @urls.txt                certificates that expire within 30 days
  prober -c 10 -i 1 --format csv @urls.txt          ten rounds, a second apart, as CSV
  prober --until-ok -c 60 http://localhost:8080     wait for a server, a minute at most
  prober -q URL || echo down                        a check in a shell script
  prober                                            watch the built-in demo

Exit status: 0 all passed, 1 some failed, 2 usage, 130 and 143 stopped by a signal,
141 output closed.";

/// Probe many URLs at once on one thread, and say which part of each was slow
#[derive(Debug, Parser)]
#[command(
    name = "prober",
    version,
    override_usage = "prober [OPTIONS] [URL | @FILE | -]...\n       prober demo | serve | check-config | completions | man",
    after_help = EXAMPLES,
    disable_help_subcommand = true,
    subcommand_help_heading = "Commands"
)]
pub(super) struct Cli {
    /// URLs; @FILE names a list of them, one a line; - reads it from standard input
    ///
    /// Blank lines and lines that begin with # are skipped. A URL with no scheme is http://. Without any URL, the
    /// built-in demo site is probed.
    #[arg(value_name = "URL | @FILE | -")]
    pub(super) urls: Vec<OsString>,

    #[command(subcommand)]
    pub(super) command: Option<Command>,

    #[command(flatten)]
    pub(super) rounds: RoundOptions,
    #[command(flatten)]
    pub(super) pace: PaceOptions,
    #[command(flatten)]
    pub(super) request: RequestOptions,
    #[command(flatten)]
    pub(super) connection: ConnectionOptions,
    #[command(flatten)]
    pub(super) tls: TlsOptions,
    #[command(flatten)]
    pub(super) expectation: ExpectationOptions,
    #[command(flatten)]
    pub(super) module: ModuleOptions,
    #[command(flatten)]
    pub(super) output: OutputOptions,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Rounds")]
pub(super) struct RoundOptions {
    /// Rounds: how often every URL is probed [default: 1; without end with -i]
    #[arg(short = 'c', long, value_name = "N", value_parser = values::count)]
    pub(super) count: Option<u64>,

    /// From the start of a round to the start of the next [default: 1s]
    #[arg(short = 'i', long, value_name = "DUR", value_parser = values::pause)]
    pub(super) interval: Option<Duration>,

    /// Repeat failed URLs each interval until each has passed once
    #[arg(long, conflicts_with = "fail_early")]
    pub(super) until_ok: bool,

    /// Stop everything at the first failure
    #[arg(long)]
    pub(super) fail_early: bool,

    /// Repeat a probe after a transport error, 408, 429 or 5xx, at most so often
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) retry: u32,

    /// Wait so long before each repetition
    #[arg(long, value_name = "DUR", default_value = "1s", value_parser = values::pause)]
    pub(super) retry_delay: Duration,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Pace")]
pub(super) struct PaceOptions {
    /// Probes in flight at once, at most
    #[arg(long, value_name = "N", default_value = "50", value_parser = values::parallelism)]
    pub(super) parallel_max: usize,

    /// Probes in flight at once for each host and port, at most
    #[arg(long, value_name = "N", value_parser = values::parallelism)]
    pub(super) parallel_max_host: Option<usize>,

    /// Starts a second, at most: 10, 0.5, 10/s, 90/m
    #[arg(long, value_name = "N/s", value_parser = values::rate)]
    pub(super) rate: Option<Duration>,

    /// Time for each probe, redirects and body included: 10, 1.5s, 250ms, 2m [default: 10s]
    #[arg(short = 'm', long, value_name = "DUR", value_parser = values::duration)]
    pub(super) max_time: Option<Duration>,

    /// Time until the connection can carry the request: name, TCP and TLS
    #[arg(long, value_name = "DUR", value_parser = values::duration)]
    pub(super) connect_timeout: Option<Duration>,

    /// Time for resolving the name
    #[arg(long, value_name = "DUR", value_parser = values::duration)]
    pub(super) dns_timeout: Option<Duration>,

    /// Time for the TLS handshake
    #[arg(long, value_name = "DUR", value_parser = values::duration)]
    pub(super) tls_timeout: Option<Duration>,

    /// Time from the connection to the first byte of the response
    #[arg(long, value_name = "DUR", value_parser = values::duration)]
    pub(super) ttfb_timeout: Option<Duration>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Request")]
pub(super) struct RequestOptions {
    /// Request method [default: GET; POST with -d]
    #[arg(short = 'X', long = "request", value_name = "METHOD", value_parser = values::method)]
    pub(super) request: Option<String>,

    /// Header to send, 'Name: value'; @FILE reads headers from a file, one a line
    #[arg(short = 'H', long = "header", value_name = "LINE", allow_hyphen_values = true)]
    pub(super) header: Vec<String>,

    /// Body to send; @FILE reads it from a file, @- from standard input
    #[arg(short = 'd', long, value_name = "DATA", allow_hyphen_values = true)]
    pub(super) data: Vec<String>,

    /// Value of the User-Agent header
    #[arg(short = 'A', long, value_name = "NAME")]
    pub(super) user_agent: Option<String>,

    /// User and password for basic authentication
    #[arg(short = 'u', long, value_name = "USER:PASSWORD")]
    pub(super) user: Option<String>,

    /// Token for 'Authorization: Bearer'
    #[arg(long, value_name = "TOKEN", conflicts_with = "user")]
    pub(super) oauth2_bearer: Option<String>,

    /// Offer gzip, deflate and br, and decode them
    #[arg(long)]
    pub(super) compressed: bool,

    /// Largest body that is read: 500, 64k, 10M [default: 10M]
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub(super) max_filesize: Option<u64>,

    /// Follow redirects
    #[arg(short = 'L', long = "location")]
    pub(super) location: bool,

    /// Redirects to follow, at most [default: 10]
    #[arg(long, value_name = "N")]
    pub(super) max_redirs: Option<u32>,

    /// Report the SHA-256 of each body
    #[arg(long)]
    pub(super) hash_body: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct ConnectionOptions {
    /// Use IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub(super) ipv4: bool,

    /// Use IPv6 only
    #[arg(short = '6', long)]
    pub(super) ipv6: bool,

    /// Who resolves names [default: stub]
    #[arg(long, value_name = "WHO", value_enum)]
    pub(super) resolver: Option<Who>,

    /// Name servers to ask instead of the system's: ADDR or ADDR:PORT, with commas
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = values::server)]
    pub(super) dns_servers: Vec<std::net::SocketAddr>,

    /// Use these addresses for a host and port
    #[arg(long, value_name = "HOST:PORT:ADDR", value_parser = values::library::<ResolveOverride>)]
    pub(super) resolve: Vec<ResolveOverride>,

    /// Connect elsewhere for a host and port
    #[arg(long, value_name = "HOST1:PORT1:HOST2:PORT2", value_parser = values::library::<ConnectTo>)]
    pub(super) connect_to: Vec<ConnectTo>,

    /// Probe every address of each name, with a result for each
    #[arg(long, conflicts_with_all = ["proxy", "keepalive"])]
    pub(super) all_addresses: bool,

    // Not a comment for rustdoc, which would take the brackets for links.
    #[arg(short = 'x', long, value_name = "URL", help = "HTTP proxy: [http://][user:password@]host[:port]")]
    pub(super) proxy: Option<String>,

    /// User and password for the proxy
    #[arg(long, value_name = "USER:PASSWORD", requires = "proxy")]
    pub(super) proxy_user: Option<String>,

    /// Hosts that are reached without the proxy, with commas; * for all
    #[arg(long, value_name = "LIST")]
    pub(super) noproxy: Option<String>,

    /// Keep connections open and use them again (otherwise each probe makes its own)
    #[arg(long)]
    pub(super) keepalive: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub(super) struct TlsOptions {
    /// Accept any certificate (and still report what is wrong with it)
    #[arg(short = 'k', long)]
    pub(super) insecure: bool,

    /// Trust the certificates in FILE (PEM) instead of the built-in roots
    #[arg(long, value_name = "FILE")]
    pub(super) cacert: Option<PathBuf>,

    /// Trust what this system trusts (with --cacert: both)
    #[arg(long)]
    pub(super) ca_native: bool,

    /// Refuse certificates that the lists in FILE (PEM) revoke
    #[arg(long, value_name = "FILE")]
    pub(super) crlfile: Option<PathBuf>,

    /// Certificate to show to servers that ask for one (PEM; may hold the key, too)
    #[arg(short = 'E', long, value_name = "FILE")]
    pub(super) cert: Option<PathBuf>,

    /// Key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(super) key: Option<PathBuf>,

    /// Name to send and to verify instead of the URL's host
    #[arg(long, value_name = "NAME")]
    pub(super) servername: Option<String>,

    /// TLS 1.2 or newer (the default)
    #[arg(long = "tlsv1.2", id = "tlsv1.2", conflicts_with = "tlsv1.3")]
    pub(super) tls12: bool,

    /// TLS 1.3 or newer
    #[arg(long = "tlsv1.3", id = "tlsv1.3")]
    pub(super) tls13: bool,

    /// Newest version of TLS to use: 1.2, 1.3
    #[arg(long, value_name = "VERSION", value_parser = values::tls_version)]
    pub(super) tls_max: Option<TlsVersion>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "What passes")]
pub(super) struct ExpectationOptions {
    /// Statuses that pass: 200, 2xx, 200-204, or several with commas [default: 200]
    #[arg(long, value_name = "LIST", value_parser = StatusSet::parse)]
    pub(super) expect_status: Option<StatusSet>,

    /// Fail when the body matches
    #[arg(long, value_name = "REGEX", value_parser = values::regex)]
    pub(super) fail_if_body_matches: Vec<regex::bytes::Regex>,

    /// Fail unless the body matches
    #[arg(long, value_name = "REGEX", value_parser = values::regex)]
    pub(super) fail_if_body_not_matches: Vec<regex::bytes::Regex>,

    /// Fail when a header of this name matches
    #[arg(long, value_name = "NAME: REGEX", value_parser = HeaderRule::parse)]
    pub(super) fail_if_header_matches: Vec<HeaderRule>,

    /// Fail unless a header of this name matches
    #[arg(long, value_name = "NAME: REGEX", value_parser = HeaderRule::parse)]
    pub(super) fail_if_header_not_matches: Vec<HeaderRule>,

    /// Fail when the last URL is not https
    #[arg(long)]
    pub(super) fail_if_not_ssl: bool,

    /// Fail when the certificate has fewer days left
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..=36_500))]
    pub(super) cert_days: Option<i64>,

    /// Fail what is slower: total=500ms,ttfb=200ms (also resolve, connect, tls, send, wait, transfer, headers)
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = Slo::parse)]
    pub(super) slo: Vec<Slo>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Modules")]
pub(super) struct ModuleOptions {
    /// File of modules, as for 'prober serve'
    #[arg(long = "config.file", value_name = "FILE", requires = "module")]
    pub(super) config_file: Option<PathBuf>,

    /// Probe as this module says; options override it
    #[arg(long, value_name = "NAME")]
    pub(super) module: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputOptions {
    /// How to print results [default: text]
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(super) format: Option<Format>,

    /// Print this for each result instead of a line, with curl's %{variables}; @FILE reads it from a file
    #[arg(short = 'w', long, value_name = "FORMAT", conflicts_with = "format", allow_hyphen_values = true)]
    pub(super) write_out: Option<String>,

    /// Write the results to FILE (under another name until the end)
    #[arg(short = 'o', long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,

    /// Print a table of percentiles of all phases in the end
    #[arg(long)]
    pub(super) stats: bool,

    /// Print a histogram of the total times in the end
    #[arg(long)]
    pub(super) histogram: bool,

    /// Write what the loop did to FILE, for ui.perfetto.dev
    #[arg(long, value_name = "FILE")]
    pub(super) trace: Option<PathBuf>,

    /// Write a page to FILE that replays the run, turn by turn
    #[arg(long, value_name = "FILE")]
    pub(super) report: Option<PathBuf>,

    /// When to colour [default: auto]
    #[arg(long, value_name = "WHEN", value_enum)]
    pub(super) color: Option<colour::When>,

    /// Print failed probes only
    #[arg(short = 'q', long, conflicts_with = "verbose")]
    pub(super) quiet: bool,

    /// Print response heads, phases and certificates, too
    #[arg(short = 'v', long)]
    pub(super) verbose: bool,
}

impl OutputOptions {
    /// These, or where they say nothing, `others`.
    pub(super) fn or(self, others: OutputOptions) -> OutputOptions {
        OutputOptions {
            format: self.format.or(others.format),
            write_out: self.write_out.or(others.write_out),
            output: self.output.or(others.output),
            stats: self.stats | others.stats,
            histogram: self.histogram | others.histogram,
            trace: self.trace.or(others.trace),
            report: self.report.or(others.report),
            color: self.color.or(others.color),
            quiet: self.quiet | others.quiet,
            verbose: self.verbose | others.verbose,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
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
pub(super) struct ServeOptions {
    /// Address and port to listen at; :9115 is every address of this machine
    #[arg(long = "web.listen-address", value_name = "ADDR:PORT", default_value = "127.0.0.1:9115", value_parser = values::listen)]
    pub(super) listen: Vec<std::net::SocketAddr>,

    /// File of modules, YAML as blackbox_exporter's [default: one module, http_2xx]
    #[arg(long = "config.file", value_name = "FILE")]
    pub(super) config_file: Option<PathBuf>,

    /// Kept back of the time that Prometheus allows for a scrape
    #[arg(long, value_name = "DUR", default_value = "0.5", value_parser = values::pause)]
    pub(super) timeout_offset: Duration,

    // Not a comment for rustdoc, which would ask for a link.
    #[arg(
        long,
        value_name = "PATTERN",
        value_parser = Pattern::parse,
        help = "Probe only what matches: *.example.org, host:8080, 10.0.0.0/8, https://example.org/*"
    )]
    pub(super) allow_target: Vec<Pattern>,

    /// Probes at once, at most; more are answered with 503
    #[arg(long, value_name = "N", default_value = "500", value_parser = values::parallelism)]
    pub(super) parallel_max: usize,

    /// Connections at once, at most; more are answered with 503
    #[arg(long = "web.max-connections", value_name = "N", default_value = "1000", value_parser = values::parallelism)]
    pub(super) connections_max: usize,
}

/// The value of `--resolver`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Who {
    /// The program itself, on its one thread
    Stub,
    /// The system's getaddrinfo, on a thread beside it
    System,
}

/// The value of `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A line a probe, in the order of the list, for people
    Text,
    /// Bars of phases on one time axis; a staircase for a single URL
    Waterfall,
    /// A JSON object a line, in the order of completion, for programs
    Jsonl,
    /// One JSON array, in the order of the list
    Json,
    /// Comma-separated values with a line of names
    Csv,
    /// Prometheus's text format, the last result of each URL
    Prom,
    /// JUnit's XML, for CI systems
    Junit,
    /// HTTP archive 1.2, for browsers' tools
    Har,
}
