//! Notification targets that want to be notified no more (TS-0001 10.2.10.8, TS-0004 7.4.33.2.4): what is done about
//! it once it is decided. Who decides is left to a service function.

use std::sync::Arc;

use dyad_protocol::{Failure, Object, Operation, Request, Response};
use serde_json::{Value, json};

use crate::Cse;
use crate::geography::{Region, location};
use crate::resource::{Id, Lookup, Resource, texts};

/// Takes a target out of the `nu` of a subscription; one that has no other goes. NOT_FOUND if the subscription is
/// gone.
pub async fn remove_target(cse: &Cse, subscription: Id, target: &str) -> Result<(), Failure> {
    let target = target.to_owned();
    cse.writer()
        .run(move |txn| {
            let Some(subscription) = txn.resource(subscription)? else {
                return Err(Failure::not_found("the subscription is gone"));
            };
            let kept: Vec<&str> = texts(subscription.get("nu")).filter(|entry| *entry != target).collect();
            match kept.is_empty() {
                true => txn.delete(&subscription),
                false => {
                    let changes = Object::from_iter([("nu".to_owned(), Value::from(kept))]);
                    txn.modify(&subscription, &changes).map(drop)
                }
            }
        })
        .await
}

/// What the creator of a subscription is told of a target that wants to be removed.
fn removal_request(cse: &Cse, subscription: &Resource, target: &str) -> Value {
    let reference = cse.config().sp_relative(&subscription.ri());
    json!({ "m2m:sgn": { "sur": reference, "ntt": target, "trr": true } })
}

/// Tells the creator of a subscription that a target wants to be removed: stored until it is delivered.
pub async fn tell_of_removal(
    cse: &Cse,
    subscription: &Arc<Resource>,
    creator: &str,
    target: &str,
) -> Result<(), Failure> {
    let body = removal_request(cse, subscription, target).to_string();
    let creator = creator.to_owned();
    cse.writer()
        .run(move |txn| {
            txn.owe(0, &creator, body.clone());
            Ok(())
        })
        .await
}

/// Asks the creator of a subscription whether a target may be removed. Whether it may: the creator answers with
/// success, and does not say otherwise (`tra`).
pub async fn ask_for_removal(cse: &Cse, subscription: &Resource, creator: &str, target: &str) -> bool {
    let request = Request {
        operation: Operation::Notify,
        from: Some(cse.config().cse_id.clone()),
        request_identifier: format!("trr{}", cse.now().micros()),
        content: Some(removal_request(cse, subscription, target).into()),
        release_version_indicator: cse.config().releases.last().cloned(),
        ..Request::default()
    };
    let answer = cse.originate(creator, request).await;
    answer.is_ok_and(|response| response.status.is_success() && flag(&response, "tra") != Some(false))
}

/// Whether the response to a notification asks for the removal of the target (`trr`).
pub(crate) fn wants_out(response: &Response) -> bool {
    flag(response, "trr") == Some(true)
}

fn flag(response: &Response, name: &str) -> Option<bool> {
    response.content.as_ref()?.value().get("m2m:sgn")?.get(name)?.as_bool()
}

/// Whether an entity is in a region (`m2m:locationRegion`), as far as it says where it is.
pub fn is_within(region: &Value, entity: &Resource) -> bool {
    let region = Region::from_value(region);
    let place = location(entity.attributes());
    region.zip(place).is_some_and(|(region, place)| region.holds(&place))
}
