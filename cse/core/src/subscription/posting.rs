//! From an event and the subscriptions that it concerns to what is owed.
//!
//! Few are written one by one in the transaction of the change. For many the event is written once, with whom it
//! concerns, and distributed by transactions of their own: the change does not wait for them.

use std::fmt::Write as _;
use std::sync::Arc;

use dyad_protocol::Failure;

use super::index::{SubscriptionList, said};
use super::matching::Group;
use super::targets::Aim;
use super::{LATEST, Pending, Subscription, holding, notification, statistics, targets};
use crate::delivery::replaces;
use crate::resource::{Draft, Id, Lookup, Resource, Txn};
use crate::store::{Event, Owed, Settled};

/// More subscriptions than this are told later.
const AT_ONCE: usize = 16;

/// Events of one resource that wait to be distributed; with more, the oldest is dropped.
const WAITING_EVENTS: usize = 1_000;

/// Owes a notification to each of the subscriptions of one form.
pub(super) fn post(
    txn: &mut Txn<'_>,
    parent: Id,
    list: &SubscriptionList,
    group: &Group,
    head: String,
) -> Result<(), Failure> {
    // What was before is told before.
    if group.watchers.len() > AT_ONCE || txn.open_events(parent) > 0 {
        return post_later(txn, parent, group, head);
    }
    let ids: Vec<Id> = group.watchers.iter().map(|watcher| watcher.id).collect();
    txn.read_gates(&ids)?;
    let mut text = Text::new(parent, head, ids.len() > 1);
    for subscription in group.watchers.iter().filter_map(|watcher| list.at(watcher.position)) {
        hand_over(txn, &mut text, subscription)?;
    }
    Ok(())
}

fn post_later(txn: &mut Txn<'_>, parent: Id, group: &Group, head: String) -> Result<(), Failure> {
    if txn.open_events(parent) >= WAITING_EVENTS
        && let Some(oldest) = txn.oldest_open_event(parent)?
    {
        tracing::warn!(resource = parent, "too many events wait to be told to subscribers; one is dropped");
        txn.distributed(&oldest, None);
    }
    let mut recipients = String::with_capacity(group.watchers.len() * 8);
    for watcher in &group.watchers {
        // Writing to a text cannot fail.
        let _ = write!(recipients, "{} ", watcher.id);
    }
    txn.keep_event(parent, head, Some(recipients));
    Ok(())
}

/// The same for subscriptions that are gone with the transaction: nothing holds their last notification back.
pub(super) fn post_last(
    txn: &mut Txn<'_>,
    parent: Id,
    list: &SubscriptionList,
    group: &Group,
    head: String,
) -> Result<(), Failure> {
    let mut text = Text::new(parent, head, group.watchers.len() > 1);
    for subscription in group.watchers.iter().filter_map(|watcher| list.at(watcher.position)) {
        let Some(said) = said(subscription) else { continue };
        let tail = notification::tail(txn.cse().config(), &subscription.ri(), said);
        let targets = targets::of(txn, said)?;
        let (event, body) = text.with(txn, tail, targets.len());
        let mut owed = owed(txn, 0, said, false);
        owed.replaces = replaces::NONE;
        send(txn, Owed { body, ..owed }, event.as_ref(), targets);
    }
    Ok(())
}

/// Owes a notification to one subscription, as its policies say.
pub(super) fn hand_over(
    txn: &mut Txn<'_>,
    text: &mut Text,
    subscription: &Arc<Resource>,
) -> Result<(), Failure> {
    let Some(said) = said(subscription) else { return Ok(()) };
    let tail = notification::tail(txn.cse().config(), &subscription.ri(), said);
    if said.keeps_statistics {
        count_event(txn, subscription)?;
    }
    if let Some(gate) = holding::gate_of(txn, subscription.id(), said)? {
        let (event, body) = text.with(txn, tail, 1);
        let owed = Owed { body, ..owed(txn, subscription.id(), said, false) };
        return holding::arrive(txn, subscription.id(), said, gate, owed, event.as_ref());
    }
    let targets = targets::of(txn, said)?;
    let (event, body) = text.with(txn, tail, targets.len());
    let owed = Owed { body, ..owed(txn, subscription.id(), said, false) };
    send(txn, owed, event.as_ref(), targets);
    Ok(())
}

fn count_event(txn: &mut Txn<'_>, subscription: &Arc<Resource>) -> Result<(), Failure> {
    // Counting others of the same transaction has made a newer version.
    let Some(present) = txn.resource(subscription.id())? else { return Ok(()) };
    let mut draft = Draft::of(&present);
    statistics::note_event(&mut draft);
    txn.update(&present, draft.fix()?)
}

/// A notification of a subscription without its text and target.
pub(super) fn owed(txn: &Txn<'_>, subscription: Id, said: &Subscription, is_latest: bool) -> Owed {
    let policy = &said.policy;
    Owed {
        subscription,
        expires: txn.notification_expires(),
        category: i32::from(policy.category_of(is_latest)),
        priority: i32::try_from(policy.priority).unwrap_or(i32::MAX),
        replaces: match policy.pending {
            _ if policy.latest => replaces::ALL,
            Pending::Latest => replaces::MISSED,
            _ => replaces::NONE,
        },
        ..Owed::default()
    }
}

/// Owes a notification to targets.
pub(super) fn send(txn: &mut Txn<'_>, owed: Owed, event: Option<&Arc<Event>>, aims: Vec<Aim>) {
    if let Some(event) = event.filter(|_| aims.is_empty()) {
        // Unless others have it, nobody will.
        txn.settle(Settled { seq: 0, event: event.seq });
    }
    for Aim { target, is_closed } in aims {
        let mut owed = Owed { target, ..owed.clone() };
        if is_closed && owed.replaces == replaces::MISSED {
            (owed.replaces, owed.category) = (replaces::CLOSED, i32::from(LATEST));
        }
        txn.owe_notice(owed, event);
    }
}

/// The text of the notifications of one event: kept once if several share it.
pub(super) struct Text {
    parent: Id,
    head: String,
    is_shared: bool,
    event: Option<Arc<Event>>,
}

impl Text {
    pub(super) fn new(parent: Id, head: String, is_shared: bool) -> Self {
        Self { parent, head, is_shared, event: None }
    }

    /// Of an event that is kept already.
    pub(super) fn kept(event: Arc<Event>) -> Self {
        Self { parent: event.parent, head: String::new(), is_shared: true, event: Some(event) }
    }

    /// The event and the text behind its head, for so many notifications with a tail.
    fn with(&mut self, txn: &mut Txn<'_>, tail: String, count: usize) -> (Option<Arc<Event>>, String) {
        if !self.is_shared && count <= 1 {
            return (None, format!("{}{tail}", self.head));
        }
        if self.event.is_none() {
            self.event = Some(txn.keep_event(self.parent, std::mem::take(&mut self.head), None));
        }
        (self.event.clone(), tail)
    }
}
