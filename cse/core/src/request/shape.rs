//! What the response carries (TS-0004 7.3.3.12, 7.5.2). Text is passed on as it is stored wherever possible.

use dyad_protocol::{Content, Object};
use serde_json::{Value, json};

use crate::resource::Resource;

/// `{"m2m:cnt": {...}}` with all attributes.
pub(crate) fn representation(resource: &Resource) -> Content {
    let (root, body) = (resource.root(), resource.body());
    let mut json = String::with_capacity(root.len() + body.len() + 6);
    open(&mut json, root);
    json.push_str(body);
    json.push('}');
    Content::from_trusted_json(json)
}

/// Appends `{"root":`; roots have no character that JSON escapes.
pub(crate) fn open(json: &mut String, root: &str) {
    json.push_str("{\"");
    json.push_str(root);
    json.push_str("\":");
}

/// `{"m2m:cnt": {...}}` with some attributes.
pub(crate) fn partial(resource: &Resource, attributes: Object) -> Content {
    json!({ resource.root(): attributes }).into()
}

/// The attributes of a list, those that there are.
pub(crate) fn selected(attributes: &Object, names: &[String]) -> Object {
    names.iter().filter_map(|name| attributes.get(name).map(|value| (name.clone(), value.clone()))).collect()
}

/// What the node made of the request: attributes of the new version that the request did not have or had
/// otherwise, and `null` for those that are gone.
pub(crate) fn modified(new: &Resource, old: Option<&Resource>, sent: &Object) -> Object {
    let mut modified = Object::new();
    for (name, value) in new.attributes() {
        let before = old.and_then(|old| old.get(name));
        if before != Some(value) && sent.get(name) != Some(value) {
            modified.insert(name.clone(), value.clone());
        }
    }
    for (name, value) in sent {
        if value.is_null() && new.get(name).is_none() {
            modified.insert(name.clone(), Value::Null);
        }
    }
    modified
}

/// One entry of a list of child references (`m2m:childResourceRef`).
pub(crate) fn reference(resource: &Resource, address: String) -> Value {
    let mut reference = json!({ "nm": resource.name(), "typ": resource.ty(), "val": address });
    let specialization = match &resource.table().specialization {
        dyad_protocol::schema::Specialization::None => return reference,
        dyad_protocol::schema::Specialization::Container(definition) => Value::from(definition.as_str()),
        dyad_protocol::schema::Specialization::Management(definition) => Value::from(*definition),
    };
    if let Some(reference) = reference.as_object_mut() {
        reference.insert("spid".into(), specialization);
    }
    reference
}
