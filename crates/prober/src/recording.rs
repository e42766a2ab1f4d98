//! `--trace` and `--report`: the run as the loop saw it.
//!
//! Job: give the loop a recorder when one of them is asked for, and write what it kept when the run is over. Neighbours:
//! `oneloop-trace` records and renders; `main` runs on the loop that this makes. Invariants: a file that can't be written
//! is found out before anything is probed; without these options the loop has no observer, and nothing costs more.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use oneloop::{EventLoop, Observer, Runner};
use oneloop_trace::{Log, Recorder, Several, chrome_trace, report};

use crate::cli::Settings;
use crate::run::Run;

type Render = fn(&Log) -> String;

/// What is to become of a run's record.
pub(crate) struct Recording {
    recorder: Rc<Recorder>,
    files: Vec<(PathBuf, File, Render)>,
}

impl Recording {
    /// What the options ask for; `None` if nothing.
    pub(crate) fn wanted(settings: &Settings) -> Result<Option<Recording>, String> {
        let page: Render = |log| report(log, "prober");
        let asked = [(&settings.trace, chrome_trace as Render), (&settings.report, page)];
        let mut files = Vec::new();
        for (path, render) in asked {
            if let Some(path) = path {
                files.push((path.clone(), File::create(path).map_err(|error| cannot_write(path, &error))?, render));
            }
        }
        Ok((!files.is_empty()).then(|| Recording { recorder: Rc::default(), files }))
    }

    /// What the loop must have as an observer.
    pub(crate) fn observer(&self) -> Rc<dyn Observer> {
        self.recorder.clone()
    }

    /// Writes the files, when the run is over.
    pub(crate) fn write(self) -> Result<(), String> {
        let log = self.recorder.log();
        for (path, mut file, render) in self.files {
            file.write_all(render(&log).as_bytes()).map_err(|error| cannot_write(&path, &error))?;
        }
        Ok(())
    }
}

/// Runs `main` as `oneloop::run` does, on a loop with these observers.
pub(crate) fn run(
    mut observers: Vec<Rc<dyn Observer>>,
    main: impl Future<Output = oneloop::Result<Run>> + 'static,
) -> oneloop::Result<Run> {
    let observer = match observers.len() {
        0 => return oneloop::run(main),
        1 => observers.remove(0),
        _ => Rc::new(Several(observers)),
    };
    let runner = Runner::with_loop(EventLoop::builder().observer(observer).build()?);
    let run = runner.run(main)?;
    runner.close()?;
    Ok(run)
}

fn cannot_write(path: &Path, error: &std::io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}
