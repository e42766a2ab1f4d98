//! One measured child: what it cost, from the kernel's account of it.
//!
//! Neighbours: `works` and `micro` run the cases through it. Invariant: a child is always waited for, and its figures
//! are its own: `wait4` gives them for that child alone, and where its peak may be ours, `/proc` gives it.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use wait4::Wait4;

use crate::shell;

/// What one run of a program cost.
#[derive(Clone, Debug)]
pub(crate) struct Usage {
    pub(crate) wall: Duration,
    pub(crate) user: Duration,
    pub(crate) system: Duration,
    /// The high-water mark of the resident memory, in bytes.
    pub(crate) peak: u64,
}

impl Usage {
    pub(crate) fn cpu(&self) -> Duration {
        self.user + self.system
    }
}

/// Where the child's standard output goes.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Output {
    Nowhere,
    /// Through a pipe, which is read to its end and thrown away.
    Pipe,
}

/// Runs `command` to its end. A program that fails is an error, with the end of what it said on stderr.
pub(crate) fn measure(command: &mut Command, output: Output) -> Result<Usage, String> {
    run(command, output, true)
}

/// The same for a program that is expected to say that something failed.
pub(crate) fn measure_any_exit(command: &mut Command, output: Output) -> Result<Usage, String> {
    run(command, output, false)
}

fn run(command: &mut Command, output: Output, must_pass: bool) -> Result<Usage, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |error: std::io::Error| format!("{name}: {error}");
    command.stdin(Stdio::null()).stderr(Stdio::piped());
    command.stdout(match output {
        Output::Nowhere => Stdio::null(),
        Output::Pipe => Stdio::piped(),
    });
    let start = Instant::now();
    let mut child = command.spawn().map_err(failed)?;
    let (id, ended) = (child.id(), AtomicBool::new(false));
    let (said, watched) = std::thread::scope(|scope| {
        let watched = scope.spawn(|| watch_peak(id, &ended));
        let said = read_all(&mut child);
        ended.store(true, Ordering::Relaxed);
        watched.thread().unpark(); // its pause is no part of the run
        (said, watched.join().unwrap_or_default())
    });
    let said = said.map_err(failed)?;
    let ended = child.wait4().map_err(failed)?;
    let wall = start.elapsed();
    // A process keeps the mark of whoever it was before its exec, which is ours: its own may be lower.
    let counted = ended.rusage.maxrss;
    let peak = if wall < WATCHABLE || Some(counted) > peak_of("self") { counted } else { watched.unwrap_or(counted) };
    if must_pass && !ended.status.success() {
        let said = String::from_utf8_lossy(&said);
        let tail: Vec<&str> = said.lines().rev().take(3).collect();
        return Err(format!("{name} ended with {}: {}", ended.status, tail.join(" / ")));
    }
    Ok(Usage { wall, user: ended.rusage.utime, system: ended.rusage.stime, peak })
}

/// What the child says on stderr until it closes that. What it writes to stdout is thrown away.
fn read_all(child: &mut Child) -> std::io::Result<Vec<u8>> {
    if let Some(mut stdout) = child.stdout.take() {
        std::io::copy(&mut stdout, &mut std::io::sink())?;
    }
    let mut said = Vec::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_end(&mut said)?;
    }
    Ok(said)
}

/// A run shorter than this has too few looks at it for its peak to be among them.
const WATCHABLE: Duration = Duration::from_millis(500);

/// Looks at a child's high-water mark until it has ended. Not at its beginning: this thread has the child's core, and
/// a look takes time that a short run would show.
fn watch_peak(id: u32, ended: &AtomicBool) -> Option<u64> {
    let id = id.to_string();
    let mut peak = None;
    std::thread::park_timeout(WATCHABLE / 5); // not at all where the run has ended: it has unparked us
    while !ended.load(Ordering::Relaxed) {
        peak = peak_of(&id).or(peak);
        std::thread::park_timeout(Duration::from_millis(10));
    }
    peak
}

/// The high-water mark of the resident memory of the program that a process is now, in bytes.
fn peak_of(process: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let mark = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    mark.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Runs the contenders of a round one after the other, in an order in which each comes after each other equally often
/// within as many rounds as there are contenders, or twice as many (a Williams design): who runs after a program that
/// has filled the caches with its own pays for that, and it should not always be the same.
pub(crate) fn take_turns<C>(contenders: &mut [C], round: usize, mut run: impl FnMut(&mut C)) {
    let count = contenders.len();
    let mut order: Vec<usize> = (0..count).map(|at| if at % 2 == 1 { at / 2 + 1 } else { count - at / 2 }).collect();
    if count > 0 && (round / count) % 2 == 1 {
        order.reverse();
    }
    for place in order {
        run(&mut contenders[(place + round) % count]);
    }
}

/// The median of a set of figures, by each one's own order.
pub(crate) fn median<T: PartialOrd + Copy>(mut figures: Vec<T>) -> Option<T> {
    figures.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    figures.get(figures.len() / 2).copied()
}

/// The run whose CPU time is the median: its figures belong together.
pub(crate) fn median_run(mut runs: Vec<Usage>) -> Option<Usage> {
    runs.sort_by_key(Usage::cpu);
    let middle = runs.len() / 2;
    (middle < runs.len()).then(|| runs.swap_remove(middle))
}

/// Moves this process to core 0, where its children then are too: no wrapper stands between us and them.
pub(crate) fn pin_to_client_core() -> Result<(), String> {
    let me = std::process::id().to_string();
    shell::run(Command::new("taskset").args(["-cp", "0", &me])).map(drop)
}

/// Raises the limit of open descriptors to the highest allowed, for this process and what it starts.
pub(crate) fn raise_descriptors() -> Result<(), String> {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    let Some(hard) = line.and_then(|line| line.split_whitespace().nth(4)) else {
        return Ok(());
    };
    let me = std::process::id().to_string();
    let both = format!("--nofile={hard}:{hard}");
    shell::run(Command::new("prlimit").args(["--pid", &me, &both])).map(drop)
}

/// A command that runs on core 1, and that the kernel ends should this process be ended by force.
pub(crate) fn on_server_core(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "taskset", "-c", "1", program]);
    command
}

#[cfg(test)]
mod tests {
    use super::take_turns;

    #[test]
    fn every_contender_runs_once_a_round_and_after_each_other_equally_often() {
        for count in 1..=8_usize {
            let mut after = vec![vec![0; count]; count];
            for round in 0..2 * count {
                let mut order = Vec::new();
                take_turns(&mut (0..count).collect::<Vec<_>>(), round, |who| order.push(*who));
                order.windows(2).for_each(|pair| after[pair[0]][pair[1]] += 1);
                order.sort_unstable();
                assert_eq!(order, (0..count).collect::<Vec<_>>());
            }
            for (who, others) in after.iter().enumerate() {
                assert!(others.iter().enumerate().all(|(other, times)| *times == if who == other { 0 } else { 2 }));
            }
        }
        take_turns(&mut [(); 0], 0, |_| unreachable!());
    }
}
