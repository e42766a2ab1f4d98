//! `cargo xtask ladder`: runs the rungs of `examples/ladder` on the demo site, and shows each one's flaw as a figure.
//!
//! Job: the same URLs for every rung, one rung after the other, and one line of a table each: how long it took, what the
//! processor did meanwhile, and the most threads that were seen. Neighbours: `prober demo --serve` is the site; chapters
//! 2 and 3 of the book show the table.
//! Invariant: the site and each rung are ended or waited for, however we leave.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use wait4::Wait4;

use crate::shell::{self, cargo};
use crate::tokio_probe;

const RUNGS: [(&str, &str); 8] = [
    ("01_blocking", "blocks: the time is the sum"),
    ("02_threads", "a thread for each URL"),
    ("03_spin", "asks without pause"),
    ("04_callbacks", "the probe is inside out"),
    ("05_state_machine", "a person keeps the book"),
    ("06_executor", "no timers"),
    ("07_timers", "no names, no TLS, no cancellation"),
    ("08_real", ""),
];

/// Builds the site and the rungs, runs them, and prints the table.
pub(crate) fn main(arguments: &[String]) -> Result<(), String> {
    let tokio = match arguments {
        [] => false,
        [flag] if flag == "--tokio" => true,
        _ => return Err(format!("ladder takes --tokio and nothing else, and got {arguments:?}")),
    };
    let probe = if tokio { Some(tokio_probe::build()?.join("probe")) } else { None };
    eprintln!("building the rungs and the demo site");
    shell::run(cargo().args(["build", "--quiet", "--package", "oneloop-examples", "--bins", "--package", "prober"]))?;
    let site = Site::start()?;
    println!("{} URLs, one of which stalls for longer than the limit of 2 s\n", site.urls.len());
    println!("| rung | its flaw | lines | wall, s | processor, s | threads |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for (rung, flaw) in RUNGS {
        row(rung, flaw, &format!("examples/ladder/{rung}.rs"), Command::new(program(rung)).args(&site.urls))?;
    }
    if let Some(probe) = probe {
        let source = "peers/tokio/src/bin/probe.rs";
        row("tokio", "one thread", source, Command::new(&probe).args(&site.urls))?;
        row(
            "tokio --threads",
            "a thread for each processor",
            source,
            Command::new(&probe).arg("--threads").args(&site.urls),
        )?;
    }
    Ok(())
}

/// Runs one program, and prints its line.
fn row(name: &str, flaw: &str, source: &str, command: &mut Command) -> Result<(), String> {
    let lines = shell::read(source)?.lines().count();
    let cost = measure(command)?;
    let (wall, cpu) = (cost.wall.as_secs_f64(), cost.cpu.as_secs_f64());
    println!("| `{name}` | {flaw} | {lines} | {wall:.2} | {cpu:.2} | {} |", cost.threads);
    Ok(())
}

fn program(name: &str) -> std::path::PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| shell::root().join("target"), Into::into);
    target.join("debug").join(name)
}

/// The demo site as a process of its own.
struct Site {
    process: Child,
    /// Those that every rung can probe: plain HTTP, on an address.
    urls: Vec<String>,
}

impl Site {
    fn start() -> Result<Site, String> {
        let failed = |error: std::io::Error| format!("the demo site: {error}");
        let mut command = Command::new(program("prober"));
        command.args(["demo", "--serve"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().map_err(failed)?;
        let lines = process.stdout.take().map(|stdout| BufReader::new(stdout).lines());
        let mut site = Site { process, urls: Vec::new() }; // ended from here on, whatever happens
        for line in lines.into_iter().flatten() {
            let line = line.map_err(failed)?;
            if line.is_empty() {
                break;
            }
            site.urls.push(line);
        }
        site.urls.retain(|url| url.starts_with("http://127."));
        if site.urls.is_empty() { Err("the demo site printed no URL".into()) } else { Ok(site) }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it may have ended by itself
        let _ = self.process.wait();
    }
}

struct Cost {
    wall: Duration,
    /// User and system time, from the kernel's account of the process.
    cpu: Duration,
    /// The most that a look each millisecond saw.
    threads: usize,
}

fn measure(command: &mut Command) -> Result<Cost, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", command.get_program().to_string_lossy());
    let start = Instant::now();
    let mut child =
        Command::new(command.get_program()).args(command.get_args()).stdout(Stdio::null()).spawn().map_err(failed)?;
    let (tasks, over) = (format!("/proc/{}/task", child.id()), AtomicBool::new(false));
    let (ended, threads) = std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut most = 0;
            while !over.load(Ordering::Relaxed) {
                most = most.max(std::fs::read_dir(&tasks).map_or(0, Iterator::count));
                std::thread::sleep(Duration::from_millis(1));
            }
            most
        });
        let ended = child.wait4();
        over.store(true, Ordering::Relaxed);
        (ended, looking.join().unwrap_or_default())
    });
    let ended = ended.map_err(failed)?;
    if !ended.status.success() {
        return Err(format!("{} ended with {}", command.get_program().to_string_lossy(), ended.status));
    }
    Ok(Cost { wall: start.elapsed(), cpu: ended.rusage.utime + ended.rusage.stime, threads })
}
