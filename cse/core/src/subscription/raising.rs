//! Events that are no changes of resources: service functions raise them, in the transaction of what caused them.

use std::sync::Arc;

use dyad_protocol::Failure;
use serde_json::{Value, json};

use super::index::said;
use super::matching::{self, Group};
use super::{EventType, MissingPoint, Subscription, holding, notification, posting};
use crate::request::local_path;
use crate::resource::{Lookup, Resource, Txn};

/// Tells the subscriptions of a resource that ask for an event type, with what notifications are to carry: a
/// representation with its root, `{"m2m:tgp": …}`.
pub fn raise(
    txn: &mut Txn<'_>,
    resource: &Arc<Resource>,
    event: EventType,
    representation: &Value,
) -> Result<(), Failure> {
    let list = txn.subscriptions(resource.id())?;
    for group in matching::select(txn, &list, event, |said| said.criteria.holds_for(resource.attributes())) {
        let cause = matching::cause(txn, None, group.form);
        let head = notification::head(event, &representation.to_string(), cause);
        posting::post(txn, resource.id(), &list, &group, head)?;
    }
    Ok(())
}

/// Data points of a time series were found missing (TS-0004 7.5.1.2.9), in the order in which they were expected. Those
/// that watch the time series are told as their `md` says.
pub fn report_missing(
    txn: &mut Txn<'_>,
    time_series: &Arc<Resource>,
    points: &[MissingPoint],
) -> Result<(), Failure> {
    let list = txn.subscriptions(time_series.id())?;
    let event = EventType::MissingData;
    for group in matching::select(txn, &list, event, |_| true) {
        for watcher in group.watchers {
            let Some(wanted) = list
                .at(watcher.position)
                .and_then(|subscription| said(subscription))
                .and_then(|said| said.criteria.missing_data)
            else {
                continue;
            };
            let reports = holding::with_missing(txn, watcher.id, |missing| {
                points.iter().filter_map(|point| missing.count(&wanted, *point)).collect::<Vec<_>>()
            })?;
            for report in reports {
                let told = json!({ "m2m:tsn": { "mdlt": report.points, "mdc": report.count } });
                let cause = matching::cause(txn, None, group.form);
                let head = notification::head(event, &told.to_string(), cause);
                let alone = Group { form: group.form, watchers: vec![watcher] };
                posting::post(txn, time_series.id(), &list, &alone, head)?;
            }
        }
    }
    Ok(())
}

/// Instances that a new subscription is told of at most.
const MOST_BEFORE: u64 = 1_000;

/// Tells a new subscription of the instances that were made before it, as if they were made now: the last `count`,
/// the oldest of them first. Of other events nothing is kept.
pub(crate) fn catch_up(
    txn: &mut Txn<'_>,
    parent: &Arc<Resource>,
    subscription: &Arc<Resource>,
    count: u64,
) -> Result<(), Failure> {
    let (Some(ty), Some(said)) = (crate::types::instance_type_of(parent), said(subscription)) else {
        return Ok(());
    };
    if !said.wants(EventType::CreateChild) {
        return Ok(());
    }
    let Some(container) = txn.resource(parent.id())? else { return Ok(()) };
    let mut instances = Vec::new();
    let mut next = txn.latest(&container)?;
    while let Some(id) = next.filter(|_| (instances.len() as u64) < count.min(MOST_BEFORE)) {
        instances.extend(txn.resource(id)?);
        next = txn.latest_before(parent.id(), ty, id)?;
    }
    let list = txn.subscriptions(parent.id())?;
    let now = txn.now();
    for instance in instances.iter().rev().filter(|instance| !instance.is_expired(now)) {
        let concerns =
            |said: &Subscription| said.criteria.holds_for_child(instance.ty(), instance.attributes());
        let groups = matching::select(txn, &list, EventType::CreateChild, concerns);
        for mut group in groups {
            group.watchers.retain(|watcher| watcher.id == subscription.id());
            if group.watchers.is_empty() {
                continue;
            }
            let representation = matching::representation(txn, group.form, instance)?;
            let cause = matching::cause(txn, None, group.form);
            let head = notification::head(EventType::CreateChild, &representation, cause);
            posting::post(txn, parent.id(), &list, &group, head)?;
        }
    }
    Ok(())
}

/// Tells the targets of a resource that notifies some, as its policies say, with nothing but who tells it (TS-0004
/// 7.5.1.2.18).
pub fn tell(txn: &mut Txn<'_>, subscription: &Arc<Resource>) -> Result<(), Failure> {
    txn.read_gates(&[subscription.id()])?;
    let mut text = posting::Text::new(subscription.parent(), notification::bare_head(), false);
    posting::hand_over(txn, &mut text, subscription)
}

/// Tells a cross-resource subscription that a subscription does not take part in it any more (TS-0004 7.5.1.2.4). One on
/// this node is left to the service function for those, which sees it for itself.
pub(crate) fn tell_of_end(txn: &mut Txn<'_>, subscription: &str, target: &str) {
    if local_path(txn.cse(), txn.cse().config().shorten(target)).is_ok() {
        return;
    }
    let body = notification::deletion(txn.cse().config(), subscription);
    txn.owe(0, target, body);
}
