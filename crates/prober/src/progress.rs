//! The progress bar: drawn from the loop, only where a person sees it, only when a run takes longer than a second.
//!
//! One line on stderr, written over itself. A task of the loop redraws it ten times a second, and nothing is done for a
//! single probe. Our own, since what the usual library for it brings along (a thread for its ticks, the library of
//! floating-point functions) is more than the whole bar.
//! Neighbours: `run` makes the task; `output` has the bar make way for lines on the terminal.
//! Counterpart: `tqdm` in Python.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::Write;
use std::time::{Duration, Instant};

/// A run shorter than this shows no bar.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);
/// Between two drawings.
pub(crate) const EVERY: Duration = Duration::from_millis(100);

/// The bar alone, in columns.
const BAR: usize = 30;

/// Takes the bar off its line.
const CLEAR: &str = "\r\x1b[K";

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
pub(crate) struct Progress {
    drawn: RefCell<Option<Drawn>>,
    /// True while results are being written to the same terminal: no bar stands there, and none may be put there.
    hidden: Cell<bool>,
    terminal: RefCell<Box<dyn Write>>,
}

impl Default for Progress {
    fn default() -> Progress {
        Progress::on(Box::new(std::io::stderr()))
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("drawn", &self.drawn).finish_non_exhaustive()
    }
}

/// What stands on the terminal.
#[derive(Debug)]
struct Drawn {
    line: String,
    first: Instant,
    times: usize,
}

impl Progress {
    fn on(terminal: Box<dyn Write>) -> Progress {
        Progress { drawn: RefCell::default(), hidden: Cell::new(false), terminal: RefCell::new(terminal) }
    }

    /// Writes to stderr. There is nobody to be told when it is closed.
    fn put(&self, text: &str) {
        drop(self.terminal.borrow_mut().write_all(text.as_bytes()));
    }

    /// Draws the bar at `now`, which is [`PATIENCE`] after the start the first time.
    pub(crate) fn draw(&self, position: Position, now: Instant) {
        let mut drawn = self.drawn.borrow_mut();
        let drawn = drawn.get_or_insert_with(|| Drawn { line: String::new(), first: now, times: 0 });
        let elapsed = PATIENCE + now.saturating_duration_since(drawn.first);
        drawn.line = line(position, elapsed, drawn.times);
        // The last column stays free: some terminals go to the next line there.
        let columns = terminal_size::terminal_size_of(std::io::stderr()).map_or(80, |(width, _)| usize::from(width.0));
        fit(&mut drawn.line, columns.saturating_sub(1));
        drawn.times += 1;
        if !self.hidden.get() {
            self.put(&format!("{CLEAR}{}", drawn.line));
        }
    }

    /// Takes the bar out of the way of what is about to be written, however long that takes.
    pub(crate) fn hide(&self) {
        if !self.hidden.replace(true) && self.drawn.borrow().is_some() {
            self.put(CLEAR);
        }
    }

    /// Puts the bar back: what was written has ended with a line.
    pub(crate) fn show(&self) {
        self.hidden.set(false);
        if let Some(drawn) = &*self.drawn.borrow() {
            self.put(&drawn.line);
        }
    }

    /// Removes the bar for good.
    pub(crate) fn clear(&self) {
        if self.drawn.take().is_some() && !self.hidden.get() {
            self.put(CLEAR);
        }
    }
}

/// Makes `line` fit: the guess goes first.
fn fit(line: &mut String, columns: usize) {
    if line.len() > columns {
        line.truncate(line.find(" (").unwrap_or(columns).min(columns));
    }
}

/// The bar's line, in ASCII.
fn line(position: Position, elapsed: Duration, times: usize) -> String {
    let Position { finished, failed, in_flight, expected } = position;
    let counts = format!("{in_flight} in flight, {failed} failed  {}", short(elapsed));
    let Some(expected) = expected else {
        let turning = char::from(b"|/-\\"[times % 4]);
        return format!("{turning} {finished}  {counts}");
    };
    // An expectation is a guess at first: it may lie below what has come already.
    let expected = expected.max(finished).max(1);
    let full = (finished as u128 * BAR as u128 / u128::from(expected)) as usize;
    let head = if full < BAR { ">" } else { "" };
    let bar = format!("{}{head}", "=".repeat(full));
    let left = match elapsed.as_secs_f64() * (expected - finished) as f64 / finished as f64 {
        seconds if seconds < 1e9 => format!(" (about {} left)", short(Duration::from_secs_f64(seconds))),
        // Nothing has come yet, or next to nothing of very much.
        _ => String::new(),
    };
    format!("{bar:BAR$} {finished}/{expected}  {counts}{left}")
}

/// A length of time as people say it while they wait.
fn short(length: Duration) -> String {
    match length.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3_600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        seconds => format!("{}h {:02}m", seconds / 3_600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(finished: u64, expected: Option<u64>, seconds: u64) -> String {
        line(Position { finished, failed: 2, in_flight: 50, expected }, Duration::from_secs(seconds), 1)
    }

    #[test]
    fn the_bar_fills_and_the_rest_is_guessed_from_the_pace_so_far() {
        let counts = "50 in flight, 2 failed";
        assert_eq!(drawn(7, None, 3), format!("/ 7  {counts}  3s"));
        assert_eq!(drawn(0, Some(90), 1), format!("{:30} 0/90  {counts}  1s", ">"));
        assert_eq!(
            drawn(30, Some(90), 61),
            format!("{:30} 30/90  {counts}  1m 01s (about 2m 02s left)", "==========>")
        );
        assert_eq!(drawn(90, Some(90), 7_260), format!("{} 90/90  {counts}  2h 01m (about 0s left)", "=".repeat(30)));
    }

    /// A terminal took a part of a long batch, the bar was drawn behind it, and the rest of the line followed.
    #[test]
    fn no_bar_is_drawn_into_a_line_that_is_half_written() {
        #[derive(Default, Clone)]
        struct Terminal(std::rc::Rc<RefCell<String>>);
        impl Write for Terminal {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.borrow_mut().push_str(&String::from_utf8_lossy(bytes));
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let (terminal, now) = (Terminal::default(), Instant::now());
        let bar = Progress::on(Box::new(terminal.clone()));
        let shown = || std::mem::take(&mut *terminal.0.borrow_mut());
        let position = |finished| Position { finished, failed: 0, in_flight: 1, expected: Some(90) };
        bar.hide();
        bar.show();
        assert_eq!(shown(), "", "there is none yet");
        bar.draw(position(30), now);
        assert!(shown().contains("30/90"));
        bar.hide();
        assert_eq!(shown(), CLEAR);
        bar.draw(position(60), now);
        bar.hide();
        assert_eq!(shown(), "", "half a line stands there");
        bar.show();
        assert!(shown().contains("60/90"), "it was kept up to date");
        bar.clear();
        assert_eq!(shown(), CLEAR);
    }

    #[test]
    fn what_does_not_fit_is_left_out_by_the_word() {
        let fitting = |columns| {
            let mut line = drawn(30, Some(90), 61);
            fit(&mut line, columns);
            line
        };
        assert!(fitting(100).ends_with(" left)") && fitting(70).ends_with("2 failed  1m 01s"));
        assert_eq!(fitting(20).len(), 20);
    }

    #[test]
    fn a_guess_that_was_too_low_and_endless_counts_break_nothing() {
        assert_eq!(drawn(91, Some(90), 1), drawn(91, Some(91), 1));
        assert!(drawn(0, Some(0), 1).contains(" 0/1 "));
        assert!(drawn(u64::MAX, Some(u64::MAX), u64::MAX / 8).starts_with(&"=".repeat(30)));
        drawn(1, Some(u64::MAX), 3_600);
    }
}
