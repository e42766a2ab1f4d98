//! A function that can stop: written, and by hand. See README.md beside this file.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use oneloop::{Result, yield_now};

async fn written(name: &'static str) -> Result<i32> {
    println!("{name}: before the first wait");
    yield_now().await?;
    println!("{name}: between the waits");
    yield_now().await?;
    println!("{name}: after the second wait");
    Ok(42)
}

// ANCHOR: machine
/// What `written` is to whoever awaits it: something that can be polled on, from where it stopped.
struct ByHand {
    name: &'static str,
    state: u32,
}

impl Future for ByHand {
    type Output = Result<i32>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<i32>> {
        match self.state {
            0 => println!("{}: before the first wait", self.name),
            1 => println!("{}: between the waits", self.name),
            _ => {
                println!("{}: after the second wait", self.name);
                return Poll::Ready(Ok(42));
            }
        }
        self.state += 1;
        context.waker().wake_by_ref(); // what yield_now does: nothing to wait for, only poll me again
        Poll::Pending
    }
}
// ANCHOR_END: machine

async fn run() -> Result<()> {
    println!("{}", written("written").await?);
    let machine = ByHand { name: "by hand", state: 0 };
    println!("made; nothing has run");
    println!("{}", machine.await?);
    let mut future = pin!(written("driven by hand"));
    for step in 1..=3 {
        println!("step {step}");
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            println!("ended with {}", value?);
        }
    }
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
