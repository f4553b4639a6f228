//! What keeps the node from being used against others, and against itself (RFC 7252 11.3, RFC 9175 2).
//!
//! Responsible for how many messages a network may send, for which addresses have shown that they receive what is
//! sent to them, and for the Echo values by which one can. Datagrams over UDP can come in anybody's name: as long as
//! an address has not been shown, what is sent to it may not be much longer than what came from it. How it is shown is
//! left to `serving`. Bounded, and sans-IO.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::resources::Source;

/// How much longer than a request an answer to an address that was not shown may be: this many times…
const FACTOR: usize = 3;

/// …and so many bytes, which an answer without a payload needs.
const SPARE: usize = 128;

/// How long an address counts as shown: others may get it after that.
const SHOWN_FOR: Duration = Duration::from_secs(600);

/// How long an Echo value is good.
const ECHO_FOR: u64 = 60;

/// Networks that are told apart, as far as their hashes differ.
const BUCKETS: usize = 16_384;

/// Whether a message may be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Yes.
    Granted,
    /// No, and the sender should know: 4.29 (RFC 8516).
    TooMany,
    /// No, and it is not worth an answer.
    Ignored,
}

/// The length that an answer to a request of so many bytes may have if the address was not shown.
pub fn allowance(request: usize) -> usize {
    FACTOR * request + SPARE
}

/// Whether the messages of an address are counted, for a limit of so many per second.
pub fn counts(rate: u32, address: IpAddr) -> bool {
    rate > 0 && !address.to_canonical().is_loopback()
}

/// Buckets of messages by network: an IPv4 address, or the first 64 bits of an IPv6 one.
#[derive(Debug)]
pub struct Rates {
    /// Messages per second; 0 for no limit.
    rate: u32,
    keys: RandomState,
    began: Instant,
    buckets: Vec<Bucket>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    /// Milliseconds since the beginning.
    filled: u64,
    /// Thousandths of messages that were taken out.
    taken: u64,
}

impl Rates {
    /// For so many messages per second and network, twice as many at once; 0 for no limit. Loopback has none.
    pub fn new(now: Instant, rate: u32) -> Self {
        let buckets = if rate == 0 { 0 } else { BUCKETS };
        Self { rate, keys: RandomState::new(), began: now, buckets: vec![Bucket::default(); buckets] }
    }

    /// Counts a message.
    pub fn admit(&mut self, now: Instant, address: IpAddr) -> Admission {
        if !counts(self.rate, address) {
            return Admission::Granted;
        }
        let network: u128 = match address.to_canonical() {
            IpAddr::V4(address) => u128::from(u32::from(address)),
            IpAddr::V6(address) => u128::from(address) >> 64 | 1 << 127,
        };
        let slot = self.keys.hash_one(network) as usize % BUCKETS;
        let Some(bucket) = self.buckets.get_mut(slot) else { return Admission::Granted };
        let elapsed = now.saturating_duration_since(self.began).as_millis() as u64;
        let refilled = elapsed.saturating_sub(bucket.filled).saturating_mul(u64::from(self.rate));
        *bucket = Bucket { filled: elapsed, taken: bucket.taken.saturating_sub(refilled) };
        let second = u64::from(self.rate) * 1000;
        if bucket.taken >= second * 4 {
            return Admission::Ignored;
        }
        bucket.taken += 1000;
        if bucket.taken > second * 2 { Admission::TooMany } else { Admission::Granted }
    }
}

/// Addresses that have shown that they receive what is sent to them.
#[derive(Debug)]
pub struct Shown {
    at: HashMap<Source, Instant>,
    order: VecDeque<(Instant, Source)>,
    most: usize,
    keys: RandomState,
    began: Instant,
}

impl Shown {
    /// For at most so many addresses; beyond that the oldest has to show itself again.
    pub fn new(now: Instant, most: usize) -> Self {
        Self { at: HashMap::new(), order: VecDeque::new(), most, keys: RandomState::new(), began: now }
    }

    /// Whether an address was shown.
    pub fn is_shown(&self, now: Instant, source: Source) -> bool {
        self.at.get(&source).is_some_and(|at| now.saturating_duration_since(*at) < SHOWN_FOR)
    }

    /// An address was shown: it echoed something that nobody else could know.
    pub fn show(&mut self, now: Instant, source: Source) {
        if self.at.get(&source).is_some_and(|at| now.saturating_duration_since(*at) < SHOWN_FOR / 2) {
            return;
        }
        self.at.insert(source, now);
        self.order.push_back((now, source));
        while let Some(&(at, oldest)) = self.order.front() {
            let is_old = now.saturating_duration_since(at) >= SHOWN_FOR;
            if !is_old && self.order.len() <= self.most {
                break;
            }
            self.order.pop_front();
            if self.at.get(&oldest) == Some(&at) {
                self.at.remove(&oldest);
            }
        }
    }

    /// A value for an Echo option (RFC 9175 2.2.1) that only whoever receives it knows: when it was made, and a keyed
    /// hash of it and the address. Nothing is kept of it.
    pub fn echo(&self, now: Instant, source: Source) -> Vec<u8> {
        let second = self.second(now);
        let mut value = second.to_be_bytes().get(4..).unwrap_or_default().to_vec();
        value.extend_from_slice(&self.sign(second, source).to_be_bytes());
        value
    }

    /// Takes an Echo value that came with a request. Whether it was one for this address, and not too old.
    pub fn take_echo(&mut self, now: Instant, source: Source, value: &[u8]) -> bool {
        let Some((second, signature)) = value.split_first_chunk::<4>() else { return false };
        let second = u64::from(u32::from_be_bytes(*second));
        let age = self.second(now).checked_sub(second);
        let is_good =
            age.is_some_and(|age| age <= ECHO_FOR) && signature == self.sign(second, source).to_be_bytes();
        if is_good {
            self.show(now, source);
        }
        is_good
    }

    fn second(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.began).as_secs() & u64::from(u32::MAX)
    }

    fn sign(&self, second: u64, source: Source) -> u64 {
        self.keys.hash_one(("echo", second, source))
    }
}
