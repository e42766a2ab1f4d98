//! The faults that are planted.
//!
//! Each is a wrong loop that somebody has written, somewhere: what a reader might do when writing one. A fault is a few
//! edits; each must be found in its file exactly once, so that a fault which the source has outgrown is noticed.

/// One wrong loop.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// A file of `crates/oneloop/src`, what stands there, and what is put in its place.
    pub(crate) edits: &'static [(&'static str, &'static str, &'static str)],
}

/// All of them.
pub(crate) const FAULTS: [Fault; 10] = [
    Fault {
        name: "no-snapshot",
        what: "a turn runs until nothing is ready, not what was ready when it began",
        edits: &[("event_loop.rs", "let count = core.ready.borrow().len();", "let count = usize::MAX;")],
    },
    Fault {
        name: "lifo",
        what: "the newest of what is ready runs first",
        edits: &[(
            "event_loop.rs",
            "let count = core.ready.borrow().len();",
            "let count = core.ready.borrow().len();\n        core.ready.borrow_mut().make_contiguous().reverse();",
        )],
    },
    Fault {
        name: "inline-wake",
        what: "who waits for a future runs inside of set_result, as in C#",
        edits: &[(
            "waiters.rs",
            "Waiter::Wake(_, sleeper) => core.wake(sleeper),",
            "Waiter::Wake(_, sleeper) => {
            core.wake(sleeper);
            let last = core.ready.borrow_mut().pop_back();
            match last {
                Some(Ready::Step(id)) if core.current.get() != Some(id) => {
                    let (aside, outer) = (core.step.set_aside(), core.current.take());
                    core.step::<true>(id);
                    core.current.set(outer);
                    core.step.resume(aside);
                }
                last => core.ready.borrow_mut().extend(last),
            }
        }",
        )],
    },
    Fault {
        name: "two-lists",
        what: "of those who wait for a future the tasks are told first, the callbacks after them",
        edits: &[(
            "waiters.rs",
            "Waiters::Many(list) => list.into_iter().for_each(|waiter| waiter.schedule(core)),",
            "Waiters::Many(list) => {
                let (tasks, callbacks): (Vec<_>, Vec<_>) =
                    list.into_iter().partition(|waiter| matches!(waiter, Waiter::Wake(..)));
                tasks.into_iter().chain(callbacks).for_each(|waiter| waiter.schedule(core));
            }",
        )],
    },
    Fault {
        name: "timers-first",
        what: "due timers are queued before what the selector reports",
        edits: &[(
            "event_loop.rs",
            "            let unpark = core.selector.dispatch::<OBSERVED>(core);",
            "            core.queue_due_timers::<OBSERVED>();\n            let unpark = core.selector.dispatch::<OBSERVED>(core);",
        )],
    },
    Fault {
        name: "join-in-parent",
        what: "a gather looks at its children when one ends, and not in a turn of its own",
        edits: &[
            (
                "handle.rs",
                "pub(crate) struct Listener(Box<dyn Fn(u32)>",
                "pub(crate) struct Listener(Box<dyn Fn(u32)>, pub(crate) bool",
            ),
            (
                "handle.rs",
                "        Rc::new(Listener(Box::new(function)))\n    }",
                "        Rc::new(Listener(Box::new(function), false))\n    }

    pub(crate) fn at_once(function: impl Fn(u32) + 'static) -> Rc<Listener> {
        Rc::new(Listener(Box::new(function), true))
    }",
            ),
            ("combinators/gather.rs", "let listener = Listener::new({", "let listener = Listener::at_once({"),
            (
                "waiters.rs",
                "Waiter::Notify(listener, which) => core.push(Ready::Notify(listener, which)),",
                "Waiter::Notify(listener, which) if listener.1 => listener.run(which),
            Waiter::Notify(listener, which) => core.push(Ready::Notify(listener, which)),",
            ),
        ],
    },
    Fault {
        name: "late-cancel-loses",
        what: "a cancellation that comes when the value is there already is forgotten",
        edits: &[(
            "future.rs",
            "        if core.as_ref().is_some_and(|core| core.step.take_thrown(core)) {",
            "        if core.as_ref().is_some_and(|core| core.step.take_thrown(core)) && !self.target.state().is_done() {",
        )],
    },
    Fault {
        name: "cancelled-twice",
        what: "a cancellation that went down to what a task waits for is thrown into the task as well",
        edits: &[(
            "cancel.rs",
            "            Some(below) => way.down(below),",
            "            Some(below) => {
                way.down(below);
                self.must_cancel.set(true);
                return true;
            }",
        )],
    },
    Fault {
        name: "barging-lock",
        what: "a lock that is free is taken by whoever comes, though others wait",
        edits: &[("locks/lock.rs", " && !this.shared.line.is_taken() => {", " => {")],
    },
    Fault {
        name: "ties-reversed",
        what: "of timers that are due at the same time the last one fires first",
        edits: &[("timers.rs", "sequence: self.sequence, id }", "sequence: u64::MAX - self.sequence, id }")],
    },
];
