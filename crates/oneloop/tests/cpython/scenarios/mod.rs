//! Programs of the kind that people write: many parts at once, cancelled and failing in the middle. `scenarios.py` has
//! the same programs, in the same order, and `scenarios.txt` is what CPython 3.13 prints for them.

use std::{cell::RefCell, collections::HashMap, fmt::Display, rc::Rc, sync::mpsc, time::Duration};

use oneloop::{
    Barrier, BoundedSemaphore, Condition, ContextVar, Error, Lock, Queue, Result, ReturnWhen, Runner, Semaphore,
    SettableFuture, StreamReader, Task, TaskGroup, as_completed, copy_context, create_task, current_task, gather,
    gather_return_exceptions, run, shield, sleep, task_builder, timeout, to_thread, wait, wait_for, yield_now,
};

use crate::harness::{here, virtual_loop};

const MS: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(100);

thread_local! {
    static LOG: RefCell<String> = const { RefCell::new(String::new()) };
}

/// `print`
macro_rules! log {
    ($($what:expr),+) => {
        print([$($what.py()),+])
    };
}

mod groups;
mod limits;
mod many;
mod parts;
mod turns;

use groups::{cleanups, group_abort, nested_groups, parent_cancelled, shields, uncancels};
use limits::{nested_timeouts, reschedules, wait_for_races};
use many::{completions, gathers, leaves_some, waits};
use parts::{contexts, eager, executors, failing_callbacks, futures, readers, runners, ties};
use turns::{barriers, conditions, locks, queue_shutdown, semaphores};

fn print<const N: usize>(words: [String; N]) {
    LOG.with_borrow_mut(|log| *log += &(words.join(" ") + "\n"));
}

/// As Python prints it.
trait Py {
    fn py(&self) -> String;

    fn repr(&self) -> String {
        self.py()
    }
}

impl Py for bool {
    fn py(&self) -> String {
        if *self { "True".into() } else { "False".into() }
    }
}

impl Py for str {
    fn py(&self) -> String {
        self.into()
    }

    fn repr(&self) -> String {
        format!("'{self}'")
    }
}

impl Py for String {
    fn py(&self) -> String {
        self.clone()
    }

    fn repr(&self) -> String {
        format!("'{self}'")
    }
}

impl<T: Py + ?Sized> Py for &T {
    fn py(&self) -> String {
        (**self).py()
    }

    fn repr(&self) -> String {
        (**self).repr()
    }
}

impl<T: Py> Py for Vec<T> {
    fn py(&self) -> String {
        format!("[{}]", self.iter().map(Py::repr).collect::<Vec<_>>().join(", "))
    }
}

impl Py for [u8] {
    fn py(&self) -> String {
        format!("b'{}'", self.escape_ascii())
    }
}

macro_rules! numbers {
    ($($number:ty),*) => { $(impl Py for $number {
        fn py(&self) -> String {
            self.to_string()
        }
    })* };
}

numbers!(i32, u32, usize);

/// A name as Python prints it in a list.
struct RawName(String);

impl Py for RawName {
    fn py(&self) -> String {
        format!("'{}'", self.0)
    }
}

/// The name of Python's exception, and its text.
fn name(error: &Error) -> String {
    match error {
        Error::Cancelled => "CancelledError".into(),
        Error::Group(_) => "ExceptionGroup".into(),
        Error::Runtime(text) => format!("RuntimeError: {text}"),
        Error::Value(text) => format!("ValueError: {text}"),
        Error::InvalidState(text) => format!("InvalidStateError: {text}"),
        other => other.to_string(), // says itself what it is
    }
}

fn value_error<T>(text: impl Display) -> Result<T> {
    Err(Error::other(format!("ValueError: {text}")))
}

fn me() -> oneloop::TaskRef {
    current_task().unwrap()
}

/// Runs `scenario` as `run` does, on the virtual clock, which stands still while threads work for the loop.
fn scenario(what: &str, scenario: impl Future<Output = Result<()>> + 'static) {
    log!("---", what);
    let runner = Runner::with_loop(virtual_loop());
    runner.run(scenario).unwrap();
    runner.close().unwrap();
}

#[test]
fn scenarios_print_what_they_print_in_cpython() {
    macro_rules! all {
        ($($name:ident),*) => { $(scenario(stringify!($name), $name());)* };
    }
    all!(
        group_abort,
        nested_groups,
        parent_cancelled,
        shields,
        wait_for_races,
        reschedules,
        nested_timeouts,
        gathers,
        completions,
        waits,
        queue_shutdown,
        conditions,
        cleanups,
        uncancels,
        ties,
        failing_callbacks,
        barriers,
        semaphores,
        locks,
        eager,
        contexts,
        readers,
        executors,
        futures,
        leaves_some
    );
    log!("--- runners");
    runners().unwrap();
    let printed = LOG.with_borrow(String::clone);
    let expected = include_str!("../scenarios.txt");
    let differ = printed.split("--- ").zip(expected.split("--- ")).filter(|(ours, theirs)| ours != theirs);
    for (ours, theirs) in differ {
        println!("ours: {ours}\nCPython: {theirs}");
    }
    assert!(printed == expected);
}
