//! What is kept of block-wise transfers between two of their messages (RFC 7959 2.4, 2.5): bounded in bytes and
//! entries, in all and for one address, and in time.
//!
//! Responsible for the bounds alone; what is kept is left to `uploads` and `downloads`.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::resources::{RequestKey, Source};

/// Bytes that an entry takes beside its content, roughly.
const OVERHEAD: usize = 512;

/// How often entries that are too old are looked for.
const SWEEP: Duration = Duration::from_secs(5);

/// How much may be kept.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Bytes in all.
    pub bytes: usize,
    /// Bytes for one address, all its ports together.
    pub bytes_per_address: usize,
    /// How long nothing may come for an entry.
    pub lifetime: Duration,
}

/// Entries by whom they are for and what was asked.
#[derive(Debug)]
pub(super) struct Kept<V> {
    room: Room,
    entries: HashMap<(Source, RequestKey), Entry<V>>,
    bytes: usize,
    by_address: HashMap<IpAddr, usize>,
    swept: Option<Instant>,
}

#[derive(Debug)]
struct Entry<V> {
    used: Instant,
    weight: usize,
    value: V,
}

impl<V> Kept<V> {
    pub(super) fn new(room: Room) -> Self {
        Self { room, entries: HashMap::new(), bytes: 0, by_address: HashMap::new(), swept: None }
    }

    /// An entry that is not too old; it is used by this.
    pub(super) fn get(&mut self, now: Instant, whose: &(Source, RequestKey)) -> Option<&mut V> {
        let lifetime = self.room.lifetime;
        let entry = self.entries.get_mut(whose)?;
        if now.saturating_duration_since(entry.used) > lifetime {
            return None;
        }
        entry.used = now;
        Some(&mut entry.value)
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, whose: &(Source, RequestKey)) -> Option<V> {
        let entry = self.entries.remove(whose)?;
        self.weigh(whose.0, entry.weight, 0);
        Some(entry.value)
    }

    /// Whether an entry may have so many bytes at all.
    pub(super) fn may_hold(&self, bytes: usize) -> bool {
        bytes + OVERHEAD <= self.room.bytes_per_address.min(self.room.bytes)
    }

    /// Whether there is room for so many bytes more, for a new entry (with what it takes itself) or an old one.
    pub(super) fn has_room(&mut self, now: Instant, whose: Source, bytes: usize) -> bool {
        self.sweep(now);
        let own = self.by_address.get(&whose.address.ip()).copied().unwrap_or(0);
        let more = bytes + OVERHEAD;
        own + more <= self.room.bytes_per_address && self.bytes + more <= self.room.bytes
    }

    /// Makes room for so many bytes by taking out what was not used for the longest, of the same address if its share
    /// is exceeded.
    pub(super) fn make_room(&mut self, now: Instant, whose: Source, bytes: usize) {
        while !self.has_room(now, whose, bytes) {
            let ip = whose.address.ip();
            let own = self.by_address.get(&ip).copied().unwrap_or(0);
            let own_share = own + bytes + OVERHEAD > self.room.bytes_per_address;
            let mut ages: Vec<_> = self
                .entries
                .iter()
                .filter(|((source, _), _)| !own_share || source.address.ip() == ip)
                .map(|(whose, entry)| (entry.used, whose.clone()))
                .collect();
            if ages.is_empty() {
                return;
            }
            ages.sort_unstable_by_key(|(used, _)| *used);
            // Some at a time, so that not every newcomer has to look at all.
            for (_, whose) in ages.iter().take(1 + ages.len() / 8) {
                self.remove(whose);
            }
        }
    }

    /// Puts an entry in, in place of what is there. Whether there is room was asked before.
    pub(super) fn put(&mut self, now: Instant, whose: (Source, RequestKey), bytes: usize, value: V) {
        self.remove(&whose);
        let weight = bytes + OVERHEAD;
        self.weigh(whose.0, 0, weight);
        self.entries.insert(whose, Entry { used: now, weight, value });
    }

    /// An entry has so many bytes more.
    pub(super) fn grew(&mut self, whose: &(Source, RequestKey), more: usize) {
        if let Some(entry) = self.entries.get_mut(whose) {
            let before = entry.weight;
            entry.weight += more;
            self.weigh(whose.0, before, before + more);
        }
    }

    fn weigh(&mut self, whose: Source, less: usize, more: usize) {
        self.bytes = (self.bytes + more).saturating_sub(less);
        let own = self.by_address.entry(whose.address.ip()).or_default();
        *own = (*own + more).saturating_sub(less);
        if *own == 0 {
            self.by_address.remove(&whose.address.ip());
        }
    }

    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|swept| now.saturating_duration_since(swept) < SWEEP) {
            return;
        }
        self.swept = Some(now);
        let lifetime = self.room.lifetime;
        let old = |entry: &Entry<V>| now.saturating_duration_since(entry.used) > lifetime;
        let gone: Vec<_> =
            self.entries.iter().filter(|(_, entry)| old(entry)).map(|(whose, _)| whose.clone()).collect();
        for whose in gone {
            self.remove(&whose);
        }
    }
}
