//! A world with one piece of news, which comes while one waits for it and not before.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

/// What is outside the program: here one answer, on its way.
#[derive(Default)]
pub struct World {
    waiter: RefCell<Option<Waker>>,
    answer: Cell<Option<u32>>,
    parks: Cell<usize>,
}

impl World {
    /// Waits until something happens, as a selector does. The processor does nothing meanwhile.
    pub fn park(&self) {
        self.parks.set(self.parks.get() + 1);
        let Some(waiter) = self.waiter.take() else {
            panic!("the loop parked while its future was woken already: nothing else will happen, so it parks for ever")
        };
        self.answer.set(Some(42));
        waiter.wake();
    }
}

/// How often a future that nobody woke is polled before we believe it.
const ENOUGH: usize = 1000;

/// The future that is run, as a function of its context.
type Leaf<'a> = &'a mut dyn FnMut(&mut Context<'_>) -> Poll<u32>;

pub fn check(block_on: impl FnOnce(&World, Leaf<'_>) -> u32) -> Result<(), String> {
    let world = World::default();
    let mut polls = 0;
    let mut leaf = |context: &mut Context<'_>| {
        polls += 1;
        match (polls, world.answer.get()) {
            (_, Some(answer)) => Poll::Ready(answer),
            (ENOUGH, None) => Poll::Ready(0),
            (1, None) => {
                context.waker().wake_by_ref(); // as `yield_now`: once more, please, and without waiting
                Poll::Pending
            }
            (_, None) => {
                *world.waiter.borrow_mut() = Some(context.waker().clone());
                Poll::Pending
            }
        }
    };
    let answer = block_on(&world, &mut leaf);
    let parks = world.parks.get();
    if polls >= ENOUGH {
        return Err(format!(
            "the future was polled {polls} times, and {} of them it had not been woken.\n\
             The processor is at 100 %, and the answer does not come any sooner. Who says when it is worth a poll?",
            polls - 2
        ));
    }
    if (answer, polls, parks) != (42, 3, 1) {
        return Err(format!("the answer is {answer} after {polls} polls and {parks} parks; 42, 3 and 1 are right"));
    }
    Ok(())
}

/// Makes a future of it.
pub fn future(leaf: Leaf<'_>) -> impl Future<Output = u32> {
    poll_fn(leaf)
}
