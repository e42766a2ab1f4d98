//! Exercise 19, solved: a turn runs what was ready when it began. asyncio counts (`ntodo`), and so does oneloop.

use super::check::Queue;

/// The last phase of a turn: runs what is ready.
pub fn run_ready(queue: &Queue) {
    let turn = queue.take();
    for callback in turn {
        callback();
    }
}
