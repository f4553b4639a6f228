//! Messages that have to arrive: repetition until they are echoed (RFC 7252 4.2, 4.7, 4.8). Sans-IO.
//!
//! Responsible for message IDs, for what was sent and is not acknowledged yet, for how many such there may be for one
//! endpoint (NSTART), and for knowing which message a reset is about. Time is passed in, datagrams go out through a
//! list. Bounded in messages per endpoint and in all. Who is asked for how much, and what answers mean, is left to
//! others.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::resources::{Outcome, Source};

/// Counters of message IDs: endpoints share them, so that an ID of one comes again late and nobody can tell from his
/// own what those of others are.
const COUNTERS: usize = 4096;

/// Echoes of messages that were never sent, after which an endpoint with some under way is guessing.
const MAX_STRAYS: u8 = 8;

/// How messages are repeated.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// ACK_TIMEOUT: the shortest time until the first repetition.
    pub first: Duration,
    /// MAX_RETRANSMIT: how many repetitions.
    pub repetitions: u8,
}

impl Effort {
    /// RFC 7252 4.8.
    pub const STANDARD: Self = Self { first: Duration::from_secs(2), repetitions: 4 };
}

/// Limits of a layer.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// NSTART: messages to one endpoint that may wait for their echo at a time.
    pub at_once: usize,
    /// Messages to one endpoint that wait until they may be sent.
    pub waiting: usize,
    /// Messages in all, those on their way and those that wait.
    pub messages: usize,
    /// Non-confirmable messages of which is known what a reset of them means.
    pub unconfirmed: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { at_once: 1, waiting: 16, messages: 65_536, unconfirmed: 32_768 }
    }
}

/// A datagram to send.
pub type Transmit = (Source, Bytes);

/// What became of a message: whom it was for, what was attached to it, and the outcome.
pub type Settled<T> = (Source, T, Outcome);

/// Reliability of one or more sockets. `T` is what a user attaches to a message to know it again.
#[derive(Debug)]
pub struct Layer<T> {
    limits: Limits,
    counters: Vec<u16>,
    keys: RandomState,
    drawn: u64,
    flying: HashMap<(Source, u16), Flight<T>>,
    peers: HashMap<Source, Peer<T>>,
    waiting: usize,
    due: BinaryHeap<Reverse<(Instant, Source, u16)>>,
    unconfirmed: HashMap<(Source, u16), T>,
    sent: VecDeque<(Source, u16)>,
}

/// A message on its way.
#[derive(Debug)]
struct Flight<T> {
    datagram: Bytes,
    attached: T,
    pause: Duration,
    left: u8,
    due: Instant,
}

#[derive(Debug)]
struct Peer<T> {
    flying: Vec<u16>,
    waiting: VecDeque<(u16, Bytes, Effort, T)>,
    strays: u8,
}

impl<T> Default for Peer<T> {
    fn default() -> Self {
        Self { flying: Vec::new(), waiting: VecDeque::new(), strays: 0 }
    }
}

impl<T> Layer<T> {
    /// With nothing under way.
    pub fn new(limits: Limits) -> Self {
        let keys = RandomState::new();
        let start = |slot: usize| keys.hash_one(("start", slot)) as u16;
        Self {
            limits,
            counters: (0..COUNTERS).map(start).collect(),
            keys,
            drawn: 0,
            flying: HashMap::new(),
            peers: HashMap::new(),
            waiting: 0,
            due: BinaryHeap::new(),
            unconfirmed: HashMap::new(),
            sent: VecDeque::new(),
        }
    }

    /// The next message ID for an endpoint.
    pub fn next_id(&mut self, to: Source) -> u16 {
        let slot = self.keys.hash_one(to) as usize % COUNTERS;
        let Some(counter) = self.counters.get_mut(slot) else { return 0 };
        *counter = counter.wrapping_add(1);
        *counter
    }

    /// A message ID that nobody can guess, for a message whose echo shows that it was received.
    pub fn random_id(&mut self, to: Source) -> u16 {
        loop {
            let id = self.draw() as u16;
            if !self.flying.contains_key(&(to, id)) {
                return id;
            }
        }
    }

    /// Sends a confirmable message, at once or when the endpoint has echoed what was sent before. `datagram` has the
    /// ID `id`. Gives `attached` back if too much is under way.
    pub fn confirmable(
        &mut self,
        now: Instant,
        to: Source,
        (id, datagram): (u16, Bytes),
        effort: Effort,
        attached: T,
        out: &mut Vec<Transmit>,
    ) -> Result<(), T> {
        let peer = self.peers.get(&to);
        let (flying, waiting) = peer.map_or((0, 0), |peer| (peer.flying.len(), peer.waiting.len()));
        let full = self.flying.len() + self.waiting >= self.limits.messages;
        if full || waiting >= self.limits.waiting || self.flying.contains_key(&(to, id)) {
            return Err(attached);
        }
        if flying < self.limits.at_once {
            self.launch(now, to, (id, datagram), effort, attached, out);
        } else {
            self.peers.entry(to).or_default().waiting.push_back((id, datagram, effort, attached));
            self.waiting += 1;
        }
        Ok(())
    }

    /// Notes that a non-confirmable message was sent, so that a reset of it can be told.
    pub fn unconfirmed(&mut self, to: Source, id: u16, attached: T) {
        if self.unconfirmed.insert((to, id), attached).is_none() {
            self.sent.push_back((to, id));
        }
        while self.sent.len() > self.limits.unconfirmed {
            if let Some(oldest) = self.sent.pop_front() {
                self.unconfirmed.remove(&oldest);
            }
        }
    }

    /// An ACK or RST came. Nothing if it is about no message that is under way.
    pub fn echoed(
        &mut self,
        now: Instant,
        from: Source,
        id: u16,
        outcome: Outcome,
        out: &mut Vec<Transmit>,
        settled: &mut Vec<Settled<T>>,
    ) {
        if let Some(flight) = self.flying.remove(&(from, id)) {
            settled.push((from, flight.attached, outcome));
            self.landed(now, from, id, out);
        } else if outcome == Outcome::Reset && self.unconfirmed.contains_key(&(from, id)) {
            if let Some(attached) = self.unconfirmed.remove(&(from, id)) {
                settled.push((from, attached, outcome));
            }
        } else {
            self.stray(now, from, out, settled);
        }
    }

    /// A message was answered though its echo did not come, or nobody is interested in it any more: it is not
    /// repeated. Gives back what was attached, unless it was settled before.
    pub fn cancel(&mut self, now: Instant, to: Source, id: u16, out: &mut Vec<Transmit>) -> Option<T> {
        if let Some(flight) = self.flying.remove(&(to, id)) {
            self.landed(now, to, id, out);
            return Some(flight.attached);
        }
        let peer = self.peers.get_mut(&to)?;
        let at = peer.waiting.iter().position(|(waiting, ..)| *waiting == id)?;
        let (_, _, _, attached) = peer.waiting.remove(at)?;
        self.waiting = self.waiting.saturating_sub(1);
        Some(attached)
    }

    /// When [`Layer::expire`] has something to do next.
    pub fn next_due(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse((due, ..))| *due)
    }

    /// Repeats what is due, and gives up what was repeated often enough.
    pub fn expire(&mut self, now: Instant, out: &mut Vec<Transmit>, settled: &mut Vec<Settled<T>>) {
        while let Some(&Reverse((due, to, id))) = self.due.peek() {
            if due > now {
                break;
            }
            self.due.pop();
            let Some(flight) = self.flying.get_mut(&(to, id)) else { continue };
            if flight.due != due {
                continue;
            }
            if flight.left > 0 {
                flight.left -= 1;
                flight.pause *= 2;
                flight.due = now + flight.pause;
                out.push((to, flight.datagram.clone()));
                self.due.push(Reverse((flight.due, to, id)));
            } else if let Some(flight) = self.flying.remove(&(to, id)) {
                settled.push((to, flight.attached, Outcome::TimedOut));
                self.landed(now, to, id, out);
            }
        }
    }

    /// Confirmable messages on their way or waiting.
    pub fn under_way(&self) -> usize {
        self.flying.len() + self.waiting
    }

    fn launch(
        &mut self,
        now: Instant,
        to: Source,
        (id, datagram): (u16, Bytes),
        effort: Effort,
        attached: T,
        out: &mut Vec<Transmit>,
    ) {
        // Between ACK_TIMEOUT and ACK_TIMEOUT * ACK_RANDOM_FACTOR (1.5).
        let share = (self.draw() % 1024) as u32;
        let pause = effort.first + effort.first / 2 * share / 1024;
        let due = now + pause;
        out.push((to, datagram.clone()));
        self.flying.insert((to, id), Flight { datagram, attached, pause, left: effort.repetitions, due });
        self.peers.entry(to).or_default().flying.push(id);
        self.due.push(Reverse((due, to, id)));
        if self.due.len() > 1024 + 4 * self.flying.len() {
            let flying = &self.flying;
            self.due.retain(|Reverse((due, to, id))| {
                flying.get(&(*to, *id)).is_some_and(|flight| flight.due == *due)
            });
        }
    }

    /// One message less is on its way: the next one may go.
    fn landed(&mut self, now: Instant, to: Source, landed: u16, out: &mut Vec<Transmit>) {
        let Some(peer) = self.peers.get_mut(&to) else { return };
        peer.flying.retain(|id| *id != landed);
        peer.strays = 0;
        match peer.waiting.pop_front() {
            Some((id, datagram, effort, attached)) => {
                self.waiting = self.waiting.saturating_sub(1);
                self.launch(now, to, (id, datagram), effort, attached, out);
            }
            None if peer.flying.is_empty() => drop(self.peers.remove(&to)),
            None => {}
        }
    }

    /// Who echoes what was never sent, while something is under way, may be guessing its ID.
    fn stray(&mut self, now: Instant, from: Source, out: &mut Vec<Transmit>, settled: &mut Vec<Settled<T>>) {
        let Some(peer) = self.peers.get_mut(&from) else { return };
        peer.strays = peer.strays.saturating_add(1);
        if peer.strays < MAX_STRAYS {
            return;
        }
        for id in peer.flying.clone() {
            if let Some(flight) = self.flying.remove(&(from, id)) {
                settled.push((from, flight.attached, Outcome::TimedOut));
                self.landed(now, from, id, out);
            }
        }
    }

    fn draw(&mut self) -> u64 {
        self.drawn = self.drawn.wrapping_add(1);
        self.keys.hash_one(("draw", self.drawn))
    }
}
