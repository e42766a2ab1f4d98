//! `cargo exercise NN`: runs one of the exercises, and says what is still wrong with it.
//!
//! Job: each folder beside this file holds a task. The reader mends `starter.rs`; `check.rs` asks what is asked of it, and is
//! the world that it runs in; `solution.rs` is one way to do it. Neighbours: the chapters of `docs/` end with these;
//! `examples/tests/exercises.rs` sees that each starter fails with the words of its `starter.txt`, and each solution passes.
//! Invariants: a starter compiles, since a reader whose program does not compile learns something else; a check needs no
//! clock, no network and no luck, so it says the same every time.

#![allow(unreachable_pub, reason = "a learner should not have to learn what pub(super) is first")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;

use oneloop::{EventLoop, Result, wait_for};

#[path = "01-start-them-all"]
mod e01 {
    pub mod check;
    pub mod solution;
    pub mod starter;
}
#[path = "02-a-thread-too-many"]
mod e02 {
    pub mod check;
    pub mod solution;
    pub mod starter;
}
#[path = "03-do-not-spin"]
mod e03 {
    pub mod check;
    pub mod solution;
    pub mod starter;
}
#[path = "04-add-a-state"]
mod e04 {
    pub mod check;
    pub mod solution;
    pub mod starter;
}
#[path = "05-poll-both"]
mod e05 {
    pub mod check;
    pub mod solution;
    pub mod starter;
}
#[path = "06-predict-an-order"]
mod e06 {
    pub mod check;
    pub mod solution;
    pub mod starter;
}
#[path = "07-lost-wake"]
mod e07 {
    pub mod check;
    pub mod solution;
    pub mod starter;
}
#[path = "08-undrained-edge"]
mod e08 {
    pub mod check;
    pub mod solution;
    pub mod starter;
}
#[path = "09-round-up"]
mod e09 {
    pub mod check;
    pub mod solution;
    pub mod starter;
}
#[path = "10-first-answer"]
mod e10 {
    pub mod check;
    pub mod solution;
    pub mod starter;
}
#[path = "11-cancel-in-mid-handshake"]
mod e11 {
    pub mod check;
    pub mod solution;
    pub mod starter;
}
#[path = "12-made-anew"]
mod e12 {
    pub mod check;
    pub mod solution;
    pub mod starter;
}
#[path = "13-decode-chunked"]
mod e13 {
    pub mod check;
    pub mod solution;
    pub mod starter;
}
#[path = "14-hold-nothing"]
mod e14 {
    pub mod check;
    pub mod solution;
    pub mod starter;
}
#[path = "15-who-woke-whom"]
mod e15 {
    pub mod check;
    pub mod solution;
    pub mod starter;
}
#[path = "16-whose-buffer"]
mod e16 {
    pub mod check;
    pub mod solution;
    pub mod starter;
}
#[path = "17-bound-the-concurrency"]
mod e17 {
    pub mod check;
    pub mod solution;
    pub mod starter;
}
#[path = "18-stale-waker"]
mod e18 {
    pub mod check;
    pub mod solution;
    pub mod starter;
}
#[path = "19-a-turn-that-ends"]
mod e19 {
    pub mod check;
    pub mod solution;
    pub mod starter;
}
#[path = "20-swallowed"]
mod e20 {
    pub mod check;
    pub mod solution;
    pub mod starter;
}

type Check = fn() -> std::result::Result<(), String>;

struct Exercise {
    name: &'static str,
    /// What one has learned when it passes.
    lesson: &'static str,
    starter: Check,
    solution: Check,
}

const EXERCISES: [Exercise; 20] = [
    Exercise {
        name: "01-start-them-all",
        lesson: "a future that nobody awaits or makes a task of has not begun",
        starter: || e01::check::check(e01::starter::probe_all),
        solution: || e01::check::check(e01::solution::probe_all),
    },
    Exercise {
        name: "02-a-thread-too-many",
        lesson: "`getaddrinfo` blocks, so it needs a thread; a resolver of the loop's own needs none",
        starter: || e02::check::check(e02::starter::addresses),
        solution: || e02::check::check(e02::solution::addresses),
    },
    Exercise {
        name: "03-do-not-spin",
        lesson: "poll after a wake, park until one comes",
        starter: || e03::check::check(|world, leaf| e03::starter::block_on(world, e03::check::future(leaf))),
        solution: || e03::check::check(|world, leaf| e03::solution::block_on(world, e03::check::future(leaf))),
    },
    Exercise {
        name: "04-add-a-state",
        lesson: "what must be known after a wait belongs into the state",
        starter: || {
            e04::check::check({
                let mut probe = e04::starter::Probe::default();
                move |socket| probe.on_ready(socket)
            })
        },
        solution: || {
            e04::check::check({
                let mut probe = e04::solution::Probe::default();
                move |socket| probe.on_ready(socket)
            })
        },
    },
    Exercise {
        name: "05-poll-both",
        lesson: "`Pending` of one future says nothing of the others: ask them, too",
        starter: || e05::check::check(e05::starter::join),
        solution: || e05::check::check(e05::solution::join),
    },
    Exercise {
        name: "06-predict-an-order",
        lesson: "a turn runs what was ready when it began, in the order in which it got there",
        starter: || e06::check::check(&e06::starter::PREDICTION),
        solution: || e06::check::check(&e06::solution::PREDICTION),
    },
    Exercise {
        name: "07-lost-wake",
        lesson: "leave the waker first, look afterwards",
        starter: || e07::check::check(e07::starter::poll),
        solution: || e07::check::check(e07::solution::poll),
    },
    Exercise {
        name: "08-undrained-edge",
        lesson: "after an edge, read until `WouldBlock`",
        starter: || e08::check::check(e08::starter::on_readable),
        solution: || e08::check::check(e08::solution::on_readable),
    },
    Exercise {
        name: "09-round-up",
        lesson: "a timer may be late and never early: round up",
        starter: || e09::check::check(e09::starter::in_milliseconds),
        solution: || e09::check::check(e09::solution::in_milliseconds),
    },
    Exercise {
        name: "10-first-answer",
        lesson: "waiting stops nobody: cancel the others, and wait until they have ended",
        starter: || e10::check::check(e10::starter::first),
        solution: || e10::check::check(e10::solution::first),
    },
    Exercise {
        name: "11-cancel-in-mid-handshake",
        lesson: "what must be done in any case stands in a `Drop`",
        starter: || e11::check::check(e11::starter::handshake),
        solution: || e11::check::check(e11::solution::handshake),
    },
    Exercise {
        name: "12-made-anew",
        lesson: "a future that is dropped has lost what it did: pin it where it outlives the round",
        starter: || e12::check::check(e12::starter::with_progress),
        solution: || e12::check::check(e12::solution::with_progress),
    },
    Exercise {
        name: "13-decode-chunked",
        lesson: "the network cuts anywhere, so what was read so far is a state",
        starter: || e13::check::check::<e13::starter::Decoder>(),
        solution: || e13::check::check::<e13::solution::Decoder>(),
    },
    Exercise {
        name: "14-hold-nothing",
        lesson: "nothing is held while somebody else's code runs",
        starter: || e14::check::check::<e14::starter::Event>(),
        solution: || e14::check::check::<e14::solution::Event>(),
    },
    Exercise {
        name: "15-who-woke-whom",
        lesson: "whoever has the news wakes: a timer, a task, a callback of `gather`",
        starter: || e15::check::check(&e15::starter::PREDICTION),
        solution: || e15::check::check(&e15::solution::PREDICTION),
    },
    Exercise {
        name: "16-whose-buffer",
        lesson: "with completion the buffer is the kernel's until it has completed",
        starter: || e16::check::check::<e16::starter::Read>(),
        solution: || e16::check::check::<e16::solution::Read>(),
    },
    Exercise {
        name: "17-bound-the-concurrency",
        lesson: "a permit bounds what is under way, and is given back by its `Drop`",
        starter: || e17::check::check(e17::starter::probe_all),
        solution: || e17::check::check(e17::solution::probe_all),
    },
    Exercise {
        name: "18-stale-waker",
        lesson: "the last waker counts",
        starter: || e18::check::check::<e18::starter::Socket>(),
        solution: || e18::check::check::<e18::solution::Socket>(),
    },
    Exercise {
        name: "19-a-turn-that-ends",
        lesson: "what becomes ready during a turn waits for the next",
        starter: || e19::check::check(e19::starter::run_ready),
        solution: || e19::check::check(e19::solution::run_ready),
    },
    Exercise {
        name: "20-swallowed",
        lesson: "a cancellation is passed on, and not tried again",
        starter: || e20::check::check(e20::starter::retry),
        solution: || e20::check::check(e20::solution::retry),
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (wanted, solution) = match arguments[..] {
        [wanted] => (wanted, false),
        [wanted, "solution"] => (wanted, true),
        _ => return list(),
    };
    match EXERCISES.iter().find(|exercise| is(exercise.name, wanted)) {
        Some(exercise) => run(exercise, solution),
        None => {
            println!("There is no exercise '{wanted}'.\n");
            list()
        }
    }
}

/// Whether a person means this exercise: by its whole name, its number, or its number without the zero.
fn is(name: &str, wanted: &str) -> bool {
    let number = name.split('-').next().unwrap_or_default();
    name == wanted || number == wanted || number.trim_start_matches('0') == wanted
}

fn list() -> ExitCode {
    println!("cargo exercise NN             run your attempt, examples/exercises/NN-name/starter.rs");
    println!("cargo exercise NN solution    run the solution that lies beside it\n");
    EXERCISES.iter().for_each(|exercise| println!("  {}", exercise.name));
    ExitCode::from(2)
}

fn run(exercise: &Exercise, solution: bool) -> ExitCode {
    let folder = format!("examples/exercises/{}", exercise.name);
    std::panic::set_hook(Box::new(|_| {})); // it is told below
    let check = if solution { exercise.solution } else { exercise.starter };
    let outcome = catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(format!("it panicked: {}", text.unwrap_or("without a message")))
    });
    match outcome {
        Ok(()) => {
            println!("{} is solved: {}.", exercise.name, exercise.lesson);
            ExitCode::SUCCESS
        }
        Err(fault) => {
            println!("{} is not solved yet.\n\n{fault}\n", exercise.name);
            println!("The task: {folder}/README.md\nTo mend:  {folder}/starter.rs");
            ExitCode::FAILURE
        }
    }
}

/// Runs a future on a loop whose clock jumps, for an hour of that clock at most.
fn on_virtual_clock<T: 'static>(future: impl Future<Output = Result<T>> + 'static) -> std::result::Result<T, String> {
    const HOUR: Duration = Duration::from_secs(3600);
    let event_loop = EventLoop::builder().virtual_clock(true).build().map_err(|error| error.to_string())?;
    event_loop.run_until_complete(wait_for(HOUR, future)).map_err(|error| match error {
        error if error.is_timeout() => "an hour has gone by on the clock that jumps, and it waits still".into(),
        error => error.to_string(),
    })
}
