//! `<flexContainer>` and its instances (TS-0004 7.4.37; flexContainerInstance of release 4): size, and a history of
//! the custom attributes where one is kept.

use std::sync::Arc;

use dyad_protocol::{Failure, Object, Timestamp};
use serde_json::Value;

use super::instances;
use crate::resource::{Draft, Latest, Resource, Txn};

/// Sets the size, and the counters where a history is kept.
pub(super) fn create(draft: &mut Draft) {
    measure(draft);
}

/// Measures again, and trims the history if its limits changed.
pub(super) fn update(
    txn: &mut Txn<'_>,
    old: &Arc<Resource>,
    draft: &mut Draft,
    sent: &Object,
) -> Result<(), Failure> {
    measure(draft);
    if keeps_history(&draft.attributes) && (sent.contains_key("mni") || sent.contains_key("mbs")) {
        instances::trim_draft(txn, draft, 58)?;
    }
    match sent.get("mia").and_then(Value::as_u64) {
        Some(seconds) => instances::age_out(txn, old, 58, seconds),
        None => Ok(()),
    }
}

/// The custom attributes changed: the history gets the new values.
pub(super) fn updated(txn: &mut Txn<'_>, resource: &Arc<Resource>, sent: &Object) -> Result<(), Failure> {
    match sent.keys().any(|name| !is_universal(name)) {
        true => snapshot(txn, resource),
        false => Ok(()),
    }
}

/// Adds an instance with the present values to the history, if one is kept.
pub(super) fn snapshot(txn: &mut Txn<'_>, resource: &Arc<Resource>) -> Result<(), Failure> {
    if !keeps_history(resource.attributes()) {
        return Ok(());
    }
    let schemas = &txn.cse().tree().schemas;
    let table =
        schemas.by_root(&format!("{}Inst", resource.root())).or_else(|| schemas.by_number(58)).cloned();
    let Some(table) = table else {
        return Err(Failure::not_implemented("instances of this type are not supported"));
    };
    let size = resource.number("cs").unwrap_or(0);
    instances::check_size(resource, size)?;
    let custom = resource.attributes().iter().filter(|(name, _)| !is_universal(name));
    let attributes: Object = custom.map(|(name, value)| (name.clone(), value.clone())).collect();
    let (id, latest) = (txn.next_id(), Latest::Known(None));
    let mut draft = Draft {
        table,
        id,
        parent: resource.id(),
        attributes,
        ri: None,
        rn: None,
        originator: None,
        latest,
        floor: None,
        expires_with_parent: false,
    };
    let now = txn.now();
    let (name, ri) = (draft.name(), draft.resource_id());
    draft.set("rn", name);
    draft.set("ty", 58);
    draft.set("ri", ri);
    draft.set("pi", resource.ri().into_owned());
    draft.set("ct", now.to_string());
    if draft.table.has("lt") {
        draft.set("lt", now.to_string());
    }
    let et = Timestamp::from_micros(resource.row().et);
    draft.set("et", instances::expiration(resource, now, et).to_string());
    draft.set("cs", size);
    if draft.table.has("org") {
        draft.set("org", resource.originator().unwrap_or_default());
    }
    let instance = draft.fix()?;
    txn.insert(Arc::clone(&instance))?;
    instances::appended(txn, resource, &instance)
}

/// Whether the originator asked for a history: by a limit or by `fcied`.
fn keeps_history(attributes: &Object) -> bool {
    match attributes.get("fcied").and_then(Value::as_bool) {
        Some(wanted) => wanted,
        None => ["mni", "mbs", "mia"].iter().any(|limit| attributes.contains_key(*limit)),
    }
}

/// The size of the custom attributes, and zero counts at the start of a history.
fn measure(draft: &mut Draft) {
    let custom = draft.attributes.iter().filter(|(name, _)| !is_universal(name));
    let size: u64 = custom.map(|(_, value)| instances::size(value)).sum();
    draft.set("cs", size);
    if keeps_history(&draft.attributes) {
        for counter in ["cni", "cbs"] {
            if !draft.attributes.contains_key(counter) {
                draft.set(counter, 0);
            }
        }
    }
}

/// The attributes that every `<flexContainer>` may have; all others are those of its specialisation.
fn is_universal(name: &str) -> bool {
    const COMMON: &[&str] = &[
        "rn", "ty", "ri", "pi", "ct", "lt", "et", "st", "acpi", "lbl", "daci", "at", "aa", "ast", "cr",
        "cstn", "cnd", "or", "cs", "nl", "mni", "mbs", "mia", "cni", "cbs", "fcied", "loc", "subi",
    ];
    COMMON.contains(&name)
}
