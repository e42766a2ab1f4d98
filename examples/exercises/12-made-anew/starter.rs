//! Exercise 12: show progress without losing it. See README.md beside this file.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use oneloop::{Result, sleep};

use super::check::{First, Server, first_of};

/// Downloads, and counts a dot each second meanwhile. Gives what was downloaded, and the dots.
pub async fn with_progress(server: Rc<Server>) -> Result<(u32, u32)> {
    let mut dots = 0;
    loop {
        let download = pin!(server.download());
        let second = pin!(sleep(Duration::from_secs(1)));
        match first_of(download, second).await {
            First::Left(value) => return Ok((value?, dots)),
            First::Right(slept) => slept?,
        }
        dots += 1;
    }
}
