//! Which context does a value belong to? See README.md beside this file.

use oneloop::{ContextVar, Result, create_task, get_running_loop, to_thread, yield_now};

static REQUEST: ContextVar<&str> = ContextVar::new("request");

async fn sets(value: &'static str) -> Result<()> {
    REQUEST.set(value);
    println!("inside: {}", REQUEST.get_or("none"));
    Ok(())
}

async fn run() -> Result<()> {
    REQUEST.set("main's");
    sets("set by a plain await").await?;
    println!("after a plain await: {}", REQUEST.get_or("none"));
    create_task(sets("set by a task")).await?;
    println!("after a task: {}", REQUEST.get_or("none"));
    REQUEST.set("at registration");
    get_running_loop()?.call_soon(|| println!("callback: {}", REQUEST.get_or("none")));
    REQUEST.set("later");
    yield_now().await?;
    to_thread(|| {
        println!("another thread: {}", REQUEST.get_or("none"));
        Ok(())
    })
    .await
}

fn main() -> Result<()> {
    oneloop::run(run())
}
