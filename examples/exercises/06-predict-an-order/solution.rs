//! Exercise 6, solved.

pub const PREDICTION: [&str; 8] = [
    // Turn 1: main's step. All the rest is only queued.
    "main awaits the first",
    // Turn 2: what stood in the queue when it began, in the order in which it was put there.
    "first begins",
    "callback",
    "second begins",
    // Turn 3: the two that let others go first. The first one's end queues main, behind the second.
    "first goes on",
    "second goes on",
    // Turn 4: main. The second has ended already, and awaiting what has ended takes no turn.
    "main has the first",
    "main has the second",
];
