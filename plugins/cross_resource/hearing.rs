//! What a cross-resource subscription hears, and what comes of it: the window in the store, the notification if it is
//! due, the end if a subscription behind it has ended.
//!
//! The window is the state of an alarm, so it changes with the notification that it counts and survives whatever happens
//! to the node.

use std::sync::Arc;

use dyad_core::resource::{Draft, Id, Resource, Txn};
use dyad_core::subscription;
use dyad_protocol::{Failure, Object, Timestamp};

use super::targets;
use super::window::{Heard, Terms, Window};

/// The state of one that is about to go.
const ENDED: &str = "end";

/// The first window of a new resource, if that does not wait for a notification.
pub(super) fn begin(txn: &mut Txn<'_>, draft: &Draft) {
    if let Some(terms) = Terms::of(&draft.attributes).filter(|terms| terms.is_periodic) {
        let window = Window::begin(txn.now().micros());
        let due = window.due(&terms);
        txn.set_alarm_of_new(draft, due, Heard { last: 0, window: Some(window) }.to_string());
    }
}

/// The window begins anew, on terms that have changed.
pub(super) fn begin_anew(
    txn: &mut Txn<'_>,
    cross: &Arc<Resource>,
    attributes: &Object,
) -> Result<(), Failure> {
    let Some(terms) = Terms::of(attributes) else { return Ok(()) };
    let state = state(txn, cross.id())?;
    if state == ENDED {
        return Ok(());
    }
    let last = Heard::parse(&state).map_or(0, |heard| heard.last);
    let window = Some(Window::begin(txn.now().micros()));
    keep(txn, cross, &terms, Heard { last, window });
    Ok(())
}

/// After a start of the node: a window that begins in the future of a clock that was set back begins anew.
pub(super) fn take_up(txn: &mut Txn<'_>, cross: &Arc<Resource>) -> Result<(), Failure> {
    let now = txn.now().micros();
    let heard = Heard::parse(&state(txn, cross.id())?);
    let early =
        heard.and_then(|heard| Some((heard.last, heard.window.filter(|window| window.is_ahead(now))?)));
    if let Some((terms, (last, window))) = Terms::of(cross.attributes()).zip(early) {
        keep(txn, cross, &terms, Heard { last, window: window.settle(&terms, now).0 });
    }
    Ok(())
}

/// Subscriptions have notified, by the notification of a number. Gives how many notifications came of it.
/// ORIGINATOR_HAS_NO_PRIVILEGE if none of them takes part.
pub(super) fn arrived(
    txn: &mut Txn<'_>,
    cross: &Arc<Resource>,
    number: i64,
    references: &[String],
) -> Result<u64, Failure> {
    let state = state(txn, cross.id())?;
    let Some(terms) = Terms::of(cross.attributes()).filter(|_| state != ENDED) else { return Ok(0) };
    let (mut heard, mut told) = settle(txn, cross, &terms, &state)?;
    if number <= heard.last {
        keep(txn, cross, &terms, heard);
        return Ok(told);
    }
    heard.last = number;
    let mut is_known = false;
    for reference in references {
        let Some(source) = targets::source(txn, cross, reference)? else { continue };
        is_known = true;
        let open = heard.window.get_or_insert_with(|| Window::begin(txn.now().micros()));
        if open.arrived(&terms, source) {
            subscription::tell(txn, cross)?;
            told += 1;
        }
        heard.window = heard.window.filter(|window| !window.is_idle(&terms));
    }
    if !is_known {
        return Err(Failure::no_privilege("the notification is of no subscription behind this resource"));
    }
    keep(txn, cross, &terms, heard);
    Ok(told)
}

/// The alarm of a resource has rung. Gives how many notifications came of it.
pub(super) fn rung(txn: &mut Txn<'_>, cross: &Arc<Resource>, state: &str) -> Result<u64, Failure> {
    if state == ENDED {
        return txn.delete(cross).map(|()| 0);
    }
    let Some(terms) = Terms::of(cross.attributes()) else { return Ok(0) };
    let (heard, told) = settle(txn, cross, &terms, state)?;
    keep(txn, cross, &terms, heard);
    Ok(told)
}

/// Ends a window whose time is over, and tells of it if that is wanted. Whether the timer or the next notification comes
/// first makes no difference.
fn settle(
    txn: &mut Txn<'_>,
    cross: &Arc<Resource>,
    terms: &Terms,
    state: &str,
) -> Result<(Heard, u64), Failure> {
    let heard = Heard::parse(state).unwrap_or_default();
    let Some(window) = heard.window else { return Ok((heard, 0)) };
    let (window, is_told) = window.settle(terms, txn.now().micros());
    if is_told {
        subscription::tell(txn, cross)?;
    }
    Ok((Heard { window, ..heard }, u64::from(is_told)))
}

fn keep(txn: &mut Txn<'_>, cross: &Arc<Resource>, terms: &Terms, heard: Heard) {
    let window = heard.window.filter(|window| !window.is_idle(terms));
    let due = window.as_ref().map_or(Timestamp::NEVER, |window| window.due(terms));
    txn.set_alarm(cross, due, Heard { window, ..heard }.to_string());
}

fn state(txn: &mut Txn<'_>, cross: Id) -> Result<String, Failure> {
    Ok(txn.alarm(cross)?.map(|alarm| alarm.state.clone()).unwrap_or_default())
}

/// Has resources end whose subscriptions have: at once, but in transactions of their own, however many hang together.
pub(super) fn end(txn: &mut Txn<'_>, ended: &[Arc<Resource>]) -> Result<(), Failure> {
    for cross in ended {
        if state(txn, cross.id())? != ENDED {
            let now = txn.now();
            txn.set_alarm(cross, now, ENDED.to_owned());
        }
    }
    Ok(())
}
