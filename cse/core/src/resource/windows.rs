//! The oldest instances of containers, ahead of need: trimming takes them off in constant time.
//!
//! Owned by the writer thread. A window is a prefix of the instances in the order in which they go: that of creation,
//! in time series that of their data. Whatever happens to an instance other than trimming and adding drops the
//! window, and the next trim reads it anew. A window also counts the instances that were trimmed and whose rows still
//! are there.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::Id;
use crate::store::Aged;

/// Instances that are read ahead at a time.
pub(crate) const AHEAD: usize = 128;

/// Instances in one window at most.
const LONGEST: usize = 2 * AHEAD;

/// Rows of trimmed instances that wait to go together: to remove one alone changes pages that nothing else changes.
const BURIED: usize = 256;

/// Containers whose windows are kept; past that all are dropped, which costs a read each.
const CONTAINERS: usize = 5_000;

/// The oldest instances of each container that was trimmed lately.
#[derive(Default)]
pub(crate) struct Windows {
    windows: FxHashMap<Id, Window>,
}

/// The oldest instances of a container, each with its place in the order: its number, or when its data were made.
#[derive(Default)]
struct Window {
    ahead: VecDeque<(i64, Aged)>,
    /// The place of the instance that was taken off last: the database may still have it.
    after: Option<i64>,
    /// How many rows of trimmed instances are there still.
    buried: usize,
}

impl Windows {
    /// The oldest instance of a container, if it was read ahead.
    pub(crate) fn oldest(&self, container: Id) -> Option<&Aged> {
        self.windows.get(&container)?.ahead.front().map(|(_, oldest)| oldest)
    }

    /// The place after which to read on.
    pub(crate) fn after(&self, container: Id) -> Option<i64> {
        self.windows.get(&container)?.after
    }

    /// Adds what was read ahead.
    pub(crate) fn extend(&mut self, container: Id, read: Vec<(i64, Aged)>) {
        if self.windows.len() > CONTAINERS {
            self.windows.clear();
        }
        self.windows.entry(container).or_default().ahead.extend(read);
    }

    /// Nothing up to a place is left.
    pub(crate) fn skip(&mut self, container: Id, to: i64) {
        self.windows.entry(container).or_default().after = Some(to);
    }

    /// An instance is new that is not the last in the order.
    pub(crate) fn insert(&mut self, container: Id, place: i64, instance: Aged) {
        let Some(window) = self.windows.get_mut(&container) else { return };
        if window.after.is_some_and(|after| place <= after) {
            self.windows.remove(&container);
            return;
        }
        // Beyond the window it is read when its turn comes.
        if window.ahead.back().is_some_and(|(last, _)| place < *last) {
            let at = window.ahead.partition_point(|(other, _)| *other < place);
            window.ahead.insert(at, (place, instance));
            window.ahead.truncate(LONGEST);
        }
    }

    /// Takes off the oldest instance, after it was removed.
    pub(crate) fn pop(&mut self, container: Id) {
        if let Some(window) = self.windows.get_mut(&container)
            && let Some((place, _)) = window.ahead.pop_front()
        {
            window.after = Some(place);
        }
    }

    /// One row more of an instance that was trimmed is there still. Whether it is time for them to go.
    pub(crate) fn bury(&mut self, container: Id) -> bool {
        let Some(window) = self.windows.get_mut(&container) else { return true };
        window.buried += 1;
        let is_full = window.buried >= BURIED;
        if is_full {
            window.buried = 0;
        }
        is_full
    }

    /// Whether a container has a window.
    pub(crate) fn has(&self, container: Id) -> bool {
        self.windows.contains_key(&container)
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
