//! Exercise 1, solved: a task for each probe, made before the first one is awaited.

use oneloop::{Result, gather};

use super::check::probe;

pub async fn probe_all(servers: Vec<u32>) -> Result<Vec<u32>> {
    // `gather` makes a task of each future. A loop over `create_task`, and another that awaits, does as well.
    gather(servers.into_iter().map(probe)).await
}
