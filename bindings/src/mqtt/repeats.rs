//! Requests that come again: from a client that did not get its answer, or from a broker that did not get its receipt
//! (QoS 1 is *at least once*).
//!
//! Responsible for carrying out each once within a bounded window, and for the answer that was given. A request is the
//! same if originator, identifier, operation, target and content are; clients that use one identifier for everything
//! are therefore served. A RETRIEVE changes nothing and is carried out each time.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dyad_protocol::{Operation, Request, Response};
use tokio::time::Instant;

/// What is known of a request.
pub(super) enum Known {
    /// Nothing: it is to be carried out, and the answer to be noted if there is a note.
    Nothing(Option<Note>),
    /// It is being carried out.
    UnderWay,
    /// It was answered.
    Answered(Box<Response>),
}

/// The window.
pub(super) struct Repeats {
    state: Mutex<State>,
    /// Two, as 64 bits alone might collide for who tries hard.
    hashers: [RandomState; 2],
    keep_for: Duration,
    most: usize,
    most_bytes: usize,
}

type Key = [u64; 2];

#[derive(Default)]
struct State {
    entries: HashMap<Key, Entry>,
    /// Those that were answered, oldest first.
    answered: VecDeque<(Instant, Key, u64)>,
    bytes: usize,
    last: u64,
}

struct Entry {
    number: u64,
    sameness: u64,
    /// `None` as long as it is being carried out.
    answer: Option<Box<Response>>,
}

/// The place for an answer. One that is dropped without makes the request unknown again.
pub(super) struct Note {
    repeats: Arc<Repeats>,
    key: Key,
    number: u64,
}

impl Repeats {
    /// A window: how long an answer is remembered, how many are, and how many bytes their contents have together. Zero
    /// remembers none.
    pub(super) fn new(keep_for: Duration, most: usize, most_bytes: usize) -> Arc<Self> {
        let hashers = [RandomState::new(), RandomState::new()];
        Arc::new(Self { state: Mutex::default(), hashers, keep_for, most, most_bytes })
    }

    /// What is known of a request of an originator.
    pub(super) fn look(self: &Arc<Self>, originator: &str, request: &Request, now: Instant) -> Known {
        let is_remembered = !self.keep_for.is_zero()
            && self.most > 0
            && request.operation != Operation::Retrieve
            && !request.request_identifier.is_empty();
        if !is_remembered {
            return Known::Nothing(None);
        }
        let key =
            self.hashers.each_ref().map(|hasher| hasher.hash_one((originator, &request.request_identifier)));
        let content = request.content.as_ref().map(dyad_protocol::Content::value);
        let said = (request.operation.number(), &request.to, request.resource_type, content);
        let sameness = self.hashers[0].hash_one(said);
        let mut state = self.lock();
        state.forget(now, self.keep_for, (self.most, self.most_bytes));
        match state.entries.get(&key) {
            Some(Entry { sameness: known, answer, .. }) if *known == sameness => match answer {
                Some(answer) => return Known::Answered(answer.clone()),
                None => return Known::UnderWay,
            },
            _ => {}
        }
        state.last += 1;
        let number = state.last;
        state.remove(key);
        state.entries.insert(key, Entry { number, sameness, answer: None });
        Known::Nothing(Some(Note { repeats: Arc::clone(self), key, number }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget(&mut self, now: Instant, keep_for: Duration, (most, most_bytes): (usize, usize)) {
        while let Some((since, key, number)) = self.answered.front().copied() {
            let is_old = now.duration_since(since) >= keep_for;
            if !is_old && self.answered.len() <= most && self.bytes <= most_bytes {
                break;
            }
            self.answered.pop_front();
            if self.entries.get(&key).is_some_and(|entry| entry.number == number) {
                self.remove(key);
            }
        }
    }

    fn remove(&mut self, key: Key) {
        if let Some(Entry { answer: Some(answer), .. }) = self.entries.remove(&key) {
            self.bytes = self.bytes.saturating_sub(weight(&answer));
        }
    }
}

impl Note {
    /// The request was answered.
    pub(super) fn answered(self, response: &Response, now: Instant) {
        let mut state = self.repeats.lock();
        let Some(entry) = state.entries.get_mut(&self.key).filter(|entry| entry.number == self.number) else {
            return;
        };
        entry.answer = Some(Box::new(response.clone()));
        state.bytes += weight(response);
        state.answered.push_back((now, self.key, self.number));
        state.forget(now, self.repeats.keep_for, (self.repeats.most, self.repeats.most_bytes));
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        let mut state = self.repeats.lock();
        let is_open = state
            .entries
            .get(&self.key)
            .is_some_and(|entry| entry.number == self.number && entry.answer.is_none());
        if is_open {
            state.remove(self.key);
        }
    }
}

fn weight(response: &Response) -> usize {
    response.content.as_ref().map_or(0, |content| content.json().len())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use dyad_protocol::{Content, Operation, Request, Response, StatusCode};
    use tokio::time::Instant;

    use super::{Known, Repeats};

    fn create(identifier: &str, content: &str) -> Request {
        Request {
            operation: Operation::Create,
            to: "cse-in/a".into(),
            request_identifier: identifier.into(),
            content: Some(Content::from_json(content.to_owned().into()).unwrap()),
            ..Request::default()
        }
    }

    fn carry_out(repeats: &Arc<Repeats>, originator: &str, request: &Request, now: Instant) -> bool {
        match repeats.look(originator, request, now) {
            Known::Nothing(note) => {
                if let Some(note) = note {
                    note.answered(&Response::to(request, StatusCode::Created), now);
                }
                true
            }
            Known::Answered(response) => {
                assert_eq!(response.request_identifier, request.request_identifier);
                false
            }
            Known::UnderWay => false,
        }
    }

    #[test]
    fn each_is_carried_out_once() {
        let repeats = Repeats::new(Duration::from_secs(60), 100, 1_000_000);
        let now = Instant::now();
        assert!(carry_out(&repeats, "Ca", &create("1", "1"), now));
        assert!(!carry_out(&repeats, "Ca", &create("1", "1"), now));
        assert!(carry_out(&repeats, "Cb", &create("1", "1"), now), "another originator");
        assert!(carry_out(&repeats, "Ca", &create("2", "1"), now), "another identifier");
        assert!(carry_out(&repeats, "Ca", &create("1", "2"), now), "another content");
        assert!(!carry_out(&repeats, "Ca", &create("1", "2"), now));
        let retrieve = Request { operation: Operation::Retrieve, ..create("9", "1") };
        assert!(carry_out(&repeats, "Ca", &retrieve, now) && carry_out(&repeats, "Ca", &retrieve, now));
        assert!(carry_out(&repeats, "Ca", &create("2", "1"), now + Duration::from_secs(60)), "too late");
    }

    #[test]
    fn one_under_way_is_not_begun_again() {
        let repeats = Repeats::new(Duration::from_secs(60), 100, 1_000_000);
        let now = Instant::now();
        let Known::Nothing(note) = repeats.look("Ca", &create("1", "1"), now) else { panic!() };
        assert!(matches!(repeats.look("Ca", &create("1", "1"), now), Known::UnderWay));
        drop(note);
        assert!(carry_out(&repeats, "Ca", &create("1", "1"), now), "the first was given up");
    }

    #[test]
    fn the_window_is_bounded() {
        let repeats = Repeats::new(Duration::from_secs(60), 10, 1_000_000);
        let now = Instant::now();
        for number in 0..1_000 {
            assert!(carry_out(&repeats, "Ca", &create(&number.to_string(), "1"), now));
        }
        let state = repeats.lock();
        assert!(state.entries.len() <= 11 && state.answered.len() <= 11);
        drop(state);
        let none = Repeats::new(Duration::ZERO, 10, 1_000_000);
        assert!(
            carry_out(&none, "Ca", &create("1", "1"), now) && carry_out(&none, "Ca", &create("1", "1"), now)
        );
    }
}
