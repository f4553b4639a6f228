//! Monitored operations (`enc/om`, TS-0001 Table 9.6.8-3): who does what with a resource is told of, whatever comes of
//! it; and retrievals of the children of a container that has none (event type 5).
//!
//! What changes something is told in its transaction. Everything else is told after the answer.

use std::sync::Arc;

use dyad_protocol::{Failure, Object, Operation, Response, ResultContent, StatusCode};
use serde_json::Value;

use super::criteria::access_of;
use super::index::{SubscriptionList, Watcher};
use super::matching::{self, Group};
use super::{Criteria, EventType, Subscription, notification, posting};
use crate::Cse;
use crate::access::{self, operation};
use crate::delivery::reading;
use crate::request::{Asker, Call, Target, Virtual};
use crate::resource::{Id, Lookup, Resource, Txn, WATCHED};

/// An operation on a resource is carried out in this transaction.
pub(super) fn carried_out(
    txn: &mut Txn<'_>,
    call: Option<&Call>,
    resource: &Arc<Resource>,
    list: &SubscriptionList,
) -> Result<(), Failure> {
    let Some(call) = call.filter(|_| list.has(None)) else { return Ok(()) };
    tell_of_access(txn, call, resource, list, true)
}

fn tell_of_access(
    txn: &mut Txn<'_>,
    call: &Call,
    resource: &Arc<Resource>,
    list: &SubscriptionList,
    is_carried_out: bool,
) -> Result<(), Failure> {
    let config = txn.cse().config();
    let request = &call.request;
    let originator = config.shorten(request.originator());
    if originator == config.cse_id || is_told_of_access(call) {
        return Ok(());
    }
    let is_discovery = request.filter_criteria.as_ref().is_some_and(|criteria| criteria.is_discovery());
    let access = access_of(request.operation, is_discovery);
    let now = txn.now().micros();
    let groups = monitors(list, |watcher, said| {
        let mut monitors = said.criteria.monitors.iter();
        watcher.expires > now
            && monitors.any(|monitor| monitor.concerns(access, originator, |id| config.shorten(id)))
    });
    for group in groups {
        let representation = matching::representation(txn, group.form, resource)?;
        let head = notification::head_of_access(&representation, request.operation.number(), originator);
        match request.operation {
            // Those of a resource that is deleted go with it.
            Operation::Delete if is_carried_out => {
                posting::post_last(txn, resource.id(), list, &group, head)?
            }
            _ => posting::post(txn, resource.id(), list, &group, head)?,
        }
    }
    Ok(())
}

/// The monitoring subscriptions that fulfil a condition, by form.
fn monitors(list: &SubscriptionList, holds: impl Fn(&Watcher, &Subscription) -> bool) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (watcher, _) in list.monitors().filter(|(watcher, said)| holds(watcher, said)) {
        match groups.iter_mut().find(|group| group.form == watcher.form) {
            Some(group) => group.watchers.push(*watcher),
            None => groups.push(Group { form: watcher.form, watchers: vec![*watcher] }),
        }
    }
    groups
}

/// Whether a request is itself a notification of a monitored access: telling of it could go round in circles.
fn is_told_of_access(call: &Call) -> bool {
    let content = call.request.content.as_ref().filter(|_| call.request.operation == Operation::Notify);
    content.is_some_and(|content| content.value().pointer("/m2m:sgn/nev/om").is_some())
}

/// A request to a resource was answered: tells those that monitor it, and those that want to know of a container
/// without children. What was carried out and changed something has been told already.
///
/// Costs a look into memory if nobody is concerned.
pub fn accessed(cse: &Cse, call: &Arc<Call>, target: &Target, outcome: &Result<Response, Failure>) {
    let id = target.resource.id();
    let changes = matches!(call.request.operation, Operation::Create | Operation::Update | Operation::Delete);
    let is_monitored = target.virtual_child.is_none() && !(changes && outcome.is_ok());
    let is_without_child = finds_no_child(call, target, outcome);
    let is_subscribable =
        !target.resource.is_unsubscribed() && target.resource.table().allows_child(super::SUBSCRIPTION);
    if !(is_monitored || is_without_child) || !is_subscribable {
        return;
    }
    // What is not in memory is looked up there.
    let concerns = cse.tree().known_subscriptions(id).is_none_or(|list| {
        (is_monitored && list.has(None)) || (is_without_child && list.has(Some(EventType::RetrieveNoChild)))
    });
    if concerns {
        let (cse, call) = (cse.shared(), Arc::clone(call));
        tokio::spawn(async move {
            let told =
                cse.writer().run(move |txn| tell(txn, &call, id, is_monitored, is_without_child)).await;
            if let Err(failure) = told {
                tracing::error!(error = ?failure.source, "an access could not be told to subscribers: {failure}");
            }
        });
    }
}

fn tell(
    txn: &mut Txn<'_>,
    call: &Call,
    id: Id,
    is_monitored: bool,
    is_without_child: bool,
) -> Result<(), Failure> {
    let Some(resource) = txn.resource(id)? else { return Ok(()) };
    let list = txn.subscriptions(id)?;
    if is_monitored && list.has(None) {
        tell_of_access(txn, call, &resource, &list, false)?;
    }
    let event = EventType::RetrieveNoChild;
    if is_without_child && list.has(Some(event)) {
        let asker = Asker::new(txn.cse(), call);
        if access::authorize(txn, txn.cse(), &asker, &resource, operation::RETRIEVE, None).is_err() {
            return Ok(());
        }
        for group in
            matching::select(txn, &list, event, |said| said.criteria.holds_for(resource.attributes()))
        {
            let representation = matching::representation(txn, group.form, &resource)?;
            let cause = matching::cause(txn, Some(call), group.form);
            let head = notification::head(event, &representation, cause);
            posting::post(txn, id, &list, &group, head)?;
        }
    }
    Ok(())
}

/// Whether a request asked for instances of a container that has none, and was allowed to (TS-0001 Table 9.6.8-3).
fn finds_no_child(call: &Call, target: &Target, outcome: &Result<Response, Failure>) -> bool {
    if call.request.operation != Operation::Retrieve || target.resource.ty() != 3 {
        return false;
    }
    match (&target.virtual_child, outcome) {
        (Some(Virtual::Latest | Virtual::Oldest), Err(failure)) => failure.rsc == StatusCode::NotFound,
        (None, Ok(response)) => {
            let wanted = call.request.result_content;
            let asks = matches!(
                wanted,
                Some(ResultContent::ChildResources | ResultContent::AttributesAndChildResources)
            );
            asks && !has_instance(response)
        }
        _ => false,
    }
}

fn has_instance(response: &Response) -> bool {
    let Some(content) = &response.content else { return false };
    content.value().as_object().into_iter().flat_map(|members| members.values()).any(|whole| {
        whole.get("m2m:cin").and_then(Value::as_array).is_some_and(|instances| !instances.is_empty())
    })
}

/// Takes note of a subscription that asks for more than changes: [`accessed`] has something to do from then on, or
/// updates are blocked. Whether it does.
pub fn note_watcher(txn: &mut Txn<'_>, attributes: &Object) -> bool {
    let criteria = Criteria::new(attributes.get("enc"));
    let more = [EventType::RetrieveNoChild, EventType::BlockingUpdate];
    let watches = !criteria.monitors.is_empty() || criteria.events.iter().any(|event| more.contains(event));
    if watches {
        txn.note_watched();
    }
    watches
}

/// Whether there ever was such a subscription on this node.
pub async fn is_watched(cse: &Arc<Cse>) -> Result<bool, Failure> {
    Ok(reading(cse, |reader| reader.meta(WATCHED)).await?.is_some())
}
