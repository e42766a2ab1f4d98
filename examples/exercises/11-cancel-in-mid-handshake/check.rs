//! A pool with one place, and a peer that never finishes its handshake.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Waker};

use oneloop::net::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use oneloop::{Error, Result, create_task, yield_now};

/// How many connections there may still be.
pub struct Places(Cell<i32>);

impl Places {
    pub fn take(&self) {
        self.0.set(self.0.get() - 1);
    }

    pub fn give_back(&self) {
        self.0.set(self.0.get() + 1);
    }
}

/// Says hello, and waits for the peer's.
pub async fn say_hello(stream: &mut DuplexStream) -> Result<()> {
    stream.write_all(b"hello").await?;
    stream.read_exact(&mut [0; 5]).await
}

pub fn check<F: Future<Output = Result<()>> + 'static>(
    handshake: impl Fn(Rc<Places>, DuplexStream) -> F,
) -> std::result::Result<(), String> {
    let places = Rc::new(Places(Cell::new(1)));
    let expect = |when: &str, question: &str| match places.0.get() {
        1 => Ok(()),
        left => Err(format!("{when}: the pool has {left} places, and should have 1 again.\n{question}")),
    };

    let (near, mut far) = duplex(64);
    let whole = handshake(places.clone(), near);
    crate::on_virtual_clock(async move {
        far.write_all(b"hello").await?;
        whole.await
    })?;
    expect("the handshake is over", "Who gives the place back?")?;

    let (near, _far) = duplex(64);
    let cancelled = handshake(places.clone(), near);
    let ended = crate::on_virtual_clock(async move {
        let task = create_task(cancelled);
        yield_now().await?;
        task.cancel();
        Ok(task.await)
    })?;
    expect("cancelled in mid-handshake", "What does the `?` behind an `.await` do to the lines after it?")?;
    if !matches!(ended, Err(Error::Cancelled)) {
        return Err(format!("a cancellation was swallowed: the task was cancelled, and ended with {ended:?}"));
    }

    let (near, _far) = duplex(64);
    let dropped = handshake(places.clone(), near);
    crate::on_virtual_clock(async move {
        let half_way = pin!(dropped);
        let pending = half_way.poll(&mut Context::from_waker(Waker::noop())).is_pending();
        assert!(pending, "the peer has said nothing");
        Ok(()) // and here the half-made handshake is dropped, as `select!` drops its losers
    })?;
    expect("dropped in mid-handshake", "Nothing after an `.await` runs when a future is dropped. What does run?")
}
