//! A future is settled once. See README.md beside this file.

use oneloop::{Error, Result, get_running_loop};

fn attempt(what: &str, result: Result<()>) {
    match result {
        Ok(()) => println!("{what}: done"),
        Err(Error::InvalidState(_)) => println!("{what}: refused"),
        Err(error) => println!("{what}: {error}"),
    }
}

/// As Python and C# write it.
fn word(yes: bool) -> &'static str {
    if yes { "True" } else { "False" }
}

async fn run() -> Result<()> {
    let event_loop = get_running_loop()?;
    let future = event_loop.create_future();
    println!("new: done {}", word(future.done()));
    attempt("set a result", future.set_result(1));
    attempt("set another", future.set_result(2));
    attempt("set an error", future.set_error(Error::other("broken")));
    println!("cancel: {}", word(future.cancel()));
    println!("awaited: {}, done {}, cancelled {}", (&future).await?, word(future.done()), word(future.cancelled()));

    let future = event_loop.create_future();
    println!("cancel: {}, again: {}", word(future.cancel()), word(future.cancel()));
    attempt("set a result", future.set_result(1));
    match (&future).await {
        Err(Error::Cancelled) => {
            println!("awaited: cancelled, done {}, cancelled {}", word(future.done()), word(future.cancelled()));
        }
        other => println!("awaited: {other:?}"),
    }
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
