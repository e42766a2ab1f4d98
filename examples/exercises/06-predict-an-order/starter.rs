//! Exercise 6: predict the order of these lines. See README.md beside this file.

pub const PREDICTION: [&str; 8] = [
    "first begins",
    "callback",
    "second begins",
    "main awaits the first",
    "first goes on",
    "second goes on",
    "main has the first",
    "main has the second",
];
