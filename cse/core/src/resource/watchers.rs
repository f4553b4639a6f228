//! Who wants to be told of changes in memory alone, without a subscription: a seat for each, at a resource.
//!
//! Responsible for waking those whom a commit concerns, and for costing nothing while there are none: one look at a
//! counter. What they do then is left to them.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dyad_protocol::exchange::{Bell, Watch};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{Id, Tree};

/// All seats.
#[derive(Default)]
pub(crate) struct Watchers {
    seats: Mutex<FxHashMap<Id, FxHashMap<u64, Seat>>>,
    next: AtomicU64,
    taken: AtomicUsize,
    /// Those of them that are told of the whole subtree.
    deep: AtomicUsize,
}

struct Seat {
    bell: Bell,
    is_deep: bool,
}

/// What one transaction changed: a resource, and its parent if that is known.
pub(crate) type Changed = Vec<(Id, Option<Id>)>;

impl Watchers {
    /// Room for what a transaction changed, if anybody is to be told.
    pub(super) fn note(&self) -> Option<Changed> {
        (self.taken.load(Ordering::Acquire) > 0).then(Changed::new)
    }

    /// Whether anybody is to be told.
    pub(super) fn any(&self) -> bool {
        // Versions are published before this looks, and who takes a seat looks at versions after it is counted: one of
        // both sees what the other did.
        fence(Ordering::SeqCst);
        self.taken.load(Ordering::SeqCst) > 0
    }

    /// Takes a seat at a resource, or at everything below it too.
    pub(crate) fn watch(self: &Arc<Self>, id: Id, is_deep: bool) -> Watch {
        let (bell, key) = (Bell::default(), self.next.fetch_add(1, Ordering::Relaxed));
        self.lock().entry(id).or_default().insert(key, Seat { bell: bell.clone(), is_deep });
        if is_deep {
            self.deep.fetch_add(1, Ordering::AcqRel);
        }
        self.taken.fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        Watch::new(bell, Taken { watchers: Arc::clone(self), id, key })
    }

    /// Wakes those whom changes concern. After the changes were published.
    pub(super) fn wake(&self, changed: &Changed, tree: &Tree) {
        let seats = self.lock();
        let (mut above, looks_up) = (FxHashSet::default(), self.deep.load(Ordering::Acquire) > 0);
        for (id, parent) in changed {
            for seat in seats.get(id).into_iter().flat_map(FxHashMap::values) {
                seat.bell.ring();
            }
            let mut next = parent.filter(|_| looks_up);
            // An instance that was never loaded has no parent here, but its container has changed with it.
            while let Some(id) = next.filter(|id| *id != 0 && above.insert(*id)) {
                next = tree.peek(id).map(|resource| resource.parent());
                if next.is_none() {
                    // Memory does not know what is above it: better woken in vain than not.
                    return ring_all(&seats);
                }
            }
        }
        if looks_up {
            for seat in above.iter().filter_map(|id| seats.get(id)).flat_map(FxHashMap::values) {
                if seat.is_deep {
                    seat.bell.ring();
                }
            }
        }
    }

    /// Wakes everybody: nothing is as it was.
    pub(super) fn wake_all(&self) {
        ring_all(&self.lock());
    }

    fn lock(&self) -> MutexGuard<'_, FxHashMap<Id, FxHashMap<u64, Seat>>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ring_all(seats: &FxHashMap<Id, FxHashMap<u64, Seat>>) {
    seats.values().flat_map(FxHashMap::values).for_each(|seat| seat.bell.ring());
}

/// Gives the seat back when it is dropped.
struct Taken {
    watchers: Arc<Watchers>,
    id: Id,
    key: u64,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut seats = self.watchers.lock();
        let Some(at) = seats.get_mut(&self.id) else { return };
        let seat = at.remove(&self.key);
        if at.is_empty() {
            seats.remove(&self.id);
        }
        drop(seats);
        if seat.is_some_and(|seat| seat.is_deep) {
            self.watchers.deep.fetch_sub(1, Ordering::AcqRel);
        }
        self.watchers.taken.fetch_sub(1, Ordering::AcqRel);
    }
}
