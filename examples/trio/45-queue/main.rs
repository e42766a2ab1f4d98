//! A queue, and the item that is not yours yet. See README.md beside this file.

use oneloop::{Error, Queue, Result, create_task, gather, yield_now};

async fn getter(name: &'static str, queue: Queue<&'static str>) -> Result<()> {
    match queue.get().await {
        Ok(item) => println!("{name} gets {item}"),
        Err(Error::QueueShutDown) => println!("{name}: the queue is shut down"),
        Err(error) => return Err(error),
    }
    Ok(())
}

async fn run() -> Result<()> {
    let queue = Queue::new(0);
    let tasks = ["a", "b"].map(|name| create_task(getter(name, queue.clone())));
    yield_now().await?;
    queue.put_nowait("the first item")?;
    println!("main takes {}, which has woken a", queue.get_nowait()?);
    yield_now().await?;
    queue.put_nowait("the second item")?;
    yield_now().await?;
    queue.put_nowait("the third item")?;
    queue.shutdown(false);
    if let Err(Error::QueueShutDown) = queue.put_nowait("too late") {
        println!("no more is taken in");
    }
    gather(tasks).await?;
    getter("main", queue).await?;

    let narrow = Queue::new(1);
    let puts = narrow.clone();
    let producer = async move {
        for item in [1, 2] {
            puts.put(item).await?;
            println!("put {item}");
        }
        Ok(())
    };
    let task = create_task(producer);
    yield_now().await?;
    yield_now().await?;
    println!("full {}", if narrow.full() { "True" } else { "False" });
    for _ in 0..2 {
        println!("got {}", narrow.get().await?);
        narrow.task_done()?;
    }
    narrow.join().await?;
    task.await?;
    println!("all work is done");
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
