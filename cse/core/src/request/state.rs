//! What the request procedures remember from one request to the next, in memory: who holds a place among the pending
//! requests, which group requests came already, and which notifications are being forwarded.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use dyad_protocol::time::Span;
use dyad_protocol::{Failure, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::circle::Circles;
use super::repeated::Repeated;
use crate::Cse;
use crate::config::DeferralConfig;

/// What the request procedures remember.
pub(crate) struct State {
    places: Arc<Semaphore>,
    pub(super) repeated: Repeated,
    pub(super) circles: Circles,
    /// Microseconds of the life of `<request>` resources if it is shortened, 0 if not.
    short_life: AtomicI64,
}

impl State {
    pub(crate) fn new(config: &DeferralConfig) -> Self {
        Self {
            places: Arc::new(Semaphore::new(config.pending.min(Semaphore::MAX_PERMITS))),
            repeated: Repeated::default(),
            circles: Circles::default(),
            short_life: AtomicI64::new(0),
        }
    }

    /// A place among the pending requests. INTERNAL_SERVER_ERROR if all are taken.
    pub(super) fn place(&self) -> Result<OwnedSemaphorePermit, Failure> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            Failure::new(
                StatusCode::InternalServerError,
                "too many non-blocking requests are pending, try again later",
            )
        })
    }

    /// The life of `<request>` resources if it is shortened.
    pub(super) fn short_life(&self) -> Option<Duration> {
        let micros = self.short_life.load(Ordering::Relaxed);
        (micros > 0).then(|| Duration::from_micros(micros.unsigned_abs()))
    }
}

impl Cse {
    /// A place among the pending requests, for one of an earlier run. INTERNAL_SERVER_ERROR if all are taken.
    pub fn pending_place(&self) -> Result<OwnedSemaphorePermit, Failure> {
        self.requests().place()
    }

    /// Gives requests that name no times of their own, and their results, this life instead of that of the settings,
    /// until the next start; `None` for that of the settings again.
    pub fn shorten_requests(&self, life: Option<Duration>) {
        let micros = life.map_or(0, |life| Span::from(life).micros());
        self.requests().short_life.store(micros, Ordering::Relaxed);
    }
}
