//! Subscriptions that block updates until their target agrees (event type 7; TS-0004 7.4.8.2.1).

use std::sync::Arc;

use dyad_protocol::{Failure, Object, StatusCode};
use serde_json::Value;

use crate::access::{self, operation};
use crate::request::{Asker, local_path};
use crate::resource::{Draft, Lookup, Resource, Txn, resolve, texts};
use crate::subscription::EventType;

/// The attributes that go with no other event type than this one: the criteria, the target, and the content type, which
/// the node fills in.
const POLICIES: [&str; 14] =
    ["exc", "gpi", "nfu", "bn", "rl", "psn", "pn", "nsp", "ln", "nec", "su", "acrs", "nse", "eeno"];

/// The type of an AE.
const AE: u32 = 2;

/// Whether the attributes of a blocking subscription go with it.
pub(super) fn check(attributes: &Object) -> Result<(), Failure> {
    if let Some(policy) = POLICIES.iter().find(|name| attributes.contains_key(**name)) {
        return Err(Failure::bad_request(format!("a subscription that blocks updates has no {policy}")));
    }
    let criteria = attributes.get("enc").and_then(Value::as_object).into_iter().flatten();
    if let Some((tag, _)) = criteria.into_iter().find(|(tag, _)| !matches!(tag.as_str(), "net" | "atr")) {
        return Err(Failure::bad_request(format!("the criteria for blocked updates have no {tag}")));
    }
    let mut targets = texts(attributes.get("nu"));
    match (targets.next(), targets.next()) {
        (Some(target), None) if !target.contains("://") => Ok(()),
        _ => Err(Failure::bad_request("blocked updates have one target, which is no URL")),
    }
}

/// Whether a resource can have a new subscription that blocks its updates: there is no other one, and the target may
/// update it.
pub(super) fn check_new(txn: &mut Txn<'_>, parent: &Arc<Resource>, draft: &Draft) -> Result<(), Failure> {
    if draft.attributes.contains_key("nct") {
        return Err(Failure::bad_request("a subscription that blocks updates has no nct"));
    }
    check(&draft.attributes)?;
    let now = txn.now();
    let list = txn.subscriptions(parent.id())?;
    if list.has(Some(EventType::BlockingUpdate)) && list.blocking(now).is_some() {
        return Err(Failure::new(
            StatusCode::BlockingSubscriptionAlreadyExists,
            "the resource has a subscription that blocks its updates",
        ));
    }
    let cse = txn.cse();
    for target in texts(draft.attributes.get("nu")) {
        let id = entity(txn, target)?;
        let asker = Asker::from_id(cse, &id, now, None, false);
        if access::authorize(txn, cse, &asker, parent, operation::UPDATE, None).is_err() {
            return Err(Failure::no_privilege("the target of blocked updates may not update the resource"));
        }
    }
    Ok(())
}

/// The AE-ID of a target that is named by the address of its resource.
fn entity(txn: &mut Txn<'_>, target: &str) -> Result<String, Failure> {
    let path = local_path(txn.cse(), txn.cse().config().shorten(target)).map(str::to_owned);
    let found = path.map_or(Ok(None), |path| resolve(txn, &path))?;
    Ok(match found.filter(|found| found.ty() == AE) {
        Some(entity) => entity.ri().into_owned(),
        None => target.to_owned(),
    })
}
