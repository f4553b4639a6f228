//! Where the subject of a policy is (TS-0001 10.2.9.2): by what its AE says, or by what its neighbours say.

use std::sync::Arc;

use dyad_core::request::{Asker, Call};
use dyad_core::resource::{Lookup, Resource, resolve};
use dyad_core::{Cse, access};
use dyad_protocol::Failure;
use serde_json::Value;

use super::policy::{self, Policy, Source};
use super::{AE, Locations, container, neighbours, network};
use dyad_core::request::Amendment;

/// The location of the subject of a policy in the form of `loc`; `None` if nobody knows.
pub(super) fn find(cse: &Cse, look: &mut impl Lookup, policy: &Resource) -> Result<Option<Value>, Failure> {
    let entity = entity(look, policy.originator().unwrap_or_default())?;
    match Policy(policy.attributes()).source() {
        Source::Network => Ok(None),
        Source::Device => Ok(entity.and_then(|entity| location(&entity))),
        Source::Sharing => neighbours::closest(cse, look, entity.as_deref()),
    }
}

/// An AE of this node.
pub(super) fn entity(look: &mut impl Lookup, id: &str) -> Result<Option<Arc<Resource>>, Failure> {
    if id.is_empty() {
        return Ok(None);
    }
    Ok(resolve(look, id)?.filter(|entity| entity.ty() == AE && entity.ri() == id))
}

/// The `loc` of a resource.
pub(super) fn location(resource: &Resource) -> Option<Value> {
    resource.may_have("loc").then(|| resource.get("loc")).flatten().cloned()
}

/// Somebody asks for the latest instance of a container of locations: a policy without a period takes a position then
/// (TS-0001 10.2.9.7). One that is known is not kept twice.
pub(super) async fn on_demand(
    function: &Locations,
    cse: &Cse,
    call: &Arc<Call>,
    container: &Arc<Resource>,
) -> Result<(), Failure> {
    let (shared, target) = (Arc::clone(call), Arc::clone(container));
    let wanted = cse.look(move |cse, look| {
        let asker = Asker::new(cse, &shared);
        if access::authorize(look, cse, &asker, &target, access::operation::RETRIEVE, None).is_err() {
            // Refused in its turn.
            return Ok(None);
        }
        let Some(id) = container::policy_id(&target) else { return Ok(None) };
        let Some(policy) = container::policy(look, id)? else { return Ok(None) };
        let said = Policy(policy.attributes());
        if said.source() == Source::Network && !said.is_fence() && said.period().is_none() {
            return Ok(Some((policy.id(), Source::Network)));
        }
        let position = fresh(cse, look, &policy, &target)?;
        Ok(position.map(|_| (policy.id(), said.source())))
    });
    let Some((policy, source)) = wanted.await? else { return Ok(()) };
    if source == Source::Network {
        // TS-0004 7.4.27.2.2: a failure of the location server is that of the request.
        return network::locate(function, cse, policy).await;
    }
    let kept = cse.amend_with(function, policy, |txn, policy| {
        let cse = txn.cse();
        let Some(container) = container::of(txn, policy)? else { return Ok((Amendment::Keep, ())) };
        if let Some(position) = fresh(cse, txn, policy, &container)? {
            let status = container::keep_position(txn, policy, &position)?;
            policy::note_status(txn, policy, status)?;
        }
        Ok((Amendment::Keep, ()))
    });
    kept.await.map(drop)
}

/// The position that the latest instance lacks.
fn fresh(
    cse: &Cse,
    look: &mut impl Lookup,
    policy: &Resource,
    container: &Arc<Resource>,
) -> Result<Option<Value>, Failure> {
    let said = Policy(policy.attributes());
    if said.is_fence() || said.period().is_some() {
        return Ok(None);
    }
    let Some(position) = find(cse, look, policy)? else { return Ok(None) };
    let latest = match look.latest(container)? {
        Some(id) => look.resource(id)?,
        None => None,
    };
    let is_known = latest.is_some_and(|latest| latest.text("con") == Some(&*container::content(&position)));
    Ok((!is_known).then_some(position))
}
