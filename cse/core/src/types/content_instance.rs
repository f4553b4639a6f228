//! `<contentInstance>` (TS-0004 7.4.7.2.1): size, state tag, age.

use std::sync::Arc;

use dyad_protocol::Failure;

use super::instances;
use crate::resource::{Draft, Resource, Txn};

/// Sets `cs` and `st`, refuses what is too large, and lets it expire with the `mia` of its container.
pub(super) fn create(txn: &Txn<'_>, parent: &Arc<Resource>, draft: &mut Draft) -> Result<(), Failure> {
    let size = draft.attributes.get("con").map_or(0, instances::size);
    instances::check_size(parent, size)?;
    draft.set("cs", size);
    draft.set("st", parent.number("st").unwrap_or(0) + 1);
    instances::expire(txn, parent, draft);
    Ok(())
}
