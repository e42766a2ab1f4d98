//! The program whose order is to be predicted.

use std::cell::RefCell;
use std::rc::Rc;

use oneloop::{Result, create_task, get_running_loop, yield_now};

type Lines = Rc<RefCell<Vec<&'static str>>>;

// ANCHOR: program
async fn child(lines: Lines, begins: &'static str, goes_on: &'static str) -> Result<()> {
    lines.borrow_mut().push(begins);
    yield_now().await?;
    lines.borrow_mut().push(goes_on);
    Ok(())
}

async fn program(lines: Lines) -> Result<()> {
    let first = create_task(child(lines.clone(), "first begins", "first goes on"));
    let theirs = lines.clone();
    get_running_loop()?.call_soon(move || theirs.borrow_mut().push("callback"));
    let second = create_task(child(lines.clone(), "second begins", "second goes on"));
    lines.borrow_mut().push("main awaits the first");
    first.await?;
    lines.borrow_mut().push("main has the first");
    second.await?;
    lines.borrow_mut().push("main has the second");
    Ok(())
}
// ANCHOR_END: program

pub fn check(prediction: &[&str]) -> Result<(), String> {
    let lines = Lines::default();
    crate::on_virtual_clock(program(lines.clone()))?;
    let lines = lines.borrow();
    for (number, line) in lines.iter().enumerate() {
        match prediction.get(number) {
            Some(predicted) if predicted == line => {}
            Some(predicted) => {
                return Err(format!(
                    "line {} is '{line}', and you said '{predicted}'.\n\
                     `create_task` puts a step at the end of the queue. When is the queue worked off?",
                    number + 1
                ));
            }
            None => return Err(format!("you said {number} lines, and there is another: '{line}'")),
        }
    }
    if prediction.len() > lines.len() {
        return Err(format!("the program prints {} lines, and you said {}", lines.len(), prediction.len()));
    }
    Ok(())
}
