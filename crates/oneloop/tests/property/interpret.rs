//! The property test's interpreter in Rust: runs a program on our loop, and gives what happened.
//!
//! Job: for each operation what `interpret.py` does in Python, in the same order, with the same words. Neighbours:
//! `generate.rs` makes programs. Invariant: nothing here knows what should happen.

mod scopes;
mod sync;

use std::{
    cell::RefCell,
    collections::HashMap,
    future::Future,
    io::{Read, Write},
    os::unix::net::UnixStream,
    pin::Pin,
    rc::Rc,
    time::{Duration, Instant},
};

use oneloop::{
    AnyFuture, Barrier, BoundedSemaphore, Condition, Error, Event, EventLoop, Handle, Lock, LoopRef, Queue, Result,
    Semaphore, SettableFuture, Task, Timeout, TimerHandle, create_task, current_task, get_running_loop, sleep,
    task_builder, yield_now,
};
use serde_json::Value;

const ROUNDS: usize = 40;

struct World {
    program: Value,
    event_loop: LoopRef,
    begin: Instant,
    log: RefCell<Vec<String>>,
    /// In the order in which they were made.
    tasks: RefCell<Vec<(usize, Task<usize>)>>,
    futures: Vec<SettableFuture<usize>>,
    locks: Vec<Lock>,
    semaphores: Vec<Semaphore>,
    bounded: Vec<BoundedSemaphore>,
    events: Vec<Event>,
    conditions: Vec<Condition>,
    queues: Vec<Queue<String>>,
    barriers: Vec<Barrier>,
    /// The end that is read, and the one that is written.
    pipe: (UnixStream, UnixStream),
    /// Futures that stand for others, and the first task that each of them waits for.
    outers: RefCell<HashMap<usize, (usize, Outer)>>,
    handles: RefCell<HashMap<usize, CallbackHandle>>,
    /// The time limits that a task is in, the innermost last.
    scopes: RefCell<HashMap<usize, Vec<Timeout>>>,
}

#[derive(Clone)]
enum Outer {
    Gather(AnyFuture<Vec<usize>>),
    Shield(AnyFuture<usize>),
}

enum CallbackHandle {
    Soon(Handle),
    Later(TimerHandle),
}

type Step = Pin<Box<dyn Future<Output = Result<String>>>>;

/// What happened when `program` ran.
pub(crate) fn run(program: &Value) -> Vec<String> {
    let event_loop = EventLoop::builder().virtual_clock(true).build().expect("a loop");
    event_loop.set_exception_handler(|_, _| ());
    let world: Rc<RefCell<Option<Rc<World>>>> = Rc::default();
    let (outside, program) = (world.clone(), program.clone());
    let root = async move {
        let world = Rc::new(World::new(program)?);
        outside.replace(Some(world.clone()));
        world.root().await
    };
    event_loop.run_until_complete(root).expect("the root neither fails nor is cancelled");
    let world = world.take().expect("the root has run");
    drop(event_loop);
    world.log.take()
}

fn number(value: &Value) -> usize {
    value.as_u64().expect("a number") as usize
}

fn time(value: &Value) -> Duration {
    Duration::from_millis(number(value) as u64)
}

fn name(value: &Value) -> &str {
    value.as_str().expect("a word")
}

/// As Python prints it.
fn word(yes: bool) -> String {
    if yes { "True" } else { "False" }.to_owned()
}

fn none<T>(_: T) -> String {
    "None".to_owned()
}

/// An operation that names a task which was not started.
fn absent() -> Result<String> {
    Ok("absent".to_owned())
}

fn kind(error: &Error) -> String {
    match error {
        Error::Other(error) => format!("error {error}"),
        Error::Group(_) => format!("group({})", error.errors().map(kind).collect::<Vec<_>>().join(", ")),
        _ => error.kind().to_owned(),
    }
}

impl World {
    fn new(program: Value) -> Result<World> {
        let event_loop = get_running_loop()?;
        let count = |what: &str| 0..number(&program[what]);
        let sizes = |what: &str| program[what].as_array().expect("a list").iter().map(number).collect::<Vec<_>>();
        Ok(World {
            begin: event_loop.time(),
            log: RefCell::default(),
            tasks: RefCell::default(),
            futures: count("futures").map(|_| event_loop.create_future()).collect(),
            locks: count("locks").map(|_| Lock::new()).collect(),
            semaphores: sizes("semaphores").into_iter().map(Semaphore::new).collect(),
            bounded: sizes("bounded").into_iter().map(BoundedSemaphore::new).collect(),
            events: count("events").map(|_| Event::new()).collect(),
            conditions: count("conditions").map(|_| Condition::new()).collect(),
            queues: {
                let kinds = [Queue::new, Queue::new, Queue::lifo, Queue::priority];
                kinds.into_iter().zip(sizes("queues")).map(|(kind, size)| kind(size)).collect()
            },
            outers: RefCell::default(),
            handles: RefCell::default(),
            scopes: RefCell::default(),
            barriers: sizes("barriers").into_iter().map(Barrier::new).collect::<Result<_>>()?,
            pipe: {
                let (reader, writer) = UnixStream::pair()?;
                reader.set_nonblocking(true)?;
                (reader, writer)
            },
            program,
            event_loop,
        })
    }

    fn say(&self, text: impl std::fmt::Display) {
        let now = self.event_loop.time().saturating_duration_since(self.begin).as_millis();
        self.log.borrow_mut().push(format!("{now} {text}"));
    }

    async fn root(self: Rc<World>) -> Result<()> {
        drop(self.spawn(0));
        for _ in 0..ROUNDS {
            sleep(Duration::from_millis(1000)).await?;
            let mut left = self.tasks.borrow().clone();
            left.retain(|(_, task)| !task.done());
            self.say(format_args!("left {:?}", left.iter().map(|(number, _)| number).collect::<Vec<_>>()));
            if left.is_empty() {
                break;
            }
            for (_, task) in left {
                task.cancel();
            }
        }
        Ok(())
    }

    fn spawn(self: &Rc<World>, number: usize) -> Task<usize> {
        let task = create_task(self.clone().body(number));
        self.keep(number, &task);
        task
    }

    fn keep(&self, number: usize, task: &Task<usize>) {
        self.tasks.borrow_mut().push((number, task.clone()));
    }

    fn find(&self, number: usize) -> Option<Task<usize>> {
        self.tasks.borrow().iter().find(|task| task.0 == number).map(|task| task.1.clone())
    }

    async fn body(self: Rc<World>, number: usize) -> Result<usize> {
        self.say(format_args!("t{number} starts"));
        let ops = self.program["bodies"][number].clone();
        match self.clone().run(number, ops, format!("t{number}")).await {
            Ok(()) => self.say(format_args!("t{number} ends")),
            Err(error) => {
                self.say(format_args!("t{number} ends {}", kind(&error)));
                return Err(error);
            }
        }
        Ok(number)
    }

    async fn run(self: Rc<World>, me: usize, ops: Value, path: String) -> Result<()> {
        for (index, op) in ops.as_array().expect("a list").iter().enumerate() {
            let at = format!("{path}.{index}");
            match self.clone().op(me, op.clone(), at.clone()).await {
                Ok(note) => self.say(format_args!("{at} {}: {note}", name(&op["op"]))),
                Err(error) => {
                    self.say(format_args!("{at} {}: {}", name(&op["op"]), kind(&error)));
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Runs the operations of a scope. Boxed, because a future that contains itself would have no size.
    fn inside(self: &Rc<World>, me: usize, ops: &Value, path: String) -> Pin<Box<dyn Future<Output = Result<()>>>> {
        Box::pin(self.clone().run(me, ops.clone(), path))
    }

    /// What a callback does.
    fn act(&self, op: &Value) {
        self.say(format_args!("callback {}", op["id"]));
        let which = number(&op["which"]);
        match name(&op["do"]) {
            "set" if !self.futures[which].done() => self.futures[which].set_result(which).expect("it is pending"),
            "cancel" => {
                if let Some(task) = self.find(which) {
                    let cancelled = word(task.cancel());
                    self.say(format_args!("callback {} cancels: {cancelled}", op["id"]));
                }
            }
            "event" => self.events[which].set(),
            _ => {}
        }
    }

    /// Waits for a byte in a callback of the selector.
    async fn receive(self: Rc<World>, at: String) -> Result<()> {
        let arrived = self.event_loop.create_future();
        let (world, waited_for) = (self.clone(), arrived.clone());
        self.event_loop.add_reader(&self.pipe.0, move || {
            world.say(format_args!("{at} readable"));
            world.event_loop.remove_reader(&world.pipe.0);
            (&world.pipe.0).read_exact(&mut [0]).expect("a byte is there");
            if !waited_for.done() {
                waited_for.set_result(()).expect("it is pending");
            }
        })?;
        let ended = arrived.await;
        self.event_loop.remove_reader(&self.pipe.0);
        ended
    }

    fn op(self: Rc<World>, me: usize, op: Value, at: String) -> Step {
        match name(&op["op"]) {
            "try" | "finally" | "timeout" | "wait_for" | "gather" | "gather_all" | "reschedule" | "wait_for_task"
            | "make_gather" | "make_shield" | "await_outer" | "cancel_outer" | "group" | "shield" | "wait"
            | "as_completed" => Box::pin(self.scope(me, op, at)),
            "lock" | "semaphore" | "acquire" | "release" | "event" | "event_set" | "event_clear" | "condition"
            | "notify" | "barrier" | "barrier_reset" => Box::pin(self.lock(me, op, at)),
            "put" | "get" | "put_nowait" | "get_nowait" | "task_done" | "join" | "shutdown" => {
                Box::pin(self.queue(op, at))
            }
            _ => Box::pin(self.task(op, at)),
        }
    }

    /// Tasks, futures and callbacks.
    async fn task(self: Rc<World>, op: Value, at: String) -> Result<String> {
        let future = || &self.futures[number(&op["future"])];
        let task = || number(&op["task"]);
        let (world, callback) = (self.clone(), op.clone());
        let act = move || world.act(&callback);
        match name(&op["op"]) {
            "yield" => yield_now().await.map(none),
            "sleep" => sleep(time(&op["time"])).await.map(none),
            "fail" => Err(Error::other(at)),
            "spawn" => Ok(none(self.spawn(task()))),
            "eager" => {
                let eager = task_builder()?.eager_start(true).create_task(self.clone().body(task()));
                self.keep(task(), &eager);
                Ok(none(()))
            }
            "await" => match self.find(task()) {
                Some(task) => (&task).await.map(|number| number.to_string()),
                None => absent(),
            },
            "cancel" => self.find(task()).map_or_else(absent, |task| Ok(word(task.cancel()))),
            "cancelling" => self.find(task()).map_or_else(absent, |task| Ok(task.cancelling().to_string())),
            "uncancel" => Ok(current_task().expect("a task runs this").uncancel().to_string()),
            "done_callback" => self.find(task()).map_or_else(absent, |task| {
                task.add_done_callback(move |_| act());
                Ok(none(()))
            }),
            "call_soon" => {
                let handle = CallbackHandle::Soon(self.event_loop.call_soon(act));
                self.handles.borrow_mut().insert(number(&op["id"]), handle);
                Ok(none(()))
            }
            "call_later" => {
                let handle = CallbackHandle::Later(self.event_loop.call_later(time(&op["time"]), act));
                self.handles.borrow_mut().insert(number(&op["id"]), handle);
                Ok(none(()))
            }
            "cancel_handle" => match self.handles.borrow().get(&number(&op["id"])) {
                Some(CallbackHandle::Soon(handle)) => {
                    handle.cancel();
                    Ok(none(()))
                }
                Some(CallbackHandle::Later(handle)) => {
                    handle.cancel();
                    Ok(none(()))
                }
                None => absent(),
            },
            "future" => future().await.map(|value| value.to_string()),
            "set" => future().set_result(number(&op["future"])).map(none),
            "set_error" => future().set_error(Error::other(at)).map(none),
            "cancel_future" => Ok(word(future().cancel())),
            "send" => Ok(none((&self.pipe.1).write_all(b"1")?)),
            "receive" => self.receive(at).await.map(none),
            other => panic!("no operation {other}"),
        }
    }
}
