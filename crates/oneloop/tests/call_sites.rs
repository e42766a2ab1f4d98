//! The invariant by absence: every place that polls a future or calls a user's callback is known.

use std::{fs, path::Path};

/// Where a future is polled, or a closure of the user's is called: file, and the text that does it. A new place must
/// be reached from `run_once` alone (or from a leaf's own poll), hold no borrow meanwhile, and be fenced against panics.
const KNOWN: &[(&str, &str)] = &[
    ("exceptions.rs", "handler(&LoopRef"),
    ("context.rs", "function()"),        // on a thread of the pool
    ("context.rs", "function()"),        // the exception handler, behind its fence
    ("event_loop.rs", "callback.run()"), // in run_once
    ("event_loop.rs", "callback.run()"), // in fire, which run_once calls
    ("event_loop.rs", "listener.run(which)"),
    ("event_loop.rs", "task.step(self)"),
    ("handle.rs", "(self.0)(which)"),
    ("handle.rs", "callback.run()"), // in a listener, run as one
    ("handle.rs", "function()"),
    ("join.rs", ".poll(cx)"),
    ("locks/bounded_semaphore.rs", ".poll(cx)"),
    ("locks/condition.rs", ".poll(cx)"),
    ("locks/event.rs", ".poll(cx)"),
    ("locks/lock.rs", ".poll(cx)"),
    ("locks/semaphore.rs", ".poll(cx)"),
    ("net/duplex.rs", "waker.wake()"),
    ("observer.rs", "observer.event("),
    ("queues.rs", ".poll(cx)"),
    ("ready.rs", "waker.wake()"),              // a foreign waker, behind the fence
    ("selector.rs", ".poll(&mut self.events"), // mio's: the park
    ("signals.rs", "(callback.borrow_mut())()"),
    ("sleep.rs", ".poll(cx)"),
    ("sleep.rs", ".poll(cx)"),
    ("task.rs", ".poll(&mut cx)"),
    ("task.rs", "self.poll(core, future)"),
    ("watch.rs", "(callback.borrow_mut())()"),    // in a listener
    ("combinators/as_completed.rs", ".poll(cx)"), // leaves that poll the leaf inside them
    ("combinators/scope.rs", "body.poll(cx)"),
];

/// What such a place looks like.
const SIGNS: &[&str] = &[
    ".poll(",
    "callback.run(",
    "listener.run(",
    ".wake()",
    "function()",
    "(self.0)(",
    "handler(&LoopRef",
    "(callback.borrow_mut())()",
    "observer.event(",
    "task.step(",
];

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        if path.is_dir() {
            sources(&path, found);
        } else if !name.ends_with("model.rs") && !name.ends_with("tests.rs") {
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn every_place_that_polls_or_calls_back_is_known() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut left: Vec<_> = KNOWN.to_vec();
    let mut unknown = Vec::new();
    for (file, source) in &files {
        for (number, line) in source.lines().enumerate() {
            let code = line.split("//").next().unwrap_or("");
            let declares = code.trim_start().starts_with("pub fn ");
            if declares || !SIGNS.iter().any(|sign| code.contains(sign)) || code.contains("bell.wake()") {
                continue;
            }
            match left.iter().position(|(known, text)| known == file && code.contains(text)) {
                Some(at) => drop(left.remove(at)),
                None => unknown.push(format!("{file}:{}: {}", number + 1, line.trim())),
            }
        }
    }
    assert!(unknown.is_empty(), "new places that poll or call back:\n{}", unknown.join("\n"));
    assert!(left.is_empty(), "no longer there: {left:?}");
}
