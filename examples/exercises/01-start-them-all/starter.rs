//! Exercise 1: have all probes under way at once. See README.md beside this file.

use oneloop::Result;

use super::check::probe;

pub async fn probe_all(servers: Vec<u32>) -> Result<Vec<u32>> {
    // In C# this line would have started them all.
    let probes: Vec<_> = servers.into_iter().map(probe).collect();
    let mut answers = Vec::new();
    for probe in probes {
        answers.push(probe.await?);
    }
    Ok(answers)
}
