//! A channel in memory: the requests that wait for its entity, those that it has and has not answered, and whether it
//! polls.
//!
//! Nothing here outlives the process. What has to is owed by the outbox, which brings it again until it is answered.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dyad_core::resource::Id;
use dyad_protocol::Response;
use serde_json::Value;
use tokio::sync::{Notify, oneshot};

/// The channels on which something is going on, by the resource ID of the entity's registration.
#[derive(Debug, Default)]
pub(super) struct Channels(Mutex<HashMap<String, Visited>>);

/// A channel and how many visits to it there are.
#[derive(Debug, Default)]
struct Visited {
    channel: Arc<Channel>,
    visits: usize,
}

impl Channels {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Visited>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The channel of an entity, kept for as long as somebody visits it.
    pub(super) fn enter(&self, entity: &str) -> Visit<'_> {
        let mut all = self.all();
        self.visit(entity, all.entry(entity.to_owned()).or_default())
    }

    /// The channel of an entity if somebody visits it.
    pub(super) fn visited(&self, entity: &str) -> Option<Visit<'_>> {
        let mut all = self.all();
        Some(self.visit(entity, all.get_mut(entity)?))
    }

    /// Wakes every poll, to look again whether it is still held.
    pub(super) fn wake(&self) {
        for visited in self.all().values() {
            visited.channel.filled.notify_waiters();
        }
    }

    fn visit(&self, entity: &str, visited: &mut Visited) -> Visit<'_> {
        visited.visits += 1;
        Visit { channels: self, entity: entity.to_owned(), channel: Arc::clone(&visited.channel) }
    }
}

/// A visit to a channel; what nobody visits is forgotten.
#[derive(Debug)]
pub(super) struct Visit<'a> {
    channels: &'a Channels,
    entity: String,
    channel: Arc<Channel>,
}

impl Deref for Visit<'_> {
    type Target = Channel;

    fn deref(&self) -> &Channel {
        &self.channel
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let mut all = self.channels.all();
        let Some(visited) = all.get_mut(&self.entity) else { return };
        visited.visits -= 1;
        if visited.visits == 0 {
            all.remove(&self.entity);
        }
    }
}

/// One channel.
#[derive(Debug, Default)]
pub(super) struct Channel {
    state: Mutex<State>,
    /// A request waits, or the channel is gone.
    pub(super) filled: Notify,
    /// The entity polls, or there is another way to it.
    pub(super) polled: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// What the entity has got and not answered, by request identifier.
    given: HashMap<String, Waiting>,
    polls: usize,
    /// How many requests a poll takes at most.
    room: usize,
    tickets: u64,
    removed: Option<Id>,
}

/// A request for the entity.
#[derive(Debug)]
struct Waiting {
    ticket: u64,
    identifier: String,
    primitive: Value,
    answer: oneshot::Sender<Response>,
}

/// A request for the entity as its sender sees it; withdrawn when dropped.
#[derive(Debug)]
pub(super) struct Ticket<'a> {
    channel: &'a Channel,
    number: u64,
    /// Brings the response.
    pub(super) answered: oneshot::Receiver<Response>,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.channel.withdraw(self.number);
    }
}

/// A poll that is held.
#[derive(Debug)]
pub(super) struct Poll<'a>(&'a Channel);

impl Drop for Poll<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.polls = state.polls.saturating_sub(1);
    }
}

impl Channel {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets requests wait, each an identifier and the primitive, if all of them are no more than `most` with those
    /// that wait already.
    pub(super) fn put(&self, requests: Vec<(String, Value)>, most: usize) -> Option<Vec<Ticket<'_>>> {
        let mut state = self.state();
        if state.waiting.len() + requests.len() > most {
            return None;
        }
        let mut tickets = Vec::with_capacity(requests.len());
        for (identifier, primitive) in requests {
            let (answer, answered) = oneshot::channel();
            state.tickets += 1;
            let ticket = state.tickets;
            state.waiting.push_back(Waiting { ticket, identifier, primitive, answer });
            tickets.push(Ticket { channel: self, number: ticket, answered });
        }
        drop(state);
        self.filled.notify_one();
        Some(tickets)
    }

    /// Begins a poll that takes at most so many requests.
    pub(super) fn begin(&self, room: usize) -> Poll<'_> {
        let mut state = self.state();
        state.polls += 1;
        state.room = room;
        drop(state);
        self.polled.notify_waiters();
        Poll(self)
    }

    /// How many requests the entity takes at a time, if it polls.
    pub(super) fn room(&self) -> Option<usize> {
        let state = self.state();
        (state.polls > 0).then_some(state.room)
    }

    /// Hands out the first requests that wait. One whose identifier the entity has not answered yet has to wait
    /// longer: nobody could tell the responses apart.
    pub(super) fn take(&self, most: usize) -> Vec<Value> {
        let mut state = self.state();
        let mut taken = Vec::new();
        let mut left = VecDeque::new();
        let mut held_back = HashSet::new();
        while let Some(waiting) = state.waiting.pop_front() {
            let is_free =
                !state.given.contains_key(&waiting.identifier) && !held_back.contains(&waiting.identifier);
            if is_free && taken.len() < most {
                taken.push(waiting.primitive.clone());
                state.given.insert(waiting.identifier.clone(), waiting);
            } else {
                held_back.insert(waiting.identifier.clone());
                left.push_back(waiting);
            }
        }
        state.waiting = left;
        let has_more = state.waiting.iter().any(|waiting| !state.given.contains_key(&waiting.identifier));
        drop(state);
        if has_more {
            self.filled.notify_one();
        }
        taken
    }

    /// Passes a response on to whoever waits for it. Whether anybody does.
    pub(super) fn answer(&self, response: Response) -> bool {
        let given = self.state().given.remove(&response.request_identifier);
        // Another with the same identifier may have waited for this.
        self.filled.notify_one();
        given.is_some_and(|given| given.answer.send(response).is_ok())
    }

    /// Nobody waits for the response any more.
    fn withdraw(&self, ticket: u64) {
        let mut state = self.state();
        state.waiting.retain(|waiting| waiting.ticket != ticket);
        state.given.retain(|_, given| given.ticket != ticket);
        drop(state);
        self.filled.notify_one();
    }

    /// The resource of the channel is gone: whoever polls it learns that.
    pub(super) fn remove(&self, resource: Id) {
        self.state().removed = Some(resource);
        self.filled.notify_waiters();
        self.polled.notify_waiters();
    }

    /// Whether the resource of the channel is gone.
    pub(super) fn is_removed(&self, resource: Id) -> bool {
        self.state().removed == Some(resource)
    }
}
