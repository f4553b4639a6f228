//! `<container>` (TS-0004 7.4.6): limits and counters.

use std::sync::Arc;

use dyad_protocol::{Failure, Object};
use serde_json::Value;

use super::instances;
use crate::resource::{Counts, Draft, Latest, Resource, Txn};

/// Applies changed limits, and what retrieval being enabled again means, to the instances that are there.
pub(super) fn update(
    txn: &mut Txn<'_>,
    old: &Arc<Resource>,
    draft: &mut Draft,
    sent: &Object,
) -> Result<(), Failure> {
    instances::limit(txn, old, draft, sent)?;
    if old.is_set("disr")
        && sent.contains_key("disr")
        && draft.attributes.get("disr") != Some(&Value::Bool(true))
    {
        return forget_instances(txn, old, draft);
    }
    Ok(())
}

/// Counts the change or deletion of a child in the state tag, as a new instance is counted.
pub(super) fn count_change(txn: &mut Txn<'_>, container: &Arc<Resource>) -> Result<(), Failure> {
    txn.update(container, container.counted(&Counts::of(container), txn.now()))
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
