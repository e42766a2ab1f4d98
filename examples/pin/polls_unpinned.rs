//! Does not compile, on purpose: chapter 11. `tests/pin.rs` sees that it doesn't, and for this reason.

use std::pin::Pin;
use std::task::{Context, Waker};

async fn pause() {}

// ANCHOR: probe
async fn probe() -> usize {
    let head = [7_u8; 64];
    let part = &head[..4]; // a borrow of a local …
    pause().await; // … that lives across a wait
    part.len()
}
// ANCHOR_END: probe

fn main() {
    // ANCHOR: unpinned
    let mut future = probe();
    let mut context = Context::from_waker(Waker::noop());
    let _ = Pin::new(&mut future).poll(&mut context); // error[E0277]: the future cannot be unpinned
    // ANCHOR_END: unpinned
}
