//! The command line: what a person may type, checked and turned into [`Settings`].
//!
//! Option names are curl's where curl has one. Everything that can be wrong with the words themselves is found here,
//! before the loop starts, and ends with exit status 2; what can be wrong with a URL is a result of that probe.
//! Reading order: `options/` (the definition), `values.rs`, `request.rs`, then [`parse`].
//! Neighbours: `main` calls [`parse`]; `input` reads the sources; `run`, `probe` and `report` read the settings.
//! Counterparts: `argparse` in Python, `System.CommandLine` in .NET.

mod connection;
mod options;
mod reads;
mod request;
pub(crate) mod values;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};

use crate::colour;
use crate::modules::Modules;
use crate::nearest::nearest;
use crate::pattern::Pattern;
use crate::report::write_out::Template;
use crate::serve::allow::Allowed;
use crate::serve::{Serving, TO_BE_TOLD};
use crate::spec::Spec;
use options::{Cli, Command, ModuleOptions, OutputOptions};

pub(crate) use options::Format;

/// Words that are, or will be, commands: a host of that name needs its scheme.
const RESERVED: [&str; 6] = ["demo", "serve", "check-config", "completions", "man", "help"];

/// Options that only change how results look, and may stand in front of a command that has something to show that way;
/// any other one means that a list of URLs was expected. First those of every command, then those of one that runs a
/// loop.
const PRESENTATION: [&str; 12] = [
    "color",
    "quiet",
    "verbose",
    "trace",
    "report",
    "tasks",
    "watchdog",
    "format",
    "write_out",
    "output",
    "stats",
    "histogram",
];

/// Those of [`PRESENTATION`] that mean something to a command, or to none.
fn presentation(command: Option<&str>) -> &'static [&'static str] {
    match command {
        None | Some("demo") => &PRESENTATION,
        Some("serve") => &PRESENTATION[..7],
        _ => &PRESENTATION[..3],
    }
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Task {
    /// Probe these sources, in this order.
    Probe(Vec<Source>),
    /// Probe the demo site, which was asked for by name or is what is left to do.
    Demo { by_name: bool },
    /// Serve the demo site.
    ServeDemo,
    /// Serve probes to Prometheus.
    Serve(Box<Serving>),
    /// Read this file of modules, and say what is wrong with it.
    CheckConfig(PathBuf),
    /// Print this on standard output.
    Print(Vec<u8>),
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

/// How often everything is probed, and what failures change about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rounds {
    /// `None`: without end.
    pub(crate) count: Option<u64>,
    /// From the start of a round to the start of the next.
    pub(crate) interval: Duration,
    /// Later rounds repeat what has not passed yet, and nothing else.
    pub(crate) until_ok: bool,
    /// The first failure ends everything.
    pub(crate) fail_early: bool,
    /// Further attempts after a failure that another attempt may mend.
    pub(crate) retry: u32,
    pub(crate) retry_delay: Duration,
}

impl Rounds {
    /// May there be more than one round?
    pub(crate) fn are_several(&self) -> bool {
        self.count != Some(1)
    }
}

/// Everything that the options say, checked.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) spec: Spec,
    /// Files that the options name to be read: what each is, and its path.
    pub(crate) reads: Vec<(&'static str, PathBuf)>,
    pub(crate) rounds: Rounds,
    pub(crate) parallel_max: usize,
    pub(crate) parallel_max_host: Option<usize>,
    /// From one start to the next, at least.
    pub(crate) gap: Option<Duration>,
    pub(crate) format: Format,
    /// `-w`, which takes the place of the format.
    pub(crate) write_out: Option<Template>,
    pub(crate) output: Option<PathBuf>,
    pub(crate) stats: bool,
    pub(crate) histogram: bool,
    /// Where the loop's record goes, as Chrome trace JSON and as a page.
    pub(crate) trace: Option<PathBuf>,
    pub(crate) report: Option<PathBuf>,
    /// How often it is printed what each task waits for.
    pub(crate) tasks: Option<Duration>,
    /// How long one step may keep the loop until the watchdog says so.
    pub(crate) watchdog: Option<Duration>,
    pub(crate) color: colour::When,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
}

impl Settings {
    /// Whether somebody will look at the tasks, so that they need names.
    pub(crate) fn names_tasks(&self) -> bool {
        self.trace.is_some() || self.report.is_some() || self.tasks.is_some() || self.watchdog.is_some()
    }
}

/// Reads the command line. `--help` and `--version` come back as errors of clap's, too, which know how to end.
/// `watched` says whether somebody is there who can have meant the demo by naming no URL.
pub(crate) fn parse(words: Vec<OsString>, watched: bool) -> Result<(Task, Settings), clap::Error> {
    let trailing_dashes = words.len() > 1 && words.last().is_some_and(|word| word == "--");
    let mut command = Cli::command();
    let matches = command.try_get_matches_from_mut(words)?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    let asked = asked(&command, &matches);
    let mut usage = |message: String| command.error(clap::error::ErrorKind::ValueValidation, message);

    let task = match cli.command.take() {
        Some(_) if !cli.urls.is_empty() => {
            let name = matches.subcommand_name().unwrap_or_default();
            return Err(usage(format!(
                "'{name}' is a command and stands alone; write http://{name} for a host of that name"
            )));
        }
        Some(sub) => {
            if let Some(option) = asked {
                let name = matches.subcommand_name().unwrap_or_default();
                return Err(usage(format!("'--{}' is no option of the command '{name}'", option.replace('_', "-"))));
            }
            match sub {
                Command::Demo { serve, output } => {
                    cli.output = output.or(cli.output);
                    if serve { Task::ServeDemo } else { Task::Demo { by_name: true } }
                }
                Command::Serve(options) => {
                    cli.output.record = options.record.or(cli.output.record);
                    cli.output.tasks = options.tasks.or(cli.output.tasks);
                    Task::Serve(Box::new(Serving {
                        listen: options.listen,
                        config_file: options.config_file,
                        ca_native: options.ca_native,
                        timeout_offset: options.timeout_offset,
                        allowed: Allowed::new(options.allow_target),
                        parallel_max: options.parallel_max,
                        connections_max: options.connections_max,
                        to_be_told: TO_BE_TOLD,
                    }))
                }
                Command::CheckConfig { file } => Task::CheckConfig(file),
                Command::Completions { shell } => {
                    let mut script = Vec::new();
                    clap_complete::generate(shell, &mut Cli::command(), "prober", &mut script);
                    Task::Print(script)
                }
                Command::Man => Task::Print(manual().map_err(|error| usage(error.to_string()))?),
            }
        }
        None if cli.urls.is_empty() => {
            // A script whose variable is empty must not be told that all is well because the demo is.
            if trailing_dashes || asked.is_some() {
                return Err(usage("no URL given (the demo runs only when nothing else is asked for)".into()));
            }
            if !watched {
                return Err(usage("no URL given (to see the demo where there is no terminal: prober demo)".into()));
            }
            Task::Demo { by_name: false }
        }
        None => Task::Probe(sources(std::mem::take(&mut cli.urls)).map_err(&mut usage)?),
    };
    let lists = match &task {
        Task::Probe(sources) => sources.iter().filter(|source| **source == Source::Stdin).count(),
        _ => 0,
    };
    reads::check_stdin(&cli, lists).map_err(&mut usage)?;
    let settings = settings(cli).map_err(usage)?;
    Ok((task, settings))
}

/// The command that a word was perhaps meant to be, which is read as a host.
pub(crate) fn misspelt_command(word: &str) -> Option<&'static str> {
    let is_a_word = word.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
    if is_a_word { nearest(word, RESERVED) } else { None }
}

/// An option (not its default) that stood on the command line, in front of the command if there is one, and does not only
/// change how its results look.
fn asked(command: &clap::Command, matches: &ArgMatches) -> Option<String> {
    let ids = command.get_arguments().map(|argument| argument.get_id().as_str());
    let looks = presentation(matches.subcommand_name());
    ids.filter(|id| !looks.contains(id) && *id != "urls")
        .find(|id| {
            // What is no argument of the command itself (--help) has no value to look at.
            matches.try_contains_id(id).is_ok() && matches.value_source(id) == Some(ValueSource::CommandLine)
        })
        .map(str::to_owned)
}

fn manual() -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let command = Cli::command().after_help(format!("{}\n\n{}", options::EXAMPLES, options::EXIT_STATUS));
    clap_mangen::Man::new(command).render(&mut page)?;
    Ok(page)
}

/// Turns the options into settings; what may not stand together is an error.
fn settings(cli: Cli) -> Result<Settings, String> {
    let Cli { rounds, pace, .. } = &cli;
    let rounds = Rounds {
        count: match (rounds.count, rounds.interval, rounds.until_ok) {
            (Some(count), ..) => Some(count),
            (None, None, false) => Some(1),
            _ => None,
        },
        interval: rounds.interval.unwrap_or(Duration::from_secs(1)),
        until_ok: rounds.until_ok,
        fail_early: rounds.fail_early,
        retry: rounds.retry,
        retry_delay: rounds.retry_delay,
    };
    let (parallel_max, parallel_max_host, gap) = (pace.parallel_max, pace.parallel_max_host, pace.rate);
    let base = module(&cli.module)?;
    let spec = spec(&cli, base)?;
    let reads = reads::of(&cli);
    let OutputOptions { format, write_out, output, stats, histogram, record, tasks, color, quiet, verbose } =
        cli.output;
    Ok(Settings {
        spec,
        reads,
        rounds,
        parallel_max,
        parallel_max_host,
        gap,
        format: format.unwrap_or(Format::Text),
        write_out: write_out.map(|text| template(&text)).transpose()?,
        output: output.filter(|path| path.as_os_str() != "-"),
        stats,
        histogram,
        trace: record.trace,
        report: record.report,
        tasks: tasks.tasks,
        watchdog: tasks.watchdog,
        color: color.unwrap_or(colour::When::Auto),
        quiet,
        verbose,
    })
}

/// The value of `-w`: a format, or `@FILE` with one.
fn template(text: &str) -> Result<Template, String> {
    match text.strip_prefix('@') {
        None => Template::parse(text),
        Some(path) => Template::parse(&reads::text("the format", "-w", path)?),
    }
}

/// What is probed before any option changes it: as the module says, or as `prober URL` does.
fn module(options: &ModuleOptions) -> Result<Spec, String> {
    let Some(name) = &options.module else { return Ok(Spec::default()) };
    let modules = options.config_file.as_deref().map_or_else(|| Ok(Modules::built_in()), Modules::load)?;
    let module = modules.find(name).map_err(|error| match &options.config_file {
        Some(file) => format!("{error} (--module) in {}", file.display()),
        None => format!("{error} (--module); --config.file names a file of modules"),
    })?;
    Ok(module.spec.clone())
}

/// What the options make of `spec`.
fn spec(cli: &Cli, mut spec: Spec) -> Result<Spec, String> {
    let Cli { request, connection, tls, expectation, .. } = cli;
    request::apply(request, &mut spec)?;
    if let Some(limit) = cli.pace.max_time {
        spec.max_time = limit;
    }
    let own = &mut spec.timeouts;
    own.connect = cli.pace.connect_timeout.or(own.connect);
    own.resolve = cli.pace.dns_timeout.or(own.resolve);
    own.tls = cli.pace.tls_timeout.or(own.tls);
    own.ttfb = cli.pace.ttfb_timeout.or(own.ttfb);
    spec.hash_body |= request.hash_body;
    spec.compressed |= request.compressed;
    connection::apply(connection, &mut spec)?;
    connection::apply_tls(tls, &mut spec.tls)?;
    let expect = &mut spec.expect;
    if let Some(status) = &expectation.expect_status {
        expect.status = status.clone();
    }
    let replace = |rules: &mut Vec<_>, given: &[crate::expect::HeaderRule]| {
        if !given.is_empty() {
            *rules = given.to_vec();
        }
    };
    replace(&mut expect.fail_if_header_matches, &expectation.fail_if_header_matches);
    replace(&mut expect.fail_if_header_not_matches, &expectation.fail_if_header_not_matches);
    let replace = |rules: &mut Vec<_>, given: &[Pattern]| {
        if !given.is_empty() {
            *rules = given.to_vec();
        }
    };
    replace(&mut expect.fail_if_body_matches, &expectation.fail_if_body_matches);
    replace(&mut expect.fail_if_body_not_matches, &expectation.fail_if_body_not_matches);
    expect.fail_if_not_ssl |= expectation.fail_if_not_ssl;
    expect.cert_days = expectation.cert_days.or(expect.cert_days);
    expect.slos.extend(expectation.slo.iter().cloned());
    Ok(spec)
}

fn sources(words: Vec<OsString>) -> Result<Vec<Source>, String> {
    words
        .into_iter()
        .map(|word| {
            if word == "-" {
                return Ok(Source::Stdin);
            }
            // A name of a file need not be UTF-8.
            if let Some(path) = word.as_bytes().strip_prefix(b"@") {
                return match path {
                    b"" => Err("@ names no file".to_owned()),
                    b"-" => Ok(Source::Stdin),
                    _ => Ok(Source::File(OsStr::from_bytes(path).into())),
                };
            }
            match word.to_str().filter(|word| RESERVED.contains(word)) {
                Some(word) => {
                    Err(format!("'{word}' is a command and stands alone; write http://{word} for a host of that name"))
                }
                None => Ok(Source::Url(word)),
            }
        })
        .collect()
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
        for line in [
            "",
            "demo",
            "-v",
            "--tasks",
            "--tasks=200ms --watchdog",
            "--format jsonl --color never",
            "-o results.txt -q",
        ] {
            assert!(matches!(read(line), Ok((Task::Demo { .. }, _))), "{line}");
        }
        for line in ["-k", "--", "-L -v", "--retry 1", "--parallel-max 50", "-m 10", "--expect-status 200", "-q --"] {
            assert!(is_usage_error(line), "{line}");
        }
        assert!(matches!(read("demo --serve"), Ok((Task::ServeDemo, _))));
        assert!(matches!(read("demo --color always -v --format jsonl"), Ok((Task::Demo { .. }, _))));
        let Ok((Task::Demo { .. }, settings)) = read("--color always -q demo --format csv") else {
            panic!("options of looks may stand before and after the command");
        };
        assert_eq!((settings.format, settings.color, settings.quiet), (Format::Csv, colour::When::Always, true));
        assert!(read("demo -m 3").is_err() && is_usage_error("-m 3 demo"));
    }

    #[test]
    fn a_script_must_ask_for_the_demo() {
        assert!(read_as("", false).is_err_and(|error| error.exit_code() == 2));
        assert!(read_as("--color never", false).is_err_and(|error| error.exit_code() == 2));
        assert!(matches!(read_as("demo", false), Ok((Task::Demo { .. }, _))));
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
        for line in ["- -", "@", "- @-", "serve a", "a serve", "serve -k", "-k serve"] {
            assert!(is_usage_error(line), "{line}");
        }
        let serve = "serve --tasks=2s --report a";
        for line in [serve, "--tasks=2s --report a serve", "--tasks=3s --report b -q serve --tasks=2s --report a"] {
            let Ok((Task::Serve(_), settings)) = read(line) else { panic!("{line}") };
            let report = settings.report.as_deref().and_then(|path| path.to_str());
            assert_eq!((settings.tasks, report), (Some(Duration::from_secs(2)), Some("a")), "{line}");
        }
        // Nothing would be written there, or printed so.
        for line in ["--format csv serve", "-o f serve", "--report a man", "--tasks check-config f", "--stats man"] {
            assert!(is_usage_error(line), "{line}");
        }
        assert!(matches!(read("--color never -q man"), Ok((Task::Print(_), _))));
        for line in ["a demo", "a -k demo", "@list demo", "demo a", "man -k", "-k completions bash"] {
            assert!(is_usage_error(line), "{line}");
        }
    }

    #[test]
    fn options_that_exclude_each_other_or_mean_nothing_are_refused() {
        for line in
            ["-w x --format csv a", "--until-ok --fail-early a", "-c 0 a", "--slo dns=1s a", "--rate 0 a", "-u me a"]
        {
            assert!(is_usage_error(line), "{line}");
        }
        for line in ["-4 -6 a", "-q -v a", "--parallel-max 0 a", "--format xml a", "-X G@T a", "--expect-status 2yy a"]
        {
            assert!(is_usage_error(line), "{line}");
        }
    }

    #[test]
    fn rounds_are_one_a_number_or_without_end() {
        let rounds = |line: &str| read(line).map(|(_, settings)| (settings.rounds.count, settings.rounds.interval));
        let second = Duration::from_secs(1);
        assert_eq!(rounds("a").ok(), Some((Some(1), second)));
        assert_eq!(rounds("-c 3 a").ok(), Some((Some(3), second)));
        assert_eq!(rounds("-c 3 -i 250ms a").ok(), Some((Some(3), Duration::from_millis(250))));
        assert_eq!(rounds("-i 2 a").ok(), Some((None, 2 * second)));
        assert_eq!(rounds("--until-ok a").ok(), Some((None, second)));
    }

    #[test]
    fn data_makes_it_a_post_and_credentials_a_header() {
        let Ok((_, settings)) = read("-d a=1 -u me:hunter2 -A agent a") else { panic!("it is not read") };
        assert_eq!((settings.spec.method.as_str(), settings.spec.body.as_deref()), ("POST", Some(&b"a=1"[..])));
        let fields = settings.spec.fields();
        assert!(
            fields.contains(&("User-Agent", "agent")) && fields.contains(&("Authorization", "Basic bWU6aHVudGVyMg=="))
        );
        assert!(settings.spec.all_secrets().contains(&"hunter2".to_owned()));
        assert!(settings.spec.all_secrets().contains(&"bWU6aHVudGVyMg==".to_owned()));
    }
}
