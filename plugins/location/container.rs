//! The container of a policy (TS-0001 10.2.9.6, 10.2.9.7): made, prolonged and removed with it, and filled by it.

use std::sync::Arc;

use dyad_core::resource::{Draft, Lookup, Resource, Txn, resolve};
use dyad_protocol::{Failure, Object, Timestamp};
use serde_json::{Value, json};

use super::policy;
use super::progress::Event;
use super::{CONTAINER, INSTANCE, POLICY};

/// The resource ID of the policy that a container belongs to.
pub(super) fn policy_id(container: &Resource) -> Option<&str> {
    if container.ty() != CONTAINER || !container.may_have("li") {
        return None;
    }
    container.text("li")
}

/// A policy by its resource ID; `None` if it is gone.
pub(super) fn policy(look: &mut impl Lookup, id: &str) -> Result<Option<Arc<Resource>>, Failure> {
    Ok(resolve(look, id)?.filter(|policy| policy.ty() == POLICY))
}

/// The container of a policy; `None` if it is gone.
pub(super) fn of(look: &mut impl Lookup, policy: &Resource) -> Result<Option<Arc<Resource>>, Failure> {
    let Some(id) = policy.text("loi") else { return Ok(None) };
    Ok(resolve(look, id)?.filter(|container| container.ty() == CONTAINER))
}

/// Makes the container of a policy in the making beside it, with the same lifetime, for the same people. CONFLICT if its
/// name is taken.
pub(super) fn create(txn: &mut Txn<'_>, parent: &Arc<Resource>, policy: &mut Draft) -> Result<(), Failure> {
    let Some(table) = txn.cse().schemas().by_number(CONTAINER).cloned() else {
        return Err(Failure::internal("no schema describes containers"));
    };
    let mut attributes = Object::new();
    if let Some(name) = policy.attributes.get("lon") {
        if name.as_str() == Some(&*policy.name()) {
            return Err(Failure::conflict("the container (lon) has the name of the policy"));
        }
        attributes.insert("rn".into(), name.clone());
    }
    for name in ["et", "acpi"] {
        if let Some(value) = policy.attributes.get(name) {
            attributes.insert(name.into(), value.clone());
        }
    }
    attributes.insert("li".into(), Value::from(policy.resource_id()));
    let creator = policy.originator.clone();
    let container = txn.create_as(parent, table, attributes, creator.as_deref())?;
    policy.set("loi", container.ri().into_owned());
    Ok(())
}

/// Lets the container live at least as long as the policy.
pub(super) fn prolong(txn: &mut Txn<'_>, policy: &Resource, until: Timestamp) -> Result<(), Failure> {
    match of(txn, policy)?.filter(|container| container.expiration() < until) {
        Some(container) => {
            let changes = Object::from_iter([("et".to_owned(), Value::from(until.to_string()))]);
            txn.modify(&container, &changes).map(drop)
        }
        None => Ok(()),
    }
}

/// Removes the container of a policy that goes.
pub(super) fn delete(txn: &mut Txn<'_>, policy: &Resource) -> Result<(), Failure> {
    match of(txn, policy)? {
        Some(container) => txn.delete(&container),
        None => Ok(()),
    }
}

/// OPERATION_NOT_ALLOWED for a container whose policy is there.
pub(super) fn check_deletion(txn: &mut Txn<'_>, container: &Resource) -> Result<(), Failure> {
    let Some(id) = policy_id(container) else { return Ok(()) };
    match policy(txn, id)?.filter(|policy| !policy.is_expired(txn.now())) {
        Some(_) => Err(Failure::not_allowed("the container goes with its location policy (li)")),
        None => Ok(()),
    }
}

/// Keeps a position. Gives the status of the policy from then on.
pub(super) fn keep_position(txn: &mut Txn<'_>, policy: &Resource, position: &Value) -> Result<u16, Failure> {
    keep(txn, policy, json!({ "cnf": "application/json:0", "con": content(position) }))
}

/// Keeps an event of a fence: its number.
pub(super) fn keep_event(txn: &mut Txn<'_>, policy: &Resource, event: Event) -> Result<u16, Failure> {
    keep(txn, policy, json!({ "cnf": "text/plain:0", "con": event.number().to_string() }))
}

/// The content of an instance with a position.
pub(super) fn content(position: &Value) -> String {
    position.to_string()
}

fn keep(txn: &mut Txn<'_>, policy: &Resource, attributes: Value) -> Result<u16, Failure> {
    let Some(container) = of(txn, policy)? else { return Ok(policy::UNKNOWN) };
    let Value::Object(attributes) = attributes else { return Ok(policy::UNKNOWN) };
    policy::status_of(txn.create(&container, INSTANCE, attributes))
}
