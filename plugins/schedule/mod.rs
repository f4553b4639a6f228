//! Schedules (TS-0001 9.6.9, 10.2.17; TS-0004 7.4.9): when nodes can communicate, and when subscriptions notify.
//!
//! Responsible for: what a schedule may say, how many there are, and that a change of one takes effect at once, on what
//! waits already too. Whether a moment is inside is the core's to say (`dyad_core::schedule`), and so is what becomes of
//! notifications outside of it (the gates of subscriptions, the lanes of targets). The schedule of the CSEBase tells
//! others when this CSE can be expected to be there; nothing here goes by it.

use async_trait::async_trait;
use dyad_core::resource::{Draft, Id, Lookup, Resource, Txn};
use dyad_core::subscription::{self, is_subscription};
use dyad_core::{Change, ServiceFunction, Stage};
use dyad_protocol::{Failure, Object, StatusCode, Timestamp};
use serde_json::Value;

const AE: u32 = 2;
const NODE: u32 = 14;
const SCHEDULE: u32 = 18;
/// The same as rows have it.
const SCHEDULES: [i32; 1] = [18];

/// Entries of one schedule, all of which are looked at for a notification.
const ENTRIES: usize = 100;

/// Bytes of one entry.
const LONGEST: usize = 500;

/// The name of a schedule below a subscription (TS-0001 Table 9.6.8-1).
const NOTIFICATION_SCHEDULE: &str = "notificationSchedule";

/// Schedules of nodes and subscriptions.
#[derive(Debug, Default)]
pub struct Schedules;

#[async_trait]
impl ServiceFunction for Schedules {
    fn name(&self) -> &'static str {
        "schedule"
    }

    fn may_block(&self) -> bool {
        false
    }

    fn owns(&self) -> &[u32] {
        &[SCHEDULE]
    }

    fn stages(&self) -> &'static [Stage] {
        &[]
    }

    fn apply(&self, txn: &mut Txn<'_>, change: &mut Change<'_>) -> Result<(), Failure> {
        match change {
            Change::Create { parent, draft, .. } if draft.table.number == SCHEDULE => {
                check(&draft.attributes, parent)?;
                if parent.ty() != NODE {
                    check_first(txn, parent.id())?;
                }
                if is_subscription(parent.ty()) {
                    name(txn, draft)?;
                }
                takes_effect(txn, parent, Some(draft))
            }
            Change::Update { old, draft, modified, .. } if old.ty() == SCHEDULE => {
                let Some(parent) = txn.resource(old.parent())? else { return Ok(()) };
                check(modified, &parent)?;
                takes_effect(txn, &parent, Some(draft))
            }
            Change::Delete { old, parent, .. } if old.ty() == SCHEDULE => match parent {
                Some(parent) => takes_effect(txn, parent, None),
                None => {
                    txn.note_schedules();
                    Ok(())
                }
            },
            // The AE moves to another node.
            Change::Update { old, modified, .. } if old.ty() == AE && modified.contains_key("nl") => {
                txn.note_schedules();
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// What was sent for a schedule. The syntax of entries was checked before.
fn check(sent: &Object, parent: &Resource) -> Result<(), Failure> {
    match sent.get("nco") {
        Some(_) if parent.ty() != NODE => {
            return Err(Failure::new(
                StatusCode::ContentsUnacceptable,
                "networkCoordinated (nco) is for schedules of nodes",
            ));
        }
        Some(Value::Bool(true)) => {
            return Err(Failure::not_implemented(
                "there is no underlying network to coordinate a schedule with (nco)",
            ));
        }
        _ => {}
    }
    let (mut count, mut longest) = (0, 0);
    let entries = sent.get("se").and_then(|element| element.get("sce")).and_then(Value::as_array);
    for entry in entries.into_iter().flatten().filter_map(Value::as_str) {
        count += 1;
        longest = longest.max(entry.len());
    }
    if count > ENTRIES || longest > LONGEST {
        return Err(Failure::bad_request(format!(
            "a schedule has {ENTRIES} entries (sce) at most, of {LONGEST} characters"
        )));
    }
    Ok(())
}

/// CONFLICT if there is a schedule already where there can be one only.
fn check_first(txn: &mut Txn<'_>, parent: Id) -> Result<(), Failure> {
    for other in txn.children(parent, &SCHEDULES, 0, 2)? {
        if !other.is_expired(txn.now()) {
            return Err(Failure::conflict("there is a schedule already"));
        }
        // One that has expired does not keep its place until it is swept.
        txn.remove_expired(&other)?;
    }
    Ok(())
}

/// Gives the schedule of a subscription the name that the specification has for it, if it was sent without one.
fn name(txn: &mut Txn<'_>, draft: &mut Draft) -> Result<(), Failure> {
    if draft.rn.is_none() && txn.child_by_name(draft.parent, NOTIFICATION_SCHEDULE)?.is_none() {
        draft.rn = Some(NOTIFICATION_SCHEDULE.to_owned());
        draft.set("rn", NOTIFICATION_SCHEDULE);
    }
    Ok(())
}

/// What waits for a schedule is looked at again, as soon as the change of the schedule is committed.
fn takes_effect(txn: &mut Txn<'_>, parent: &Resource, schedule: Option<&Draft>) -> Result<(), Failure> {
    txn.note_schedules();
    if !is_subscription(parent.ty()) {
        return Ok(());
    }
    let element = schedule.and_then(|schedule| {
        Some((schedule.attributes.get("se")?, schedule.time("et").unwrap_or(Timestamp::NEVER)))
    });
    subscription::reschedule(txn, parent.id(), element)
}
