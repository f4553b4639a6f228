//! When the next resource expires, as far as the node knows.
//!
//! Responsible for: letting whoever sweeps wait for that moment instead of looking again and again, so that counters of
//! containers (`cni`, `cbs`) and what their limits leave follow at once (TS-0001 9.6.6). It is found in the store with
//! each sweep, and what is to go earlier says so when it is written. The sweep itself is left to a service function.

use std::sync::atomic::{AtomicI64, Ordering};

use dyad_protocol::Timestamp;
use tokio::sync::Notify;

/// The earliest moment that is known of, never too late for what was noted.
#[derive(Debug)]
pub(crate) struct Expiry {
    next: AtomicI64,
    earlier: Notify,
}

impl Default for Expiry {
    fn default() -> Self {
        Self { next: AtomicI64::new(i64::MAX), earlier: Notify::new() }
    }
}

impl Expiry {
    /// A row is to go then, in microseconds since 1970: a comparison, unless it is the first of all.
    pub(crate) fn note(&self, et: i64) {
        if et < self.next.load(Ordering::Relaxed) {
            self.next.fetch_min(et, Ordering::Relaxed);
            self.earlier.notify_one();
        }
    }

    /// A sweep begins, which finds out anew. On the thread of the writer, as everything that is noted.
    pub(crate) fn forget(&self) {
        self.next.store(i64::MAX, Ordering::Relaxed);
    }

    /// The moment.
    pub(crate) fn next(&self) -> Timestamp {
        Timestamp::from_micros(self.next.load(Ordering::Relaxed))
    }

    /// Resolves when there is an earlier one; one that came while nobody waited counts.
    pub(crate) async fn earlier(&self) {
        self.earlier.notified().await;
    }
}
