//! Exercise 15: say who woke whom. See README.md beside this file.

/// The task, and who woke it last: another task's name, "a timer", "a callback", "a socket" or "itself".
pub const PREDICTION: [(&str, &str); 4] =
    [("writes", "a timer"), ("reads", "a socket"), ("gathers", "reads"), ("main", "gathers")];
