//! The loop's own source text, for tools that show a run beside the code that ran.
//!
//! Job: what a reader reads, compiled in. Neighbours: oneloop-trace's report lights the line of each event. Invariant: it
//! is the text that was compiled, since it comes from the same files. A program that does not use it does not carry it.

/// The files that tell an observer what happens: name and text.
pub const SOURCES: [(&str, &str); 9] = [
    ("event_loop.rs", include_str!("event_loop.rs")),
    ("selector.rs", include_str!("selector.rs")),
    ("debug/mode.rs", include_str!("debug/mode.rs")),
    ("observer.rs", include_str!("observer.rs")),
    ("task_ref.rs", include_str!("task_ref.rs")),
    ("sleep.rs", include_str!("sleep.rs")),
    ("future.rs", include_str!("future.rs")),
    ("locks/line.rs", include_str!("locks/line.rs")),
    ("executor.rs", include_str!("executor.rs")),
];
