//! The command line: what a person may type, checked and turned into a [`Settings`].
//!
//! Option names are curl's where curl has one. Everything that can be wrong with the words themselves is found here,
//! before the loop starts, and ends with exit status 2; what can be wrong with a URL is a result of that probe.
//! Neighbours: `main` calls [`parse`]; `input` reads the sources; `probe` and `report` read the settings.
//! Counterparts: `argparse` in Python, `System.CommandLine` in .NET.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::colour;
use crate::status::StatusSet;

/// Words that are, or will be, commands: a host of that name needs its scheme.
const RESERVED: [&str; 5] = ["serve", "check-config", "completions", "man", "help"];

/// Options that only change how results look; any other one means that a list of URLs was expected.
const PRESENTATION: [&str; 5] = ["format", "output", "color", "quiet", "verbose"];

const EXAMPLES: &str = "\
Examples:
  prober https://example.com                    probe one URL
  prober -L --expect-status 2xx @urls.txt       probe a list, following redirects
  generate-urls | prober --format jsonl -       probe what a program prints, for another program
  prober --parallel-max 500 -m 3 @urls.txt      many at once, each at most 3 seconds
  prober                                        watch the built-in demo

Exit status: 0 all passed, 1 some failed, 2 usage, 130 and 143 stopped by a signal,
141 output closed.";

/// Probe many URLs at once on one thread, and say which part of each was slow
#[derive(Debug, Parser)]
#[command(
    name = "prober",
    version,
    override_usage = "prober [OPTIONS] [URL | @FILE | -]...\n       prober demo [--serve]",
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    subcommand_help_heading = "Commands"
)]
struct Cli {
    /// URLs; @FILE names a list of them, one a line; - reads it from standard input
    ///
    /// Blank lines and lines that begin with # are skipped. A URL with no scheme is http://. Without any URL, the
    /// built-in demo site is probed.
    #[arg(value_name = "URL | @FILE | -")]
    urls: Vec<OsString>,

    #[command(subcommand)]
    command: Option<Command>,

    /// Probes in flight at once, at most
    #[arg(long, value_name = "N", default_value = "50", value_parser = parallelism, help_heading = "Pace")]
    parallel_max: usize,

    /// Time for each probe, redirects and body included: 10, 1.5s, 250ms, 2m
    #[arg(short = 'm', long, value_name = "DUR", default_value = "10s", value_parser = duration, help_heading = "Pace")]
    max_time: Duration,

    /// Request method
    #[arg(short = 'X', long = "request", value_name = "METHOD", default_value = "GET", value_parser = method, help_heading = "Request")]
    request: String,

    /// Header to send, 'Name: value'; @FILE reads headers from a file, one a line
    #[arg(short = 'H', long = "header", value_name = "LINE", allow_hyphen_values = true, help_heading = "Request")]
    header: Vec<String>,

    /// Follow redirects
    #[arg(short = 'L', long = "location", help_heading = "Request")]
    location: bool,

    /// Redirects to follow, at most
    #[arg(long, value_name = "N", default_value_t = 10, help_heading = "Request")]
    max_redirs: u32,

    /// Statuses that pass: 200, 2xx, 200-204, or several with commas [default: 200]
    #[arg(long, value_name = "LIST", value_parser = StatusSet::parse, help_heading = "Request")]
    expect_status: Option<StatusSet>,

    /// Keep connections open and use them again (otherwise each probe makes its own)
    #[arg(long, help_heading = "Connection")]
    keepalive: bool,

    /// Use IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6", help_heading = "Connection")]
    ipv4: bool,

    /// Use IPv6 only
    #[arg(short = '6', long, help_heading = "Connection")]
    ipv6: bool,

    /// Trust the certificates in FILE (PEM) instead of the built-in roots
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    cacert: Option<PathBuf>,

    /// Accept any certificate (and still report what is wrong with it)
    #[arg(short = 'k', long, help_heading = "Connection")]
    insecure: bool,

    /// How to print results
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text, help_heading = "Output", global = true)]
    format: Format,

    /// Write the results to FILE (under another name until the end)
    #[arg(short = 'o', long, value_name = "FILE", help_heading = "Output", global = true)]
    output: Option<PathBuf>,

    /// When to colour
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = colour::When::Auto, help_heading = "Output", global = true)]
    color: colour::When,

    /// Print failed probes only
    #[arg(short = 'q', long, conflicts_with = "verbose", help_heading = "Output", global = true)]
    quiet: bool,

    /// Print response heads, phases and certificates, too
    #[arg(short = 'v', long, help_heading = "Output", global = true)]
    verbose: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Probe the built-in demo site, or serve it
    Demo {
        /// Print the site's URLs and keep serving until interrupted
        #[arg(long)]
        serve: bool,
    },
}

/// The value of `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A line a probe, in the order of the list, for people
    Text,
    /// A JSON object a line, in the order of completion, for programs
    Jsonl,
}

/// Which addresses of a host are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Addresses {
    Any,
    V4,
    V6,
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Task {
    /// Probe these sources, in this order.
    Probe(Vec<Source>),
    /// Probe the demo site.
    Demo,
    /// Serve the demo site.
    ServeDemo,
}

/// One word of the command line that names URLs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A URL.
    Url(OsString),
    /// A file with one URL a line.
    File(PathBuf),
    /// The list on standard input.
    Stdin,
}

/// The name of a header, and its value.
pub(crate) type Header = (String, Option<String>);

/// Everything that the options say, checked.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) parallel_max: usize,
    pub(crate) max_time: Duration,
    pub(crate) method: String,
    /// Name and value of each `-H`, in order; no value takes back a header that would be sent by default.
    pub(crate) headers: Vec<Header>,
    /// How many redirects to follow; `None` without `-L`.
    pub(crate) redirects: Option<u32>,
    pub(crate) expected: StatusSet,
    pub(crate) keepalive: bool,
    pub(crate) addresses: Addresses,
    pub(crate) cacert: Option<PathBuf>,
    pub(crate) insecure: bool,
    pub(crate) format: Format,
    pub(crate) output: Option<PathBuf>,
    pub(crate) color: colour::When,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
}

/// Reads the command line. `--help` and `--version` come back as errors of clap's, too, which know how to end.
/// `watched` says whether somebody is there who can have meant the demo by naming no URL.
pub(crate) fn parse(words: Vec<OsString>, watched: bool) -> Result<(Task, Settings), clap::Error> {
    let trailing_dashes = words.len() > 1 && words.last().is_some_and(|word| word == "--");
    let mut command = Cli::command();
    let matches = command.try_get_matches_from_mut(words)?;
    let cli = Cli::from_arg_matches(&matches)?;
    // The options (not their defaults) that stood on the command line and are not about looks alone.
    let asked = command.get_arguments().any(|argument| {
        let id = argument.get_id().as_str();
        !PRESENTATION.contains(&id) && matches.value_source(id) == Some(ValueSource::CommandLine)
    });
    let mut usage = |message: String| command.error(clap::error::ErrorKind::ValueValidation, message);

    let task = match cli.command {
        Some(Command::Demo { serve: true }) => Task::ServeDemo,
        Some(Command::Demo { serve: false }) => Task::Demo,
        None if cli.urls.is_empty() => {
            // A script whose variable is empty must not be told that all is well because the demo is.
            if trailing_dashes || asked {
                return Err(usage("no URL given (the demo runs only when nothing else is asked for)".into()));
            }
            if !watched {
                return Err(usage("no URL given (to see the demo where there is no terminal: prober demo)".into()));
            }
            Task::Demo
        }
        None => Task::Probe(sources(cli.urls).map_err(&mut usage)?),
    };
    let settings = Settings {
        parallel_max: cli.parallel_max,
        max_time: cli.max_time,
        method: cli.request,
        headers: headers(&cli.header).map_err(&mut usage)?,
        redirects: cli.location.then_some(cli.max_redirs),
        expected: cli.expect_status.unwrap_or_default(),
        keepalive: cli.keepalive,
        addresses: match (cli.ipv4, cli.ipv6) {
            (true, _) => Addresses::V4,
            (_, true) => Addresses::V6,
            _ => Addresses::Any,
        },
        cacert: cli.cacert,
        insecure: cli.insecure,
        format: cli.format,
        output: cli.output.filter(|path| path.as_os_str() != "-"),
        color: cli.color,
        quiet: cli.quiet,
        verbose: cli.verbose,
    };
    Ok((task, settings))
}

fn sources(words: Vec<OsString>) -> Result<Vec<Source>, String> {
    let mut stdin_taken = false;
    words
        .into_iter()
        .map(|word| {
            if word == "-" {
                if std::mem::replace(&mut stdin_taken, true) {
                    return Err("- stands twice: standard input can be read once only".to_owned());
                }
                return Ok(Source::Stdin);
            }
            if let Some(path) = word.to_str().and_then(|word| word.strip_prefix('@')) {
                return match path {
                    "" => Err("@ names no file".to_owned()),
                    "-" if std::mem::replace(&mut stdin_taken, true) => {
                        Err("- stands twice: standard input can be read once only".to_owned())
                    }
                    "-" => Ok(Source::Stdin),
                    _ => Ok(Source::File(path.into())),
                };
            }
            match word.to_str().filter(|word| RESERVED.contains(word)) {
                Some(word) => Err(format!(
                    "there is no command '{word}' in this version; write http://{word} for a host of that name"
                )),
                None => Ok(Source::Url(word)),
            }
        })
        .collect()
}

/// The values of all `-H`, with each `@FILE` replaced by the lines of that file.
fn headers(lines: &[String]) -> Result<Vec<Header>, String> {
    let mut headers = Vec::new();
    for line in lines {
        let Some(path) = line.strip_prefix('@') else {
            headers.push(header(line)?);
            continue;
        };
        let text =
            std::fs::read_to_string(path).map_err(|error| format!("cannot read the headers in {path}: {error}"))?;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            headers.push(header(line).map_err(|error| format!("{path}: {error}"))?);
        }
    }
    Ok(headers)
}

/// `Name: value`; as in curl, `Name:` means none and `Name;` an empty value. The message never shows the value: it may be a secret.
fn header(line: &str) -> Result<Header, String> {
    let (name, value) = match (line.split_once(':'), line.strip_suffix(';')) {
        (Some((name, value)), _) => (name, Some(value.trim_matches([' ', '\t'])).filter(|value| !value.is_empty())),
        (None, Some(name)) => (name, Some("")),
        (None, None) => return Err("a header (-H) is written 'Name: value'".to_owned()),
    };
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(format!("'{}' cannot be the name of a header", name.escape_debug()));
    }
    if value.unwrap_or_default().bytes().any(|byte| byte == b'\r' || byte == b'\n' || byte == 0) {
        return Err(format!("the value of the header '{name}' holds a line break or a NUL"));
    }
    Ok((name.to_owned(), value.map(str::to_owned)))
}

/// Bytes of a token in the sense of RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn method(text: &str) -> Result<String, String> {
    if text.is_empty() || !text.bytes().all(is_token) {
        return Err("a method is one word, such as GET or HEAD".to_owned());
    }
    if text == "CONNECT" {
        return Err("CONNECT makes a tunnel and has no response to probe".to_owned());
    }
    Ok(text.to_owned())
}

fn parallelism(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=1_000_000) => Ok(number),
        _ => Err("not a number from 1 to 1000000".to_owned()),
    }
}

/// A bare number is seconds, as in curl; else `ms`, `s` or `m`.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" => 60.0,
        _ => return Err("not a duration: write 10, 1.5s, 250ms or 2m".to_owned()),
    };
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds = match digits.parse::<f64>() {
        Ok(number) if plain => number * unit,
        _ => return Err("not a duration: write 10, 1.5s, 250ms or 2m".to_owned()),
    };
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if duration.is_zero() => Err("no probe can end in no time: give more than 0".to_owned()),
        Ok(duration) if duration <= Duration::from_secs(86_400 * 365) => Ok(duration),
        _ => Err("longer than a year".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<(Task, Settings), clap::Error> {
        read_as(line, true)
    }

    fn read_as(line: &str, watched: bool) -> Result<(Task, Settings), clap::Error> {
        parse(std::iter::once("prober").chain(line.split_whitespace()).map(OsString::from).collect(), watched)
    }

    fn is_usage_error(line: &str) -> bool {
        read(line).is_err_and(|error| error.exit_code() == 2)
    }

    #[test]
    fn the_command_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_demo_runs_only_when_nothing_was_asked_for() {
        for line in ["", "demo", "-v", "--format jsonl --color never", "-o results.txt -q"] {
            assert!(matches!(read(line), Ok((Task::Demo, _))), "{line}");
        }
        for line in ["-k", "--", "-L -v", "--parallel-max 50", "-m 10", "--expect-status 200", "-q --"] {
            assert!(is_usage_error(line), "{line}");
        }
        assert!(matches!(read("demo --serve"), Ok((Task::ServeDemo, _))));
        assert!(matches!(read("demo --color always -v --format jsonl"), Ok((Task::Demo, _))));
        assert!(read("demo -m 3").is_err());
    }

    #[test]
    fn a_script_must_ask_for_the_demo() {
        assert!(read_as("", false).is_err_and(|error| error.exit_code() == 2));
        assert!(read_as("--color never", false).is_err_and(|error| error.exit_code() == 2));
        assert!(matches!(read_as("demo", false), Ok((Task::Demo, _))));
        assert!(matches!(read_as("http://h/", false), Ok((Task::Probe(_), _))));
    }

    #[test]
    fn words_are_urls_lists_or_stdin() {
        let Ok((Task::Probe(sources), _)) = read("http://a -k @list.txt - b -- -c") else {
            panic!("not read as a list of probes");
        };
        let url = |text: &str| Source::Url(text.into());
        let expected = [url("http://a"), Source::File("list.txt".into()), Source::Stdin, url("b"), url("-c")];
        assert_eq!(sources, expected);
        for line in ["- -", "@", "- @-", "serve", "man", "a serve"] {
            assert!(is_usage_error(line), "{line}");
        }
        assert!(matches!(read("a demo"), Ok((Task::Probe(_), _))), "after a URL, 'demo' is a host");
    }

    #[test]
    fn durations_are_seconds_unless_they_say_otherwise() {
        for (text, millis) in [("10", 10_000), ("1.5", 1_500), ("250ms", 250), ("2s", 2_000), ("2m", 120_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "-1", "0", "0ms", "1e3", "inf", "nan", "1h", "1 s", "99999999999", "ß"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn headers_are_taken_apart_and_their_values_never_repeated_in_errors() {
        assert_eq!(header("X-A:  b:c "), Ok(("X-A".into(), Some("b:c".into()))));
        assert_eq!(header("X-Empty;"), Ok(("X-Empty".into(), Some(String::new()))));
        assert_eq!(header("X-None:"), Ok(("X-None".into(), None)));
        for line in ["no colon", ": value", "a b: secret", "X: secret\r\nY: z", ""] {
            let error = header(line).expect_err(line);
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn options_that_exclude_each_other_or_mean_nothing_are_refused() {
        for line in ["-4 -6 a", "-q -v a", "--parallel-max 0 a", "--format xml a", "-X G@T a", "--expect-status 2yy a"]
        {
            assert!(is_usage_error(line), "{line}");
        }
    }
}
