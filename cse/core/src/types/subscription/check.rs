//! Whether the attributes of a subscription go together, and with what it subscribes to.

use std::sync::Arc;

use dyad_protocol::time::Span;
use dyad_protocol::{Failure, Object};
use serde_json::Value;

use crate::Cse;
use crate::request::local_path;
use crate::resource::{Draft, Resource, Txn, resolve, texts};
use crate::subscription::{EventType, Subscription};

/// The types of a container, a group, a time series and a cross-resource subscription.
const CONTAINER: u32 = 3;
const GROUP: u32 = 9;
const AE: u32 = 2;
const TIME_SERIES: u32 = 29;
const CROSS_RESOURCE: u32 = 48;

/// BAD_REQUEST for what means nothing, NOT_IMPLEMENTED for what would have no effect here.
pub(super) fn check(txn: &mut Txn<'_>, parent: &Resource, attributes: &Object) -> Result<(), Failure> {
    if attributes.contains_key("ma") {
        return Err(Failure::not_implemented(
            "blocking retrievals, and with them maxAge (ma), are not supported",
        ));
    }
    if texts(attributes.get("nu")).next().is_none() {
        return Err(Failure::bad_request("nu names no notification target"));
    }
    let said = Subscription::from_attributes(attributes);
    check_events(txn.cse(), parent, attributes, &said)?;
    if let Some(ty) = said.criteria.child_types.iter().find(|ty| !parent.table().allows_child(**ty)) {
        return Err(Failure::bad_request(format!(
            "chty names type {ty}, which the resource cannot have as a child"
        )));
    }
    if !said.criteria.events.iter().all(|event| said.content_type.suits(*event)) {
        return Err(Failure::bad_request("nct does not go with the notification event types"));
    }
    let is_whole = matches!(said.content_type.number(), 1 | 3);
    if !said.criteria.monitors.is_empty() && !is_whole {
        return Err(Failure::bad_request(
            "nct of operation monitors is 1 (all attributes) or 3 (the address)",
        ));
    }
    check_policies(attributes)?;
    check_group(txn, attributes)
}

fn check_events(
    cse: &Cse,
    parent: &Resource,
    attributes: &Object,
    said: &Subscription,
) -> Result<(), Failure> {
    let criteria = attributes.get("enc");
    let has = |name: &str| criteria.is_some_and(|enc| enc.get(name).is_some());
    let events = &said.criteria.events;
    if has("net") && has("om") {
        return Err(Failure::bad_request("enc has either event types (net) or operation monitors (om)"));
    }
    if has("md") && parent.ty() != TIME_SERIES {
        return Err(Failure::bad_request("missing data (enc/md) is for time series"));
    }
    let alone = |event: EventType| events.contains(&event) && events.iter().any(|other| *other != event);
    if alone(EventType::BlockingUpdate) || alone(EventType::MissingData) {
        return Err(Failure::bad_request("event types 7 and 8 go with no other"));
    }
    if events.contains(&EventType::MissingData) && said.criteria.missing_data.is_none() {
        return Err(Failure::bad_request("event type 8 needs missing data (enc/md)"));
    }
    if events.contains(&EventType::RetrieveNoChild) && parent.ty() != CONTAINER {
        return Err(Failure::bad_request("event type 5 is for containers"));
    }
    if events.contains(&EventType::TriggerReceived) {
        if parent.ty() != AE {
            return Err(Failure::bad_request("event type 6 is for AEs"));
        }
        if !cse.has_triggers() {
            return Err(Failure::not_implemented(
                "no underlying network hands triggers (net 6) to this node",
            ));
        }
    }
    match events.contains(&EventType::BlockingUpdate) {
        true => super::blocking::check(attributes),
        false => Ok(()),
    }
}

fn check_policies(attributes: &Object) -> Result<(), Failure> {
    let is_span = |policy: &str, member: &str| {
        let span = attributes.get(policy).and_then(|policy| policy.get(member)).and_then(Value::as_str);
        span.and_then(Span::parse_duration).is_none_or(|span| span.micros() > 0)
    };
    if !is_span("rl", "tww") || !is_span("bn", "dur") {
        return Err(Failure::bad_request("the durations of rl and bn are longer than nothing"));
    }
    Ok(())
}

/// A group that is on this node has to be one (`gpi`).
fn check_group(txn: &mut Txn<'_>, attributes: &Object) -> Result<(), Failure> {
    let Some(group) = attributes.get("gpi").and_then(Value::as_str) else { return Ok(()) };
    match found(txn, group)? {
        Some(other) if other.ty() != GROUP => Err(Failure::bad_request("gpi names what is no group")),
        _ => Ok(()),
    }
}

fn found(txn: &mut Txn<'_>, address: &str) -> Result<Option<Arc<Resource>>, Failure> {
    let path = local_path(txn.cse(), txn.cse().config().shorten(address)).map(str::to_owned);
    path.map_or(Ok(None), |path| resolve(txn, &path))
}

/// Which cross-resource subscriptions a subscription takes part in is for those to say: what an originator adds must
/// be targets as well and, as far as they are here, cross-resource subscriptions. Those that are taken out learn it
/// (TS-0004 7.4.8.1, 7.4.8.2.3).
pub(super) fn associations(
    txn: &mut Txn<'_>,
    draft: &Draft,
    old: Option<&Arc<Resource>>,
) -> Result<(), Failure> {
    let before: Vec<&str> = old.map(|old| old.texts("acrs").collect()).unwrap_or_default();
    let now: Vec<&str> = texts(draft.attributes.get("acrs")).collect();
    for added in now.iter().filter(|added| !before.contains(added)) {
        if !texts(draft.attributes.get("nu")).any(|target| target == *added) {
            return Err(Failure::bad_request("acrs names what is no notification target (nu)"));
        }
        if found(txn, added)?.is_some_and(|found| found.ty() != CROSS_RESOURCE) {
            return Err(Failure::bad_request("acrs names what is no crossResourceSubscription"));
        }
    }
    for removed in before.iter().filter(|removed| !now.contains(removed)) {
        crate::subscription::tell_of_end(txn, &draft.resource_id(), removed);
    }
    Ok(())
}
