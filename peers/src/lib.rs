//! What the peers share: how they are called, how they trust a server, what they print, and how the small cases
//! are counted.
//!
//! Every program that probes does the job of the seed's script: it reads a list of URLs, keeps so many in flight,
//! gives each ten seconds, reads each body to its end, and prints one line a URL. Nothing is resumed or cached
//! between connections, as in `prober`.

pub mod micro;
pub mod options;
pub mod tls;

pub use options::Options;
use std::cell::RefCell;
use std::io::{BufWriter, StdoutLock, Write};
use std::time::Duration;

/// What a probe came to: the status and the time to the end of the response's head, or why not.
pub type Outcome = Result<(u16, Duration), String>;

/// Prints one line a URL, as the seed's script does, in the order in which the answers come.
pub struct Lines {
    out: RefCell<BufWriter<StdoutLock<'static>>>,
    failed: RefCell<usize>,
}

impl Lines {
    pub fn new() -> Lines {
        Lines { out: RefCell::new(BufWriter::new(std::io::stdout().lock())), failed: RefCell::new(0) }
    }

    pub fn print(&self, url: &str, outcome: &Outcome) {
        let mut out = self.out.borrow_mut();
        let written = match outcome {
            Ok((200, time)) => writeln!(out, "{url:<40}{:.2}ms", time.as_secs_f64() * 1e3),
            Ok((status, _)) => writeln!(out, "{url:<40}status {status}"),
            Err(why) => writeln!(out, "{url:<40}{why}"),
        };
        if written.is_err() || !matches!(outcome, Ok((200, _))) {
            *self.failed.borrow_mut() += 1;
        }
    }

    /// Exits as `prober` does: 0 when every probe was green.
    pub fn finish(self) -> ! {
        let flushed = self.out.into_inner().flush();
        let failed = self.failed.into_inner();
        if failed > 0 {
            eprintln!("{failed} probes failed");
        }
        std::process::exit(i32::from(failed > 0 || flushed.is_err()))
    }
}

impl Default for Lines {
    fn default() -> Lines {
        Lines::new()
    }
}
