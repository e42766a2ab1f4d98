//! The options about what is sent, how often and how fast, and what passes.
//!
//! Neighbours: the parent module gathers all groups; `values.rs` reads the values.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::values;
use crate::expect::{HeaderRule, Slo};
use crate::pattern::Pattern;
use crate::status::StatusSet;

#[derive(Debug, Args)]
#[command(next_help_heading = "Rounds")]
pub(in crate::cli) struct RoundOptions {
    /// Rounds: how often every URL is probed [default: 1; without end with -i]
    #[arg(short = 'c', long, value_name = "N", value_parser = values::count, allow_negative_numbers = true)]
    pub(in crate::cli) count: Option<u64>,

    /// From the start of a round to the start of the next [default: 1s]
    #[arg(short = 'i', long, value_name = "DUR", value_parser = values::pause, allow_negative_numbers = true)]
    pub(in crate::cli) interval: Option<Duration>,

    /// Repeat failed URLs each interval until each has passed once
    #[arg(long, conflicts_with = "fail_early")]
    pub(in crate::cli) until_ok: bool,

    /// Stop everything at the first failure
    #[arg(long)]
    pub(in crate::cli) fail_early: bool,

    /// Repeat a probe after a transport error, 408, 429 or 5xx, at most so often
    #[arg(long, value_name = "N", default_value = "0", value_parser = values::times, allow_negative_numbers = true)]
    pub(in crate::cli) retry: u32,

    /// Wait so long before each repetition
    #[arg(long, value_name = "DUR", default_value = "1s", value_parser = values::pause, allow_negative_numbers = true)]
    pub(in crate::cli) retry_delay: Duration,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Pace")]
pub(in crate::cli) struct PaceOptions {
    /// Probes in flight at once, at most
    #[arg(long, value_name = "N", default_value = "50", value_parser = values::parallelism, allow_negative_numbers = true)]
    pub(in crate::cli) parallel_max: usize,

    /// Probes in flight at once for each host and port, at most
    #[arg(long, value_name = "N", value_parser = values::parallelism, allow_negative_numbers = true)]
    pub(in crate::cli) parallel_max_host: Option<usize>,

    /// Starts a second, at most: 10, 0.5, 10/s, 90/m
    #[arg(long, value_name = "N/s", value_parser = values::rate, allow_negative_numbers = true)]
    pub(in crate::cli) rate: Option<Duration>,

    /// Time for each probe, redirects and body included: 10, 1.5s, 250ms, 2m [default: 10s]
    #[arg(short = 'm', long, value_name = "DUR", value_parser = values::duration, allow_negative_numbers = true)]
    pub(in crate::cli) max_time: Option<Duration>,

    /// Time until the connection can carry the request: name, TCP and TLS
    #[arg(long, value_name = "DUR", value_parser = values::duration, allow_negative_numbers = true)]
    pub(in crate::cli) connect_timeout: Option<Duration>,

    /// Time for resolving the name
    #[arg(long, value_name = "DUR", value_parser = values::duration, allow_negative_numbers = true)]
    pub(in crate::cli) dns_timeout: Option<Duration>,

    /// Time for the TLS handshake
    #[arg(long, value_name = "DUR", value_parser = values::duration, allow_negative_numbers = true)]
    pub(in crate::cli) tls_timeout: Option<Duration>,

    /// Time from the connection to the first byte of the final response
    #[arg(long, value_name = "DUR", value_parser = values::duration, allow_negative_numbers = true)]
    pub(in crate::cli) ttfb_timeout: Option<Duration>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Request")]
pub(in crate::cli) struct RequestOptions {
    /// Request method [default: GET; POST with -d]
    #[arg(short = 'X', long = "request", value_name = "METHOD", value_parser = values::method)]
    pub(in crate::cli) request: Option<String>,

    /// Header to send, 'Name: value'; @FILE reads headers from a file, one a line, @- from standard input
    #[arg(short = 'H', long = "header", value_name = "LINE", allow_hyphen_values = true)]
    pub(in crate::cli) header: Vec<String>,

    /// Body to send; @FILE reads it from a file, @- from standard input
    #[arg(short = 'd', long, value_name = "DATA", allow_hyphen_values = true)]
    pub(in crate::cli) data: Vec<String>,

    /// Value of the User-Agent header
    #[arg(short = 'A', long, value_name = "NAME")]
    pub(in crate::cli) user_agent: Option<String>,

    /// User and password for basic authentication
    #[arg(short = 'u', long, value_name = "USER:PASSWORD")]
    pub(in crate::cli) user: Option<String>,

    /// Token for 'Authorization: Bearer'
    #[arg(long, value_name = "TOKEN", conflicts_with = "user")]
    pub(in crate::cli) oauth2_bearer: Option<String>,

    /// Offer gzip, deflate and br, and decode them
    #[arg(long)]
    pub(in crate::cli) compressed: bool,

    /// Largest body that is read: 500, 64k, 10M [default: 10M]
    #[arg(long, value_name = "SIZE", value_parser = values::size, allow_negative_numbers = true)]
    pub(in crate::cli) max_filesize: Option<u64>,

    /// Follow redirects
    #[arg(short = 'L', long = "location")]
    pub(in crate::cli) location: bool,

    /// Redirects to follow, at most [default: 10]
    #[arg(long, value_name = "N", value_parser = values::times, allow_negative_numbers = true)]
    pub(in crate::cli) max_redirs: Option<u32>,

    /// Report the SHA-256 of each body
    #[arg(long)]
    pub(in crate::cli) hash_body: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "What passes")]
pub(in crate::cli) struct ExpectationOptions {
    /// Statuses that pass: 200, 2xx, 200-204, or several with commas [default: 200]
    #[arg(long, value_name = "LIST", value_parser = StatusSet::parse)]
    pub(in crate::cli) expect_status: Option<StatusSet>,

    /// Fail when the body matches
    #[arg(long, value_name = "REGEX", value_parser = values::regex)]
    pub(in crate::cli) fail_if_body_matches: Vec<Pattern>,

    /// Fail unless the body matches
    #[arg(long, value_name = "REGEX", value_parser = values::regex)]
    pub(in crate::cli) fail_if_body_not_matches: Vec<Pattern>,

    /// Fail when a header of this name matches
    #[arg(long, value_name = "NAME: REGEX", value_parser = HeaderRule::parse)]
    pub(in crate::cli) fail_if_header_matches: Vec<HeaderRule>,

    /// Fail unless a header of this name matches
    #[arg(long, value_name = "NAME: REGEX", value_parser = HeaderRule::parse)]
    pub(in crate::cli) fail_if_header_not_matches: Vec<HeaderRule>,

    /// Fail when the last URL is not https
    #[arg(long)]
    pub(in crate::cli) fail_if_not_ssl: bool,

    /// Fail when the certificate has fewer days left
    #[arg(long, value_name = "N", value_parser = values::days, allow_negative_numbers = true)]
    pub(in crate::cli) cert_days: Option<i64>,

    /// Fail what is slower: total=500ms,ttfb=200ms (also resolve, connect, tls, send, wait, transfer, headers)
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = Slo::parse)]
    pub(in crate::cli) slo: Vec<Slo>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Modules")]
pub(in crate::cli) struct ModuleOptions {
    /// File of modules, as for 'prober serve'
    #[arg(long = "config.file", value_name = "FILE", requires = "module")]
    pub(in crate::cli) config_file: Option<PathBuf>,

    /// Probe as this module says; options override it
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) module: Option<String>,
}
