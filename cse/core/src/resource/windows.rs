//! The oldest instances of containers, ahead of need: trimming takes them off in constant time.
//!
//! Owned by the writer thread. A window is a prefix of the instances in order of creation; whatever happens to an
//! instance other than trimming or appending drops the window, and the next trim reads it anew.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::Id;
use crate::store::Aged;

/// Instances that are read ahead at a time.
const AHEAD: usize = 128;

/// Containers whose windows are kept; past that all are dropped, which costs a read each.
const CONTAINERS: usize = 5_000;

/// The oldest instances of each container that was trimmed lately.
#[derive(Default)]
pub(crate) struct Windows {
    windows: FxHashMap<Id, Window>,
}

/// The oldest instances of a container.
#[derive(Default)]
struct Window {
    ahead: VecDeque<Aged>,
    /// Number of the instance that was taken off last: the database may still have it.
    after: Id,
}

impl Windows {
    /// The oldest instance of a container, if it was read ahead.
    pub(crate) fn oldest(&self, container: Id) -> Option<&Aged> {
        self.windows.get(&container)?.ahead.front()
    }

    /// Where to read on: the number after which, and how many.
    pub(crate) fn next(&self, container: Id) -> (Id, usize) {
        (self.windows.get(&container).map_or(0, |window| window.after), AHEAD)
    }

    /// Adds what was read ahead.
    pub(crate) fn extend(&mut self, container: Id, read: Vec<Aged>) {
        if self.windows.len() > CONTAINERS {
            self.windows.clear();
        }
        self.windows.entry(container).or_default().ahead.extend(read);
    }

    /// Takes off the oldest instance, after it was removed.
    pub(crate) fn pop(&mut self, container: Id) {
        if let Some(window) = self.windows.get_mut(&container) {
            window.after = window.ahead.pop_front().map_or(window.after, |oldest| oldest.id);
        }
    }

    /// Forgets a container.
    pub(crate) fn forget(&mut self, container: Id) {
        self.windows.remove(&container);
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.windows.clear();
    }
}
