//! Checkpoints of SQLite's log, beside the writer.
//!
//! A commit appends pages to the log, and now and then somebody has to copy them into the file. SQLite would let the
//! commit do so that finds the log long, which then takes as long as hundreds of others. Here a thread copies ahead; what
//! is left to a commit is the little that came since, after which the log begins anew.

use std::thread::JoinHandle;

use crossbeam_channel::{Sender, bounded};

use super::change::ChangeSet;
use super::connection::Connection;

/// Pages in the log, by estimate, after which they are copied.
const PAGES: usize = 2_000;

/// Pages that a commit changes whatever it does: both ends of the table and of its index.
const BARE: usize = 6;

/// The way to the thread that copies. It ends with this, and its connection too.
#[derive(Debug)]
pub(super) struct Checkpoints {
    pages: usize,
    due: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// Starts the thread, on a connection of its own.
    pub(super) fn start(mut connection: Connection) -> std::io::Result<Self> {
        let (due, asked) = bounded(1);
        let copy = move || {
            for () in asked {
                if let Err(error) = connection.checkpoint() {
                    // A commit does it then.
                    tracing::warn!(%error, "the log of the database could not be copied into its file");
                }
            }
        };
        let thread = std::thread::Builder::new().name("checkpoint".into()).spawn(copy)?;
        Ok(Self { pages: 0, due: Some(due), thread: Some(thread) })
    }

    /// A change set is on its way into the log.
    pub(super) fn count(&mut self, change: &ChangeSet) {
        // An update is a page somewhere in the table; what is new or goes shares its pages with its neighbours.
        self.pages += change.update.len() + (change.insert.len() + change.delete.len()) / 4;
    }

    /// A transaction is in the log.
    pub(super) fn committed(&mut self) {
        self.pages += BARE;
        let due = self.due.as_ref().filter(|_| self.pages >= PAGES);
        if due.is_some_and(|due| due.try_send(()).is_ok()) {
            self.pages = 0;
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.due = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
