//! Three servers, each of which takes 300 ms to answer, on a clock that jumps.

use std::time::Duration;

use oneloop::{Result, get_running_loop, sleep};

pub async fn probe(server: u32) -> Result<u32> {
    sleep(Duration::from_millis(300)).await?;
    Ok(server * 100)
}

pub fn check<F: Future<Output = Result<Vec<u32>>> + 'static>(
    probe_all: impl FnOnce(Vec<u32>) -> F + 'static,
) -> std::result::Result<(), String> {
    let (answers, took) = crate::on_virtual_clock(async move {
        let event_loop = get_running_loop()?;
        let begin = event_loop.time();
        let answers = probe_all(vec![1, 2, 3]).await?;
        Ok((answers, event_loop.time() - begin))
    })?;
    if answers != [100, 200, 300] {
        return Err(format!("the answers are {answers:?}, and should be those of servers 1, 2 and 3, in this order"));
    }
    if took != Duration::from_millis(300) {
        return Err(format!(
            "three probes of 300 ms each took {took:?}: one was waited for after the other.\n\
             A call of an `async` function has not begun anything. What made it begin here, and when?"
        ));
    }
    Ok(())
}
