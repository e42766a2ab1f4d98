//! A loop whose selector takes whole milliseconds, on a clock of microseconds that only its work moves.

use std::time::Duration;

/// What a look at the selector costs when it does not wait, in µs.
const LOOK: u64 = 5;

pub fn check(in_milliseconds: impl Fn(Duration) -> u64) -> Result<(), String> {
    for (deadline, most) in [(1_400, 1), (2_000, 1), (1, 1), (999, 1), (60_000_000, 1)] {
        let (mut now, mut looks) = (0, 0);
        while now < deadline {
            looks += 1;
            let wait = in_milliseconds(Duration::from_micros(deadline - now));
            now += wait.saturating_mul(1000).max(LOOK);
        }
        let late = now - deadline;
        if looks > most {
            return Err(format!(
                "a timer that is due in {deadline} µs fires, after {looks} looks at the selector.\n\
                 It fires in time, so nobody will complain. What does the processor do in the last part of a millisecond?"
            ));
        }
        if late >= 1_000 {
            return Err(format!(
                "a timer of {deadline} µs is {late} µs late; a millisecond is the most that is needed"
            ));
        }
    }
    if in_milliseconds(Duration::ZERO) != 0 {
        return Err("nothing is left to wait for, and the loop would wait".into());
    }
    if in_milliseconds(Duration::from_nanos(1)) != 1 {
        return Err("a nanosecond is left, and the loop would not wait for it".into());
    }
    Ok(())
}
