//! Two futures that notice how they are polled.

use std::pin::Pin;
use std::time::Duration;

use oneloop::{Result, get_running_loop, sleep};

pub type Boxed = Pin<Box<dyn Future<Output = Result<u32>>>>;

/// Sleeps, and bears no poll after its end: an `async` function panics then.
async fn answer(milliseconds: u64, number: u32) -> Result<u32> {
    sleep(Duration::from_millis(milliseconds)).await?;
    Ok(number)
}

pub fn check<F: Future<Output = (Result<u32>, Result<u32>)> + 'static>(
    join: impl Fn(Boxed, Boxed) -> F + Copy + 'static,
) -> std::result::Result<(), String> {
    for (first, second) in [(300, 300), (100, 300), (300, 100)] {
        let (answers, took) = crate::on_virtual_clock(async move {
            let event_loop = get_running_loop()?;
            let begin = event_loop.time();
            let (one, two) = join(Box::pin(answer(first, 1)), Box::pin(answer(second, 2))).await;
            Ok(((one?, two?), event_loop.time() - begin))
        })?;
        if answers != (1, 2) {
            return Err(format!("the answers are {answers:?}, and should be (1, 2)"));
        }
        if took != Duration::from_millis(first.max(second)) {
            return Err(format!(
                "{first} ms and {second} ms took {took:?} together: the second future was not polled until the first had ended.\n\
                 A future that was never polled has not even made its timer. What does `Pending` of the one say about the other?"
            ));
        }
    }
    Ok(())
}
