//! The progress bar: drawn from the loop, only where a person sees it, only when a run takes longer than a second.
//!
//! indicatif's own ticker would be a thread; here a task of the loop redraws ten times a second, and nothing is done
//! for a single probe. Neighbours: `run` makes the task; `output` has the bar make way for lines on the terminal.

use std::cell::RefCell;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A run shorter than this shows no bar.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);
/// Between two drawings.
pub(crate) const EVERY: Duration = Duration::from_millis(100);

/// How far a run has come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Position {
    pub(crate) finished: u64,
    pub(crate) failed: u64,
    pub(crate) in_flight: usize,
    /// How many there will be, by what has been read so far; `None` while nobody can tell.
    pub(crate) expected: Option<u64>,
}

/// The bar on stderr, once there is one.
#[derive(Debug, Default)]
pub(crate) struct Progress(RefCell<Option<ProgressBar>>);

impl Progress {
    /// Draws the bar, making it the first time.
    pub(crate) fn draw(&self, position: Position) {
        let mut bar = self.0.borrow_mut();
        let bar = bar.get_or_insert_with(|| {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_elapsed(PATIENCE)
        });
        let known = position.expected.is_some();
        if bar.length().is_some() != known || bar.position() == 0 {
            let template = match known {
                true => "{bar:30} {pos}/{len}  {msg}  {elapsed} (about {eta} left)",
                false => "{spinner} {pos}  {msg}  {elapsed}",
            };
            // The templates above are well-formed; should indicatif think otherwise, its default serves.
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("=> "));
            }
        }
        if let Some(expected) = position.expected {
            bar.set_length(expected);
        }
        bar.set_message(format!("{} in flight, {} failed", position.in_flight, position.failed));
        bar.set_position(position.finished);
        bar.tick();
    }

    /// Calls `write` with the bar out of the way.
    pub(crate) fn suspend<R>(&self, write: impl FnOnce() -> R) -> R {
        match &*self.0.borrow() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Removes the bar for good.
    pub(crate) fn clear(&self) {
        if let Some(bar) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}
