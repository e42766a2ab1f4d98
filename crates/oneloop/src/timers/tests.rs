//! What the heap and its lazy cancellation promise.

use std::{task::Waker, time::Duration};

use super::*;

fn nobody() -> Sleeper {
    Sleeper::Foreign(Waker::noop().clone())
}

fn add(timers: &mut Timers, when: Instant) -> TimerId {
    timers.add(when, Action::Wake(nobody()))
}

#[test]
fn equal_deadlines_come_in_the_order_of_insertion() {
    let (mut timers, when) = (Timers::default(), Instant::now());
    let ids: Vec<_> = (0..9).map(|_| add(&mut timers, when)).collect();
    let popped: Vec<_> = std::iter::from_fn(|| timers.pop_due(when)).collect();
    assert_eq!(popped, ids);
}

#[test]
fn a_slot_that_was_inherited_is_not_the_old_timer() {
    let (mut timers, when) = (Timers::default(), Instant::now());
    let old = add(&mut timers, when);
    assert!(timers.remove(old).is_some());
    let new = add(&mut timers, when);
    assert_eq!(old.index, new.index);
    assert!(timers.remove(old).is_none(), "a stale id must not cancel the heir");
    assert!(timers.wake_instead(old, nobody()).is_err());
    assert_eq!(timers.pop_due(when), Some(new));
    assert_eq!(timers.pop_due(when), None);
}

#[test]
fn a_due_timer_can_be_cancelled_until_its_place_comes() {
    let (mut timers, when) = (Timers::default(), Instant::now());
    let id = add(&mut timers, when);
    assert_eq!(timers.pop_due(when), Some(id));
    assert!(timers.remove(id).is_some());
    assert_eq!(timers.dead, 0, "its entry had left the heap already");
    assert_eq!(timers.len(), 0);
}

#[test]
fn cancelled_timers_do_not_pile_up() {
    let (mut timers, now) = (Timers::default(), Instant::now());
    let keep = add(&mut timers, now + Duration::from_secs(3600));
    for _ in 0..10_000 {
        let id = add(&mut timers, now + Duration::from_secs(60));
        timers.remove(id);
    }
    assert!(timers.heap.len() <= MIN_ENTRIES_TO_COMPACT + 1, "{} entries left", timers.heap.len());
    assert_eq!(timers.pop_due(now + Duration::from_secs(3600)), Some(keep));
}
