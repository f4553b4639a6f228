//! Messages that came lately, so that each is acted on once (RFC 7252 4.5). Sans-IO.
//!
//! Responsible for telling a repetition from a new message by its source and message ID, and for the answer that a
//! repetition gets. Bounded in messages and bytes: beyond that the oldest is forgotten, those that only read first,
//! as each kind has room of its own. A flood of reads does therefore not make the node carry out a CREATE twice. Which
//! messages are worth noting is left to `serving`.

use std::collections::hash_map::Entry as Place;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::resources::Source;

/// How much is remembered of each kind.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Messages.
    pub messages: usize,
    /// Bytes of their answers.
    pub bytes: usize,
}

/// What a message asks for, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// To read: it does no harm if it is done twice.
    Read,
    /// Anything else.
    Change,
}

/// What to do with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is new.
    New,
    /// It came before and was answered with this, if there was an answer already.
    Again(Option<Bytes>),
}

/// The messages that came within the last [`Remembered::LIFETIME`].
#[derive(Debug)]
pub struct Remembered {
    known: HashMap<(Source, u16), Entry>,
    reads: Ring,
    changes: Ring,
}

#[derive(Debug)]
struct Entry {
    came: Instant,
    asks: Asks,
    answer: Option<Bytes>,
}

#[derive(Debug)]
struct Ring {
    order: VecDeque<(Instant, Source, u16)>,
    bytes: usize,
    room: Room,
}

impl Ring {
    fn new(room: Room) -> Self {
        Self { order: VecDeque::new(), bytes: 0, room }
    }
}

impl Remembered {
    /// EXCHANGE_LIFETIME with the parameters of RFC 7252 4.8.2.
    pub const LIFETIME: Duration = Duration::from_secs(247);

    /// With room for each kind.
    pub fn new(reads: Room, changes: Room) -> Self {
        Self { known: HashMap::new(), reads: Ring::new(reads), changes: Ring::new(changes) }
    }

    /// Notes that a message came.
    pub fn came(&mut self, now: Instant, from: Source, id: u16, asks: Asks) -> Seen {
        let entry = Entry { came: now, asks, answer: None };
        let old = match self.known.entry((from, id)) {
            Place::Occupied(known) if now.saturating_duration_since(known.get().came) < Self::LIFETIME => {
                return Seen::Again(known.get().answer.clone());
            }
            Place::Occupied(mut known) => Some(known.insert(entry)),
            Place::Vacant(free) => {
                free.insert(entry);
                None
            }
        };
        self.unweigh(old);
        self.ring(asks).order.push_back((now, from, id));
        self.trim(now, asks);
        Seen::New
    }

    /// Whether a message came before, without noting that it came now.
    pub fn look(&self, now: Instant, from: Source, id: u16) -> Seen {
        match self.known.get(&(from, id)) {
            Some(known) if now.saturating_duration_since(known.came) < Self::LIFETIME => {
                Seen::Again(known.answer.clone())
            }
            _ => Seen::New,
        }
    }

    /// Notes how a message is answered when it comes again; replaces what was noted before.
    pub fn answered(&mut self, now: Instant, from: Source, id: u16, answer: Bytes) {
        let Some(entry) = self.known.get_mut(&(from, id)) else { return };
        let (asks, more) = (entry.asks, answer.len());
        let less = entry.answer.replace(answer).map_or(0, |old| old.len());
        let ring = self.ring(asks);
        ring.bytes = (ring.bytes + more).saturating_sub(less);
        self.trim(now, asks);
    }

    /// How many messages are remembered.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    fn ring(&mut self, asks: Asks) -> &mut Ring {
        match asks {
            Asks::Read => &mut self.reads,
            Asks::Change => &mut self.changes,
        }
    }

    /// An entry is there no more.
    fn unweigh(&mut self, entry: Option<Entry>) {
        if let Some(Entry { asks, answer: Some(answer), .. }) = entry {
            let ring = self.ring(asks);
            ring.bytes = ring.bytes.saturating_sub(answer.len());
        }
    }

    /// Forgets what is too old, and the oldest while there is too much.
    fn trim(&mut self, now: Instant, asks: Asks) {
        loop {
            let ring = self.ring(asks);
            let over = ring.order.len() > ring.room.messages || ring.bytes > ring.room.bytes;
            let Some(&(came, from, id)) = ring.order.front() else { return };
            if !over && now.saturating_duration_since(came) < Self::LIFETIME {
                return;
            }
            ring.order.pop_front();
            let Place::Occupied(known) = self.known.entry((from, id)) else { continue };
            // One that came again after its lifetime has another place in the order.
            if known.get().came == came {
                let entry = known.remove();
                self.unweigh(Some(entry));
            }
        }
    }
}
