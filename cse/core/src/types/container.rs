//! `<container>` (TS-0004 7.4.6): limits and counters.

use std::sync::Arc;

use dyad_protocol::{Failure, Object};
use serde_json::Value;

use super::instances;
use crate::resource::{Draft, Latest, Resource, Txn};

/// Sets the counters, and the node's limits where the originator gave none.
pub(super) fn create(txn: &Txn<'_>, draft: &mut Draft) -> Result<(), Failure> {
    let limits = txn.cse().config().container_limits;
    let defaults = [
        ("mni", limits.max_nr_of_instances),
        ("mbs", limits.max_byte_size),
        ("mia", limits.max_instance_age),
    ];
    for (name, limit) in defaults {
        if let Some(limit) = limit
            && !draft.attributes.contains_key(name)
        {
            draft.set(name, limit);
        }
    }
    draft.set("cni", 0);
    draft.set("cbs", 0);
    Ok(())
}

/// Applies changed limits to the instances that are there.
pub(super) fn update(
    txn: &mut Txn<'_>,
    old: &Arc<Resource>,
    draft: &mut Draft,
    sent: &Object,
) -> Result<(), Failure> {
    if sent.contains_key("mni") || sent.contains_key("mbs") {
        instances::trim(txn, draft, 4)?;
    }
    if let Some(seconds) = sent.get("mia").and_then(Value::as_u64) {
        instances::age_out(txn, old, 4, seconds)?;
    }
    if old.is_set("disr")
        && sent.contains_key("disr")
        && draft.attributes.get("disr") != Some(&Value::Bool(true))
    {
        return forget_instances(txn, old, draft);
    }
    Ok(())
}

/// Retrieval was disabled and is not any more: what was stored meanwhile goes (TS-0001 9.6.6).
fn forget_instances(txn: &mut Txn<'_>, old: &Arc<Resource>, draft: &mut Draft) -> Result<(), Failure> {
    let mut after = 0;
    loop {
        let page = txn.instances(old.id(), 4, after, 500)?;
        for instance in &page {
            txn.remove_instance(old.id(), instance)?;
        }
        match page.last() {
            Some(last) if page.len() >= 500 => after = last.id,
            _ => break,
        }
    }
    draft.latest = Latest::Known(None);
    draft.set("cni", 0);
    draft.set("cbs", 0);
    Ok(())
}
