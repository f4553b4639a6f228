//! Tailoring: primitives that service functions change on their way in and out (`<primitiveProfile>`, TS-0001 release 4).
//!
//! Responsible for asking the functions, and for costing nothing while none of them has anything to tailor: one look at a
//! counter. What is changed, for whom and why, is left to them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use dyad_protocol::exchange::Arrival;
use dyad_protocol::{Failure, Request, Response, StatusCode};

use super::watchdog::Hook;
use super::{BINDING, Hosted, ServiceFunction};
use crate::Cse;
use crate::resource::Resource;

/// How a request arrives that the node sends to itself.
pub(crate) const NODE: &str = "node";

/// Changes primitives to the measure of those who send or get them. Nobody is asked before a function has said that it
/// has something to tailor ([`Cse::tailors`]), but for requests that name a profile.
#[async_trait]
pub trait Tailor: Send + Sync {
    /// Changes a request before it is checked, and says what is to be done about its response. A failure refuses it.
    async fn request(
        &self,
        cse: &Cse,
        request: &mut Request,
        arrival: &Arrival,
    ) -> Result<Option<Box<dyn TailorResponse>>, Failure>;

    /// Changes notifications to an AE that is registered here, before they are sent on whatever way.
    async fn notifications(&self, cse: &Cse, entity: &Arc<Resource>, requests: &mut [Request]);
}

/// Changes the response to a request that was tailored or has nothing to be tailored itself.
pub trait TailorResponse: Send + Sync {
    /// Changes a successful response; not asked about acknowledgements.
    fn response(&self, cse: &Cse, response: &mut Response);
}

/// What is to be done about a response, with the place of the function that does it.
pub(crate) type Responders = Vec<(usize, Box<dyn TailorResponse>)>;

impl Cse {
    /// A service function says whether it has anything to tailor at present. As long as none has, primitives pass by
    /// without a question.
    pub fn tailors(&self, owner: &dyn ServiceFunction, has_something: bool) {
        let Some((_, hosted)) = self.hosts().find(owner.name()) else { return };
        let tailoring = &self.hosts().tailoring;
        match (hosted.tailors.swap(has_something, Ordering::Relaxed), has_something) {
            (false, true) => drop(tailoring.fetch_add(1, Ordering::Relaxed)),
            (true, false) => drop(tailoring.fetch_sub(1, Ordering::Relaxed)),
            _ => {}
        }
    }

    /// Whether a function has anything to tailor.
    pub(crate) fn is_tailoring(&self) -> bool {
        self.hosts().tailoring.load(Ordering::Relaxed) > 0
    }

    /// Whether a request may be tailored: those of the node and of its functions never are.
    pub(crate) fn may_tailor(&self, request: &Request, arrival: &Arrival) -> bool {
        (self.is_tailoring() || request.primitive_profile_identifier.is_some())
            && !matches!(arrival.binding, NODE | BINDING)
    }

    fn all_tailors(&self) -> impl Iterator<Item = (usize, &Hosted, &dyn Tailor)> {
        let hosts = self.hosts().all().iter().enumerate().filter(|(_, hosted)| !hosted.is_off());
        hosts.filter_map(|(place, hosted)| Some((place, hosted, hosted.facets(self).tailor?)))
    }

    /// Lets the functions change a request. NOT_IMPLEMENTED if it names a profile and none does anything about profiles.
    pub(crate) async fn tailor_request(
        &self,
        request: &mut Request,
        arrival: &Arrival,
    ) -> Result<Responders, Failure> {
        let (mut responders, mut has_some) = (Responders::new(), false);
        for (place, hosted, tailor) in self.all_tailors() {
            has_some = true;
            let work = tailor.request(self, request, arrival);
            responders.extend(hosted.wait(self, Hook::Tailor, work).await??.map(|found| (place, found)));
        }
        if !has_some && request.primitive_profile_identifier.is_some() {
            return Err(Failure::not_implemented(
                "no service function of this node applies primitive profiles",
            ));
        }
        Ok(responders)
    }

    /// Lets the functions change the response to a request that they have seen.
    pub(crate) fn tailor_response(&self, responders: &Responders, response: &mut Response) {
        let status = response.status;
        let is_result = status.is_success() && status.number() >= StatusCode::Ok.number();
        for (place, responder) in responders.iter().filter(|_| is_result) {
            if let Some(hosted) = self.hosts().get(*place) {
                // A fault is noted there; the response goes out as it is.
                let _ = hosted.call(self, Hook::Tailor, || responder.response(self, response));
            }
        }
    }

    /// Lets the functions change notifications to an AE.
    pub(crate) async fn tailor_notifications(&self, entity: &Arc<Resource>, requests: &mut [Request]) {
        for (_, hosted, tailor) in self.all_tailors() {
            // A fault is noted there; the notifications go out as they are.
            let _ = hosted.wait(self, Hook::Tailor, tailor.notifications(self, entity, requests)).await;
        }
    }
}
