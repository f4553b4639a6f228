//! The oldest instances of containers, ahead of need: trimming takes them off in constant time.
//!
//! Owned by the writer thread. A window is a prefix of the instances in the order in which they go: that of creation,
//! in time series that of their data. Whatever happens to an instance other than trimming and adding drops the
//! window, and the next trim reads it anew. A window that has come to the newest instance is added to by those that are
//! created, so that a busy container is not read again. A window also counts the instances that were trimmed and whose
//! rows still are there.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::Id;
use crate::store::Aged;

/// Instances that are read ahead at a time; from what is trimmed in the order of creation twice as many each time.
pub(crate) const AHEAD: usize = 128;

/// Instances in one window at most.
const LONGEST: usize = 4_096;

/// Instances in all windows, of 56 bytes each, beyond which none gets longer than [`AHEAD`].
const ROOM: usize = 400_000;

/// Rows of trimmed instances that wait to go together: to remove one alone changes pages that nothing else changes.
const BURIED: usize = 256;

/// Containers whose windows are kept; past that all are dropped, which costs a read each.
const CONTAINERS: usize = 5_000;

/// The oldest instances of each container that was trimmed lately.
#[derive(Default)]
pub(crate) struct Windows {
    windows: FxHashMap<Id, Window>,
    /// Instances in all of them.
    held: usize,
}

/// The oldest instances of a container, each with its place in the order: its number, or when its data were made.
#[derive(Default)]
struct Window {
    ahead: VecDeque<(i64, Aged)>,
    /// The place of the instance that was taken off last: the database may still have it.
    after: Option<i64>,
    /// How many were read the last time.
    read: usize,
    /// Whether the newest instance is among them, or no instance is newer than the one that was taken off last.
    is_whole: bool,
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

    /// How many to read ahead in the order of creation: the more, the longer a container has been trimmed.
    pub(crate) fn reach(&self, container: Id) -> usize {
        let last = self.windows.get(&container).map_or(0, |window| window.read);
        let reach = (2 * last).clamp(AHEAD, LONGEST);
        if self.held + reach > ROOM { AHEAD } else { reach }
    }

    /// Adds what was read ahead. `is_whole` says that there is no newer instance, of what is trimmed in the order of
    /// creation.
    pub(crate) fn extend(&mut self, container: Id, read: Vec<(i64, Aged)>, is_whole: bool) {
        if self.windows.len() > CONTAINERS {
            self.clear();
        }
        let window = self.windows.entry(container).or_default();
        (window.read, window.is_whole) = (read.len(), is_whole);
        self.held += read.len();
        window.ahead.extend(read);
    }

    /// An instance is new, the last in the order of creation. Whether it was taken in.
    pub(crate) fn append(&mut self, container: Id, instance: impl FnOnce() -> Aged) -> bool {
        let Some(window) = self.windows.get_mut(&container).filter(|window| window.is_whole) else {
            return false;
        };
        let instance = instance();
        window.is_whole = window.ahead.len() < LONGEST
            && self.held < ROOM
            && window.ahead.back().map(|(last, _)| *last).or(window.after) < Some(instance.id);
        if window.is_whole {
            window.ahead.push_back((instance.id, instance));
            self.held += 1;
        }
        window.is_whole
    }

    /// Nothing up to a place is left.
    pub(crate) fn skip(&mut self, container: Id, to: i64) {
        self.windows.entry(container).or_default().after = Some(to);
    }

    /// An instance is new that is not the last in the order.
    pub(crate) fn insert(&mut self, container: Id, place: i64, instance: Aged) {
        let Some(window) = self.windows.get_mut(&container) else { return };
        if window.after.is_some_and(|after| place <= after) {
            return self.forget(container);
        }
        // Beyond the window it is read when its turn comes.
        if window.ahead.back().is_some_and(|(last, _)| place < *last) {
            let at = window.ahead.partition_point(|(other, _)| *other < place);
            window.ahead.insert(at, (place, instance));
            self.held += 1;
            if window.ahead.len() > 2 * AHEAD {
                window.ahead.pop_back();
                self.held -= 1;
            }
        }
    }

    /// Takes off the oldest instance, after it was removed.
    pub(crate) fn pop(&mut self, container: Id) {
        if let Some(window) = self.windows.get_mut(&container)
            && let Some((place, _)) = window.ahead.pop_front()
        {
            window.after = Some(place);
            self.held -= 1;
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
        if let Some(window) = self.windows.remove(&container) {
            self.held -= window.ahead.len();
        }
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.windows.clear();
        self.held = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::{AHEAD, Aged, LONGEST, Windows};

    fn instance(id: i64) -> Aged {
        Aged { id, cs: None, et: i64::MAX, ct: 0, is_indexed: false }
    }

    fn instances(ids: std::ops::Range<i64>) -> Vec<(i64, Aged)> {
        ids.map(|id| (id, instance(id))).collect()
    }

    #[test]
    fn a_window_with_the_newest_instance_goes_on_by_itself() {
        let mut windows = Windows::default();
        windows.extend(1, instances(10..12), true);
        for id in 12..1_000 {
            assert!(windows.append(1, || instance(id)));
            assert_eq!(windows.oldest(1).map(|oldest| oldest.id), Some(id - 2));
            windows.pop(1);
        }
        assert_eq!(windows.held, 2);
        windows.pop(1);
        windows.pop(1);
        assert!(windows.oldest(1).is_none() && !windows.append(1, || instance(999)), "taken off before");
        windows.forget(1);
        assert_eq!(windows.held, 0);
    }

    #[test]
    fn a_window_that_ends_before_the_newest_instance_takes_none_in() {
        let mut windows = Windows::default();
        windows.extend(1, instances(0..9), false);
        assert!(!windows.append(1, || instance(500)) && !windows.append(2, || instance(500)));
        windows.extend(2, instances(0..9), true);
        let taken = (9..10_000).take_while(|id| windows.append(2, || instance(*id))).count();
        assert_eq!((taken, windows.held), (LONGEST - 9, LONGEST + 9));
    }

    #[test]
    fn what_is_trimmed_for_long_is_read_farther_ahead() {
        let mut windows = Windows::default();
        let mut reaches = Vec::new();
        for _ in 0..7 {
            let reach = windows.reach(1);
            reaches.push(reach);
            windows.extend(1, instances(0..reach as i64), false);
        }
        assert_eq!(reaches, [128, 256, 512, 1024, 2048, 4096, 4096]);
        windows.extend(2, instances(0..400_000), false);
        assert_eq!(windows.reach(1), AHEAD);
        windows.clear();
        assert_eq!((windows.reach(1), windows.held), (AHEAD, 0));
    }
}
