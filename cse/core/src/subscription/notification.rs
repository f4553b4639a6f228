//! The text of notifications (`m2m:notification`, TS-0004 6.3.5.13, 7.5.1.1).
//!
//! It is written in two parts: the head says what happened and is the same for all subscriptions of one form, the tail
//! names the subscription.

use std::fmt::Write as _;
use std::sync::Arc;

use dyad_protocol::{Failure, Object, Request};
use serde_json::{Value, json};

use super::{EventType, Subscription};
use crate::config::Config;
use crate::resource::{Resource, Txn, path_of};

/// What the request identifiers of stored notifications begin with.
const IDENTIFIER: &str = "ntf";

/// The request identifier of a stored notification by its number.
pub(crate) fn identifier(number: i64) -> String {
    format!("{IDENTIFIER}{number}")
}

/// The number of a notification that the node stored and sends: it is the same if it has to be sent again, and grows from
/// one to the next of those to one target.
pub fn number_of(request: &Request) -> Option<i64> {
    request.request_identifier.strip_prefix(IDENTIFIER)?.parse().ok()
}

/// How every notification begins.
const BEGIN: &str = r#"{"m2m:sgn":"#;

/// The head for an event, up to and with the comma before the tail. `originator` is named if somebody wants to know.
pub(super) fn head(event: EventType, representation: &str, originator: Option<&str>) -> String {
    let mut text = String::with_capacity(representation.len() + 64);
    text.push_str(BEGIN);
    let _ = write!(text, r#"{{"nev":{{"rep":{representation},"net":{}}},"#, event.number());
    name(&mut text, "cr", originator);
    text
}

/// The head for what says nothing but whom it is from.
pub(super) fn bare_head() -> String {
    format!("{BEGIN}{{")
}

/// The head for an access that is monitored.
pub(super) fn head_of_access(representation: &str, operation: u8, originator: &str) -> String {
    let originator = Value::from(originator);
    format!(r#"{BEGIN}{{"nev":{{"rep":{representation},"om":{{"op":{operation},"or":{originator}}}}},"#)
}

/// The tail for a subscription.
pub(super) fn tail(config: &Config, subscription: &str, said: &Subscription) -> String {
    let mut text = String::with_capacity(64);
    let creator = if said.names_originator { None } else { said.creator.as_deref() };
    name(&mut text, "cr", creator);
    name(&mut text, "nfu", said.forwarding.as_deref());
    let _ = write!(text, r#""sur":{}}}}}"#, Value::from(config.sp_relative(subscription)));
    text
}

fn name(text: &mut String, member: &str, value: Option<&str>) {
    if let Some(value) = value {
        // Writing to a text cannot fail.
        let _ = write!(text, r#""{member}":{},"#, Value::from(value));
    }
}

/// Several notifications as one (`m2m:aggregatedNotification`, TS-0004 6.3.5.12).
pub(super) fn aggregate<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut aggregated = String::from(r#"{"m2m:agn":{"m2m:sgn":["#);
    for (position, text) in texts.into_iter().enumerate() {
        let inner = text.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix('}'));
        if position > 0 {
            aggregated.push(',');
        }
        aggregated.push_str(inner.unwrap_or("{}"));
    }
    aggregated.push_str("]}}");
    aggregated
}

/// The request to a target to agree to be one (TS-0004 7.5.1.2.3).
pub fn verification(config: &Config, subscription: &str, creator: &str) -> Value {
    json!({ "m2m:sgn": { "vrq": true, "sur": config.sp_relative(subscription), "cr": creator } })
}

/// The request to a target to agree to an update (TS-0004 7.5.1.2.19): what the originator sent.
pub fn blocking(config: &Config, subscription: &Resource, said: &Subscription, sent: &Value) -> Value {
    let event = json!({ "rep": sent, "net": EventType::BlockingUpdate.number() });
    let mut notification = json!({ "nev": event, "sur": config.sp_relative(&subscription.ri()) });
    if let (Some(members), Some(creator)) = (notification.as_object_mut(), &said.creator) {
        members.insert("cr".into(), Value::from(creator.as_str()));
    }
    json!({ "m2m:sgn": notification })
}

/// The notice that a subscription is gone (TS-0004 7.5.1.2.4).
pub(super) fn deletion(config: &Config, subscription: &str) -> String {
    json!({ "m2m:sgn": { "sud": true, "sur": config.sp_relative(subscription) } }).to_string()
}

/// A representation with the given attributes.
pub(super) fn whole(root: &str, attributes: &Object) -> String {
    let body = serde_json::to_string(attributes).unwrap_or_else(|_| "{}".into());
    format!(r#"{{"{root}":{body}}}"#)
}

/// The representation of a resource as it is.
pub(super) fn whole_of(resource: &Resource) -> String {
    format!(r#"{{"{}":{}}}"#, resource.root(), resource.body())
}

/// The address of a resource in place of its representation.
pub(super) fn address_of(txn: &mut Txn<'_>, resource: &Arc<Resource>) -> Result<String, Failure> {
    Ok(json!({ "m2m:uri": path_of(txn, resource)? }).to_string())
}

/// The address of a child that is not in the tree yet.
pub(super) fn address(txn: &mut Txn<'_>, name: &str, parent: &Arc<Resource>) -> Result<String, Failure> {
    Ok(json!({ "m2m:uri": format!("{}/{name}", path_of(txn, parent)?) }).to_string())
}

/// The attributes that differ between two versions; `null` for those that are gone.
pub(super) fn modified(old: &Object, new: &Object) -> Object {
    let changed = new.iter().filter(|(name, value)| old.get(*name) != Some(value));
    let mut modified: Object = changed.map(|(name, value)| (name.clone(), value.clone())).collect();
    modified
        .extend(old.keys().filter(|name| !new.contains_key(*name)).map(|name| (name.clone(), Value::Null)));
    modified
}

#[cfg(test)]
mod tests {
    use super::{EventType, aggregate, head};
    use serde_json::{Value, json};

    #[test]
    fn parts_make_a_notification() {
        let text = head(EventType::CreateChild, r#"{"m2m:cin":{}}"#, Some("C\"x")) + r#""sur":"/id/s"}}"#;
        let parsed: Value = serde_json::from_str(&text).unwrap();
        let one = json!({ "nev": { "rep": { "m2m:cin": {} }, "net": 3 }, "cr": "C\"x", "sur": "/id/s" });
        assert_eq!(parsed, json!({ "m2m:sgn": one }));
        let both: Value = serde_json::from_str(&aggregate([text.as_str(), text.as_str()])).unwrap();
        assert_eq!(both, json!({ "m2m:agn": { "m2m:sgn": [one, one] } }));
    }
}
