//! Exercise 9, solved: a timer may be late, and never early, so a part of a millisecond counts as a whole one.

use std::time::Duration;

pub fn in_milliseconds(left: Duration) -> u64 {
    left.as_nanos().div_ceil(1_000_000) as u64
}
