//! Which subscriptions does a change concern? (TS-0004 7.5.1.2.2, steps 1 and 2)

use std::sync::Arc;

use dyad_protocol::{Failure, Object};

use super::{EventType, Subscription, notification};
use crate::function::Change;
use crate::request::matches_times;
use crate::resource::{Draft, Lookup, Resource, Txn, View};

/// Owes the notifications that a change causes, in the transaction of the change.
pub fn notify(txn: &mut Txn<'_>, change: &Change<'_>) -> Result<(), Failure> {
    match change {
        Change::Create { parent, draft, .. } => created(txn, parent, draft),
        Change::Update { old, draft, .. } => updated(txn, old, draft),
        Change::Delete { old, parent, .. } => deleted(txn, old, *parent),
    }
}

fn created(txn: &mut Txn<'_>, parent: &Arc<Resource>, draft: &Draft) -> Result<(), Failure> {
    for subscription in txn.subscriptions(parent.id())?.iter() {
        let Some(said) = wants(subscription, EventType::CreateChild, txn) else { continue };
        if concerns_child(said, draft.table.number, &draft.attributes) {
            let representation = match said.content_type {
                3 => notification::address(txn, &draft.name(), parent)?,
                _ => notification::whole(&draft.table.root, &draft.attributes),
            };
            owe(txn, subscription, said, EventType::CreateChild, &representation);
        }
    }
    Ok(())
}

fn updated(txn: &mut Txn<'_>, old: &Arc<Resource>, draft: &Draft) -> Result<(), Failure> {
    let subscriptions = txn.subscriptions(old.id())?;
    if subscriptions.is_empty() {
        return Ok(());
    }
    let modified = notification::modified(old.attributes(), &draft.attributes);
    for subscription in subscriptions.iter() {
        let Some(said) = wants(subscription, EventType::Update, txn) else { continue };
        let touches =
            said.attributes.is_empty() || said.attributes.iter().any(|name| modified.contains_key(name));
        if touches && matches_times(&draft.attributes, &said.conditions) {
            let representation = match said.content_type {
                2 => notification::whole(&draft.table.root, &modified),
                3 => notification::address_of(txn, old)?,
                _ => notification::whole(&draft.table.root, &draft.attributes),
            };
            owe(txn, subscription, said, EventType::Update, &representation);
        }
    }
    Ok(())
}

fn deleted(txn: &mut Txn<'_>, old: &Arc<Resource>, parent: Option<&Arc<Resource>>) -> Result<(), Failure> {
    for subscription in txn.subscriptions(old.id())?.iter() {
        let Some(said) = wants(subscription, EventType::Delete, txn) else { continue };
        if matches_times(old.attributes(), &said.conditions) {
            let representation = representation(txn, said, old)?;
            // The subscription goes with the resource, but what it caused is still sent.
            owe_for(txn, 0, subscription, said, EventType::Delete, &representation);
        }
    }
    if let Some(parent) = parent {
        for subscription in txn.subscriptions(parent.id())?.iter() {
            let Some(said) = wants(subscription, EventType::DeleteChild, txn) else { continue };
            if subscription.id() != old.id() && concerns_child(said, old.ty(), old.attributes()) {
                let representation = representation(txn, said, old)?;
                owe(txn, subscription, said, EventType::DeleteChild, &representation);
            }
        }
    }
    if let View::Subscription(said) = old.view()
        && let Some(subscriber) = &said.subscriber
    {
        let body = notification::deletion(txn.cse().config(), &old.ri());
        txn.owe(0, subscriber, body);
    }
    Ok(())
}

fn representation(txn: &mut Txn<'_>, said: &Subscription, old: &Arc<Resource>) -> Result<String, Failure> {
    match said.content_type {
        3 => notification::address_of(txn, old),
        _ => Ok(notification::whole(old.root(), old.attributes())),
    }
}

/// What a subscription says, if it is alive and asks for an event.
fn wants<'a>(subscription: &'a Resource, event: EventType, txn: &Txn<'_>) -> Option<&'a Subscription> {
    match subscription.view() {
        View::Subscription(said) if said.events.contains(&event) && !subscription.is_expired(txn.now()) => {
            Some(said)
        }
        _ => None,
    }
}

fn concerns_child(said: &Subscription, ty: u32, attributes: &Object) -> bool {
    (said.child_types.is_empty() || said.child_types.contains(&ty))
        && matches_times(attributes, &said.conditions)
}

fn owe(
    txn: &mut Txn<'_>,
    subscription: &Resource,
    said: &Subscription,
    event: EventType,
    representation: &str,
) {
    owe_for(txn, subscription.id(), subscription, said, event, representation);
}

fn owe_for(
    txn: &mut Txn<'_>,
    id: i64,
    subscription: &Resource,
    said: &Subscription,
    event: EventType,
    representation: &str,
) {
    let body = notification::event(txn.cse().config(), &subscription.ri(), event, representation);
    for target in &said.targets {
        txn.owe(id, target, body.clone());
    }
}
