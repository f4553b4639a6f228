//! Requests of the node's own, to whatever entity they go: itself, an AE, an address.
//!
//! Responsible for finding the way. Who tries again, and what a failure means, is left to whoever asks.

use std::sync::Arc;

use dyad_protocol::exchange::{Arrival, TransportError};
use dyad_protocol::{Request, Response};

use super::target::{Destination, addresses, destination};
use crate::Cse;
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
            Destination::Address(url) => {
                self.delivery().send(&url, &Request { to: url.clone(), ..request }).await
            }
            Destination::Entity(entity) => self.reach(&entity, &request).await,
            Destination::Node => {
                let request = Request { to: target.to_owned(), ..request };
                let arrival = Arrival { binding: "node", ..Arrival::default() };
                // Boxed: what is carried out may send requests of its own.
                Ok(Box::pin(self.handle(request, arrival)).await)
            }
        }
    }

    /// Brings a request to an AE: at the first of its points of access that answers, or by a service function that
    /// knows a way to one that cannot be called.
    pub(crate) async fn reach(
        &self,
        entity: &Arc<Resource>,
        request: &Request,
    ) -> Result<Response, TransportError> {
        let mut last = TransportError::Unreachable("the AE has no point of access".into());
        for point in addresses(entity) {
            let addressed = Request { to: point.clone(), ..request.clone() };
            match self.delivery().send(&point, &addressed).await {
                Ok(response) => return Ok(response),
                Err(error) => last = error,
            }
        }
        for hosted in self.hosts().on() {
            if let Some(way) = hosted.facets(self).reach
                && let Some(outcome) = way.reach(self, entity, request, self.delivery().timeout()).await
            {
                return outcome;
            }
        }
        Err(last)
    }
}
