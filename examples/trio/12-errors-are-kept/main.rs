//! An error waits for whoever awaits. See README.md beside this file.

use oneloop::{Error, Result, create_task, yield_now};

async fn fails() -> Result<()> {
    println!("fails");
    Err(Error::other("broken"))
}

/// As Python and C# write it.
fn word(yes: bool) -> &'static str {
    if yes { "True" } else { "False" }
}

async fn run() -> Result<()> {
    let task = create_task(fails());
    yield_now().await?;
    println!("nobody has noticed: done {}, cancelled {}", word(task.done()), word(task.cancelled()));
    for time in ["first", "second"] {
        if let Err(error) = (&task).await {
            println!("{time} await: {error}");
        }
    }
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
