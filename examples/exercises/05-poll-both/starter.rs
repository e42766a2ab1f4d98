//! Exercise 5: a future that waits for two. See README.md beside this file.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use oneloop::Result;

use super::check::Boxed;

pub fn join(first: Boxed, second: Boxed) -> Join {
    Join { first, second, answers: (None, None) }
}

pub struct Join {
    first: Boxed,
    second: Boxed,
    /// What has ended already: it must not be polled again.
    answers: (Option<Result<u32>>, Option<Result<u32>>),
}

impl Future for Join {
    type Output = (Result<u32>, Result<u32>);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.answers.0.is_none() {
            this.answers.0 = Some(ready!(this.first.as_mut().poll(context))); // `ready!` returns if it is Pending
        }
        if this.answers.1.is_none() {
            this.answers.1 = Some(ready!(this.second.as_mut().poll(context)));
        }
        match (this.answers.0.take(), this.answers.1.take()) {
            (Some(first), Some(second)) => Poll::Ready((first, second)),
            _ => Poll::Pending,
        }
    }
}
