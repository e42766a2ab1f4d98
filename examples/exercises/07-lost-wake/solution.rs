//! Exercise 7, solved: leave the waker first, look afterwards. What came before is seen, what comes after finds a waker.

use std::task::{Context, Poll};

use super::check::Answer;

/// The poll of a future that waits for another thread's number.
pub fn poll(answer: &Answer, context: &mut Context<'_>) -> Poll<u32> {
    answer.leave(context.waker());
    answer.look().map_or(Poll::Pending, Poll::Ready)
}
