//! When is a request answered, and with what? (TS-0004 7.2.2.2 Recv-2.0 to Recv-5.0, TS-0001 8.2)
//!
//! Blocking requests with their result; non-blocking ones with an acknowledgement, once they are stored; flexBlocking
//! ones with the result if it comes soon. A non-blocking request is handed to the service function that offers
//! [`crate::Deferral`], and comes back by [`Cse::resume`] when its time has come.

use std::sync::Arc;

use dyad_protocol::primitive::ResponseType;
use dyad_protocol::{Failure, Response, StatusCode};
use serde_json::json;

use super::kept::{self, Plan, Reference};
use super::slot::Slot;
use super::{Call, call};
use crate::Cse;
use crate::function::{Deferral, Hook, Hosted};

impl Cse {
    /// Answers a request whose primitive is in order.
    pub(super) async fn answer(&self, call: &Arc<Call>) -> Result<Response, Failure> {
        // Boxed, so that they do not weigh on every other request.
        match call.request.response_type.value {
            ResponseType::Blocking | ResponseType::NoResponse => self.in_time(call).await,
            ResponseType::FlexBlocking => Box::pin(self.flexible(call)).await,
            ResponseType::NonBlockingSynch | ResponseType::NonBlockingAsynch => {
                Box::pin(self.accept(call)).await
            }
        }
    }

    /// The service function for requests that are carried out later.
    fn deferral(&self) -> Option<(&Hosted, &dyn Deferral)> {
        self.hosts().on().find_map(|hosted| Some((hosted, hosted.facets(self).deferral?)))
    }

    /// Stores a request and acknowledges it.
    async fn accept(&self, call: &Arc<Call>) -> Result<Response, Failure> {
        if self.deferral().is_none() {
            return Err(match call.request.response_type.value {
                ResponseType::NonBlockingSynch => Failure::new(
                    StatusCode::NonBlockingSynchRequestNotSupported,
                    "this node answers blocking requests only",
                ),
                _ => Failure::not_implemented("this node answers blocking requests only"),
            });
        }
        if kept::is_registration(&call.request) {
            return Err(Failure::not_implemented("a registration is carried out in blocking mode only"));
        }
        let plan = Plan::of(self, call)?;
        let place = self.requests().place()?;
        // In a task of its own: whoever stops waiting for the acknowledgement does not keep it from being handed over.
        let (cse, shared) = (self.shared(), Arc::clone(call));
        let handed_over = tokio::spawn(async move {
            let stored = Arc::clone(&shared);
            let kept = cse.writer().run(move |txn| kept::store(txn, &stored, &plan)).await?;
            if let Some((hosted, deferral)) = cse.deferral() {
                let arrival = shared.arrival.clone();
                hosted.call(&cse, Hook::Accepted, || deferral.accepted(kept.id, plan.due, arrival, place))?;
            }
            Ok(kept)
        });
        let kept = handed_over.await.unwrap_or_else(|error| Err(Failure::internal(error)))?;
        Ok(self.acknowledge(call, &kept))
    }

    /// The acknowledgement of a request (TS-0004 7.3.2.3).
    fn acknowledge(&self, call: &Call, kept: &Reference) -> Response {
        let is_asynch = match &call.request.response_type.value {
            ResponseType::NonBlockingAsynch => true,
            ResponseType::FlexBlocking => {
                call.request.response_type.notification_uri.as_ref().is_some_and(|uris| !uris.is_empty())
            }
            _ => false,
        };
        let status = match is_asynch {
            true => StatusCode::AcceptedNonBlockingAsynch,
            false => StatusCode::AcceptedNonBlockingSynch,
        };
        let mut response = Response::to(&call.request, status);
        response.content = Some(json!({ "m2m:uri": kept.path }).into());
        response.originating_timestamp = Some(self.now());
        response
    }

    /// Answers with the result if it comes soon, with an acknowledgement if not (TS-0001 8.1.2 flexBlocking). Where
    /// nothing can be kept, it waits.
    async fn flexible(&self, call: &Arc<Call>) -> Result<Response, Failure> {
        let Some((hosted, deferral)) = self.deferral().filter(|_| !kept::is_registration(&call.request))
        else {
            return self.in_time(call).await;
        };
        let Ok(plan) = Plan::of(self, call) else { return self.in_time(call).await };
        let wait = self.config().deferral.flex_wait;
        let due = call::until(plan.due, call.now);
        if due > wait {
            return match self.accept(call).await {
                Err(_) if due < self.config().request_timeout => self.in_time(call).await,
                outcome => outcome,
            };
        }
        let slot = Arc::new(Slot::open());
        let (request, arrival) = (call.request.clone(), call.arrival.clone());
        let open = Arc::new(Call::new(request, arrival, call.now, Some(Arc::clone(&slot))));
        let (cse, shared) = (self.shared(), Arc::clone(&open));
        let mut under_way = tokio::spawn(async move { cse.conclude(&shared, None).await });
        if let Ok(finished) = tokio::time::timeout(wait, &mut under_way).await {
            return finished.map_err(Failure::internal);
        }
        if let Ok(place) = self.requests().place() {
            let shared = Arc::clone(&open);
            let keep = move |txn: &mut crate::resource::Txn<'_>| slot.keep(txn, &shared, &plan);
            // One that cannot be kept is waited for, whatever the reason.
            if let Ok(Some(reference)) = self.writer().run(keep).await {
                hosted.call(self, Hook::UnderWay, || deferral.under_way(reference.id, place))?;
                let cse = self.shared();
                let acknowledgement = self.acknowledge(call, &reference);
                tokio::spawn(async move {
                    let _ = under_way.await;
                    if let Some((hosted, deferral)) = cse.deferral() {
                        // A fault is noted there, and nobody's failure: the result is kept.
                        let _ = hosted.call(&cse, Hook::Done, || deferral.done(reference.id));
                    }
                });
                return Ok(acknowledgement);
            }
        }
        under_way.await.map_err(Failure::internal)
    }
}
