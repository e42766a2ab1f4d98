//! When does the body start? See README.md beside this file, and the same program in main.py and Program.cs.

use oneloop::{Result, create_task, yield_now};

async fn body(name: &'static str) -> Result<&'static str> {
    println!("{name}: the body starts");
    yield_now().await?;
    println!("{name}: the body goes on");
    Ok(name)
}

async fn run() -> Result<()> {
    println!("call");
    let cold = body("cold");
    println!("called; nothing awaits it yet");
    cold.await?;
    println!("make a task");
    let task = create_task(body("task"));
    println!("made; nothing awaits it yet");
    println!("result: {}", task.await?);
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
