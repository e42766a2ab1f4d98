//! Does not compile, on purpose: chapter 11. `tests/pin.rs` sees that it doesn't, and for this reason.

async fn probe() {}

fn main() {
    // ANCHOR: moves
    let pinned = Box::pin(probe());
    let machine = *pinned; // error[E0507]: cannot move out
    // ANCHOR_END: moves
    drop(machine);
}
