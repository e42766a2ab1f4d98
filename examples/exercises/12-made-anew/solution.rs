//! Exercise 12, solved: the download is pinned where it outlives a round, and lent to each round by `as_mut`.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use oneloop::{Result, sleep};

use super::check::{First, Server, first_of};

/// Downloads, and counts a dot each second meanwhile. Gives what was downloaded, and the dots.
pub async fn with_progress(server: Rc<Server>) -> Result<(u32, u32)> {
    let mut download = pin!(server.download());
    let mut dots = 0;
    loop {
        let second = pin!(sleep(Duration::from_secs(1)));
        match first_of(download.as_mut(), second).await {
            First::Left(value) => return Ok((value?, dots)),
            First::Right(slept) => slept?,
        }
        dots += 1;
    }
}
