//! Requests of the node's own, to whatever entity they go: itself, an AE, an address.
//!
//! Responsible for finding the way. Who tries again, and what a failure means, is left to whoever asks.

use std::sync::Arc;
use std::time::Duration;

use dyad_protocol::exchange::{Arrival, TransportError};
use dyad_protocol::{Request, Response};

use super::reachability;
use super::target::{Destination, Point, destination, points};
use crate::Cse;
use crate::function::{Hosted, Reach};
use crate::request::until;
use crate::resource::Resource;

impl Cse {
    /// Sends a request of the node's own to `target` and waits for the response: a URL; an AE that is registered here,
    /// by its AE-ID or the address of its resource; anything else on this node, which carries the request out like
    /// one from outside, with the rights of the originator that the request names.
    ///
    /// The request says who it is from; where it goes (`to`) is filled in.
    pub async fn originate(&self, target: &str, request: Request) -> Result<Response, TransportError> {
        let found = destination(self, target).await;
        match found.map_err(|failure| TransportError::Unreachable(failure.debug.into_owned()))? {
            Destination::Address(point) => self.call(point, request).await,
            Destination::Entity(entity) => {
                self.reach(&entity, Request { to: target.to_owned(), ..request }).await
            }
            Destination::Node => {
                let request = Request { to: target.to_owned(), ..request };
                let arrival = Arrival { binding: "node", ..Arrival::default() };
                // Boxed: what is carried out may send requests of its own.
                Ok(Box::pin(self.handle(request, arrival)).await)
            }
        }
    }

    /// Sends requests of the node's own to one target, in their order. Gives the responses to the first of them: to
    /// all if the target is an AE that comes for its requests, and up to the first failure otherwise.
    pub(crate) async fn originate_all(
        &self,
        target: &str,
        mut requests: Vec<Request>,
    ) -> Vec<Result<Response, TransportError>> {
        if requests.len() > 1
            && let Ok(Destination::Entity(entity)) = destination(self, target).await
            && !is_called(&entity)
        {
            for request in &mut requests {
                target.clone_into(&mut request.to);
            }
            if let Some(outcomes) = self.reach_by_function(&entity, &requests).await {
                return outcomes;
            }
        }
        let mut outcomes = Vec::with_capacity(requests.len());
        for request in requests {
            let outcome = self.originate(target, request).await;
            let has_failed = outcome.is_err();
            outcomes.push(outcome);
            if has_failed {
                break;
            }
        }
        outcomes
    }

    /// Brings a request to an AE, unless a schedule says that its node cannot communicate now: at the first of its points of access that answers, or by a service function that
    /// knows a way to one that cannot be called. One that says that it cannot be called (`rr`) is not, unless there
    /// is no other way.
    pub(crate) async fn reach(
        &self,
        entity: &Arc<Resource>,
        request: Request,
    ) -> Result<Response, TransportError> {
        let is_open = reachability::is_open(self, entity).await;
        if !is_open.map_err(|failure| TransportError::Unreachable(failure.debug.into_owned()))? {
            return Err(TransportError::Unreachable("the node of the AE is outside of its schedule".into()));
        }
        let is_callable = entity.is_set("rr");
        let request = [request];
        if !is_callable && let Some(outcomes) = self.reach_by_function(entity, &request).await {
            return first(outcomes);
        }
        let [request] = request;
        let mut last = TransportError::Unreachable("the AE has no point of access".into());
        let identifier = entity.text("aei").unwrap_or_default();
        for Point { url, serialization } in points(entity) {
            let addressed = Request { to: url.clone(), serialization, ..request.clone() };
            match self.delivery().send_to(&url, identifier, &addressed).await {
                Ok(response) => return Ok(response),
                Err(error) => last = error,
            }
        }
        if is_callable && let Some(outcomes) = self.reach_by_function(entity, &[request]).await {
            return first(outcomes);
        }
        Err(last)
    }

    /// Sends a request to a URL, which is its target (TS-0004 7.5.1.2.2).
    async fn call(&self, point: Point, request: Request) -> Result<Response, TransportError> {
        let Point { url, serialization } = point;
        self.delivery().send(&url, &Request { to: url.clone(), serialization, ..request }).await
    }

    /// Brings requests to an AE by a service function, before the first of them expires. `None` if none knows a way.
    async fn reach_by_function(
        &self,
        entity: &Arc<Resource>,
        requests: &[Request],
    ) -> Option<Vec<Result<Response, TransportError>>> {
        let now = self.now();
        let expires = requests.iter().filter_map(|request| request.request_expiration_timestamp).next();
        let timeout = match expires {
            Some(expires) => until(expires.resolve(now), now),
            None => self.delivery().timeout(),
        };
        // Twice what it was given: a way that is never done is a fault.
        let limit = || timeout.saturating_mul(2);
        for (hosted, way) in self.ways() {
            let reached = way.reach(self, entity, requests.to_vec(), timeout);
            match hosted.wait_for(self, "reach", limit, reached).await {
                Ok(None) => {}
                Ok(outcomes) => return outcomes,
                Err(failure) => {
                    return Some(vec![Err(TransportError::Unreachable(failure.debug.into_owned()))]);
                }
            }
        }
        None
    }

    /// The service functions that know ways to entities that cannot be called.
    fn ways(&self) -> impl Iterator<Item = (&Hosted, &dyn Reach)> {
        self.hosts().on().filter_map(|hosted| Some((hosted, hosted.facets(self).reach?)))
    }

    /// Waits until a target that comes for its requests by itself does so: how many it takes at a time. 0, at once,
    /// for one that is called.
    pub(super) async fn await_coming(&self, target: &str) -> usize {
        loop {
            let Ok(Destination::Entity(entity)) = destination(self, target).await else { return 0 };
            if is_called(&entity) {
                return 0;
            }
            let mut takes = None;
            for (hosted, way) in self.ways() {
                // An AE comes when it likes. A function that fails here is no way, and says so when it is tried.
                let ready = hosted.wait_for(self, "ready", || Duration::MAX, way.ready(self, &entity));
                takes = ready.await.unwrap_or_default();
                if takes.is_some() {
                    break;
                }
            }
            match takes {
                // Something has changed.
                Some(0) => {}
                takes => return takes.unwrap_or(0),
            }
        }
    }
}

/// Whether requests to an AE go to its points of access first.
fn is_called(entity: &Resource) -> bool {
    entity.is_set("rr") && points(entity).next().is_some()
}

fn first(outcomes: Vec<Result<Response, TransportError>>) -> Result<Response, TransportError> {
    outcomes.into_iter().next().unwrap_or(Err(TransportError::TimedOut))
}
