//! What the request procedures remember from one request to the next, in memory: who holds a place among the pending
//! requests, and which group requests came already.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dyad_protocol::time::Span;
use dyad_protocol::{Failure, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Target;
use crate::Cse;
use crate::config::DeferralConfig;

/// Group requests that are remembered; the oldest are forgotten first.
const GROUP_REQUESTS: usize = 10_000;

/// What the request procedures remember.
pub(crate) struct State {
    places: Arc<Semaphore>,
    groups: Mutex<Groups>,
    /// Microseconds of the life of `<request>` resources if it is shortened, 0 if not.
    short_life: AtomicI64,
}

/// Group request identifiers, each with a target.
#[derive(Default)]
struct Groups {
    known: HashSet<String>,
    in_order: VecDeque<String>,
}

impl State {
    pub(crate) fn new(config: &DeferralConfig) -> Self {
        Self {
            places: Arc::new(Semaphore::new(config.pending.min(Semaphore::MAX_PERMITS))),
            groups: Mutex::default(),
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

    /// Notes a group request (TS-0004 7.3.3.2). GROUP_REQUEST_IDENTIFIER_EXISTS if the target had it already.
    pub(super) fn note_group(&self, identifier: &str, target: &Target) -> Result<(), Failure> {
        let key = format!("{} {:?} {identifier}", target.resource.id(), target.virtual_child);
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if !groups.known.insert(key.clone()) {
            return Err(Failure::new(
                StatusCode::GroupRequestIdentifierExists,
                "the target has had a request with this group request identifier",
            ));
        }
        groups.in_order.push_back(key);
        if groups.in_order.len() > GROUP_REQUESTS
            && let Some(oldest) = groups.in_order.pop_front()
        {
            groups.known.remove(&oldest);
        }
        Ok(())
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
