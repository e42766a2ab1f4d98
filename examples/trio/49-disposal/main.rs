//! Closing what must be awaited. See README.md beside this file.

use std::time::Duration;

use oneloop::{Error, Result, create_task, sleep, yield_now};

struct Resource {
    name: &'static str,
}

impl Resource {
    fn open(name: &'static str) -> Resource {
        println!("{name}: opens");
        Resource { name }
    }

    async fn close(self) -> Result<()> {
        println!("{}: says goodbye", self.name);
        yield_now().await?;
        println!("{}: is closed", self.name);
        Ok(())
    }
}

async fn worker(name: &'static str, fails: bool) -> Result<()> {
    let resource = Resource::open(name);
    // The block's ways out end here, so that one line closes on all of them.
    let result = async {
        if fails {
            return Err(Error::other("broken"));
        }
        sleep(Duration::from_secs(3600)).await
    }
    .await;
    resource.close().await?;
    result
}

async fn run() -> Result<()> {
    if let Err(error) = worker("a", true).await {
        println!("after the closing: {error}");
    }
    let task = create_task(worker("b", false));
    yield_now().await?;
    task.cancel();
    if let Err(Error::Cancelled) = task.await {
        println!("after the closing: cancelled");
    }
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
