//! Which subscriptions does a change concern? (TS-0004 7.5.1.2.2, steps 1 and 2.1)

use std::cell::OnceCell;
use std::sync::Arc;

use dyad_protocol::{Failure, Object};

use super::index::{Form, SubscriptionList, Watcher, said};
use super::{
    ContentType, EventType, SUBSCRIPTION, Subscription, holding, monitor, notification, posting, raising,
};
use crate::function::Change;
use crate::request::Call;
use crate::resource::{Draft, Lookup, Resource, Txn, View};

/// Owes the notifications that a change causes, in the transaction of the change.
pub fn notify(txn: &mut Txn<'_>, change: &Change<'_>) -> Result<(), Failure> {
    match change {
        Change::Create { call, parent, draft } => created(txn, *call, parent, draft),
        Change::Update { call, old, draft, .. } => updated(txn, *call, old, draft),
        Change::Delete { call, old, parent, .. } => deleted(txn, *call, old, *parent),
    }
}

/// The subscriptions of a resource; none for one that can have none.
fn list(txn: &mut Txn<'_>, resource: &Resource) -> Result<Arc<SubscriptionList>, Failure> {
    match resource.table().allows_child(SUBSCRIPTION) {
        true => txn.subscriptions(resource.id()),
        false => Ok(Arc::clone(&txn.tree().nothing_subscribed)),
    }
}

/// The subscriptions of one form that an event concerns.
pub(super) struct Group {
    pub(super) form: Form,
    pub(super) watchers: Vec<Watcher>,
}

/// Those that ask for an event type, have not expired, and whose conditions hold; by form.
pub(super) fn select(
    txn: &Txn<'_>,
    list: &SubscriptionList,
    event: EventType,
    holds: impl Fn(&Subscription) -> bool,
) -> Vec<Group> {
    let now = txn.now().micros();
    let mut groups: Vec<Group> = Vec::new();
    for watcher in list.watchers(event).iter().filter(|watcher| watcher.expires > now) {
        if !watcher.is_unconditional
            && !list.at(watcher.position).and_then(|subscription| said(subscription)).is_some_and(&holds)
        {
            continue;
        }
        match groups.iter_mut().find(|group| group.form == watcher.form) {
            Some(group) => group.watchers.push(*watcher),
            None => groups.push(Group { form: watcher.form, watchers: vec![*watcher] }),
        }
    }
    groups
}

/// Who caused an event, as far as notifications of a form name it.
pub(super) fn cause<'a>(txn: &Txn<'a>, call: Option<&'a Call>, form: Form) -> Option<&'a str> {
    let config = txn.cse().config();
    let originator = call.map_or(config.cse_id.as_str(), |call| config.shorten(call.request.originator()));
    form.names_originator.then_some(originator)
}

fn created(
    txn: &mut Txn<'_>,
    call: Option<&Call>,
    parent: &Arc<Resource>,
    draft: &Draft,
) -> Result<(), Failure> {
    let list = txn.subscriptions(parent.id())?;
    if list.is_empty() {
        return Ok(());
    }
    let event = EventType::CreateChild;
    let ty = draft.table.number;
    let groups = select(txn, &list, event, |said| said.criteria.holds_for_child(ty, &draft.attributes));
    let whole = OnceCell::new();
    for group in groups {
        let head = match group.form.content {
            ContentType::ResourceId => {
                let address = notification::address(txn, &draft.name(), parent)?;
                notification::head(event, &address, cause(txn, call, group.form))
            }
            _ => {
                let whole = whole.get_or_init(|| notification::whole(&draft.table.root, &draft.attributes));
                notification::head(event, whole, cause(txn, call, group.form))
            }
        };
        posting::post(txn, parent.id(), &list, &group, head)?;
    }
    monitor::carried_out(txn, call, parent, &list)
}

fn updated(
    txn: &mut Txn<'_>,
    call: Option<&Call>,
    old: &Arc<Resource>,
    draft: &Draft,
) -> Result<(), Failure> {
    let list = list(txn, old)?;
    if list.is_empty() {
        return Ok(());
    }
    let event = EventType::Update;
    let modified: OnceCell<Object> = OnceCell::new();
    let modified = || modified.get_or_init(|| notification::modified(old.attributes(), &draft.attributes));
    let groups = select(txn, &list, event, |said| {
        let wanted = &said.criteria.attributes;
        (wanted.is_empty() || wanted.iter().any(|name| modified().contains_key(name)))
            && said.criteria.holds_for(&draft.attributes)
    });
    for group in groups {
        let representation = match group.form.content {
            ContentType::ModifiedAttributes => notification::whole(&draft.table.root, modified()),
            ContentType::ResourceId => notification::address_of(txn, old)?,
            _ => notification::whole(&draft.table.root, &draft.attributes),
        };
        let head = notification::head(event, &representation, cause(txn, call, group.form));
        posting::post(txn, old.id(), &list, &group, head)?;
    }
    monitor::carried_out(txn, call, old, &list)
}

fn deleted(
    txn: &mut Txn<'_>,
    call: Option<&Call>,
    old: &Arc<Resource>,
    parent: Option<&Arc<Resource>>,
) -> Result<(), Failure> {
    let list = list(txn, old)?;
    if !list.is_empty() {
        let event = EventType::Delete;
        for group in select(txn, &list, event, |said| said.criteria.holds_for(old.attributes())) {
            let representation = representation(txn, group.form, old)?;
            let head = notification::head(event, &representation, cause(txn, call, group.form));
            // The subscriptions go with the resource, but what they caused is still sent.
            posting::post_last(txn, old.id(), &list, &group, head)?;
        }
        // Of a deletion, the resource alone that it was asked for is accessed.
        if parent.is_some() {
            monitor::carried_out(txn, call, old, &list)?;
        }
    }
    if let Some(parent) = parent {
        child_deleted(txn, call, old, parent)?;
    }
    if let View::Subscription(said) = old.view() {
        let body = notification::deletion(txn.cse().config(), &old.ri());
        if let Some(subscriber) = &said.subscriber {
            txn.owe(0, subscriber, body);
        }
        for associated in &said.associated {
            raising::tell_of_end(txn, &old.ri(), associated);
        }
        holding::ended(txn, old)?;
    }
    Ok(())
}

fn child_deleted(
    txn: &mut Txn<'_>,
    call: Option<&Call>,
    old: &Arc<Resource>,
    parent: &Arc<Resource>,
) -> Result<(), Failure> {
    let list = txn.subscriptions(parent.id())?;
    if list.is_empty() {
        return Ok(());
    }
    let event = EventType::DeleteChild;
    let mut groups =
        select(txn, &list, event, |said| said.criteria.holds_for_child(old.ty(), old.attributes()));
    for group in &mut groups {
        // A subscription is not told of its own end.
        group.watchers.retain(|watcher| watcher.id != old.id());
        if group.watchers.is_empty() {
            continue;
        }
        let representation = representation(txn, group.form, old)?;
        let head = notification::head(event, &representation, cause(txn, call, group.form));
        posting::post(txn, parent.id(), &list, group, head)?;
    }
    Ok(())
}

/// What a notification of a form carries of a resource as it is.
pub(super) fn representation(
    txn: &mut Txn<'_>,
    form: Form,
    resource: &Arc<Resource>,
) -> Result<String, Failure> {
    match form.content {
        ContentType::ResourceId => notification::address_of(txn, resource),
        _ => Ok(notification::whole_of(resource)),
    }
}
