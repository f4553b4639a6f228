//! `<contentInstance>` (TS-0004 7.4.7.2.1): size, state tag, age.

use std::sync::Arc;

use dyad_protocol::{Failure, Timestamp};
use serde_json::Value;

use super::instances;
use crate::resource::{Draft, Resource, Txn};

/// Sets `cs` and `st`, refuses what is too large, and lets it expire with the `mia` of its container.
pub(super) fn create(txn: &Txn<'_>, parent: &Arc<Resource>, draft: &mut Draft) -> Result<(), Failure> {
    let size = draft.attributes.get("con").map_or(0, size);
    instances::check_size(parent, size)?;
    draft.set("cs", size);
    draft.set("st", parent.number("st").unwrap_or(0) + 1);
    let et = draft.time("et").unwrap_or(Timestamp::NEVER);
    let et = instances::expiration(parent, txn.now(), et);
    draft.expires_with_parent = et.micros() == parent.row().et;
    draft.set("et", et.to_string());
    Ok(())
}

/// The size of a content in bytes: of a text its UTF-8, of another value its JSON.
pub(super) fn size(content: &Value) -> u64 {
    match content {
        Value::String(text) => text.len() as u64,
        other => other.to_string().len() as u64,
    }
}
