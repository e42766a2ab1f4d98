//! A time limit around a block. See README.md beside this file.

use std::time::Duration;

use oneloop::{Error, Result, sleep, timeout};

const HOUR: Duration = Duration::from_secs(3600);
const LONG: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_millis(20);

/// As Python and C# write it.
fn word(yes: bool) -> &'static str {
    if yes { "True" } else { "False" }
}

async fn run() -> Result<()> {
    let result: Result<()> = timeout(LONG, async |_| match timeout(SHORT, async |_| sleep(HOUR).await).await {
        Err(Error::Timeout) => {
            println!("the inner limit reports");
            Err(Error::other("an error of the block's own"))
        }
        other => other,
    })
    .await;
    if let Err(error @ Error::Other(_)) = result {
        println!("the outer one has nothing to say about {error}");
    }

    let result: Result<()> = timeout(SHORT, async |_| {
        timeout(LONG, async |_| {
            let slept = sleep(HOUR).await;
            if let Err(Error::Cancelled) = slept {
                println!("inside it is a cancellation");
            }
            slept
        })
        .await
    })
    .await;
    if let Err(Error::Timeout) = result {
        println!("the outer limit reports");
    }

    timeout(SHORT, async |scope| {
        scope.reschedule(None)?;
        sleep(Duration::from_millis(50)).await?;
        println!("moved in time: expired {}", word(scope.expired()));
        Ok::<(), Error>(())
    })
    .await?;

    let expired = timeout(SHORT, async |scope| {
        if let Err(Error::Cancelled) = sleep(HOUR).await {
            println!("swallowed");
        }
        // The scope is the body's: what it has to say of the limit, it returns.
        Ok::<bool, Error>(scope.expired())
    })
    .await?;
    println!("no error: expired {}", word(expired));
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
