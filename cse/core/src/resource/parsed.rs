//! What was derived from resources after they came into memory: attributes that were parsed, views.
//!
//! A version is weighed in the cache as it comes, and may be parsed at any time after that, which takes several times
//! its text. Here is counted how much; beyond a bound, those that were parsed first are to be made compact again. How
//! is left to [`super::Tree`].

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dyad_protocol::Object;
use serde_json::Value;

use super::Id;

/// Bytes that an entry takes in the table of an object beside its name and value: its hash, its place, its mark.
const PER_ENTRY: usize = 2 * size_of::<usize>() + 1;

/// Counts what resources in memory take beside their rows.
#[derive(Debug)]
pub(crate) struct Parsed {
    bound: u64,
    bytes: AtomicU64,
    /// Those that were parsed, the first in front, with their bytes. A resource that was parsed, forgotten and parsed
    /// again is there twice: it counts for more than it takes, never for less.
    order: Mutex<VecDeque<(Id, u64)>>,
}

impl Parsed {
    /// Counts up to a bound in bytes.
    pub(super) fn new(bound: u64) -> Self {
        Self { bound, bytes: AtomicU64::new(0), order: Mutex::default() }
    }

    fn order(&self) -> MutexGuard<'_, VecDeque<(Id, u64)>> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So much was derived from a resource.
    pub(super) fn note(&self, resource: Id, bytes: usize) {
        let bytes = (bytes + size_of::<(Id, u64)>()) as u64;
        self.order().push_back((resource, bytes));
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// A resource that has to be made compact, as long as all together take more than they may. Does not count from
    /// here on.
    pub(super) fn surplus(&self) -> Option<Id> {
        if self.bytes.load(Ordering::Relaxed) <= self.bound {
            return None;
        }
        let (resource, bytes) = self.order().pop_front()?;
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        Some(resource)
    }

    /// How many bytes are counted.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// About how many bytes an object takes in memory.
pub(super) fn size_of_object(object: &Object) -> usize {
    let room = match object.len() {
        0 => 0,
        // Tables grow by doubling and are full at seven eighths.
        entries => (entries.max(3) * 8).div_ceil(7).next_power_of_two(),
    };
    let entries: usize = object.iter().map(|(name, value)| size_of_text(name.len()) + beyond(value)).sum();
    room * (size_of::<(String, Value)>() + PER_ENTRY) + entries
}

/// What a value takes beside itself.
fn beyond(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 0,
        // Numbers are kept as they were written.
        Value::Number(number) => size_of_text(number.as_str().len()),
        Value::String(text) => size_of_text(text.len()),
        Value::Array(items) => {
            items.capacity() * size_of::<Value>() + items.iter().map(beyond).sum::<usize>()
        }
        Value::Object(object) => size_of_object(object),
    }
}

fn size_of_text(length: usize) -> usize {
    length.next_multiple_of(size_of::<usize>())
}
