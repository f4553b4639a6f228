//! Carrying out what was acknowledged earlier (TS-0004 7.2.2.2 Recv-6.0 to Recv-8.0).
//!
//! A request that the node was carrying out when it was killed is carried out again at the next start: a write is not
//! there without its result, so it happens once; a notification may be sent twice.

use std::sync::Arc;
use std::time::Duration;

use dyad_protocol::exchange::Arrival;
use dyad_protocol::{Failure, Response, StatusCode};

use super::kept;
use super::slot::Slot;
use super::{Call, call};
use crate::Cse;
use crate::resource::{Id, Lookup, Txn};

/// The first pause after a write that could not be made; it doubles with each.
const PAUSE: Duration = Duration::from_millis(100);

/// Attempts at a write.
const ATTEMPTS: u32 = 8;

impl Cse {
    /// Carries out the request of a `<request>` whose time has come, records the result there and owes it to whoever
    /// is to be notified. Does nothing if the `<request>` is gone or has its result. `arrival` is how the request
    /// came, as far as that is still known.
    pub async fn resume(&self, id: Id, arrival: Arrival) {
        // In a transaction, so that a DELETE of it comes before this or finds the request under way.
        let begun = self
            .insist(move |txn| {
                let now = txn.now();
                Ok(txn.resource(id)?.filter(|kept| kept::is_pending(kept) && !kept.is_expired(now)))
            })
            .await;
        let Some(resource) = begun.flatten() else { return };
        let (request, unreadable) = match kept::restore(&resource) {
            Ok(request) => (request, None),
            Err(failure) => (kept::bare(&resource), Some(failure)),
        };
        let slot = Some(Arc::new(Slot::at(id)));
        let mut call = Call::new(Box::new(request), arrival, self.now(), slot);
        // The originator waits for nothing any more.
        call.request.response_type = dyad_protocol::primitive::ResponseTypeInfo::default();
        let is_late =
            call.request.request_expiration_timestamp.is_some_and(|at| at.resolve(call.now) <= call.now);
        let late = is_late.then(|| {
            Failure::new(StatusCode::RequestTimeout, "the request expired before it could be carried out")
        });
        self.conclude(&Arc::new(call), unreadable.or(late)).await;
    }

    /// Carries out a request whose result may go into a `<request>`, unless it has failed already, and sees to it that
    /// it goes there.
    pub(super) async fn conclude(&self, call: &Arc<Call>, failed: Option<Failure>) -> Response {
        let span = call::span(call);
        let outcome = match failed {
            Some(failure) => Err(failure),
            None => tracing::Instrument::instrument(self.in_time(call), span.clone()).await,
        };
        let response = call::settle(call, &span, outcome);
        if let Some(slot) = call.slot.as_ref().filter(|slot| slot.finish()) {
            let (slot, result) = (Arc::clone(slot), response.clone());
            // What is not recorded when the node stops is carried out again at the next start.
            if self.insist(move |txn| slot.conclude(txn, &result)).await.is_none() && !self.is_stopping() {
                tracing::error!("the result of a non-blocking request could not be stored");
            }
        }
        response
    }

    /// Makes a write of the node's own even if the writer is busy. `None` if it cannot be made, or the node stops.
    async fn insist<T: Send + 'static>(
        &self,
        job: impl FnMut(&mut Txn<'_>) -> Result<T, Failure> + Clone + Send + 'static,
    ) -> Option<T> {
        let mut pause = PAUSE;
        for _ in 0..ATTEMPTS {
            match self.writer().run(job.clone()).await {
                Ok(done) => return Some(done),
                Err(_) if self.is_stopping() => return None,
                Err(failure) => {
                    tracing::warn!(error = ?failure.source, "a write of the node's own fails: {failure}");
                }
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        None
    }
}
