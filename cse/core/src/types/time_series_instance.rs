//! `<timeSeriesInstance>` (TS-0004 7.4.39.2.1): the time of its data, size, age.

use std::sync::Arc;

use dyad_protocol::time::AbsRelTime;
use dyad_protocol::{Failure, Timestamp};
use serde_json::Value;

use super::instances;
use crate::resource::{Draft, Lookup, Resource, Txn};

/// CONFLICT if there are data of the same time already; sets `cs`, refuses what is too large, and lets it expire with
/// the `mia` of its time series.
pub(super) fn create(txn: &mut Txn<'_>, parent: &Arc<Resource>, draft: &mut Draft) -> Result<(), Failure> {
    let generated = generation_time(txn.now(), draft)?;
    if let Some(other) = txn.generated_at(parent.id(), generated)? {
        match txn.resource(other)? {
            // One that nobody sees any more is not in the way until it is swept.
            Some(other) if other.is_expired(txn.now()) => txn.remove_expired(&other)?,
            _ => {
                return Err(Failure::conflict(
                    "an instance with this dataGenerationTime (dgt) is there already",
                ));
            }
        }
    }
    let size = draft.attributes.get("con").map_or(0, instances::size);
    instances::check_size(parent, size)?;
    draft.set("cs", size);
    instances::expire(txn, parent, draft);
    Ok(())
}

/// When the data were made. A time relative to the arrival is written as what it stands for: it has to stay the same.
fn generation_time(now: Timestamp, draft: &mut Draft) -> Result<Timestamp, Failure> {
    let sent = draft.attributes.get("dgt").and_then(Value::as_str).and_then(AbsRelTime::parse);
    let sent = sent.ok_or_else(|| Failure::bad_request("dgt is no point in time"))?;
    let generated = sent.resolve(now);
    if generated.to_utc().is_none() {
        return Err(Failure::bad_request("dgt is after the year 9999"));
    }
    if matches!(sent, AbsRelTime::After(_)) {
        draft.set("dgt", generated.to_string());
    }
    Ok(generated)
}
