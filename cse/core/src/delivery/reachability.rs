//! When can a target be reached? The schedule of the node that an AE is on says so (TS-0004 7.5.1.2.2 step 3.0,
//! TS-0001 9.6.9). It is asked when something is to be owed to a target, and again before it is sent. Schedules of
//! subscriptions are asked before, when a notification comes to their gate.

use std::sync::Arc;

use dyad_protocol::{Failure, Timestamp};

use crate::Cse;
use crate::request::local_path;
use crate::resource::{Id, Lookup, Resource, resolve};
use crate::schedule::Schedule;

/// The types of a CSEBase, a node and a schedule.
const CSE_BASE: u32 = 5;
const NODE: u32 = 14;
const SCHEDULE: i32 = 18;

/// Schedules of one node that are looked at.
const MOST: usize = 100;

/// When an entity can be reached.
struct Window {
    schedule: Schedule,
    /// When the first of the schedules that it is made of expires.
    ends: Timestamp,
}

/// From when on a target can be reached, if it cannot be now: the end of time if no moment is known.
pub(super) async fn closed_until(cse: &Arc<Cse>, target: &str) -> Result<Option<Timestamp>, Failure> {
    if target.contains("://") {
        return Ok(None);
    }
    let target = target.to_owned();
    let window = cse.look(move |cse, snapshot| window_of(cse, snapshot, &target)).await?;
    let now = cse.now();
    let closed = window.filter(|window| !window.schedule.contains(now));
    Ok(closed.map(|window| window.schedule.opens(now).map_or(window.ends, |at| at.min(window.ends))))
}

/// Whether a target cannot be reached now.
pub(crate) fn is_closed(cse: &Cse, look: &mut impl Lookup, target: &str) -> Result<bool, Failure> {
    if target.contains("://") {
        return Ok(false);
    }
    let window = window_of(cse, look, target)?;
    Ok(window.is_some_and(|window| !window.schedule.contains(cse.now())))
}

/// Whether an entity can be reached now, as far as schedules say.
pub(super) async fn is_open(cse: &Cse, entity: &Arc<Resource>) -> Result<bool, Failure> {
    if entity.text("nl").is_none() {
        return Ok(true);
    }
    let entity = Arc::clone(entity);
    let window = cse.look(move |cse, snapshot| window_for(cse, snapshot, &entity)).await?;
    Ok(window.is_none_or(|window| window.schedule.contains(cse.now())))
}

/// When a target can be reached; `None` for always.
fn window_of(cse: &Cse, look: &mut impl Lookup, target: &str) -> Result<Option<Window>, Failure> {
    let Ok(path) = local_path(cse, cse.config().shorten(target)) else { return Ok(None) };
    match resolve(look, path)? {
        Some(entity) => window_for(cse, look, &entity),
        None => Ok(None),
    }
}

/// The same of an entity: this CSE has a schedule of its own, others that of the node that they say they are on. Several
/// are for several networks, any of which will do.
fn window_for(cse: &Cse, look: &mut impl Lookup, entity: &Resource) -> Result<Option<Window>, Failure> {
    let bearer = match entity.text("nl") {
        _ if entity.ty() == CSE_BASE => Some(entity.id()),
        Some(link) => node(cse, look, link)?,
        None => None,
    };
    let Some(bearer) = bearer else { return Ok(None) };
    let mut schedules = look.children(bearer, &[SCHEDULE], 0, MOST)?;
    schedules.retain(|schedule| !schedule.is_expired(cse.now()));
    let ends = schedules.iter().map(|schedule| schedule.expiration()).min();
    let entries = schedules.iter().filter_map(|schedule| schedule.get("se")).map(Schedule::from_entries);
    let schedule = Schedule::any(entries);
    Ok(ends.map(|ends| Window { schedule, ends }))
}

/// The node that a link leads to, if it is here.
fn node(cse: &Cse, look: &mut impl Lookup, link: &str) -> Result<Option<Id>, Failure> {
    let Ok(path) = local_path(cse, link) else { return Ok(None) };
    Ok(resolve(look, path)?.filter(|node| node.ty() == NODE).map(|node| node.id()))
}
