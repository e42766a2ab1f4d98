//! The forgotten `await`. See README.md beside this file.

use oneloop::{Result, yield_now};

async fn save() -> Result<()> {
    println!("saves");
    Ok(())
}

async fn run() -> Result<()> {
    println!("call");
    drop(save()); // `save();` alone: "unused implementer of `Future` that must be used"
    println!("called");
    yield_now().await?;
    println!("end: nothing was saved");
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
