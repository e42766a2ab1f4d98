//! Random programs.
//!
//! Job: make the program of a number: a few bodies of operations over a few shared things. Neighbours: `interpret.rs` and
//! `interpret.py` run it. Each program draws from some families of operations only, so that those meet often.
//! Invariants: the same number gives the same program; each body is started at one place at most; a task awaits only
//! tasks of higher numbers, because a ring of waiting tasks has no end in any language.

use serde_json::{Value, json};

/// A small source of numbers (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // The high bits are the better ones.
        (self.0 >> 16) % bound
    }
}

/// What operations are about.
const FAMILIES: &[&[&str]] = &[
    &["future", "future", "set", "set_error", "cancel_future"],
    &["call_soon", "call_later", "done_callback"],
    &["timeout", "wait_for", "timeout", "cancelling", "uncancel"],
    &["timeout", "timeout", "reschedule", "reschedule", "wait_for_task", "wait_for_task"],
    &["make_gather", "make_shield", "await_outer", "await_outer", "cancel_outer"],
    &["call_later", "call_later", "cancel_handle", "cancel_handle", "call_soon"],
    &["lock", "lock", "lock"],
    &["semaphore", "semaphore", "semaphore"],
    &["acquire", "acquire", "release"],
    &["event", "event", "event_set", "event_clear"],
    &["condition", "condition", "notify", "notify"],
    &["put", "get", "get", "put_nowait", "get_nowait", "task_done", "join", "shutdown"],
    &["barrier", "barrier", "barrier_reset"],
    &["gather", "gather_all", "try"],
    &["group", "group", "group", "cancel"],
    &["shield", "shield", "wait", "as_completed"],
    &["eager", "eager", "uncancel", "cancelling"],
    &["send", "send", "receive", "receive", "call_later"],
];

/// What every program has.
const ALWAYS: &[&str] =
    &["yield", "yield", "sleep", "sleep", "spawn", "spawn", "await", "cancel", "cancel", "try", "finally", "fail"];

/// How many there are of each shared thing.
const THINGS: u64 = 2;
const MOST_TASKS: usize = 8;

pub(crate) struct Generator {
    random: Random,
    bodies: Vec<Value>,
    palette: Vec<&'static str>,
    callbacks: u64,
}

/// The names of all operations that can end well.
pub(crate) fn operations() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().copied().chain([ALWAYS]).flatten().copied().filter(|name| *name != "fail")
}

/// The program of this number.
pub(crate) fn program(number: u64) -> Value {
    let mut generator = Generator {
        random: Random(number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15)),
        bodies: Vec::new(),
        palette: ALWAYS.to_vec(),
        callbacks: 0,
    };
    for _ in 0..3 {
        let family = FAMILIES[generator.random.below(FAMILIES.len() as u64) as usize];
        // Twice: what a program is about should happen more often than sleeping.
        generator.palette.extend_from_slice(family);
        generator.palette.extend_from_slice(family);
    }
    generator.bodies.push(Value::Null);
    // The first body starts the others, so that they meet.
    let mut first: Vec<Value> = (0..3).map(|_| generator.spawn("spawn")).collect();
    first.extend(generator.ops(0, 0, 6));
    generator.bodies[0] = Value::Array(first);
    json!({
        "bodies": generator.bodies,
        "futures": THINGS,
        "locks": THINGS,
        "events": THINGS,
        "conditions": THINGS,
        "semaphores": [1, 2],
        "bounded": [1, 2],
        "queues": [1, 0, 2, 0],
        "barriers": [2, 3],
    })
}

impl Generator {
    fn ops(&mut self, me: usize, depth: u32, most: u64) -> Vec<Value> {
        let count = 1 + self.random.below(most);
        (0..count).map(|_| self.op(me, depth)).collect()
    }

    fn body(&mut self, me: usize, depth: u32) -> Vec<Value> {
        self.ops(me, depth + 1, 3)
    }

    /// Makes a body for a new task. Gives its number, or none when there are enough.
    fn new_task(&mut self) -> Option<usize> {
        let number = self.bodies.len();
        if number >= MOST_TASKS {
            return None;
        }
        self.bodies.push(Value::Null);
        let ops = self.ops(number, 0, 5);
        self.bodies[number] = Value::Array(ops);
        Some(number)
    }

    fn spawn(&mut self, name: &str) -> Value {
        match self.new_task() {
            Some(task) => json!({"op": name, "task": task}),
            None => json!({"op": "yield"}),
        }
    }

    fn spawn_several(&mut self, name: &str) -> Value {
        let count = 1 + self.random.below(3);
        let tasks: Vec<usize> = (0..count).filter_map(|_| self.new_task()).collect();
        if tasks.is_empty() { json!({"op": "yield"}) } else { json!({"op": name, "tasks": tasks}) }
    }

    /// Any task, started or not; its own, too.
    fn any_task(&mut self) -> u64 {
        self.random.below(MOST_TASKS as u64)
    }

    fn later_task(&mut self, me: usize) -> u64 {
        me as u64 + 1 + self.random.below(3)
    }

    fn callback(&mut self, name: &str) -> Value {
        self.callbacks += 1;
        let (do_what, which) = match self.random.below(4) {
            0 => ("set", self.random.below(THINGS)),
            1 => ("cancel", self.any_task()),
            2 => ("event", self.random.below(THINGS)),
            _ => ("nothing", 0),
        };
        json!({"op": name, "id": self.callbacks, "do": do_what, "which": which})
    }

    fn op(&mut self, me: usize, depth: u32) -> Value {
        let name = self.palette[self.random.below(self.palette.len() as u64) as usize];
        let which = self.random.below(THINGS);
        let has_body = matches!(
            name,
            "try" | "finally" | "timeout" | "wait_for" | "lock" | "semaphore" | "condition" | "notify" | "group"
        );
        if has_body && depth >= 2 {
            return json!({"op": "sleep", "time": 1 + self.random.below(4)});
        }
        let mut op = match name {
            "sleep" => json!({"op": name, "time": self.random.below(6)}),
            "spawn" | "eager" => self.spawn(name),
            "gather" | "gather_all" => self.spawn_several(name),
            "group" => {
                let op = self.spawn_several(name);
                if op["op"] == "yield" {
                    return op;
                }
                op
            }
            "make_gather" => {
                let mut op = self.spawn_several(name);
                op["slot"] = json!(which);
                op
            }
            "make_shield" => json!({"op": name, "slot": which, "task": self.later_task(me)}),
            "await_outer" | "cancel_outer" => json!({"op": name, "slot": which}),
            "cancel_handle" => json!({"op": name, "id": 1 + self.random.below(self.callbacks.max(1))}),
            "reschedule" if self.random.below(4) == 0 => json!({"op": name, "time": null}),
            "reschedule" => json!({"op": name, "time": self.random.below(6)}),
            "wait_for_task" => json!({"op": name, "task": self.later_task(me), "time": self.random.below(4)}),
            "put" | "get" | "put_nowait" | "get_nowait" | "task_done" | "join" => {
                json!({"op": name, "which": self.random.below(4)})
            }
            "await" | "shield" => json!({"op": name, "task": self.later_task(me)}),
            "cancel" | "cancelling" => json!({"op": name, "task": self.any_task()}),
            "wait" | "as_completed" => {
                let tasks = [1, 2, 3].map(|more| me + more);
                let time = 1 + self.random.below(6);
                json!({"op": name, "tasks": tasks, "when": self.random.below(3), "time": time})
            }
            "call_soon" => self.callback(name),
            "call_later" => {
                let mut op = self.callback(name);
                op["time"] = json!(self.random.below(6));
                op
            }
            "done_callback" => {
                let mut op = self.callback(name);
                op["task"] = json!(self.any_task());
                op
            }
            "future" | "set" | "set_error" | "cancel_future" => json!({"op": name, "future": which}),
            "timeout" | "wait_for" => json!({"op": name, "time": self.random.below(7)}),
            "notify" => json!({"op": name, "which": which, "count": 1 + self.random.below(2)}),
            "shutdown" => json!({"op": name, "which": self.random.below(4), "immediate": self.random.below(2) == 0}),
            "try" => json!({"op": name, "only_cancelled": self.random.below(3) > 0}),
            _ => json!({"op": name, "which": which}),
        };
        if has_body {
            op["body"] = Value::Array(self.body(me, depth));
        }
        if name == "try" || name == "finally" {
            op["handler"] = Value::Array(self.body(me, depth));
        }
        op
    }
}
