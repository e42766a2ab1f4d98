//! Mirrors of a file, which count the requests that they are at.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use oneloop::{Error, Result, sleep, yield_now};

pub struct Mirror {
    name: &'static str,
    takes: Duration,
    fails: bool,
    running: Rc<Cell<usize>>,
}

impl Mirror {
    /// Asks the mirror. Told to stop, it takes a turn to say goodbye.
    pub async fn get(self) -> Result<&'static str> {
        self.running.set(self.running.get() + 1);
        let slept = sleep(self.takes).await;
        if slept.is_err() {
            let _ = yield_now().await; // whatever comes of it, the answer is that we were stopped
        }
        self.running.set(self.running.get() - 1);
        slept?;
        if self.fails { Err(Error::Timeout) } else { Ok(self.name) }
    }
}

pub fn check<F: Future<Output = Result<&'static str>> + 'static>(
    first: impl Fn(Vec<Mirror>) -> F,
) -> std::result::Result<(), String> {
    let running = Rc::new(Cell::new(0));
    let mirror = |name, milliseconds, fails| {
        let takes = Duration::from_millis(milliseconds);
        Mirror { name, takes, fails, running: running.clone() }
    };
    let ask = |mirrors: Vec<Mirror>| {
        let (answer, running) = (first(mirrors), running.clone());
        crate::on_virtual_clock(async move { Ok((answer.await, running.get())) })
    };

    let (answer, left) = ask(vec![mirror("slow", 50, false), mirror("fast", 10, false), mirror("slower", 70, false)])?;
    if !matches!(answer, Ok("fast")) {
        return Err(format!("the first answer is fast's, and it gave {answer:?}"));
    }
    if left > 0 {
        return Err(format!(
            "'fast' has answered, and {left} other requests are still under way.\n\
             `wait` waits, and does no more. Who tells the others to stop, and who waits until they have?"
        ));
    }
    let (answer, left) = ask(vec![mirror("broken", 10, true), mirror("slow", 50, false), mirror("slower", 70, false)])?;
    if !matches!((&answer, left), (Ok("slow"), 0)) {
        return Err(format!("the first to end has failed, and slow's answer was wanted: got {answer:?}, {left} left"));
    }
    let (answer, left) = ask(vec![mirror("broken", 10, true), mirror("too", 50, true)])?;
    if (answer.is_ok(), left) != (false, 0) {
        return Err(format!("all mirrors have failed, and it gave {answer:?}, {left} left"));
    }
    Ok(())
}
