//! A folder for one test's files, gone when the test is.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A folder that is removed when this value is dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes an empty folder that nobody else has.
    ///
    /// # Panics
    /// When the folder for temporary files cannot be written to.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it does something, which Default would hide")]
    pub fn new() -> Folder {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("oneloop-tests-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).expect("a folder for the test's files");
        Folder(path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file into it and says where.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).expect("a file for the test");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left in the folder for temporary files; no test fails for it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
