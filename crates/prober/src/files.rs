//! The files of a command line: no two that are written are one, and none that is read is written.
//!
//! Job: refuse, before anything is opened, what would leave one result over another, or over the list that it was made
//! from. Neighbours: `main` asks before it opens; `recording` and `output` write, `input` reads. Invariant: files are
//! compared as the system does (links followed), so two names of one file are found out. Pipes and devices are no files.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::cli::{Settings, Source};

/// What tells a file from all others.
#[derive(Debug, PartialEq, Eq)]
enum Identity {
    /// Device and number of one that is there.
    There(u64, u64),
    /// The path of one that is yet to be made: its folder as the system knows it, and its name.
    ToBe(PathBuf),
}

/// The identity of what `path` leads to; `None` where writing leaves nothing behind that could be lost.
fn identity(path: &Path) -> Option<Identity> {
    if let Ok(meta) = std::fs::metadata(path) {
        return meta.is_file().then(|| Identity::There(meta.dev(), meta.ino()));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A folder that is not there is told by whoever opens the file.
    let folder = folder.canonicalize().ok()?;
    Some(Identity::ToBe(folder.join(path.file_name()?)))
}

/// Refuses what can be read no second time: a pipe would be empty then, or keep the loop until somebody writes to it. A
/// folder has an error of its own when it is read.
pub(crate) fn check_readable_again(path: &Path) -> std::io::Result<()> {
    let meta = std::fs::metadata(path)?;
    if meta.is_file() || meta.is_dir() { Ok(()) } else { Err(std::io::Error::other("it is no regular file")) }
}

/// Refuses settings that would write one file twice, or over one that is read: a list, modules, a key, a body.
pub(crate) fn check(settings: &Settings, sources: &[Source], modules: Option<&Path>) -> Result<(), String> {
    let written = [("-o", &settings.output), ("--trace", &settings.trace), ("--report", &settings.report)];
    let mut seen: Vec<(&str, Identity)> = Vec::new();
    for (option, path) in written {
        let Some(path) = path else { continue };
        let Some(identity) = identity(path) else { continue };
        if let Some((other, _)) = seen.iter().find(|(_, known)| *known == identity) {
            return Err(format!("{other} and {option} would both write to {}: name two files", path.display()));
        }
        seen.push((option, identity));
    }
    let overwrites = |path: &Path| {
        let read = identity(path);
        seen.iter().find(|(_, known)| Some(known) == read.as_ref()).map(|(option, _)| *option)
    };
    for source in sources {
        let Source::File(list) = source else { continue };
        if let Some(option) = overwrites(list) {
            return Err(format!("{option} would overwrite the list @{}", list.display()));
        }
    }
    let modules = modules.map(|path| ("the modules in", path));
    for (what, path) in settings.reads.iter().map(|(what, path)| (*what, path.as_path())).chain(modules) {
        if let Some(option) = overwrites(path) {
            return Err(format!("{option} would overwrite {what} {}", path.display()));
        }
    }
    Ok(())
}
