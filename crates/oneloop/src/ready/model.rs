//! The hand-over between threads, modelled: loom tries every interleaving of what happens here.
//! `cargo xtask ci` runs it, with `RUSTFLAGS="--cfg loom"`.

use loom::{
    sync::{Condvar, atomic::AtomicUsize},
    thread,
};

use super::*;

/// A park that ends when it is rung, as the selector's does: rings are remembered until then.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock().unwrap() = true;
        self.changed.notify_one();
    }

    fn park(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !std::mem::take(&mut *rung) {
            rung = self.changed.wait(rung).unwrap();
        }
    }
}

fn inbox() -> (Arc<Inbox>, Arc<Bell>) {
    let bell = Arc::new(Bell::default());
    let rope = bell.clone();
    (Arc::new(Inbox::new(move || rope.ring())), bell)
}

/// Two threads each set a value and wake the task. The loop parks until it has seen both values: a lost wake
/// would leave it parked, which loom reports as a deadlock.
#[test]
fn no_wake_is_lost_between_threads() {
    loom::model(|| {
        let (inbox, bell) = inbox();
        let waker = Arc::new(TaskWaker::new(TaskId { index: 0, generation: 1 }, inbox.clone()));
        let value = Arc::new(AtomicUsize::new(0));
        for _ in 0..2 {
            let (waker, value) = (waker.clone(), value.clone());
            thread::spawn(move || {
                value.fetch_add(1, Ordering::Relaxed);
                TaskWaker::post(&waker);
            });
        }
        let mut seen = 0;
        while seen < 2 {
            bell.park();
            for letter in inbox.take() {
                if let Letter::Wake(waker) = letter {
                    waker.opened();
                    seen = value.load(Ordering::Relaxed); // what polling the task would see
                }
            }
        }
    });
}

/// A letter is either taken by the loop or given back to its sender, also when the loop closes meanwhile.
#[test]
fn a_letter_is_never_both_lost_and_accepted() {
    loom::model(|| {
        let (inbox, _bell) = inbox();
        let sender = inbox.clone();
        let thread = thread::spawn(move || sender.add(Letter::Call(Box::new(|| ()))).is_ok());
        let taken = inbox.take().len() + inbox.close().len();
        let accepted = thread.join().unwrap();
        assert_eq!(usize::from(accepted), taken);
    });
}
