//! What is said on stderr while the loop has other things to do: warnings, `%{stderr}`, tables of tasks.
//!
//! Whoever says something waits for nobody: it goes into a buffer, and one task writes what has gathered when stderr
//! can take it. Neighbours: `output` has the buffer and writes it; `run`, `serve` and `looking` say things. Invariants:
//! a reader that is slow, or does not read at all, keeps neither the loop nor more than one descriptor; what was said
//! before [`Stderr::end`] is there after it.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::Write;
use std::rc::Rc;

use oneloop::net::{AsyncWriteExt, FdWriter};
use oneloop::{Task, create_task};

use crate::limits::ASK_AGAIN;
use crate::output::Output;

/// The buffer and the task that empties it.
#[derive(Default)]
pub(crate) struct Stderr {
    output: Rc<Output>,
    writer: RefCell<Option<Task<()>>>,
    /// Set once the writer has its descriptor.
    has_begun: Cell<bool>,
    /// Kept open to be closed for the writer's sake, should the news be that no other descriptor is left.
    spare: RefCell<Option<File>>,
    /// Set when nobody reads it any more.
    ended: Cell<bool>,
    /// Called when there may be room again.
    room: RefCell<Option<Rc<dyn Fn()>>>,
}

impl Stderr {
    /// Keeps a descriptor for what is to be said when no other is left.
    pub(crate) fn keep_descriptor(&self) {
        *self.spare.borrow_mut() = File::open("/dev/null").ok();
    }

    /// Has `room` called whenever [`Stderr::is_full`] may be false again.
    pub(crate) fn when_room(&self, room: impl Fn() + 'static) {
        *self.room.borrow_mut() = Some(Rc::new(room));
    }

    /// Should whoever can wait say nothing more for now?
    pub(crate) fn is_full(&self) -> bool {
        self.output.is_full() && !self.ended.get()
    }

    /// Says `text` as soon as stderr takes it.
    pub(crate) fn say(self: &Rc<Self>, text: &[u8]) {
        if text.is_empty() || self.ended.get() {
            return;
        }
        self.output.append(|out| out.extend_from_slice(text));
        let mut writer = self.writer.borrow_mut();
        // Made with the first of it: most runs have nothing to say.
        writer.get_or_insert_with(|| {
            let task = create_task(self.clone().write());
            task.set_name("stderr writer");
            task
        });
    }

    /// Says so, as [`warn`] does where nothing else is going on.
    pub(crate) fn warn_later(self: &Rc<Self>, message: &str) {
        self.say(format!("prober: {message}\n").as_bytes());
    }

    /// Says at once what waits for a descriptor. For when nothing else goes on that could give one back, or that a slow
    /// reader could keep.
    pub(crate) fn say_now(&self) {
        if self.has_begun.get() || self.spare.borrow().is_some() {
            return;
        }
        if let Some(writer) = self.writer.take() {
            // It must not take the one descriptor that the probe waits for.
            writer.cancel();
            self.write_at_once();
        }
    }

    /// Writes what has gathered without a descriptor of its own, where nothing else is going on: whoever reads slowly
    /// keeps it. A closed stderr is nobody's concern.
    fn write_at_once(&self) {
        self.output.append(|out| drop(std::io::stderr().write_all(&std::mem::take(out))));
    }

    /// Waits until everything that was said is there.
    pub(crate) async fn end(&self) -> oneloop::Result<()> {
        self.output.close();
        match self.writer.take() {
            Some(writer) => writer.await,
            None => Ok(()),
        }
    }

    /// Writes what is said, until the end or until nobody reads it any more.
    async fn write(self: Rc<Self>) -> oneloop::Result<()> {
        let writer = loop {
            match FdWriter::new(&std::io::stderr()) {
                Ok(writer) => break writer,
                // The news may be that there are no descriptors left, and this takes one.
                Err(_) if self.spare.take().is_some() => {}
                Err(_) if !self.output.is_closing() => oneloop::sleep(ASK_AGAIN).await?,
                Err(_) => {
                    self.write_at_once();
                    return Ok(());
                }
            }
        };
        self.has_begun.set(true);
        let there_is_room = || {
            let room = self.room.borrow().clone();
            room.iter().for_each(|room| room());
        };
        match self.output.clone().write(writer, None, there_is_room).await {
            Err(error) if error.is_cancelled() => return Err(error),
            // Nobody is left to be told that stderr is closed.
            _ => self.ended.set(true),
        }
        there_is_room();
        Ok(())
    }
}

/// Says something on stderr, where nothing has begun or all has ended: whoever reads slowly keeps it. A closed stderr is
/// no reason to stop.
pub(crate) fn warn(message: &str) {
    drop(writeln!(std::io::stderr(), "prober: {message}"));
}

/// Writes to stderr when it can take it, for those who can wait: a full pipe must not keep the loop.
pub(crate) async fn say(text: &[u8]) -> oneloop::Result<()> {
    let mut stderr = FdWriter::new(&std::io::stderr())?;
    match stderr.write_all(text).await {
        Err(error) if error.is_cancelled() => Err(error),
        // Nobody is left to be told that stderr is closed.
        _ => Ok(()),
    }
}
