//! `cargo xtask slow-server`: does a server that takes 100 ms keep its times when thousands of fast ones are probed too?
//!
//! Job: serve a fast and a slow site, run the release `prober` against the slow one alone, and among 5,000 fast URLs
//! with 50 and with 500 in flight, all three in turn within each round, and compare the medians. The slow server says
//! in each response how late it was itself, so that what the machine does to it is not laid at the prober's door.
//! Neighbours: `bench` measures speed; `run/pace_simulation.rs` in `prober` proves the rule on a clock that is counted.
//! Invariant: everything is on loopback, on ports of the system's choice, and ends with this program.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::shell::{self, cargo};

const USAGE: &str = "\
usage: cargo xtask slow-server [--rounds N] [--built | --program FILE]

  --rounds N      how often each case runs, 10 unless told
  --built         take target/release/prober as it was last built
  --program FILE  take this prober
";

/// What the slow server takes.
const DELAY: Duration = Duration::from_millis(100);
/// Fast URLs, and how many of them stand between two slow ones.
const FAST: usize = 5_000;
const BETWEEN: usize = 50;
/// What the medians may differ by.
const ALLOWED: f64 = 1.03;

/// The times of one case, in milliseconds.
#[derive(Default)]
struct Times {
    /// As the prober reports them.
    total: Vec<f64>,
    /// Less what the server itself was late.
    without_lateness: Vec<f64>,
    lag: Vec<f64>,
    probes_a_second: Vec<f64>,
}

/// Measures, prints a table, and fails when the medians are too far apart.
pub(crate) fn main(arguments: &[String]) -> Result<(), String> {
    let (mut rounds, mut program) = (10, None);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--rounds" => rounds = rest.next().and_then(|text| text.parse().ok()).ok_or("--rounds needs a number")?,
            "--built" => program = Some(shell::root().join("target/release/prober")),
            "--program" => program = Some(PathBuf::from(rest.next().ok_or("--program needs a file")?)),
            _ => return Err(format!("no option '{argument}'\n\n{USAGE}")),
        }
    }
    let program = match program {
        Some(program) => program,
        None => {
            shell::run(cargo().args(["build", "--release", "--package", "prober", "--bin", "prober"]))?;
            shell::root().join("target/release/prober")
        }
    };
    let (fast, slow) = (serve(Duration::ZERO, 64)?, serve(DELAY, 600)?);
    let slow_url = format!("http://{slow}/slow");
    let alone = format!("{slow_url}\n").repeat(FAST / BETWEEN / 5);
    let among = (0..FAST).fold(String::new(), |mut list, number| {
        if number % BETWEEN == 0 {
            list.push_str(&slow_url);
            list.push('\n');
        }
        // Writing to memory does not fail.
        let _ = writeln!(list, "http://{fast}/{number}");
        list
    });
    let cases =
        [("alone", &alone, 20), ("among 5,000, 50 in flight", &among, 50), ("among 5,000, 500 in flight", &among, 500)];
    let mut times: BTreeMap<&str, Times> = BTreeMap::new();
    for _ in 0..rounds {
        for (name, list, parallel) in &cases {
            probe(&program, list, *parallel, &slow_url, times.entry(name).or_default())?;
        }
    }
    let base = times.get("alone").map(|alone| (median(&alone.total), median(&alone.without_lateness)));
    let (total, own) = base.ok_or("nothing was measured")?;
    println!(
        "| a server that takes 100 ms | median | ratio | less the server's own lateness | ratio | lag | probes a second |"
    );
    println!("|---|---|---|---|---|---|---|");
    let mut worst = 1.0_f64;
    for (name, ..) in &cases {
        let Some(case) = times.get(name) else { continue };
        let (this, this_own) = (median(&case.total), median(&case.without_lateness));
        worst = worst.max(this_own / own);
        println!(
            "| {name} | {this:.2} ms | {:.3} | {this_own:.2} ms | {:.3} | {:.2} ms | {:.0} |",
            this / total,
            this_own / own,
            median(&case.lag),
            median(&case.probes_a_second),
        );
    }
    if worst > ALLOWED {
        return Err(format!("the slow server's median is inflated {worst:.3} times, more than {ALLOWED}"));
    }
    Ok(())
}

/// Runs the prober on `list` and keeps what it says of the slow server.
fn probe(program: &PathBuf, list: &str, parallel: usize, slow: &str, times: &mut Times) -> Result<(), String> {
    let fails = |error: std::io::Error| format!("cannot run {}: {error}", program.display());
    let begin = Instant::now();
    let mut child = Command::new(program)
        .args(["--format", "jsonl", "--parallel-max", &parallel.to_string(), "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(fails)?;
    let mut input = child.stdin.take().ok_or("the program has no input")?;
    let text = list.to_owned();
    let feeding = thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().map_err(fails)?;
    let took = begin.elapsed();
    feeding.join().map_err(|_| "the list was not written")?.map_err(fails)?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let mut count = 0;
    for line in printed.lines() {
        let result: Value = serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))?;
        count += 1;
        if result["ok"] != true {
            return Err(format!("a probe failed: {}", result["error"]));
        }
        if result["url"] != slow {
            continue;
        }
        let number = |key: &str| result[key].as_f64().ok_or_else(|| format!("no {key} in {line}"));
        let headers = result["headers"].as_array().ok_or("no headers")?;
        let late = headers.iter().find(|header| header[0] == "x-late-ms");
        let late: f64 = late.and_then(|header| header[1].as_str()?.parse().ok()).ok_or("the server did not say")?;
        times.total.push(number("total_ms")?);
        times.without_lateness.push(number("total_ms")? - late);
        times.lag.push(number("loop_lag_ms")?);
    }
    if count != list.lines().count() {
        return Err(format!("{count} results of {} URLs", list.lines().count()));
    }
    times.probes_a_second.push(f64::from(count as u32) / took.as_secs_f64());
    Ok(())
}

fn median(times: &[f64]) -> f64 {
    crate::bench::median(times.to_vec()).unwrap_or(f64::NAN)
}

/// A server on loopback that answers each request after `delay`, with as many threads as it may hold requests.
fn serve(delay: Duration, threads: usize) -> Result<SocketAddr, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let listener = Arc::new(listener);
    for _ in 0..threads {
        let listener = listener.clone();
        let thread = thread::Builder::new().stack_size(64 * 1024);
        thread
            .spawn(move || {
                while let Ok((stream, _)) = listener.accept() {
                    // A prober that has gone is no concern of the server's.
                    let _ = answer(stream, delay);
                }
            })
            .map_err(|error| error.to_string())?;
    }
    Ok(address)
}

fn answer(mut stream: TcpStream, delay: Duration) -> std::io::Result<()> {
    let mut head = [0; 2048];
    let mut length = 0;
    while !head[..length].ends_with(b"\r\n\r\n") {
        match stream.read(&mut head[length..])? {
            0 => return Ok(()),
            count => length += count,
        }
    }
    let came = Instant::now();
    if !delay.is_zero() {
        thread::sleep(delay);
    }
    let late = came.elapsed().saturating_sub(delay).as_secs_f64() * 1e3;
    let response =
        format!("HTTP/1.1 200 OK\r\nX-Late-Ms: {late:.3}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    stream.write_all(response.as_bytes())
}
