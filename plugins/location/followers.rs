//! Which policies follow the location of which AE, in memory.
//!
//! A superset of what is stored: an entry may be of a transaction that was rolled back, or of a policy that is gone.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use dyad_core::Cse;
use dyad_core::resource::{Id, Lookup};

/// Policies that follow one AE at most.
const MOST: usize = 100;

/// How often entries are looked through for what is gone.
const TIDY: Duration = Duration::from_secs(60);

/// Policies by the AE-ID of who created them.
#[derive(Debug, Default)]
pub(super) struct Followers(RwLock<HashMap<String, Vec<Id>>>);

impl Followers {
    /// A policy follows an AE from now on. False if too many do.
    pub(super) fn add(&self, entity: &str, policy: Id) -> bool {
        let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let policies = map.entry(entity.to_owned()).or_default();
        if policies.contains(&policy) {
            return true;
        }
        let has_room = policies.len() < MOST;
        if has_room {
            policies.push(policy);
        }
        has_room
    }

    /// The policies that may follow an AE.
    pub(super) fn of(&self, entity: &str) -> Vec<Id> {
        let map = self.0.read().unwrap_or_else(PoisonError::into_inner);
        map.get(entity).cloned().unwrap_or_default()
    }

    /// Forgets all.
    pub(super) fn clear(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Takes entries out of those that are gone, for as long as it is polled.
    pub(super) async fn tidy(&self, cse: &Cse) {
        let mut gone_before: Vec<Id> = Vec::new();
        loop {
            tokio::time::sleep(TIDY).await;
            let policies: Vec<Id> = {
                let map = self.0.read().unwrap_or_else(PoisonError::into_inner);
                map.values().flatten().copied().collect()
            };
            let gone = cse.look(move |_, snapshot| {
                let mut gone = Vec::new();
                for policy in &policies {
                    if snapshot.resource(*policy)?.is_none() {
                        gone.push(*policy);
                    }
                }
                gone.sort_unstable();
                Ok(gone)
            });
            let Ok(gone) = gone.await else { continue };
            // One that is missing twice is none that a transaction is about to commit.
            let is_gone = |policy: &Id| gone.binary_search(policy).is_ok() && gone_before.contains(policy);
            let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
            map.retain(|_, policies| {
                policies.retain(|policy| !is_gone(policy));
                !policies.is_empty()
            });
            drop(map);
            gone_before = gone;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Followers;

    #[test]
    fn an_entity_has_a_bounded_number_of_followers() {
        let followers = Followers::default();
        assert!((0..100).all(|policy| followers.add("C1", policy)));
        assert!(!followers.add("C1", 100) && followers.add("C1", 99) && followers.add("C2", 100));
        assert_eq!(
            (followers.of("C1").len(), followers.of("C2"), followers.of("C3")),
            (100, vec![100], vec![])
        );
        followers.clear();
        assert!(followers.of("C1").is_empty());
    }
}
