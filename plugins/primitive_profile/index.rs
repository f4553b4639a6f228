//! Which profiles there are, in memory: by the entity that they may concern.
//!
//! A superset of what is stored: profiles are added when a transaction makes them, which may yet be rolled back, and
//! taken out when they are found to be gone. Whoever uses one looks at the resource itself again.

use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use dyad_core::Cse;
use dyad_core::resource::{Id, Lookup};

/// How often it is looked for profiles that are gone.
const TIDY: Duration = Duration::from_secs(60);

/// Numbers of profiles by the entity that they may concern; those that may concern everybody under no name.
#[derive(Debug, Default)]
pub(super) struct Index(RwLock<HashMap<String, Vec<Id>>>);

impl Index {
    /// A profile for an entity, or for everybody. `told` hears that there is one before anybody else looks.
    pub(super) fn add(&self, entity: &str, profile: Id, told: impl FnOnce()) {
        let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let profiles = map.entry(entity.to_owned()).or_default();
        // An attempt that is repeated has another number, so they may come in any order but never twice.
        if let Err(place) = profiles.binary_search(&profile) {
            profiles.insert(place, profile);
        }
        told();
    }

    /// Those that may concern an entity, the oldest first.
    pub(super) fn of(&self, entity: &str) -> Vec<Id> {
        let map = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let own = map.get(entity).filter(|_| !entity.is_empty());
        let mut found: Vec<Id> = own.into_iter().chain(map.get("")).flatten().copied().collect();
        found.sort_unstable();
        found
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().map(Vec::len).sum()
    }

    /// Forgets all.
    pub(super) fn clear(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn all(&self) -> Vec<Id> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().flatten().copied().collect()
    }

    /// Takes profiles out. `told` hears, before anybody else looks, that none is left.
    fn remove(&self, gone: &HashSet<Id>, told: impl FnOnce()) {
        let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
        map.retain(|_, profiles| {
            profiles.retain(|profile| !gone.contains(profile));
            !profiles.is_empty()
        });
        if map.is_empty() {
            told();
        }
    }

    /// Takes out what is gone, for as long as it is polled.
    pub(super) async fn tidy(&self, cse: &Cse, told: impl Fn()) {
        let mut gone_before: HashSet<Id> = HashSet::new();
        loop {
            tokio::time::sleep(TIDY).await;
            let all = self.all();
            let gone = cse.look(move |_, look| {
                let mut gone = HashSet::new();
                for profile in &all {
                    if look.resource(*profile)?.is_none() {
                        gone.insert(*profile);
                    }
                }
                Ok(gone)
            });
            let Ok(gone) = gone.await else { continue };
            // One that is missing twice is none that a transaction is about to commit.
            let twice: HashSet<Id> = gone.intersection(&gone_before).copied().collect();
            if !twice.is_empty() {
                self.remove(&twice, &told);
            }
            gone_before = gone;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_of_an_entity_come_with_those_of_all_in_order() {
        let index = Index::default();
        for (entity, profile) in [("Ca", 7), ("", 5), ("Cb", 6), ("Ca", 3), ("Ca", 7)] {
            index.add(entity, profile, || ());
        }
        assert_eq!((index.of("Ca"), index.of("Cb"), index.of("Cc")), (vec![3, 5, 7], vec![5, 6], vec![5]));
        assert_eq!((index.of(""), index.count()), (vec![5], 4));
        let mut is_empty = false;
        index.remove(&HashSet::from([3, 5, 7]), || is_empty = true);
        assert_eq!((index.of("Ca"), index.of("Cb"), is_empty), (vec![], vec![6], false));
        index.remove(&HashSet::from([6]), || is_empty = true);
        assert!(is_empty && index.count() == 0);
    }
}
