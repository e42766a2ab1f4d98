//! A server that never answers, and somebody who wants the attempts to stop.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use oneloop::{Error, Result, create_task, sleep};

#[derive(Default)]
pub struct Server {
    attempts: Cell<u32>,
}

impl Server {
    /// Fails after a second; from the fourth attempt on it answers.
    pub async fn ask(&self) -> Result<u32> {
        self.attempts.set(self.attempts.get() + 1);
        sleep(Duration::from_secs(1)).await?;
        if self.attempts.get() < 4 { Err(Error::Timeout) } else { Ok(42) }
    }
}

pub fn check<F: Future<Output = Result<u32>> + 'static>(
    retry: impl Fn(Rc<Server>) -> F,
) -> std::result::Result<(), String> {
    let server = Rc::new(Server::default());
    let answer = crate::on_virtual_clock(retry(server.clone()))?;
    if (answer, server.attempts.get()) != (42, 4) {
        return Err(format!("the fourth attempt has 42; it gave {answer} after {} attempts", server.attempts.get()));
    }

    let server = Rc::new(Server::default());
    let retried = retry(server.clone());
    let ended = crate::on_virtual_clock(async move {
        let task = create_task(retried);
        sleep(Duration::from_millis(1500)).await?; // in mid-attempt, the second
        task.cancel();
        Ok(task.await)
    })?;
    if server.attempts.get() > 2 {
        return Err(format!(
            "cancelled in its second attempt, the task made {} more and ended with {ended:?}.\n\
             A cancellation comes out of an `.await` as an error. Is it one of those after which to try again?",
            server.attempts.get() - 2
        ));
    }
    match ended {
        Err(Error::Cancelled) => Ok(()),
        other => Err(format!("it was cancelled, and ended with {other:?}: a cancellation is passed on")),
    }
}
