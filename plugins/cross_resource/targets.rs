//! The subscriptions behind a cross-resource subscription: made below its regular targets, joined where they exist
//! already, left again (TS-0004 7.4.58.2.1, 7.4.58.2.4).

use std::sync::Arc;

use dyad_core::Cse;
use dyad_core::access::{self, operation};
use dyad_core::request::{Asker, Call, local_path};
use dyad_core::resource::{Draft, Id, Resource, Txn, resolve};
use dyad_core::subscription::{CROSS_RESOURCE_SUBSCRIPTION, SUBSCRIPTION};
use dyad_protocol::{Failure, Object, StatusCode};
use serde_json::{Value, json};

use super::rules;

/// Makes and joins the subscriptions of a new cross-resource subscription, with the rights of its originator.
/// CROSS_RESOURCE_OPERATION_FAILURE if that does not succeed with one of them.
pub(super) fn subscribe(txn: &mut Txn<'_>, call: Option<&Call>, draft: &mut Draft) -> Result<(), Failure> {
    let cse = txn.cse();
    let asker = call.map(|call| Asker::new(cse, call));
    let mut joined: Vec<Id> = Vec::new();
    for address in names(&draft.attributes, "srat") {
        let subscription = join(txn, asker.as_ref(), draft, &address).map_err(failed(&address))?;
        if joined.contains(&subscription) {
            return Err(Failure::bad_request("srat names a subscription twice"));
        }
        joined.push(subscription);
    }
    let set = draft.attributes.get("encs").cloned().unwrap_or_default();
    let criteria: Vec<&Value> = rules::criteria(&set).collect();
    let mut made = Vec::new();
    for (position, address) in names(&draft.attributes, "rrat").into_iter().enumerate() {
        let Some(criteria) = criteria.get(position).or_else(|| criteria.first()) else { break };
        made.push(make(txn, asker.as_ref(), draft, &address, criteria).map_err(failed(&address))?);
    }
    if !made.is_empty() {
        draft.set("rrats", made);
    }
    Ok(())
}

fn names(attributes: &Object, name: &str) -> Vec<String> {
    let entries = attributes.get(name).and_then(Value::as_array).into_iter().flatten();
    entries.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The failure of a target as the originator is told of it. What is the fault of the node stays that.
fn failed(address: &str) -> impl Fn(Failure) -> Failure {
    move |failure| match failure.source {
        Some(_) => failure,
        None => Failure::new(
            StatusCode::CrossResourceOperationFailure,
            format!("{address} cannot be subscribed to: {}", failure.debug),
        ),
    }
}

/// A resource on this node by its address; NOT_FOUND if it is elsewhere, gone, or not there.
fn existing(txn: &mut Txn<'_>, address: &str) -> Result<Arc<Resource>, Failure> {
    let cse = txn.cse();
    let found = resolve(txn, local_path(cse, cse.config().shorten(address))?)?;
    let now = txn.now();
    found
        .filter(|found| !found.is_expired(now))
        .ok_or_else(|| Failure::not_found("the target does not exist"))
}

fn authorize(
    txn: &mut Txn<'_>,
    asker: Option<&Asker<'_>>,
    resource: &Arc<Resource>,
    operation: u8,
    ty: Option<u32>,
) -> Result<(), Failure> {
    let cse = txn.cse();
    match asker {
        Some(asker) => access::authorize(txn, cse, asker, resource, operation, ty),
        None => Ok(()),
    }
}

/// Adds the cross-resource subscription to the targets of a subscription.
fn join(txn: &mut Txn<'_>, asker: Option<&Asker<'_>>, draft: &Draft, address: &str) -> Result<Id, Failure> {
    let subscription = existing(txn, address)?;
    authorize(txn, asker, &subscription, operation::RETRIEVE, None)?;
    authorize(txn, asker, &subscription, operation::UPDATE, None)?;
    if subscription.ty() != SUBSCRIPTION {
        return Err(Failure::bad_request("the target is no subscription"));
    }
    let with = |name: &str| {
        let before = subscription.texts(name).map(str::to_owned);
        before.chain([draft.resource_id()]).collect::<Vec<String>>()
    };
    let changes = Object::from_iter([
        ("nu".to_owned(), Value::from(with("nu"))),
        ("acrs".to_owned(), Value::from(with("acrs"))),
    ]);
    txn.modify(&subscription, &changes).map(|joined| joined.id())
}

/// Makes a subscription below a regular target, and gives its resource ID.
fn make(
    txn: &mut Txn<'_>,
    asker: Option<&Asker<'_>>,
    draft: &Draft,
    address: &str,
    criteria: &Value,
) -> Result<String, Failure> {
    let target = existing(txn, address)?;
    authorize(txn, asker, &target, operation::RETRIEVE, None)?;
    authorize(txn, asker, &target, operation::CREATE, Some(SUBSCRIPTION))?;
    if !target.table().allows_child(SUBSCRIPTION) {
        return Err(Failure::new(StatusCode::TargetNotSubscribable, "it takes no subscriptions"));
    }
    let reference = draft.resource_id();
    let mut attributes = Object::from_iter([
        ("enc".to_owned(), criteria.clone()),
        ("nu".to_owned(), json!([reference])),
        ("acrs".to_owned(), json!([reference])),
        // Filled in.
        ("cr".to_owned(), Value::Null),
    ]);
    for name in ["et", "nec"] {
        attributes.extend(draft.attributes.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    let made = txn.create_for(&target, SUBSCRIPTION, attributes, asker.map(|asker| asker.id))?;
    Ok(made.ri().into_owned())
}

/// What an entry of a list leads to on this node, whether it has expired or not.
fn found(txn: &mut Txn<'_>, address: &str) -> Result<Option<Arc<Resource>>, Failure> {
    let cse: &Cse = txn.cse();
    match local_path(cse, cse.config().shorten(address)) {
        Ok(path) => resolve(txn, path),
        Err(_) => Ok(None),
    }
}

/// The subscription that a notification says it is from, if it takes part in a cross-resource subscription.
pub(super) fn source(txn: &mut Txn<'_>, cross: &Resource, reference: &str) -> Result<Option<Id>, Failure> {
    let subscription = found(txn, reference)?.filter(|found| found.ty() == SUBSCRIPTION);
    let takes_part =
        |subscription: &Arc<Resource>| subscription.texts("acrs").any(|entry| entry == cross.ri());
    Ok(subscription.filter(takes_part).map(|subscription| subscription.id()))
}

/// The subscriptions that were made live as long as what they were made for.
pub(super) fn prolong(txn: &mut Txn<'_>, draft: &Draft) -> Result<(), Failure> {
    let Some(expiration) = draft.attributes.get("et").cloned() else { return Ok(()) };
    for address in names(&draft.attributes, "rrats") {
        if let Some(subscription) = found(txn, &address)?.filter(|found| !txn.is_going(found.id())) {
            txn.modify(&subscription, &Object::from_iter([("et".to_owned(), expiration.clone())]))?;
        }
    }
    Ok(())
}

/// A cross-resource subscription goes: what was made for it goes too, and others notify it no more. What fails there
/// is ignored (TS-0004 7.4.58.2.4), unless it is the fault of the node.
pub(super) fn unsubscribe(txn: &mut Txn<'_>, cross: &Resource) -> Result<(), Failure> {
    let reference = cross.ri();
    for (list, was_made) in [("rrats", true), ("srat", false)] {
        for address in names(cross.attributes(), list) {
            let subscription = found(txn, &address)?.filter(|found| {
                found.ty() == SUBSCRIPTION && found.texts("acrs").any(|entry| entry == reference)
            });
            let Some(subscription) = subscription.filter(|found| !txn.is_going(found.id())) else { continue };
            let outcome = match was_made {
                true => txn.delete(&subscription),
                false => leave(txn, &subscription, &reference),
            };
            if let Err(failure) = outcome
                && failure.source.is_some()
            {
                return Err(failure);
            }
        }
    }
    Ok(())
}

/// Takes the cross-resource subscription out of the lists of a subscription; one that has no other target goes.
fn leave(txn: &mut Txn<'_>, subscription: &Arc<Resource>, reference: &str) -> Result<(), Failure> {
    let without = |name: &str| {
        let kept: Vec<&str> = subscription.texts(name).filter(|entry| *entry != reference).collect();
        if kept.is_empty() { Value::Null } else { Value::from(kept) }
    };
    let (targets, associated) = (without("nu"), without("acrs"));
    if targets.is_null() {
        return txn.delete(subscription);
    }
    let changes = Object::from_iter([("nu".to_owned(), targets), ("acrs".to_owned(), associated)]);
    txn.modify(subscription, &changes).map(drop)
}

/// The cross-resource subscriptions on this node that a subscription took part in and does not any more: `new` has its
/// attributes now, unless it is gone. They end with that (TS-0004 7.4.8.2.3, 7.4.8.2.4).
pub(super) fn left(
    txn: &mut Txn<'_>,
    old: &Resource,
    new: Option<&Object>,
) -> Result<Vec<Arc<Resource>>, Failure> {
    let mut left = Vec::new();
    for entry in old.texts("acrs") {
        let has = |name: &str| new.is_some_and(|new| names(new, name).iter().any(|kept| kept == entry));
        if has("acrs") && has("nu") {
            continue;
        }
        let cross = found(txn, entry)?.filter(|found| found.ty() == CROSS_RESOURCE_SUBSCRIPTION);
        left.extend(cross.filter(|cross| !txn.is_going(cross.id())));
    }
    Ok(left)
}
