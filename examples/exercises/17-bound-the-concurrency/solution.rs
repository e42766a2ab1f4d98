//! Exercise 17, solved: a permit for each probe, which is given back when it is dropped.

use std::rc::Rc;

use oneloop::{Result, Semaphore, gather};

use super::check::Site;

pub async fn probe_all(site: Rc<Site>, urls: Vec<u32>, at_once: usize) -> Result<Vec<u32>> {
    let permits = Rc::new(Semaphore::new(at_once));
    gather(urls.into_iter().map(|url| {
        let (site, permits) = (site.clone(), permits.clone());
        async move {
            let _permit = permits.acquire().await?; // not `let _ =`, which would give it back at once
            site.probe(url).await
        }
    }))
    .await
}
