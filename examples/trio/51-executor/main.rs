//! Work for another thread. See README.md beside this file.

use std::{
    cell::Cell,
    rc::Rc,
    sync::{Arc, atomic::AtomicBool, atomic::Ordering::SeqCst},
    thread,
    time::Duration,
};

use oneloop::{Error, Result, create_task, get_running_loop, sleep, to_thread};

/// As Python and C# write it.
fn word(yes: bool) -> &'static str {
    if yes { "True" } else { "False" }
}

/// What `threading.Event.wait` does, on a thread where blocking is allowed.
async fn wait_until(flag: &Arc<AtomicBool>) -> Result<()> {
    let flag = flag.clone();
    to_thread(move || {
        while !flag.load(SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    })
    .await
}

async fn run() -> Result<()> {
    let loop_thread = thread::current().id();
    let (started, finished) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let blocks = |milliseconds| {
        let (started, finished) = (started.clone(), finished.clone());
        move || {
            started.store(true, SeqCst);
            thread::sleep(Duration::from_millis(milliseconds));
            finished.store(true, SeqCst);
            Ok(format!("on the loop's thread: {}", word(thread::current().id() == loop_thread)))
        }
    };
    let ticks = Rc::new(Cell::new(0));
    let counts = ticks.clone();
    let ticker = async move {
        loop {
            sleep(Duration::from_millis(10)).await?;
            counts.set(counts.get() + 1);
        }
    };
    let task = create_task::<()>(ticker);
    println!("the closure ran {}", to_thread(blocks(100)).await?);
    println!("and the line after it on the loop's thread: {}", word(thread::current().id() == loop_thread));
    println!("the loop went on meanwhile: {}", word(ticks.get() > 0));
    task.cancel();

    let fails = || Err::<(), Error>(Error::other("broken"));
    if let Err(error) = get_running_loop()?.run_in_executor(None, fails).await {
        println!("failed: {error}");
    }

    started.store(false, SeqCst);
    finished.store(false, SeqCst);
    let task = create_task(to_thread(blocks(100)));
    wait_until(&started).await?;
    task.cancel();
    if let Err(Error::Cancelled) = task.await {
        println!("cancelled; the closure has finished: {}", word(finished.load(SeqCst)));
    }
    wait_until(&finished).await?;
    println!("it has finished now");
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
