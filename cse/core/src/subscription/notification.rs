//! The text of notifications (`m2m:notification`, TS-0004 6.3.5.13, 7.5.1.1).

use std::sync::Arc;

use dyad_protocol::{Failure, Object};
use serde_json::{Value, json};

use crate::config::Config;
use crate::resource::{Resource, Txn, path_of};

/// A notification of an event.
pub(super) fn event(
    config: &Config,
    subscription: &str,
    event: super::EventType,
    representation: &str,
) -> String {
    let reference = Value::from(config.sp_relative(subscription));
    format!(
        r#"{{"m2m:sgn":{{"nev":{{"rep":{representation},"net":{}}},"sur":{reference}}}}}"#,
        event.number()
    )
}

/// The request to a target to agree to be one (TS-0004 7.5.1.2.3).
pub fn verification(config: &Config, subscription: &str, creator: &str) -> Value {
    json!({ "m2m:sgn": { "vrq": true, "sur": config.sp_relative(subscription), "cr": creator } })
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
