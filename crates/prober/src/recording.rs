//! `--trace` and `--report`: the run as the loop saw it.
//!
//! Job: give the loop a recorder when one of them is asked for, and write what it kept when the run is over. Neighbours:
//! `oneloop-trace` records and renders; `main` runs on the loop that this makes. Invariants: a file that can't be written
//! is found out before anything is probed; without these options the loop has no observer, and nothing costs more.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use oneloop::{EventLoop, Runner};
use oneloop_trace::{Log, Recorder, chrome_trace, report};

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

    /// Runs `main` as `oneloop::run` does, recorded, and writes the files.
    pub(crate) fn run(self, main: impl Future<Output = oneloop::Result<Run>> + 'static) -> Result<Run, String> {
        let event_loop = EventLoop::builder().observer(self.recorder.clone()).build();
        let runner = Runner::with_loop(event_loop.map_err(|error| error.to_string())?);
        let run = runner.run(main).map_err(|error| error.to_string())?;
        runner.close().map_err(|error| error.to_string())?;
        let log = self.recorder.log();
        for (path, mut file, render) in self.files {
            file.write_all(render(&log).as_bytes()).map_err(|error| cannot_write(&path, &error))?;
        }
        Ok(run)
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}
