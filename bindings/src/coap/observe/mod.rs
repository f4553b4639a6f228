//! Observation (RFC 7641): clients that are told of changes of what they retrieved.
//!
//! Responsible for who observes, within limits, and for how that ends. What one observer is told, and how often, is
//! left to `relation`; when to look again to [`Receiver::watch`].

mod relation;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use coap_lite::Packet;
use dyad_protocol::exchange::{Arrival, Receiver};
use dyad_protocol::serialization::Codec;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::decode::Decoded;
use super::encode;
use super::options;
use super::resources::{Notifier, Outcome, RequestKey, Source};
use super::status::code;
use relation::Relation;

/// How many may observe. Who comes when there are too many is answered once, without Observe (RFC 7641 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In all.
    pub total: usize,
    /// From one IP address.
    pub per_address: usize,
}

/// An observation is known by its client and the token of the request that began it (RFC 7641 4.1).
type Key = (Source, Box<[u8]>);

/// All observers.
pub(super) struct Observers {
    limits: Limits,
    receiver: Arc<dyn Receiver>,
    codec: Codec,
    /// The endpoint, which holds what stands on it.
    notifier: OnceLock<Weak<dyn Notifier>>,
    table: Mutex<Table>,
    /// Of the latest notification, whoever it was for: 24 bits of it travel, which order notifications within two
    /// minutes as long as there are less than 60,000 a second (RFC 7641 3.4).
    sequence: AtomicU32,
    number: AtomicU64,
}

#[derive(Default)]
struct Table {
    seats: HashMap<Key, Seat>,
    per_address: HashMap<IpAddr, usize>,
}

struct Seat {
    /// Tells a seat from the one that took its place.
    number: u64,
    /// The client has echoed a notification.
    echoed: Arc<Notify>,
    task: AbortHandle,
}

impl Observers {
    pub(super) fn new(limits: Limits, receiver: Arc<dyn Receiver>, codec: Codec) -> Arc<Self> {
        Arc::new(Self {
            limits,
            receiver,
            codec,
            notifier: OnceLock::new(),
            table: Mutex::default(),
            sequence: AtomicU32::new(0),
            number: AtomicU64::new(0),
        })
    }

    /// What notifications are sent with, before which nobody can observe.
    pub(super) fn attach(&self, notifier: &Arc<dyn Notifier>) {
        // There is one endpoint.
        let _ = self.notifier.set(Arc::downgrade(notifier));
    }

    /// Answers a RETRIEVE that asks to be told of changes, and begins that if it can be.
    pub(super) async fn begin(
        self: &Arc<Self>,
        packet: &Packet,
        source: Source,
        decoded: Decoded,
        arrival: Arrival,
    ) -> Packet {
        let Decoded { request, reply, .. } = decoded;
        // First, so that no change between the look and the watch is missed.
        let watch = self.receiver.watch(&request).await;
        let response = self.receiver.receive(request.clone(), arrival.clone()).await;
        let mut answer = encode::response(&response, &reply, &self.codec);
        let notifier = self.notifier.get().and_then(Weak::upgrade);
        let (Some(watch), Some(notifier)) = (watch, notifier) else { return answer };
        if u8::from(answer.header.code) != code(2, 5) {
            return answer;
        }
        let key: Key = (source, packet.get_token().into());
        let relation = Relation::new(
            relation::What { request, arrival, reply, key: RequestKey::of(packet) },
            watch,
            notifier,
            &answer,
        );
        if self.seat(key, relation) {
            self.mark(&mut answer);
        }
        answer
    }

    /// Ends an observation that its client wants no more.
    pub(super) fn end(&self, source: Source, token: &[u8]) {
        self.remove(&(source, token.into()), None);
    }

    /// What became of a notification.
    pub(super) fn settled(&self, to: Source, token: &[u8], outcome: Outcome) {
        let key = (to, token.into());
        match outcome {
            Outcome::Acknowledged => {
                if let Some(seat) = self.table().seats.get(&key) {
                    seat.echoed.notify_one();
                }
            }
            // The client knows nothing of it any more, or is gone (RFC 7641 3.6, 4.5).
            Outcome::Reset | Outcome::TimedOut => self.remove(&key, None),
        }
    }

    /// How many observe.
    pub(super) fn len(&self) -> usize {
        self.table().seats.len()
    }

    /// Gives an answer the next place in the order (RFC 7641 4.4).
    fn mark(&self, answer: &mut Packet) {
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed).wrapping_add(1) & 0x00ff_ffff;
        options::put_uint(answer, options::OBSERVE, sequence.into());
    }

    /// Begins an observation in place of the one with the same key, or if there is room. `false` if there is none.
    fn seat(self: &Arc<Self>, key: Key, relation: Relation) -> bool {
        let mut table = self.table();
        let address = key.0.address.ip();
        let has_place = table.seats.contains_key(&key);
        let held = table.per_address.get(&address).copied().unwrap_or_default();
        if !has_place && (table.seats.len() >= self.limits.total || held >= self.limits.per_address) {
            return false;
        }
        let (number, echoed) = (self.number.fetch_add(1, Ordering::Relaxed), Arc::new(Notify::new()));
        let running = relation.run(Arc::clone(self), key.clone(), number, Arc::clone(&echoed));
        let task = tokio::spawn(running).abort_handle();
        match table.seats.insert(key, Seat { number, echoed, task }) {
            Some(before) => before.task.abort(),
            None => *table.per_address.entry(address).or_default() += 1,
        }
        true
    }

    /// Takes a seat away; one with a number only if it is still the same.
    fn remove(&self, key: &Key, number: Option<u64>) {
        let mut table = self.table();
        if number.is_some_and(|number| table.seats.get(key).is_none_or(|seat| seat.number != number)) {
            return;
        }
        let Some(seat) = table.seats.remove(key) else { return };
        seat.task.abort();
        let address = key.0.address.ip();
        if let Some(held) = table.per_address.get_mut(&address) {
            *held -= 1;
            if *held == 0 {
                table.per_address.remove(&address);
            }
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
