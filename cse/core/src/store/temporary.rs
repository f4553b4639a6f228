//! The folder of a database that nobody keeps (`sqlite::memory:`).
//!
//! Responsible for: that it goes with the store, and that what a process left that was killed goes when the next store
//! of this kind is opened. Whoever uses a folder holds the lock on the database in it, which ends with the process; a
//! folder gets its name after it is locked, so one whose lock is free is used by nobody.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::error::StoreError;
use super::sqlite::{lock, unusable};

/// What the names of the folders begin with.
const NAME: &str = "dyad-memory-";

/// The database in a folder.
const DATABASE: &str = "dyad.db";

/// A folder that goes with its owner.
#[derive(Debug)]
pub(super) struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Temporary {
    /// A new folder among the temporary files, with the lock on the database in it.
    pub(super) fn new() -> Result<(Self, File), StoreError> {
        let base = std::env::temp_dir();
        sweep(&base);
        Self::below(&base)
    }

    fn below(base: &Path) -> Result<(Self, File), StoreError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("{NAME}{}-{count}", std::process::id());
            let unnamed = base.join(format!(".{name}"));
            match fs::create_dir(&unnamed) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(unusable(&unnamed, &error)),
            }
            let mut folder = Self(unnamed);
            let lock = lock(&folder.database())?;
            let named = base.join(name);
            // It fails if somebody has the name, whom the sweep could not remove.
            if fs::rename(&folder.0, &named).is_ok() {
                folder.0 = named;
                return Ok((folder, lock));
            }
        }
    }

    /// The database.
    pub(super) fn database(&self) -> PathBuf {
        self.0.join(DATABASE)
    }
}

/// Removes the folders that nobody uses any more. What cannot be removed, such as those of other users, stays.
fn sweep(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(NAME))
            && entry.file_type().is_ok_and(|kind| kind.is_dir());
        let path = entry.path();
        let mark = path.join(format!("{DATABASE}.lock"));
        if !is_ours || !mark.exists() {
            continue;
        }
        let lock = File::options().write(true).open(mark);
        if lock.is_ok_and(|lock| lock.try_lock().is_ok() && fs::remove_dir_all(&path).is_ok()) {
            tracing::debug!(folder = %path.display(), "removed what a node that was killed had left");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_uses_goes() {
        let base = tempfile::tempdir().unwrap();
        let names = || {
            let mut names: Vec<_> =
                fs::read_dir(&base).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let (used, lock) = Temporary::below(base.path()).unwrap();
        let (left, free) = Temporary::below(base.path()).unwrap();
        fs::write(left.database(), "rows").unwrap();
        fs::create_dir(base.path().join("dyad-memory-x")).unwrap();
        // As if the process had been killed.
        std::mem::forget(left);
        sweep(base.path());
        assert_eq!(names().len(), 3);
        drop(free);
        sweep(base.path());
        let kept = used.0.file_name().unwrap().to_owned();
        assert_eq!(names(), [kept, "dyad-memory-x".into()]);
        drop((used, lock));
        assert_eq!(names(), ["dyad-memory-x"]);
    }
}
