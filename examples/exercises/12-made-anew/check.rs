//! A download that notices how often it was begun.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use oneloop::{Error, Result, sleep};

/// Which of two was first.
pub enum First<A, B> {
    Left(A),
    Right(B),
}

/// Polls both until one is ready. The other one stays where it is: whoever owns it may poll it again.
pub async fn first_of<A: Future, B: Future>(mut a: Pin<&mut A>, mut b: Pin<&mut B>) -> First<A::Output, B::Output> {
    std::future::poll_fn(|context| {
        if let Poll::Ready(value) = a.as_mut().poll(context) {
            return Poll::Ready(First::Left(value));
        }
        b.as_mut().poll(context).map(First::Right)
    })
    .await
}

#[derive(Default)]
pub struct Server {
    begun: Cell<u32>,
}

impl Server {
    /// Takes three and a half seconds.
    pub async fn download(&self) -> Result<u32> {
        self.begun.set(self.begun.get() + 1);
        if self.begun.get() > 10 {
            return Err(Error::Runtime("the server has had enough"));
        }
        sleep(Duration::from_millis(3500)).await?;
        Ok(42)
    }
}

pub fn check<F: Future<Output = Result<(u32, u32)>> + 'static>(
    with_progress: impl Fn(Rc<Server>) -> F,
) -> std::result::Result<(), String> {
    let server = Rc::new(Server::default());
    let future = with_progress(server.clone());
    let outcome = crate::on_virtual_clock(async move { Ok(future.await) })?;
    let begun = server.begun.get();
    if begun > 1 {
        return Err(format!(
            "the download was begun {begun} times, and never got further than its first second.\n\
             What becomes of a future at the end of the block that it was pinned in?"
        ));
    }
    match outcome {
        Ok((42, 3)) => Ok(()),
        Ok((value, dots)) => Err(format!("42 and 3 dots are right, and it gave {value} and {dots}")),
        Err(error) => Err(error.to_string()),
    }
}
