//! Requests that come twice: Group Request Identifiers (TS-0004 7.3.3.2, TS-0001 10.2.7.1).
//!
//! A request that is fanned out to sub-groups carries an identifier. A resource that it reaches a second time, by
//! another group or because groups contain each other in a circle, answers GROUP_REQUEST_IDENTIFIER_EXISTS.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use dyad_protocol::{Failure, StatusCode, Timestamp};

use super::{Call, Target};
use crate::Cse;
use crate::resource::Id;

/// Targets that are remembered, over all identifiers. Beyond it the oldest identifiers are forgotten early.
const MOST: usize = 1_000_000;

/// What identifiers came by which targets, for as long as their requests may be under way.
#[derive(Debug, Default)]
pub(super) struct Repeated {
    seen: Mutex<Seen>,
    /// Identifiers that were made.
    made: AtomicU64,
}

/// An originator and an identifier: nobody can use up the identifier of another.
type Key = (String, String);

#[derive(Debug, Default)]
struct Seen {
    /// By key the resources, each with the virtual resource below it.
    targets: HashMap<Key, HashSet<(Id, String)>>,
    /// When each key can be forgotten, in the order in which they came.
    order: VecDeque<(Timestamp, Key)>,
    count: usize,
}

impl Cse {
    /// A group request identifier for what a request to a target is fanned out to: no other request has it, of this
    /// node or of another, and the target has had it.
    pub fn new_group_request(&self, call: &Call, target: &Target) -> Result<String, Failure> {
        let number = self.requests().repeated.made.fetch_add(1, Ordering::Relaxed);
        let identifier = format!("{}-{:x}-{number:x}", self.config().cse_base_id(), self.now().micros());
        self.note_group_request(call, &identifier, target)?;
        Ok(identifier)
    }

    /// Takes note that a request with an identifier has reached its target. GROUP_REQUEST_IDENTIFIER_EXISTS if it had
    /// before.
    pub(super) fn note_group_request(
        &self,
        call: &Call,
        identifier: &str,
        target: &Target,
    ) -> Result<(), Failure> {
        let longest = i64::try_from(self.config().request_timeout.as_micros()).unwrap_or(i64::MAX);
        let until = Timestamp::from_micros(call.now.micros().saturating_add(longest));
        let below = target.virtual_child.as_ref().map_or_else(String::new, ToString::to_string);
        let key = (self.config().shorten(call.request.originator()).to_owned(), identifier.to_owned());
        let mut seen = self.requests().repeated.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.add(key, (target.resource.id(), below), until, call.now) {
            Ok(())
        } else {
            Err(Failure::new(
                StatusCode::GroupRequestIdentifierExists,
                "the target has had a request with this group request identifier",
            ))
        }
    }
}

impl Seen {
    /// Whether the target is new for the identifier.
    fn add(&mut self, key: Key, target: (Id, String), until: Timestamp, now: Timestamp) -> bool {
        while self.order.front().is_some_and(|(over, _)| *over <= now || self.count >= MOST) {
            let Some((_, oldest)) = self.order.pop_front() else { break };
            self.count -= self.targets.remove(&oldest).map_or(0, |targets| targets.len());
        }
        let targets = self.targets.entry(key.clone()).or_insert_with(|| {
            self.order.push_back((until, key));
            HashSet::new()
        });
        let is_new = targets.insert(target);
        self.count += usize::from(is_new);
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, Seen};
    use dyad_protocol::Timestamp;

    fn key(identifier: &str) -> super::Key {
        ("Cae".into(), identifier.into())
    }

    #[test]
    fn a_target_is_reached_once_per_identifier_until_its_time_is_over() {
        let mut seen = Seen::default();
        let at = Timestamp::from_micros;
        assert!(seen.add(key("a"), (1, String::new()), at(10), at(0)));
        assert!(!seen.add(key("a"), (1, String::new()), at(20), at(5)));
        assert!(seen.add(key("a"), (1, "la".into()), at(10), at(5)));
        assert!(seen.add(key("b"), (1, String::new()), at(15), at(5)));
        assert!(seen.add(key("a"), (1, String::new()), at(30), at(10)), "forgotten");
        assert!(!seen.add(key("b"), (1, String::new()), at(30), at(14)));
        assert_eq!((seen.count, seen.order.len()), (2, 2));
    }

    #[test]
    fn memory_is_bounded() {
        let mut seen = Seen::default();
        let at = Timestamp::from_micros;
        for target in 0..MOST as i64 + 10 {
            seen.add(key(&(target % 1_000).to_string()), (target, String::new()), at(i64::MAX), at(0));
        }
        assert!(seen.count <= MOST && seen.order.len() == seen.targets.len());
    }
}
