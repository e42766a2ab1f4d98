//! One operation on a socket that several may await at once: `accept`, `recv_from`, `readable`.
//!
//! Job: give each of them a place of its own among those who wait. A stream's `poll_read` needs none: it borrows the
//! stream, so there is one at a time. Neighbours: `selector.rs`, where they wait. Invariants: each is woken at an event,
//! whoever made its waker; one that is dropped waits no longer.
//!
//! Counterparts: `loop.sock_accept` and its kind, of which asyncio allows one a socket; `Socket.AcceptAsync`.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use crate::{
    error::Result,
    selector::{Direction, Registration},
};

/// A leaf: runs its `operation` when the socket is ready, until it gives something.
pub(super) struct Operation<'a, F> {
    registration: &'a Registration,
    direction: Direction,
    operation: F,
    /// Its place among those who wait, which no other has; 0 before it has waited.
    key: u32,
}

impl Registration {
    /// An operation that others may await at the same time. Cancellation safe.
    pub(super) fn operation<R, F: FnMut() -> io::Result<R> + Unpin>(
        &self,
        direction: Direction,
        operation: F,
    ) -> Operation<'_, F> {
        Operation { registration: self, direction, operation, key: 0 }
    }
}

impl<R, F: FnMut() -> io::Result<R> + Unpin> Future for Operation<'_, F> {
    type Output = Result<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<R>> {
        let this = &mut *self;
        if this.key == 0 {
            let last = &this.registration.core.selector.last_key;
            last.set(last.get().checked_add(1).unwrap_or(1));
            this.key = last.get();
        }
        this.registration.poll_io(cx, this.direction, this.key, &mut this.operation)
    }
}

impl<F> Drop for Operation<'_, F> {
    fn drop(&mut self) {
        let key = self.key;
        if key != 0 {
            // Outside of the borrow: it may be a foreign waker.
            let gone =
                self.registration.with_half(self.direction, |half| half.waiters.remove(|waiter| waiter.has_key(key)));
            drop(gone);
        }
    }
}
