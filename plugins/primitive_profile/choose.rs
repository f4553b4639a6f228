//! Which profiles are applied to a request: the one that it names, or all that hold for it, the oldest first.

use std::net::IpAddr;
use std::sync::Arc;

use dyad_core::Cse;
use dyad_core::access::operation;
use dyad_core::request::{Asker, Target};
use dyad_core::resource::{Id, Resource, Snapshot};
use dyad_protocol::exchange::Arrival;
use dyad_protocol::primitive::ResourceType;
use dyad_protocol::{Failure, Operation, Request, StatusCode, Timestamp};

use super::profile::{
    self, PRIMITIVE_PROFILE, REQUESTS, RESPONSES, Subject, find, holds, is_for, is_for_type, may, present,
};

/// What is asked on behalf of a request.
pub(super) struct Question {
    originator: String,
    operation: Operation,
    /// The type that the request speaks of.
    ty: Option<ResourceType>,
    to: String,
    release: String,
    peer: Option<IpAddr>,
    is_authenticated: bool,
    /// `prpi`
    named: Option<String>,
    /// The profiles that may hold.
    candidates: Vec<Id>,
    now: Timestamp,
}

/// The profiles of a request.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    /// Those that hold, the oldest first.
    pub(super) profiles: Vec<Arc<Resource>>,
    /// The type that the request is about, if that is known.
    pub(super) ty: Option<ResourceType>,
}

/// The type that a request speaks of: that which a CREATE makes, and that of the representation in an UPDATE, which by
/// way of a group is about its members.
fn type_in(cse: &Cse, request: &Request) -> Option<ResourceType> {
    match request.operation {
        Operation::Create => request.resource_type,
        Operation::Update => {
            let root = request.content.as_ref()?.value().as_object()?.keys().next()?;
            cse.schemas().by_root(root).map(|table| table.number)
        }
        _ => None,
    }
}

impl Question {
    pub(super) fn new(cse: &Cse, request: &Request, arrival: &Arrival, candidates: Vec<Id>) -> Self {
        Self {
            originator: cse.config().shorten(request.originator()).to_owned(),
            operation: request.operation,
            ty: type_in(cse, request),
            to: request.to.clone(),
            // Release 1 is what a request complies with that does not say (TS-0004 7.3.2.1).
            release: request.release_version_indicator.clone().unwrap_or_else(|| "1".to_owned()),
            peer: arrival.peer.map(|peer| peer.ip()),
            is_authenticated: arrival.authenticated.is_some(),
            named: request.primitive_profile_identifier.clone(),
            candidates,
            now: cse.now(),
        }
    }

    /// The profiles that hold. PRIMITIVE_PROFILE_NOT_ACCESSIBLE if the one that is named is none for the originator,
    /// PRIMITIVE_PROFILE_BAD_REQUEST if it does not hold.
    pub(super) fn answer(&self, cse: &Cse, look: &mut Snapshot<'_>) -> Result<Chosen, Failure> {
        let asker = Asker::from_id(cse, &self.originator, self.now, self.peer, self.is_authenticated);
        let target = find(look, cse, &self.to, &asker)?;
        let subject = Subject {
            asker: &asker,
            operation: self.operation,
            release: &self.release,
            target: target.as_ref(),
        };
        let ty = self.ty.or_else(|| target.as_ref().map(profile::type_of));
        let profiles = match &self.named {
            Some(named) => self.named(cse, look, &subject, named, ty)?,
            None => self.all(cse, look, &subject)?,
        };
        Ok(Chosen { profiles, ty })
    }

    fn all(
        &self,
        cse: &Cse,
        look: &mut Snapshot<'_>,
        subject: &Subject<'_>,
    ) -> Result<Vec<Arc<Resource>>, Failure> {
        let mut found = Vec::new();
        for profile in present(look, &self.candidates, self.now)? {
            if is_for(&profile, REQUESTS | RESPONSES)
                && holds(look, cse, &profile, subject)?
                && may(look, cse, subject.asker, &profile, operation::RETRIEVE)?
            {
                found.push(profile);
            }
        }
        Ok(found)
    }

    fn named(
        &self,
        cse: &Cse,
        look: &mut Snapshot<'_>,
        subject: &Subject<'_>,
        named: &str,
        ty: Option<ResourceType>,
    ) -> Result<Vec<Arc<Resource>>, Failure> {
        let inaccessible = || {
            let why = "prpi names no primitive profile on this node that the originator may retrieve";
            Failure::new(StatusCode::PrimitiveProfileNotAccessible, why)
        };
        let found = find(look, cse, named, subject.asker)?;
        let is_profile =
            |found: &Target| found.virtual_child.is_none() && found.resource.ty() == PRIMITIVE_PROFILE;
        let profile = found.filter(is_profile).ok_or_else(inaccessible)?.resource;
        if !may(look, cse, subject.asker, &profile, operation::RETRIEVE)? {
            return Err(inaccessible());
        }
        let is_fit = match is_for(&profile, REQUESTS) {
            true => is_for_type(&profile, ty),
            // The type is that of the representation in the response.
            false => is_for(&profile, RESPONSES),
        };
        match is_fit && holds(look, cse, &profile, subject)? {
            true => Ok(vec![profile]),
            false => Err(Failure::new(
                StatusCode::PrimitiveProfileBadRequest,
                "the primitive profile that prpi names does not hold for this request",
            )),
        }
    }
}
