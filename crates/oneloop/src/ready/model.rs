//! The hand-over between threads, modelled: loom tries every interleaving in which a thread is interrupted at most
//! three times, and every order of memory that the orderings allow. `cargo xtask ci` runs it, with
//! `RUSTFLAGS="--cfg loom"`. (Without the bound it passes too, and takes minutes.)

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

fn model(body: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(body);
}

fn inbox() -> (Arc<Inbox>, Arc<Bell>) {
    let bell = Arc::new(Bell::default());
    let rope = bell.clone();
    (Arc::new(Inbox::new(move || rope.ring())), bell)
}

/// Two threads each set a value and wake a task, the same one or one each. The loop parks until it has seen both
/// values: a lost wake would leave it parked, which loom reports as a deadlock.
fn no_wake_is_lost(tasks: [usize; 2]) {
    model(move || {
        let (inbox, bell) = inbox();
        let waker = |index| Arc::new(TaskWaker::new(TaskId::new(index, NonZeroU32::MIN), inbox.clone()));
        let first = waker(tasks[0]);
        let second = if tasks[1] == tasks[0] { first.clone() } else { waker(tasks[1]) };
        let value = Arc::new(AtomicUsize::new(0));
        let threads = [first, second].map(|waker| {
            let value = value.clone();
            thread::spawn(move || {
                value.fetch_add(1, Ordering::Relaxed);
                TaskWaker::post(&waker);
            })
        });
        let mut seen = 0;
        let mut woken = [0, 0];
        while seen < 2 || (tasks[0] != tasks[1] && woken != [1, 1]) {
            bell.park();
            for letter in inbox.take() {
                if let Letter::Wake(waker) = letter {
                    woken[waker.opened().map_or(0, TaskId::slot)] += 1;
                    seen = value.load(Ordering::Relaxed); // what polling the task would see
                }
            }
        }
        for thread in threads {
            thread.join().unwrap();
        }
        drop(inbox.close()); // a letter that came after the last look would keep the inbox alive for ever
    });
}

#[test]
fn no_wake_of_one_task_is_lost() {
    no_wake_is_lost([0, 0]);
}

#[test]
fn no_wake_of_two_tasks_is_lost() {
    no_wake_is_lost([0, 1]);
}

/// A letter is either taken by the loop or given back to its sender, also when the loop closes meanwhile.
#[test]
fn a_letter_is_never_both_lost_and_accepted() {
    model(|| {
        let (inbox, _bell) = inbox();
        let sender = inbox.clone();
        let thread = thread::spawn(move || sender.add(Letter::Call(Box::new(|| ()))).is_ok());
        let taken = inbox.take().len() + inbox.close().len();
        let accepted = thread.join().unwrap();
        assert_eq!(usize::from(accepted), taken);
    });
}
