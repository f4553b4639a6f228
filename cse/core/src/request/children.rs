//! Children in a response: nested representations and references (TS-0004 8.4.3, TS-0001 8.1.2 Result Content).
//!
//! The text of the stored resources is put together without parsing it, so that ten thousand instances cost
//! little more than their bytes.

use std::sync::Arc;

use dyad_protocol::{Content, Failure, ResultContent};
use rustc_hash::FxHashMap;
use serde_json::json;

use super::{Call, retrieve, shape};
use crate::resource::{Id, Lookup, Resource};

/// The content for a resource and the descendants that were found below it.
pub(super) fn content(
    call: &Call,
    look: &mut impl Lookup,
    resource: &Arc<Resource>,
    wanted: ResultContent,
    found: &[Arc<Resource>],
) -> Result<Content, Failure> {
    match wanted {
        ResultContent::AttributesAndChildResources => Ok(nested(resource, true, found)),
        ResultContent::ChildResources => Ok(nested(resource, false, found)),
        ResultContent::AttributesAndChildResourceReferences => {
            let mut attributes = resource.attributes().clone();
            attributes.insert("ch".into(), references(call, look, found)?.into());
            Ok(shape::partial(resource, attributes))
        }
        _ => Ok(json!({ "m2m:rrl": { "rrf": references(call, look, found)? } }).into()),
    }
}

fn references(
    call: &Call,
    look: &mut impl Lookup,
    found: &[Arc<Resource>],
) -> Result<Vec<serde_json::Value>, Failure> {
    found.iter().map(|child| Ok(shape::reference(child, retrieve::address(call, look, child)?))).collect()
}

/// `{"m2m:ae": {…, "m2m:cnt": [{…, "m2m:cin": [{…}]}]}}`. A descendant is shown below its parent; one whose parent
/// was filtered out is not shown.
fn nested(resource: &Resource, with_attributes: bool, found: &[Arc<Resource>]) -> Content {
    let mut below: FxHashMap<Id, Vec<&Arc<Resource>>> = FxHashMap::default();
    for child in found {
        below.entry(child.parent()).or_default().push(child);
    }
    let bytes: usize = found.iter().map(|child| child.body().len() + 16).sum();
    let mut json = String::with_capacity(bytes + resource.body().len() + 64);
    shape::open(&mut json, resource.root());
    append(&mut json, resource, with_attributes, &mut below);
    json.push('}');
    Content::from_trusted_json(json)
}

/// Appends an object: the attributes, then an array for each type among the children.
fn append(
    json: &mut String,
    resource: &Resource,
    with_attributes: bool,
    below: &mut FxHashMap<Id, Vec<&Arc<Resource>>>,
) {
    let body = if with_attributes { resource.body() } else { "{}" };
    json.push_str(body.strip_suffix('}').unwrap_or(body));
    let mut children = below.remove(&resource.id()).unwrap_or_default();
    // Stable: within a type the order of creation stays.
    children.sort_by(|one, other| (one.ty(), one.root()).cmp(&(other.ty(), other.root())));
    let mut open_root: Option<&str> = None;
    let mut is_first = body.len() <= 2;
    for child in &children {
        if open_root == Some(child.root()) {
            json.push(',');
        } else {
            if open_root.is_some() {
                json.push(']');
            }
            if !is_first {
                json.push(',');
            }
            json.push('"');
            json.push_str(child.root());
            json.push_str("\":[");
            open_root = Some(child.root());
        }
        is_first = false;
        append(json, child, true, below);
    }
    if open_root.is_some() {
        json.push(']');
    }
    json.push('}');
}
