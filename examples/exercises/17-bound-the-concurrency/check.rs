//! A site that counts how many probes are at it.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use oneloop::{Result, get_running_loop, sleep};

#[derive(Default)]
pub struct Site {
    now: Cell<usize>,
    most: Cell<usize>,
}

impl Site {
    pub async fn probe(&self, url: u32) -> Result<u32> {
        self.now.set(self.now.get() + 1);
        self.most.set(self.most.get().max(self.now.get()));
        sleep(Duration::from_millis(100)).await?;
        self.now.set(self.now.get() - 1);
        Ok(url)
    }
}

pub fn check<F: Future<Output = Result<Vec<u32>>> + 'static>(
    probe_all: impl Fn(Rc<Site>, Vec<u32>, usize) -> F,
) -> std::result::Result<(), String> {
    let urls: Vec<u32> = (1..=20).collect();
    for limit in [4, 7, 100] {
        let site = Rc::new(Site::default());
        let probes = probe_all(site.clone(), urls.clone(), limit);
        let (answers, took) = crate::on_virtual_clock(async move {
            let event_loop = get_running_loop()?;
            let begin = event_loop.time();
            let answers = probes.await?;
            Ok((answers, event_loop.time() - begin))
        })?;
        if answers != urls {
            return Err(format!("the answers are {answers:?}, and should be in the order of the URLs"));
        }
        let most = site.most.get();
        if most > limit {
            return Err(format!(
                "{most} probes were under way at once, and {limit} are allowed.\n\
                 `gather` starts all that it is given. What must a probe have before it begins, and when does it give that back?"
            ));
        }
        let rounds = urls.len().div_ceil(limit) as u32;
        if took != Duration::from_millis(100) * rounds {
            return Err(format!(
                "20 probes, {limit} at a time, are done after {rounds} times 100 ms; it took {took:?}"
            ));
        }
    }
    Ok(())
}
