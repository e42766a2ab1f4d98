//! Who runs now? Tasks have names. See README.md beside this file.

use oneloop::{Result, TaskRef, all_tasks, current_task, get_running_loop, task_builder, yield_now};

fn current_name() -> String {
    current_task().map_or("None".to_owned(), |task| task.get_name())
}

fn all_names() -> String {
    let mut names: Vec<String> = all_tasks().iter().map(TaskRef::get_name).collect();
    names.sort();
    format!("['{}']", names.join("', '"))
}

async fn body() -> Result<()> {
    println!("in a task: {}", current_name());
    yield_now().await
}

async fn run() -> Result<()> {
    current_task().expect("a task runs this").set_name("main");
    let task = task_builder()?.name("reader").create_task(body());
    println!("all: {}", all_names());
    get_running_loop()?.call_soon(|| println!("in a callback: {}", current_name()));
    task.await?;
    println!("all: {}", all_names());
    println!("in main: {}", current_name());
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
