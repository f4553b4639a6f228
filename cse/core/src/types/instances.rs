//! Counting and trimming instances: `cni`, `cbs`, `st`, `mni`, `mbs`, `mia` of whatever has instances
//! (TS-0004 7.4.7.2.1, 7.4.39.2.1).

use std::sync::Arc;

use dyad_protocol::time::Span;
use dyad_protocol::{Failure, Object, StatusCode, Timestamp};
use serde_json::Value;

use super::{FLEX_CONTAINER_INSTANCE, TIME_SERIES_INSTANCE};
use crate::resource::{Counts, Draft, Id, Latest, Lookup, Resource, Txn};

/// NOT_ACCEPTABLE if an instance of so many bytes can never fit.
pub(super) fn check_size(container: &Resource, bytes: u64) -> Result<(), Failure> {
    let too_large = container.number("mbs").is_some_and(|most| bytes > most);
    if too_large || container.number("mni") == Some(0) {
        return Err(Failure::new(StatusCode::NotAcceptable, "the container has no room for this instance"));
    }
    Ok(())
}

/// Sets the counters of a container, and the node's limits where the originator gave none.
pub(super) fn begin(txn: &Txn<'_>, draft: &mut Draft) {
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
}

/// Applies changed limits of a container to the instances that are there.
pub(super) fn limit(
    txn: &mut Txn<'_>,
    old: &Resource,
    draft: &mut Draft,
    sent: &Object,
) -> Result<(), Failure> {
    let Some(ty) = super::instance_type_of(old) else { return Ok(()) };
    if sent.contains_key("mni") || sent.contains_key("mbs") {
        trim_draft(txn, draft, ty)?;
    }
    match sent.get("mia").and_then(Value::as_u64) {
        Some(seconds) => age_out(txn, old, ty, seconds),
        None => Ok(()),
    }
}

/// The size of a content in bytes: of a text its UTF-8, of another value its JSON.
pub(super) fn size(content: &Value) -> u64 {
    match content {
        Value::String(text) => text.len() as u64,
        other => other.to_string().len() as u64,
    }
}

/// Lets an instance in the making expire with its container, or with the `mia` of it.
pub(super) fn expire(txn: &Txn<'_>, parent: &Resource, draft: &mut Draft) {
    let wanted = draft.time("et");
    let et = expiration(parent, txn.now(), wanted.unwrap_or(Timestamp::NEVER));
    draft.expires_with_parent = et.micros() == parent.row().et;
    if wanted != Some(et) {
        draft.set("et", et.to_string());
    }
}

/// The expiration time of an instance under the `mia` of its container.
pub(super) fn expiration(container: &Resource, created: Timestamp, et: Timestamp) -> Timestamp {
    match container.number("mia") {
        Some(seconds) => et.min(created.plus(age(seconds))),
        None => et,
    }
}

fn age(seconds: u64) -> Span {
    Span::from_seconds(u32::try_from(seconds).unwrap_or(u32::MAX))
}

/// An instance was added: counts it and trims the oldest, without notice to anybody.
pub(super) fn appended(
    txn: &mut Txn<'_>,
    parent: &Arc<Resource>,
    instance: &Arc<Resource>,
) -> Result<(), Failure> {
    let Some(container) = txn.resource(parent.id())? else { return Ok(()) };
    let mut counts = Counts::of(&container);
    counts.count += 1;
    counts.bytes += instance.row().cs.unwrap_or(0).unsigned_abs();
    counts.latest = Latest::Known(Some(instance.id()));
    trim(txn, &mut counts, instance.row().ty, Some(instance.id()))?;
    txn.note_generated(instance);
    let next = match instance.row().ty {
        FLEX_CONTAINER_INSTANCE => container.recorded(&counts, txn.now()),
        _ => container.counted(&counts, txn.now()),
    };
    txn.update(&container, next)
}

/// Trims what is too much under limits that changed.
pub(super) fn trim_draft(txn: &mut Txn<'_>, draft: &mut Draft, ty: i32) -> Result<(), Failure> {
    let mut counts = Counts::of_draft(draft);
    trim(txn, &mut counts, ty, None)?;
    counts.write(draft);
    Ok(())
}

/// Trims until the limits of the container are met: the instances that were created first, of a time series those with
/// the oldest data (TS-0001 10.2.4.25). `new` is there to stay; at least one stays if there is room for one.
fn trim(txn: &mut Txn<'_>, counts: &mut Counts, ty: i32, new: Option<Id>) -> Result<(), Failure> {
    while counts.exceed() {
        let is_by_data = ty == TIME_SERIES_INSTANCE;
        let oldest = match is_by_data {
            true => txn.oldest_generated(counts.container, new)?,
            false => txn.oldest_instance(counts, ty)?,
        };
        let Some(oldest) = oldest else { break };
        match is_by_data {
            true => txn.trim(counts.container, &oldest)?,
            false => txn.bury(counts, ty, &oldest)?,
        }
        if counts.latest == Latest::Known(Some(oldest.id)) {
            // The instance that was created last may go before others.
            counts.latest = if is_by_data { Latest::Unknown } else { Latest::Known(None) };
        }
        counts.count = counts.count.saturating_sub(1);
        counts.bytes = counts.bytes.saturating_sub(oldest.cs.unwrap_or(0).unsigned_abs());
    }
    Ok(())
}

/// An instance was removed: counts it off and finds the new latest.
pub(super) fn removed(
    txn: &mut Txn<'_>,
    parent: &Arc<Resource>,
    instance: &Arc<Resource>,
) -> Result<(), Failure> {
    let Some(container) = txn.resource(parent.id())? else { return Ok(()) };
    let mut counts = Counts::of(&container);
    let latest = match txn.latest(&container)? {
        Some(latest) if latest == instance.id() => {
            txn.latest_before(container.id(), instance.row().ty, instance.id())?
        }
        latest => latest,
    };
    counts.latest = Latest::Known(latest);
    counts.count = counts.count.saturating_sub(1);
    counts.bytes = counts.bytes.saturating_sub(instance.number("cs").unwrap_or(0));
    txn.update(&container, container.counted(&counts, txn.now()))
}

/// A container lives longer than before: instances that were to go with it keep the life that they have.
pub(crate) fn part_from_parent(txn: &mut Txn<'_>, container: &Resource) -> Result<(), Failure> {
    let Some(ty) = super::instance_type_of(container) else { return Ok(()) };
    let mut after = 0;
    loop {
        let page = txn.children(container.id(), &[ty], after, PAGE)?;
        for instance in page.iter().filter(|instance| instance.expires_with_parent()) {
            txn.update(instance, Draft::of(instance).fix()?)?;
        }
        match page.last() {
            Some(last) if page.len() >= PAGE => after = last.id(),
            _ => return Ok(()),
        }
    }
}

/// Instances that are looked at when a container gets a shorter `mia`, at a time.
const PAGE: usize = 500;

/// A container got another `mia`: instances that would outlive it expire earlier.
pub(super) fn age_out(txn: &mut Txn<'_>, container: &Resource, ty: i32, seconds: u64) -> Result<(), Failure> {
    let mut after = 0;
    loop {
        let page = txn.children(container.id(), &[ty], after, PAGE)?;
        for instance in &page {
            let latest = Timestamp::from_micros(instance.row().ct).plus(age(seconds));
            if instance.row().et > latest.micros() {
                let mut draft = Draft::of(instance);
                draft.set("et", latest.to_string());
                txn.update(instance, draft.fix()?)?;
            }
        }
        match page.last() {
            Some(last) if page.len() >= PAGE => after = last.id(),
            _ => return Ok(()),
        }
    }
}
