//! `prober`: probes many URLs at once on one thread, and says which part of each was slow.
//!
//! Reading order: `cli` (what may be typed), `spec` and `expect` (what a probe does and accepts), `run` (the engine),
//! `probe` (one probe), `report` (what is printed).
//! Around them: `input` streams the list, `output` streams the results, `exit` maps endings to numbers.
//! The program never touches mio or rustls; it stands on oneloop-http, which stands on oneloop.
//!
//! A library only so that the fuzz targets reach what a scrape may ask ([`fuzzing`]); `bin/prober.rs` calls [`main`], and
//! nothing else here is for others.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod cli;
mod colour;
mod demo;
mod escape;
mod exit;
mod expect;
mod exposition;
mod files;
#[doc(hidden)]
pub mod fuzzing;
mod gauges;
mod input;
mod job;
mod lag;
mod limits;
mod looking;
mod modules;
mod nearest;
mod output;
mod pattern;
mod probe;
mod progress;
mod recording;
mod report;
mod run;
mod serve;
mod spec;
mod status;
mod stderr;
mod target;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::rc::Rc;

use cli::{Format, Settings, Task};
use colour::Palette;
use exit::Ending;
use run::{Closing, Parts, Run, SummaryPlace};
use stderr::warn;

/// The program: reads its arguments, does what they ask for, and gives the exit status.
pub fn main() -> ExitCode {
    let (task, settings) = match cli::parse(std::env::args_os().collect(), is_watched()) {
        Ok(parsed) => parsed,
        Err(answer) => return ExitCode::from(tell(&answer)),
    };
    let status = match perform(task, settings) {
        Ok(run) => {
            if let Ending::Broken(message) = &run.ending {
                warn(message);
            }
            run.ending.status(run.failures > 0)
        }
        Err(message) => {
            warn(&message);
            exit::USAGE
        }
    };
    ExitCode::from(status)
}

/// Prints what clap has to say: help on stdout, errors on stderr, either of which may be closed. Gives the exit status.
fn tell(answer: &clap::Error) -> u8 {
    let printed = answer.print().and_then(|()| std::io::stdout().flush());
    match printed {
        _ if answer.use_stderr() => exit::USAGE,
        Ok(()) => exit::OK,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => exit::CLOSED_PIPE,
        Err(error) => {
            warn(&format!("cannot write to standard output: {error}"));
            exit::USAGE
        }
    }
}

/// Whether a person is there who can have meant the demo by naming no URL: one at a terminal, or one who typed
/// `cargo run` in a checkout. To a script an empty variable looks the same as nothing, and must never be green.
fn is_watched() -> bool {
    let on_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    on_terminal || std::env::var("CARGO_PKG_NAME").is_ok_and(|name| name == env!("CARGO_PKG_NAME"))
}

/// Does what was asked for. An error is a sentence for stderr: nothing was probed.
fn perform(task: Task, settings: Settings) -> Result<Run, String> {
    let (sources, modules) = match &task {
        Task::Probe(sources) => (sources.as_slice(), None),
        Task::Serve(serving) => (&[][..], serving.config_file.as_deref()),
        _ => (&[][..], None),
    };
    files::check(&settings, sources, modules)?;
    let recording = recording::Recording::wanted(&settings)?;
    let looking = looking::Looking::wanted(&settings);
    match task {
        Task::Probe(sources) => {
            if let [cli::Source::Url(word)] = sources.as_slice()
                && let Some(command) = word.to_str().and_then(cli::misspelt_command)
            {
                warn(&format!("'{}' is taken for a host; did you mean the command '{command}'?", word.display()));
            }
            let parts = prepare(input::Input::open(sources)?, settings, None)?;
            on_a_loop(recording, looking, run::run(parts))
        }
        Task::Demo { by_name } => on_a_loop(recording, looking, probe_demo(settings, by_name)),
        Task::ServeDemo => on_a_loop(recording, looking, serve_demo()),
        Task::Serve(serving) => {
            let modules = serve::load(&serving)?;
            let serving = serving.fit(limits::raise_open_files());
            on_a_loop(recording, looking, serve::serve(serving, modules))
        }
        Task::CheckConfig(file) => {
            let modules = modules::Modules::load(&file)?;
            let count = modules.by_name.len();
            let noun = if count == 1 { "module" } else { "modules" };
            print(format!("{}: {count} {noun}, all good\n", file.display()).as_bytes())
        }
        Task::Print(text) => print(&text),
    }
}

/// Runs it on a loop of its own, recorded and looked at as far as that was asked for.
fn on_a_loop(
    recording: Option<recording::Recording>,
    looking: looking::Looking,
    main: impl Future<Output = oneloop::Result<Run>> + 'static,
) -> Result<Run, String> {
    let recorder = recording.as_ref().map(recording::Recording::observer);
    let observers = recorder.into_iter().chain(looking.observer()).collect();
    let looked_at = async move {
        let _watchdog = looking.begin()?;
        main.await
    };
    let run = recording::run(observers, looked_at).map_err(|error| error.to_string())?;
    recording.map_or(Ok(()), recording::Recording::write)?;
    Ok(run)
}

/// Prints on standard output. A reader who leaves early (`prober man | head`) is no error.
fn print(text: &[u8]) -> Result<Run, String> {
    match std::io::stdout().write_all(text) {
        Ok(()) => Ok(Run { ending: Ending::Complete, failures: 0 }),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            Ok(Run { ending: Ending::ClosedOutput, failures: 0 })
        }
        Err(error) => Err(format!("cannot write to standard output: {error}")),
    }
}

/// Starts the demo site on this very loop and probes it.
async fn probe_demo(settings: Settings, by_name: bool) -> oneloop::Result<Run> {
    let site = demo::start().await?;
    let endpoints = site.endpoints();
    let sources = endpoints.iter().map(|endpoint| cli::Source::Url(endpoint.url.clone().into())).collect();
    let input = input::Input::open(sources).map_err(oneloop::Error::other)?;
    let mut parts = prepare(input, settings, Some(site.ca_pem())).map_err(oneloop::Error::other)?;
    parts.announced = endpoints.to_vec();
    let why = if by_name { "" } else { "no URL given: " };
    warn(&format!(
        "{why}probing the built-in demo, {} endpoints on this very loop, many broken on purpose",
        endpoints.len()
    ));
    run::run(parts).await
}

/// Serves the demo site until a signal comes.
async fn serve_demo() -> oneloop::Result<Run> {
    let event_loop = oneloop::get_running_loop()?;
    let stop = event_loop.create_future();
    let destination = Rc::new(output::Destination::open(None).map_err(oneloop::Error::other)?);
    run::stop_on_signals(&event_loop, &stop, &destination)?;
    let stopping = stop.clone();
    let serving = oneloop::create_task(async move {
        match demo::serve().await {
            Err(error) if !error.is_cancelled() => drop(stopping.set_result(Ending::Broken(error.to_string()))),
            _ => {}
        }
        Ok(())
    });
    let ending = stop.await?;
    serving.cancel();
    Ok(Run { ending, failures: 0 })
}

/// Makes the parts of a run out of the settings, and finds out what of them cannot be used.
fn prepare(input: input::Input, settings: Settings, ca_pem: Option<&str>) -> Result<Parts, String> {
    let plain = settings.write_out.is_none() && matches!(settings.format, Format::Text | Format::Waterfall);
    let secrets = Rc::new(escape::Secrets::new(settings.spec.all_secrets()));
    let prober = probe::Prober::new(Rc::new(settings.spec.clone()), ca_pem, !plain)
        .map_err(|message| secrets.hidden(&message))?;
    let destination = Rc::new(output::Destination::open(settings.output.as_deref())?);
    let on_terminal = std::io::stderr().is_terminal();
    let variable = |name: &str| std::env::var_os(name);
    let unicode = colour::speaks_unicode(variable);
    let palette = |is_terminal| Palette::new(colour::wanted(settings.color, is_terminal, variable), unicode);
    let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    let columns = colour::columns(variable, width);
    let colours = palette(destination.is_terminal);
    let summary = match (settings.quiet && !settings.stats && !settings.histogram, plain, &settings.output) {
        (true, ..) => None,
        (false, true, None) => Some(SummaryPlace::AfterResults(colours)),
        _ => Some(SummaryPlace::Stderr(palette(on_terminal))),
    };
    let wrap = destination.is_terminal.then_some(columns);
    let wrap_summary = match summary {
        Some(SummaryPlace::Stderr(_)) => on_terminal.then_some(columns),
        _ => wrap,
    };
    let open_files = limits::raise_open_files();
    let parallel = limits::fit_parallelism(settings.parallel_max, limits::room(open_files));
    if parallel < settings.parallel_max {
        let wanted = settings.parallel_max;
        warn(&format!(
            "only {open_files} files may be open (ulimit -n): at most {parallel} probes run at once, not {wanted}"
        ));
    }
    Ok(Parts {
        input,
        prober,
        reporter: report::Reporter::new(&settings, colours, columns, wrap, secrets),
        destination,
        recorded: settings.names_tasks(),
        parallel,
        parallel_host: settings.parallel_max_host,
        gap: settings.gap,
        rounds: settings.rounds,
        max_time: settings.spec.max_time,
        announced: Vec::new(),
        show_progress: on_terminal && !settings.quiet,
        closing: Closing { summary, table: settings.stats, histogram: settings.histogram, columns, wrap: wrap_summary },
    })
}
