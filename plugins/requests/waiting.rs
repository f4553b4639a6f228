//! The pending requests of a node in memory: when each is due, and which ones are under way.
//!
//! What is here can be made anew from the `<request>` resources, save how a request came.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use dyad_core::resource::Id;
use dyad_protocol::Timestamp;
use dyad_protocol::exchange::Arrival;
use tokio::sync::OwnedSemaphorePermit;

/// The pending requests.
#[derive(Default)]
pub(super) struct Waiting {
    entries: HashMap<Id, Entry>,
    /// The earliest first; may name some that are gone.
    due: BinaryHeap<Reverse<(Timestamp, Id)>>,
}

struct Entry {
    /// Nothing is known of it for what an earlier run of the node accepted.
    arrival: Arrival,
    is_under_way: bool,
    /// None for those of an earlier run that were more than the node allows now.
    _place: Option<OwnedSemaphorePermit>,
}

impl Waiting {
    /// Takes a request in. One that is there stays as it is.
    pub(super) fn add(
        &mut self,
        id: Id,
        due: Timestamp,
        arrival: Arrival,
        place: Option<OwnedSemaphorePermit>,
    ) {
        self.entries.entry(id).or_insert_with(|| {
            self.due.push(Reverse((due, id)));
            Entry { arrival, is_under_way: false, _place: place }
        });
    }

    /// Takes a request in that is under way.
    pub(super) fn add_under_way(&mut self, id: Id, place: OwnedSemaphorePermit) {
        let entry = Entry { arrival: Arrival::default(), is_under_way: true, _place: Some(place) };
        self.entries.insert(id, entry);
    }

    /// When the next one is due.
    pub(super) fn next_due(&mut self) -> Option<Timestamp> {
        while let Some(Reverse((due, id))) = self.due.peek() {
            if self.entries.contains_key(id) {
                return Some(*due);
            }
            self.due.pop();
        }
        None
    }

    /// One that is due now: it is under way from here on.
    pub(super) fn begin(&mut self, now: Timestamp) -> Option<(Id, Arrival)> {
        self.next_due().filter(|due| *due <= now)?;
        let Reverse((_, id)) = self.due.pop()?;
        let entry = self.entries.get_mut(&id)?;
        entry.is_under_way = true;
        Some((id, entry.arrival.clone()))
    }

    /// Whether a request is being carried out.
    pub(super) fn is_under_way(&self, id: Id) -> bool {
        self.entries.get(&id).is_some_and(|entry| entry.is_under_way)
    }

    /// A request has its result or is gone.
    pub(super) fn remove(&mut self, id: Id) {
        self.entries.remove(&id);
        // Recalled ones do not pile up until they are due.
        if self.due.len() > 2 * self.entries.len() + 64 {
            self.due.retain(|Reverse((_, id))| self.entries.contains_key(id));
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    #[test]
    fn each_is_due_once_in_the_order_of_time() {
        let mut waiting = Waiting::default();
        for (id, second) in [(1, 30), (2, 10), (3, 20), (2, 5)] {
            waiting.add(id, at(second), Arrival::default(), None);
        }
        assert_eq!((waiting.len(), waiting.next_due()), (3, Some(at(10))));
        assert!(waiting.begin(at(9)).is_none());
        assert_eq!(waiting.begin(at(25)).map(|(id, _)| id), Some(2));
        assert!(waiting.is_under_way(2) && !waiting.is_under_way(3));
        waiting.remove(3);
        assert!(waiting.begin(at(25)).is_none());
        assert_eq!(waiting.begin(at(30)).map(|(id, _)| id), Some(1));
        assert_eq!(waiting.next_due(), None);
    }

    #[test]
    fn recalled_ones_do_not_pile_up() {
        let mut waiting = Waiting::default();
        for id in 0..10_000 {
            waiting.add(id, at(1_000_000), Arrival::default(), None);
            waiting.remove(id);
        }
        assert!(waiting.due.len() < 200, "{}", waiting.due.len());
    }
}
