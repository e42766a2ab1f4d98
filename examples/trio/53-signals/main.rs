//! Ctrl-C is an event like others. See README.md beside this file.

use std::{process::Command, time::Duration};

use oneloop::{Error, Result, current_task, get_running_loop, sleep};

const SIGINT: i32 = 2;
const SIGUSR1: i32 = if cfg!(target_os = "macos") { 30 } else { 10 };

/// As Python and C# write it.
fn word(yes: bool) -> &'static str {
    if yes { "True" } else { "False" }
}

/// `os.kill(os.getpid(), signal)`, which std does not have.
fn raise(signal: i32) -> Result<()> {
    let me = std::process::id().to_string();
    Command::new("kill").args([format!("-{signal}"), me]).status()?;
    Ok(())
}

async fn run() -> Result<()> {
    let event_loop = get_running_loop()?;
    let told = event_loop.create_future();
    let tells = told.clone();
    let handler = move || {
        let task = current_task().map_or("None".to_owned(), |task| task.get_name());
        println!("the handler is a callback: current task {task}");
        let _ = tells.set_result("told");
    };
    event_loop.add_signal_handler(SIGUSR1, handler)?;
    raise(SIGUSR1)?;
    println!("the signal is sent, and nothing has run");
    println!("main is {}", told.await?);
    let removed = word(event_loop.remove_signal_handler(SIGUSR1));
    println!("removed {removed}, again {}", word(event_loop.remove_signal_handler(SIGUSR1)));
    raise(SIGINT)?;
    let slept = sleep(Duration::from_secs(3600)).await;
    println!("main cleans up");
    slept
}

fn main() -> Result<()> {
    match oneloop::run(run()) {
        Err(Error::Interrupted) => println!("interrupted"),
        other => other?,
    }
    Ok(())
}
