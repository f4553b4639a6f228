//! Requests of the node's own, to whatever entity they go: itself, an AE, an address.
//!
//! Responsible for finding the way. Who tries again, and what a failure means, is left to whoever asks.

use std::sync::Arc;
use std::time::Duration;

use dyad_protocol::exchange::{Arrival, TransportError};
use dyad_protocol::{Request, Response, StatusCode};

use super::coming::Coming;
use super::reachability;
use super::target::{Destination, Point, destination, points};
use crate::Cse;
use crate::function::{Hook, Hosted, NODE, Reach};
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
                let mut request = Request { to: target.to_owned(), ..request };
                if self.is_tailoring() {
                    // Boxed, so that it does not weigh on every other request.
                    Box::pin(self.tailor_notifications(&entity, std::slice::from_mut(&mut request))).await;
                }
                self.reach(&entity, request).await
            }
            Destination::Node => {
                let request = Request { to: target.to_owned(), ..request };
                let arrival = Arrival { binding: NODE, ..Arrival::default() };
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
            && self.delivery().connection(&entity).is_none()
        {
            for request in &mut requests {
                target.clone_into(&mut request.to);
            }
            if self.is_tailoring() {
                self.tailor_notifications(&entity, &mut requests).await;
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

    /// Brings a request to an AE, unless a schedule says that its node cannot communicate now: at the first of its
    /// points of access that answers, over a connection that it has opened, or by a service function that knows a way
    /// to one that cannot be called. One that does not say that it can be called (`rr`) is not, unless there is no
    /// other way.
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
        let mut last = TransportError::Unreachable("the AE has no point of access".into());
        if is_callable {
            match self.reach_by_points(entity, &request).await {
                Some(Ok(response)) => return Ok(response),
                Some(Err(error)) => last = error,
                None => {}
            }
        }
        match self.reach_by_connection(entity, &request).await {
            Some(Ok(response)) => return Ok(response),
            Some(Err(error)) => last = error,
            None => {}
        }
        if let Some(outcomes) = self.reach_by_function(entity, std::slice::from_ref(&request)).await {
            return first(outcomes);
        }
        if is_callable {
            return Err(last);
        }
        self.reach_by_points(entity, &request).await.unwrap_or(Err(last))
    }

    /// Brings a request to the first point of access of an AE that answers. `None` if it has none.
    async fn reach_by_points(
        &self,
        entity: &Resource,
        request: &Request,
    ) -> Option<Result<Response, TransportError>> {
        let mut last = None;
        for Point { url, serialization } in points(entity) {
            let addressed = Request { to: url.clone(), serialization, ..request.clone() };
            match self.delivery().send_to(&url, identifier(entity), &addressed).await {
                Ok(response) => return Some(Ok(response)),
                error => last = Some(error),
            }
        }
        last
    }

    /// Brings a request to an AE over the connection that it has opened. `None` if it has none.
    async fn reach_by_connection(
        &self,
        entity: &Resource,
        request: &Request,
    ) -> Option<Result<Response, TransportError>> {
        let connection = self.delivery().connection(entity)?;
        let answer = connection.send(request, self.delivery().timeout()).await;
        // Not every AE takes requests over its connection (TS-0020 6.1); there may be another way.
        Some(answer.and_then(|response| match response.status {
            StatusCode::TargetNotReachable => {
                Err(TransportError::Unreachable("it takes no requests over its connection".into()))
            }
            _ => Ok(response),
        }))
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
            match hosted.wait_for(self, Hook::Reach, limit, reached).await {
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
    /// for one that is called or has opened a connection.
    pub(super) async fn await_coming(&self, target: &str) -> usize {
        let delivery = self.delivery();
        loop {
            let Ok(Destination::Entity(entity)) = destination(self, target).await else { return 0 };
            if delivery.connection(&entity).is_some() || is_called(&entity) {
                return 0;
            }
            // Noted before the second look, so that a connection between the two is not missed.
            let mut coming = delivery.comings().of(identifier(&entity));
            if delivery.connection(&entity).is_some() {
                return 0;
            }
            tokio::select! {
                takes = self.ready(&entity) => match takes {
                    // Something has changed.
                    Some(0) => {}
                    takes => return takes.unwrap_or(0),
                },
                () = coming.came() => {}
            }
        }
    }

    /// How many requests an entity takes at a time that comes for them by way of a service function, once it does.
    async fn ready(&self, entity: &Arc<Resource>) -> Option<usize> {
        for (hosted, way) in self.ways() {
            // An AE comes when it likes. A function that fails here is no way, and says so when it is tried.
            let ready = hosted.wait_for(self, Hook::Ready, || Duration::MAX, way.ready(self, entity));
            let takes = ready.await.unwrap_or_default();
            if takes.is_some() {
                return takes;
            }
        }
        None
    }

    /// An entity can be reached over a connection that it has opened: what is owed to it is sent at once.
    pub fn connected(&self, entity: &str) {
        self.delivery().comings().came(entity);
    }

    /// Tells when the entity that a target stands for opens a connection.
    pub(super) async fn coming(&self, target: &str) -> Option<Coming<'_>> {
        match destination(self, target).await {
            Ok(Destination::Entity(entity)) => Some(self.delivery().comings().of(identifier(&entity))),
            _ => None,
        }
    }
}

/// The AE-ID of an AE.
pub(super) fn identifier(entity: &Resource) -> &str {
    entity.text("aei").unwrap_or_default()
}

/// Whether requests to an AE go to its points of access first.
fn is_called(entity: &Resource) -> bool {
    entity.is_set("rr") && points(entity).next().is_some()
}

fn first(outcomes: Vec<Result<Response, TransportError>>) -> Result<Response, TransportError> {
    outcomes.into_iter().next().unwrap_or(Err(TransportError::TimedOut))
}
