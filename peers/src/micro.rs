//! The frame of M1 to M6: which case, how often, and how the result is said.
//!
//! A program runs one case a process, so that one case's memory is not another's, and prints `ns` on the
//! processor a unit, the same by the `wall` clock, and for M5 the `bytes` a task.

use std::time::Instant;

/// The size of a message of M6.
pub const MESSAGE: usize = 64;
/// The tasks of M3.
pub const ROUND: usize = 100;

#[derive(Debug)]
pub struct Case {
    pub name: String,
    pub count: usize,
    /// tokio's `event_interval`.
    pub interval: Option<u32>,
    pub connections: usize,
    /// tokio only: the case is the future given to `block_on`, not a task.
    pub root: bool,
}

impl Case {
    /// `CASE COUNT [--interval N] [--connections N] [--root]`
    pub fn from_args() -> Case {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let after = |name: &str| {
            args.iter().position(|a| a == name).and_then(|at| args.get(at + 1)).and_then(|v| v.parse::<u32>().ok())
        };
        Case {
            name: args.first().cloned().unwrap_or_default(),
            count: args.get(1).and_then(|n| n.parse().ok()).unwrap_or(100_000),
            interval: after("--interval"),
            connections: after("--connections").unwrap_or(1) as usize,
            root: args.iter().any(|a| a == "--root"),
        }
    }

    /// Prints what has been spent since `start`, shared out among the units.
    pub fn report(&self, start: Start, units: usize) {
        let units = units.max(1) as f64;
        println!("ns {:.1}", (on_cpu() - start.on_cpu) as f64 / units);
        println!("wall {:.1}", start.wall.elapsed().as_nanos() as f64 / units);
    }
}

/// When a measurement began. Time on the processor is what is compared: another process that takes its turn on a
/// shared machine is then not counted, and none of the cases ever waits.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    wall: Instant,
    on_cpu: u64,
}

impl Start {
    pub fn now() -> Start {
        Start { wall: Instant::now(), on_cpu: on_cpu() }
    }
}

/// The nanoseconds that this thread has been on a processor.
fn on_cpu() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// The memory that the process holds now, in bytes.
pub fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").trim().parse::<usize>().ok()).unwrap_or(0) * 1024
}
