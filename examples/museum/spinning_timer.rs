//! Museum: the timer that spins. `cargo museum spinning_timer` shows the mended loop, `cargo museum spinning_timer bug`
//! the fault.
//!
//! The first timer is due in 1.4 ms, but the selector takes whole milliseconds. Cut down to 1, it returns too early;
//! the timer is not due, 0.4 ms are left, cut down to 0: the selector returns at once, and again, and for 400 µs the
//! processor runs at full speed to wait. Nobody sees it but the electricity bill: every timer fires in time.
//!
//! The rule: round up. A timer may be late, never early, and a loop must not be awake without a reason. asyncio rounds up
//! (`math.ceil(timeout * 1e3)`), mio does now, and Windows' own timers are coarser still. Some selectors take
//! nanoseconds (`epoll_pwait2`), but an early return must be borne in any case: signals cause them, too.
//!
//! Time in this program is a number that the selector and the loop's own work move, so it prints the same lines everywhere.

fn main() {
    let rounds_up = std::env::args().nth(1).is_none_or(|word| word != "bug");
    let deadline = 1_400; // all in µs
    let mut now = 0;
    let mut looks = 0;
    while now < deadline {
        looks += 1;
        let timeout = in_milliseconds(deadline - now, rounds_up);
        if looks <= 3 {
            println!("{now:4} µs  loop: the timer is due in {} µs, so park for {timeout} ms", deadline - now);
        }
        now += park(timeout);
    }
    println!("{now:4} µs  timer: fires, {} µs late; looks at the selector: {looks}", now - deadline);
}

// ANCHOR: rounding
fn in_milliseconds(microseconds: u64, rounds_up: bool) -> u64 {
    if rounds_up { microseconds.div_ceil(1_000) } else { microseconds / 1_000 }
}
// ANCHOR_END: rounding

/// What a selector takes to find nothing: the timeout, or the 5 µs that a system call and a turn cost.
fn park(milliseconds: u64) -> u64 {
    (milliseconds * 1_000).max(5)
}
