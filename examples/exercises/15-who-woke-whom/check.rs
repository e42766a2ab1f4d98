//! The program whose wakes are to be told, and the recorder that knows them.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use oneloop::net::{AsyncReadExt, AsyncWriteExt, duplex};
use oneloop::{EventLoop, Result, create_task, current_task, gather, sleep};
use oneloop_trace::{By, Recorder, What};

// ANCHOR: program
async fn program() -> Result<()> {
    let (mut near, mut far) = duplex(64);
    let writes = create_task(async move {
        sleep(Duration::from_millis(5)).await?;
        near.write_all(b"hello").await
    });
    writes.set_name("writes");
    let reads = create_task(async move { far.read_exact(&mut [0; 5]).await });
    reads.set_name("reads");
    let gathers = create_task(async move { gather([writes, reads]).await });
    gathers.set_name("gathers");
    gathers.await?;
    Ok(())
}
// ANCHOR_END: program

pub fn check(prediction: &[(&str, &str)]) -> std::result::Result<(), String> {
    let recorder = Rc::new(Recorder::default());
    let event_loop = EventLoop::builder().virtual_clock(true).observer(recorder.clone()).build();
    let main = async {
        if let Some(me) = current_task() {
            me.set_name("main");
        }
        program().await
    };
    event_loop.and_then(|event_loop| event_loop.run_until_complete(main)).map_err(|error| error.to_string())?;

    let log = recorder.log();
    let names = log.records.iter().filter_map(|record| match &record.what {
        What::Name { task, name } => Some((*task, name.as_str())),
        _ => None,
    });
    let names: BTreeMap<u32, &str> = names.collect(); // all of them first: a task is woken for its first step, and named then
    let name = |task: u32| names.get(&task).copied().unwrap_or("a task without a name");
    let mut last = BTreeMap::new();
    for record in &log.records {
        if let What::Wake { task, by, .. } = &record.what {
            let by = match by {
                By::Timer => "a timer",
                By::Task(task) => name(*task),
                By::Itself => "itself",
                By::Callback => "a callback",
                By::Io(_) => "a socket",
                By::Thread => "from outside",
            };
            last.insert(name(*task), by);
        }
    }
    for (task, by) in prediction {
        match last.get(task) {
            Some(truth) if truth == by => {}
            Some(truth) => {
                return Err(format!(
                    "'{task}' was woken last by: {truth}. You said: {by}.\n\
                     Go back from the end: who had what it waited for, and who put it there?"
                ));
            }
            None => return Err(format!("there is no task '{task}' that was woken")),
        }
    }
    let missing = last.keys().find(|task| !prediction.iter().any(|(named, _)| named == *task));
    missing.map_or(Ok(()), |task| Err(format!("you say nothing of '{task}'")))
}
