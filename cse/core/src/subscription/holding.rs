//! Keeping what a subscription holds back, and letting it go as its gate says.
//!
//! Held notifications are rows of the outbox under the name of their subscription, in no lane. They and the state of
//! the gate change with the transaction of the event, so both survive whatever happens to the node.

use std::sync::Arc;

use dyad_protocol::{Failure, Timestamp};
use rustc_hash::FxHashMap;
use serde_json::Value;

use super::gate::{Gate, Step, Times};
use super::{Subscription, notification, posting, targets};
use crate::delivery::held_by;
use crate::resource::{Id, Lookup, Resource, Txn, texts as texts_of};
use crate::store::{Event, GateRow, Owed, Settled};

/// The type of a schedule.
const SCHEDULE: i32 = 18;

/// Rows that are dropped at a time.
const PAGE: usize = 500;

/// Bytes of notifications that one message carries.
const LARGEST_MESSAGE: usize = 1 << 20;

/// The gate of a subscription, if there is anything that may hold its notifications back.
pub(super) fn gate_of(txn: &mut Txn<'_>, id: Id, said: &Subscription) -> Result<Option<Gate>, Failure> {
    let gate = stored(txn, id)?;
    Ok(match said.policy.holds_back() {
        true => Some(gate.unwrap_or_default()),
        false => gate.filter(|gate| gate.schedule.is_some() || gate.held > 0),
    })
}

fn stored(txn: &mut Txn<'_>, id: Id) -> Result<Option<Gate>, Failure> {
    let Some(row) = txn.gate(id)? else { return Ok(None) };
    serde_json::from_str(&row.state).map(Some).map_err(Failure::internal)
}

/// Keeps the state of a gate, to be looked at when `due` has come.
fn store(txn: &mut Txn<'_>, id: Id, gate: &Gate, due: Option<Timestamp>) -> Result<(), Failure> {
    if gate.is_idle() && txn.gate(id)?.is_none() {
        return Ok(());
    }
    let state = match gate.is_idle() {
        true => String::new(),
        false => serde_json::to_string(gate).map_err(Failure::internal)?,
    };
    let due = due.map_or(i64::MAX, Timestamp::micros);
    txn.set_gate(GateRow { subscription: id, due, state });
    Ok(())
}

/// A notification comes to the gate of its subscription.
pub(super) fn arrive(
    txn: &mut Txn<'_>,
    id: Id,
    said: &Subscription,
    mut gate: Gate,
    owed: Owed,
    event: Option<&Arc<Event>>,
) -> Result<(), Failure> {
    gate.add(txn.now());
    // One that goes on at once need not be kept.
    let mut after = gate.clone();
    if gate.held == 1
        && said.policy.batch.is_none()
        && let Step::Send { is_latest, .. } = after.step(&said.policy, txn.now(), txn.cse().now())
    {
        let category = i32::from(said.policy.category_of(is_latest));
        let targets = targets::of(txn, said)?;
        posting::send(txn, Owed { category, ..owed }, event, targets);
        return store(txn, id, &after, None);
    }
    txn.owe_notice(Owed { target: held_by(id), ..owed }, event);
    if gate.held > txn.cse().config().notification.stored as u64 {
        gate.displace();
        drop_oldest(txn, id, 1)?;
    }
    proceed(txn, id, said, gate)
}

/// Does what the gate says, until it waits.
pub(super) fn proceed(txn: &mut Txn<'_>, id: Id, said: &Subscription, mut gate: Gate) -> Result<(), Failure> {
    loop {
        match gate.step(&said.policy, txn.now(), txn.cse().now()) {
            Step::Wait(due) => return store(txn, id, &gate, due),
            Step::Drop(count) => drop_oldest(txn, id, count)?,
            Step::Send { count, is_latest } => release(txn, id, said, count, is_latest)?,
        }
    }
}

fn drop_oldest(txn: &mut Txn<'_>, id: Id, count: u64) -> Result<(), Failure> {
    let mut left = usize::try_from(count).unwrap_or(usize::MAX);
    while left > 0 {
        let page = txn.owed_to(&held_by(id), left.min(PAGE))?;
        if page.is_empty() {
            break;
        }
        left -= page.len();
        page.iter().for_each(|owed| settle(txn, owed));
    }
    Ok(())
}

fn settle(txn: &mut Txn<'_>, owed: &Owed) {
    txn.settle(Settled { seq: owed.seq, event: owed.event });
}

/// Lets the oldest held notifications go, as one message.
fn release(
    txn: &mut Txn<'_>,
    id: Id,
    said: &Subscription,
    count: u64,
    is_latest: bool,
) -> Result<(), Failure> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let mut held = txn.owed_to(&held_by(id), count)?;
    held.iter().for_each(|owed| settle(txn, owed));
    held.retain(|owed| owed.expires > txn.now().micros());
    let Some(first) = held.first() else { return Ok(()) };
    let targets = targets::of(txn, said)?;
    let category = i32::from(said.policy.category_of(is_latest));
    // Of those that want the latest one alone, no batch is left.
    if said.policy.batch.is_none() || said.policy.latest {
        posting::send(txn, Owed { category, ..Owed::clone(first) }, None, targets);
        return Ok(());
    }
    let texts = texts(txn, &held)?;
    for (expires, message) in messages(&held, &texts) {
        let owed = posting::owed(txn, id, said, is_latest);
        posting::send(txn, Owed { body: message, expires, ..owed }, None, targets.clone());
    }
    Ok(())
}

/// The whole texts of notifications.
fn texts(txn: &mut Txn<'_>, held: &[Arc<Owed>]) -> Result<Vec<String>, Failure> {
    let mut heads: FxHashMap<i64, String> = FxHashMap::default();
    let mut texts = Vec::with_capacity(held.len());
    for owed in held {
        if owed.event > 0 && !heads.contains_key(&owed.event) {
            heads.insert(owed.event, txn.event_head(owed.event)?);
        }
        let head = heads.get(&owed.event).map_or("", String::as_str);
        texts.push(format!("{head}{}", owed.body));
    }
    Ok(texts)
}

/// Messages of a bounded size, with when each is not worth sending any more.
fn messages(held: &[Arc<Owed>], texts: &[String]) -> Vec<(i64, String)> {
    let mut messages = Vec::new();
    let (mut part, mut bytes, mut expires): (Vec<&str>, usize, i64) = (Vec::new(), 0, 0);
    for (owed, text) in held.iter().zip(texts) {
        if !part.is_empty() && bytes + text.len() > LARGEST_MESSAGE {
            messages.push((expires, notification::aggregate(part.drain(..))));
            bytes = 0;
        }
        part.push(text);
        bytes += text.len();
        expires = owed.expires;
    }
    messages.push((expires, notification::aggregate(part)));
    messages
}

/// A subscription changes: what it holds back is looked at again, with what it says then.
pub(crate) fn changed(txn: &mut Txn<'_>, id: Id, forgets_missing_data: bool) -> Result<(), Failure> {
    let Some(mut gate) = stored(txn, id)? else { return Ok(()) };
    if forgets_missing_data {
        gate.missing = super::missing::Missing::default();
    }
    let now = txn.cse().now();
    store(txn, id, &gate, Some(now))
}

/// A subscription gets a schedule (its `se`, and when it expires), another one, or has none any more: what it holds
/// back is looked at again.
pub fn reschedule(
    txn: &mut Txn<'_>,
    subscription: Id,
    schedule: Option<(&Value, Timestamp)>,
) -> Result<(), Failure> {
    let mut gate = stored(txn, subscription)?.unwrap_or_default();
    let times = |(schedule, ends): (&Value, Timestamp)| Times {
        entries: texts_of(schedule.get("sce")).map(str::to_owned).collect(),
        ends: ends.micros(),
    };
    gate.schedule = schedule.map(times);
    let now = txn.cse().now();
    store(txn, subscription, &gate, Some(now))
}

/// Has subscriptions with a schedule looked at again, as many as fit into a transaction. Gives the number of the last
/// schedule, if there may be more.
pub(super) fn look_at_schedules(txn: &mut Txn<'_>, after: Id, most: usize) -> Result<Option<Id>, Failure> {
    let page = txn.of_type(SCHEDULE, after, most)?;
    for schedule in &page {
        let parent = txn.resource(schedule.parent())?;
        if parent.is_some_and(|parent| super::is_subscription(parent.ty())) {
            changed(txn, schedule.parent(), false)?;
        }
    }
    Ok(page.last().filter(|_| page.len() >= most).map(|last| last.id()))
}

/// A subscription is gone: what it holds back goes with it (TS-0004 7.4.8.2.4).
pub(super) fn ended(txn: &mut Txn<'_>, subscription: &Resource) -> Result<(), Failure> {
    let id = subscription.id();
    let Some(gate) = stored(txn, id)? else { return Ok(()) };
    drop_oldest(txn, id, gate.held)?;
    txn.set_gate(GateRow { subscription: id, due: i64::MAX, state: String::new() });
    Ok(())
}

/// The time of a subscription with something to do has come.
pub(super) fn due(txn: &mut Txn<'_>, subscription: &Resource, said: &Subscription) -> Result<(), Failure> {
    match stored(txn, subscription.id())? {
        Some(gate) => proceed(txn, subscription.id(), said, gate),
        None => Ok(()),
    }
}

/// Changes what a subscription remembers of missing data points.
pub(super) fn with_missing<T>(
    txn: &mut Txn<'_>,
    id: Id,
    change: impl FnOnce(&mut super::missing::Missing) -> T,
) -> Result<T, Failure> {
    let due = txn.gate(id)?.map(|row| Timestamp::from_micros(row.due));
    let mut gate = stored(txn, id)?.unwrap_or_default();
    let outcome = change(&mut gate.missing);
    store(txn, id, &gate, due)?;
    Ok(outcome)
}
