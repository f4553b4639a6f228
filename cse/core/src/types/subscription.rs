//! `<subscription>` (TS-0004 7.4.8.2): which combinations of its attributes mean something.

use std::sync::Arc;

use dyad_protocol::{Failure, Object, StatusCode};
use serde_json::Value;

use crate::access::{self, operation};
use crate::request::{Asker, Call};
use crate::resource::{Draft, Lookup, Resource, Txn};
use crate::subscription::{EventType, Subscription};

/// Attributes that this node stores for no effect would be a lie: they are refused until it has them.
const UNSUPPORTED: &[&str] =
    &["bn", "rl", "psn", "pn", "nsp", "ln", "nec", "gpi", "nfu", "acrs", "nse", "ma", "eeno"];

/// Checks a new subscription, and that its originator may retrieve what it subscribes to.
pub(super) fn create(
    txn: &mut Txn<'_>,
    call: Option<&Call>,
    parent: &Arc<Resource>,
    draft: &mut Draft,
) -> Result<(), Failure> {
    let cse = txn.cse();
    let asker = call.map(|call| Asker::new(cse, call));
    if let Some(asker) = &asker {
        access::authorize(txn, cse, asker, parent, operation::RETRIEVE, None)?;
    }
    check(parent, &draft.attributes)?;
    if !draft.attributes.contains_key("nct") {
        draft.set("nct", 1);
    }
    let Some(asker) = asker else { return Ok(()) };
    // Whoever is notified on behalf of another is told of whom (TS-0004 7.4.8.2.1, Recv-6.5).
    let notifies_itself =
        crate::resource::texts(draft.attributes.get("nu")).all(|nu| cse.config().shorten(nu) == asker.id);
    if !notifies_itself && !draft.attributes.contains_key("cr") {
        draft.set("cr", asker.id);
    }
    Ok(())
}

/// Checks a changed subscription.
pub(super) fn update(
    txn: &mut Txn<'_>,
    old: &Arc<Resource>,
    draft: &mut Draft,
    sent: &Object,
) -> Result<(), Failure> {
    let Some(parent) = txn.resource(old.parent())? else {
        return Err(Failure::not_found("the subscribed-to resource is gone"));
    };
    if sent.get("nct").is_some_and(Value::is_null) {
        draft.set("nct", 1);
    }
    check(&parent, &draft.attributes)
}

fn check(parent: &Resource, attributes: &Object) -> Result<(), Failure> {
    if let Some(name) = UNSUPPORTED.iter().find(|name| attributes.contains_key(**name)) {
        return Err(Failure::not_implemented(format!("the attribute '{name}' is not supported")));
    }
    let targets = crate::resource::texts(attributes.get("nu")).count();
    if targets == 0 {
        return Err(Failure::bad_request("nu names no notification target"));
    }
    let criteria = attributes.get("enc");
    for (name, why) in [("om", "operation monitors"), ("md", "missing data")] {
        if criteria.is_some_and(|enc| enc.get(name).is_some()) {
            return Err(Failure::not_implemented(format!("{why} (enc/{name}) are not supported")));
        }
    }
    let subscription = Subscription::from_attributes(attributes);
    for event in &subscription.events {
        match event {
            EventType::Update | EventType::Delete | EventType::CreateChild | EventType::DeleteChild => {}
            EventType::Other(number) => {
                return Err(Failure::not_implemented(format!(
                    "notification event type {number} is not supported"
                )));
            }
        }
    }
    if let Some(ty) = subscription.child_types.iter().find(|ty| !parent.table().allows_child(**ty)) {
        return Err(Failure::bad_request(format!(
            "chty names type {ty}, which the resource cannot have as a child"
        )));
    }
    check_content_type(&subscription)
}

/// Whether the content type goes with every event type (TS-0001 Table 9.6.8-4).
fn check_content_type(subscription: &Subscription) -> Result<(), Failure> {
    let only_updates = subscription.events.iter().all(|event| *event == EventType::Update);
    match subscription.content_type {
        1 | 3 => Ok(()),
        2 if only_updates => Ok(()),
        2 => Err(Failure::bad_request("nct 2 (modified attributes) is for updates (net 1) alone")),
        _ => Err(Failure::new(StatusCode::BadRequest, "nct does not go with the notification event types")),
    }
}
