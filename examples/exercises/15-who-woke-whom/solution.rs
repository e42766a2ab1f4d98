//! Exercise 15, solved.

/// The task, and who woke it last: another task's name, "a timer", "a callback", "a socket" or "itself".
pub const PREDICTION: [(&str, &str); 4] = [
    ("writes", "a timer"),
    ("reads", "writes"),       // a pipe in memory: the task that writes wakes the one that reads
    ("gathers", "a callback"), // a child's end is told to `gather` by a callback, and that settles the outer future
    ("main", "gathers"),
];
