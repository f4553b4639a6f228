//! When can a target be reached? The schedule of the node that an AE is on says so (TS-0004 7.5.1.2.2 step 3.0,
//! TS-0001 9.6.9).

use std::sync::Arc;

use dyad_protocol::{Failure, Timestamp};

use crate::Cse;
use crate::request::local_path;
use crate::resource::{Lookup, Snapshot, resolve};
use crate::schedule::Schedule;
use crate::store::Owed;
use crate::subscription::Pending;

/// The types of a node and of a schedule.
const NODE: u32 = 14;
const SCHEDULE: i32 = 18;

/// Schedules of one node that are looked at.
const MOST: usize = 100;

/// Whether a notification may go out.
pub(super) enum Verdict {
    /// It may.
    Open,
    /// It was made while the target could not be reached, and is not to be kept until it can.
    Missed,
    /// Not before a moment.
    Closed(Timestamp),
}

/// Whether a notification may go out now, given what becomes of those that schedules do not let through.
pub(super) async fn of(cse: &Arc<Cse>, owed: &Owed, pending: Pending) -> Result<Verdict, Failure> {
    if owed.target.contains("://") {
        return Ok(Verdict::Open);
    }
    let target = owed.target.clone();
    let Some(schedule) = cse.look(move |cse, snapshot| schedule(cse, snapshot, &target)).await? else {
        return Ok(Verdict::Open);
    };
    let now = cse.now();
    let made = owed.expires.saturating_sub(cse.config().notification.keep_for.micros());
    if pending == Pending::Nothing && !schedule.contains(Timestamp::from_micros(made)) {
        return Ok(Verdict::Missed);
    }
    Ok(match schedule.contains(now) {
        true => Verdict::Open,
        // Its schedule may change.
        false => Verdict::Closed(schedule.opens(now).unwrap_or(Timestamp::NEVER)),
    })
}

/// The schedule of the node that an AE is on; `None` for a target that can always be reached.
fn schedule(cse: &Cse, look: &mut Snapshot<'_>, target: &str) -> Result<Option<Schedule>, Failure> {
    let Ok(path) = local_path(cse, cse.config().shorten(target)) else { return Ok(None) };
    let Some(entity) = resolve(look, path)? else { return Ok(None) };
    let Some(link) = entity.text("nl") else { return Ok(None) };
    let Ok(path) = local_path(cse, link) else { return Ok(None) };
    let Some(node) = resolve(look, path)?.filter(|node| node.ty() == NODE) else { return Ok(None) };
    let mut schedules = look.children(node.id(), &[SCHEDULE], 0, MOST)?;
    schedules.retain(|schedule| !schedule.is_expired(cse.now()));
    if schedules.is_empty() {
        return Ok(None);
    }
    let entries = schedules.iter().filter_map(|schedule| schedule.get("se")).map(Schedule::from_entries);
    Ok(Some(Schedule::any(entries)))
}
