//! Notifications of members' subscriptions that a group gathers (TS-0004 7.5.1.2.6, TS-0001 10.2.7.11).
//!
//! They come to a forwarder of the group (see [`super::forward`]), which keeps them with its own batch until that is
//! large or old enough: what was accepted here is stored, and delivered like every other notification.

use std::ops::ControlFlow;
use std::sync::Arc;

use dyad_core::request::{Amendment, Call, Target, path_here};
use dyad_core::resource::{Lookup, Resource, View, forms, resolve};
use dyad_core::{Cse, subscription};
use dyad_protocol::{Failure, Object, Response, StatusCode};
use serde_json::Value;

use super::forward::is_forwarder;
use super::{Groups, selection};

impl Groups {
    /// Takes a NOTIFY to a forwarder; continues with one to any other subscription.
    ///
    /// ORIGINATOR_HAS_NO_PRIVILEGE for what is not from a member, BAD_REQUEST for what is no notification to be
    /// forwarded.
    pub(super) async fn gather(
        &self,
        cse: &Cse,
        call: &Arc<Call>,
        target: &Target,
    ) -> Result<ControlFlow<Response>, Failure> {
        let forwarder = Arc::clone(&target.resource);
        let parent = forwarder.parent();
        let group = cse.look(move |_, look| look.resource(parent)).await?;
        let Some(group) = group.filter(|group| is_forwarder(&forwarder, group)) else {
            return Ok(ControlFlow::Continue(()));
        };
        let told = Arc::new(notifications(call)?);
        let (shared, notices, checked) = (Arc::clone(call), Arc::clone(&told), Arc::clone(&group));
        let (by, is_verification) = (forwarder.text("nfu").map(str::to_owned), is_verification(&told));
        cse.look(move |cse, look| {
            if is_verification {
                return check_host(cse, &shared, &checked);
            }
            notices.iter().try_for_each(|told| {
                match told.get("nfu").and_then(Value::as_str) == by.as_deref() {
                    true => check_member(look, cse, &shared, &checked, told),
                    false => Err(Failure::bad_request("the notification is to be forwarded elsewhere (nfu)")),
                }
            })
        })
        .await?;
        if !is_verification {
            let id = forwarder.id();
            let taken = cse.amend_with(self, group.id(), move |txn, _| {
                let Some(forwarder) = txn.resource(id)? else {
                    return Err(Failure::not_found("the subscription is gone"));
                };
                for told in told.iter() {
                    subscription::forward(txn, &forwarder, told)?;
                }
                Ok((Amendment::Keep, ()))
            });
            taken.await?.ok_or_else(|| Failure::not_found("the group is gone"))?;
        }
        Ok(ControlFlow::Break(Response::to(&call.request, StatusCode::Ok)))
    }
}

/// The notifications in a content: one, or those of an aggregated one, which are not nested.
fn notifications(call: &Call) -> Result<Vec<Object>, Failure> {
    let malformed = || Failure::bad_request("the content is no notification");
    let content = call.request.content.as_ref().map(|content| content.value()).ok_or_else(malformed)?;
    let list = match (content.get("m2m:sgn"), content.get("m2m:agn")) {
        (Some(one), None) => vec![one],
        (None, Some(several)) => {
            let list = several.get("m2m:sgn").or_else(|| several.get("sgn")).and_then(Value::as_array);
            list.ok_or_else(malformed)?.iter().collect()
        }
        _ => return Err(malformed()),
    };
    let objects: Option<Vec<Object>> = list.into_iter().map(|one| one.as_object().cloned()).collect();
    objects.filter(|list| !list.is_empty()).ok_or_else(malformed)
}

fn is_verification(told: &[Object]) -> bool {
    matches!(told, [one] if one.get("vrq") == Some(&Value::Bool(true)))
}

/// Whether a request comes from a node that hosts members.
fn check_host(cse: &Cse, call: &Call, group: &Resource) -> Result<(), Failure> {
    let from = cse.config().shorten(call.request.originator());
    let View::Group(members) = group.view() else { return Err(stranger()) };
    let is_host = from == cse.config().cse_id
        || (from.starts_with('/')
            && members.iter().any(|member| {
                let member = cse.config().shorten(member);
                member.strip_prefix(from).is_some_and(|rest| rest.starts_with('/'))
            }));
    if is_host { Ok(()) } else { Err(stranger()) }
}

/// Whether a notification is of a subscription to a member or to something below one.
fn check_member(
    look: &mut impl Lookup,
    cse: &Cse,
    call: &Call,
    group: &Arc<Resource>,
    told: &Object,
) -> Result<(), Failure> {
    check_host(cse, call, group)?;
    let reference = told.get("sur").and_then(Value::as_str).ok_or_else(stranger)?;
    // What another node says of its own subscriptions cannot be looked at here.
    let Some(path) = path_here(cse, reference)? else { return Ok(()) };
    let mut current = resolve(look, path)?;
    while let Some(resource) = current {
        let forms = forms(look, cse, &resource.ri())?;
        if selection::has_member(look, cse, group, &forms)? {
            return Ok(());
        }
        current = look.resource(resource.parent())?;
    }
    Err(stranger())
}

fn stranger() -> Failure {
    Failure::no_privilege("the notification does not come from a member of the group")
}
