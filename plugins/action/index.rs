//! Which actions and processes look at which resources, in memory.
//!
//! A superset of what is stored: entries are added when a transaction makes them, which may yet be rolled back, and
//! taken out when somebody finds that what they name is gone. Whoever uses an entry looks at the resource itself again.

use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use dyad_core::Cse;
use dyad_core::resource::{Id, Lookup};

/// Entries with the same subject: as many actions one change can set off.
const MOST: usize = 100;

/// Who looks at what.
#[derive(Debug, Default)]
pub(crate) struct Index(RwLock<HashMap<Id, Vec<Id>>>);

impl Index {
    /// Somebody looks at a subject from now on. False if too many do.
    pub(crate) fn add(&self, subject: Id, who: Id) -> bool {
        let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let entries = map.entry(subject).or_default();
        if entries.contains(&who) {
            return true;
        }
        let has_room = entries.len() < MOST;
        if has_room {
            entries.push(who);
        }
        has_room
    }

    /// Those who may look at a subject.
    pub(crate) fn of(&self, subject: Id) -> Vec<Id> {
        let map = self.0.read().unwrap_or_else(PoisonError::into_inner);
        map.get(&subject).cloned().unwrap_or_default()
    }

    /// Somebody does not look at a subject any more.
    pub(crate) fn remove(&self, subject: Id, who: Id) {
        let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(entries) = map.get_mut(&subject) {
            entries.retain(|entry| *entry != who);
            if entries.is_empty() {
                map.remove(&subject);
            }
        }
    }

    /// Forgets all.
    pub(crate) fn clear(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Whether nobody looks at anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Everybody with what they look at.
    pub(crate) fn entries(&self) -> Vec<(Id, Id)> {
        let map = self.0.read().unwrap_or_else(PoisonError::into_inner);
        map.iter().flat_map(|(subject, all)| all.iter().map(|who| (*subject, *who))).collect()
    }
}

/// How often entries are looked through for what is gone.
const TIDY: Duration = Duration::from_secs(60);

/// Takes entries out of those that are gone, for as long as it is polled.
pub(crate) async fn tidy(index: &Index, cse: &Cse) {
    let mut gone_before: HashSet<(Id, Id)> = HashSet::new();
    loop {
        tokio::time::sleep(TIDY).await;
        let entries = index.entries();
        let gone = cse.look(move |_, snapshot| {
            let mut gone = HashSet::new();
            for (subject, who) in &entries {
                if snapshot.resource(*who)?.is_none() {
                    gone.insert((*subject, *who));
                }
            }
            Ok(gone)
        });
        let Ok(gone) = gone.await else { continue };
        // One that is missing twice is none that a transaction is about to commit.
        for (subject, who) in gone.intersection(&gone_before) {
            index.remove(*subject, *who);
        }
        gone_before = gone;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_has_a_bounded_number_of_entries() {
        let index = Index::default();
        assert!((0..100).all(|who| index.add(7, who)) && !index.add(7, 100) && index.add(7, 99));
        index.remove(7, 3);
        assert!(index.add(7, 100) && index.of(7).len() == 100 && index.of(8).is_empty());
        for (subject, who) in index.entries() {
            index.remove(subject, who);
        }
        assert!(index.is_empty());
    }
}
