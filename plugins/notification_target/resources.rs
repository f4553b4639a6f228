//! What the resources of the policies have to keep to, beyond their tables (TS-0004 7.4.30.2.1, 7.4.32.2.1, TS-0001
//! 9.6.32).

use std::sync::Arc;

use dyad_core::Change;
use dyad_core::resource::{Draft, Lookup, Resource, Txn};
use dyad_protocol::Failure;
use serde_json::Value;

use super::{POLICY, REFERENCE, RULES};

/// References of one subscription that are looked at.
const MOST: usize = 1_000;

/// Groups of rules that a policy has at most.
const MOST_RULES: usize = 2;

/// Checks a change. CONFLICT for a target with two policies and for a third group of rules, BAD_REQUEST for two
/// groups whose relation is not said.
pub(super) fn check(txn: &mut Txn<'_>, change: &Change<'_>) -> Result<(), Failure> {
    match change {
        Change::Create { parent, draft, .. } => match draft.table.number {
            REFERENCE => check_targets(txn, parent, draft),
            RULES => check_rules(txn, parent),
            _ => Ok(()),
        },
        Change::Update { old, draft, .. } => match draft.table.number {
            REFERENCE => match txn.resource(old.parent())? {
                Some(subscription) => check_targets(txn, &subscription, draft),
                None => Ok(()),
            },
            POLICY => check_relation(txn, old, draft),
            _ => Ok(()),
        },
        Change::Delete { .. } => Ok(()),
    }
}

fn check_targets(txn: &mut Txn<'_>, subscription: &Arc<Resource>, draft: &Draft) -> Result<(), Failure> {
    let targets: Vec<&str> = texts(draft.attributes.get("ntu")).collect();
    let others = txn.children(subscription.id(), &[REFERENCE as i32], 0, MOST)?;
    let mut others = others.iter().filter(|other| other.id() != draft.id);
    match others.any(|other| other.texts("ntu").any(|target| targets.contains(&target))) {
        true => Err(Failure::conflict("a notification target has a policy already")),
        false => Ok(()),
    }
}

fn check_rules(txn: &mut Txn<'_>, policy: &Arc<Resource>) -> Result<(), Failure> {
    match txn.children(policy.id(), &[RULES as i32], 0, MOST_RULES)?.len() {
        0 => Ok(()),
        1 if policy.get("rrs").is_none() => {
            Err(Failure::bad_request("the policy does not say how two groups of rules relate (rrs)"))
        }
        1 => Ok(()),
        _ => Err(Failure::conflict("the policy has two groups of rules already")),
    }
}

fn check_relation(txn: &mut Txn<'_>, policy: &Arc<Resource>, draft: &Draft) -> Result<(), Failure> {
    let needs_relation = txn.children(policy.id(), &[RULES as i32], 0, MOST_RULES)?.len() > 1;
    match needs_relation && !draft.attributes.contains_key("rrs") {
        true => Err(Failure::bad_request("the policy has two groups of rules, whose relation (rrs) stays")),
        false => Ok(()),
    }
}

/// The texts of a list.
pub(super) fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}
