//! What profiles do to a primitive: additions to what is missing, and deletions.
//!
//! A name that is an attribute of the type goes into or out of the representation, any other is a parameter. Of several
//! profiles that name the same, the first decides.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use dyad_core::resource::Resource;
use dyad_protocol::primitive::{ResourceType, json};
use dyad_protocol::schema::{Presence, Schemas, TypeTable};
use dyad_protocol::{Failure, Object, Operation, Request, Response, StatusCode};
use serde_json::Value;

use super::names;
use super::profile::{REQUESTS, RESPONSES, is_for, is_for_type};

/// The Content of a partial RETRIEVE, which is the parameter `atrl` (TS-0004 7.3.3.17).
const ATTRIBUTE_LIST: &str = "m2m:atrl";

/// What is to be done about a name: to add the value if there is none, or to delete what is there.
pub(super) type Edit<'a> = (&'a str, Option<&'a Value>);

/// What profiles do to primitives about resources of a type.
pub(super) fn edits<'a>(
    profiles: impl IntoIterator<Item = &'a Arc<Resource>>,
    ty: Option<ResourceType>,
) -> Vec<Edit<'a>> {
    let (mut edits, mut named) = (Vec::new(), HashSet::new());
    for profile in profiles.into_iter().filter(|profile| is_for_type(profile, ty)) {
        let additions = profile.get("adds").and_then(Value::as_array).into_iter().flatten();
        let additions = additions.filter_map(|entry| Some((entry.get("nm")?.as_str()?, entry.get("val"))));
        let own: Vec<Edit<'_>> = additions.chain(profile.texts("dels").map(|name| (name, None))).collect();
        edits.extend(own.into_iter().filter(|(name, _)| named.insert(*name)));
    }
    edits
}

/// Adds a member that is missing, or deletes it.
pub(super) fn edit(members: &mut Object, (name, value): Edit<'_>) {
    match value {
        Some(value) if !members.contains_key(name) => drop(members.insert(name.to_owned(), value.clone())),
        Some(_) => {}
        None => drop(members.shift_remove(name)),
    }
}

/// Changes a request as profiles say that are for requests. PRIMITIVE_PROFILE_BAD_REQUEST if what comes out is none.
pub(super) fn request(
    schemas: &Schemas,
    request: &mut Request,
    profiles: &[Arc<Resource>],
    ty: Option<ResourceType>,
) -> Result<(), Failure> {
    let edits = edits(profiles.iter().filter(|profile| is_for(profile, REQUESTS)), ty);
    if edits.is_empty() {
        return Ok(());
    }
    let Value::Object(mut members) = json::request_to_json(request) else { return Ok(()) };
    let operation = request.operation;
    for one in edits {
        let (name, value) = one;
        let content = members.get_mut("pc").and_then(|content| representation(schemas, content));
        if let Some((table, content)) = content
            && is_in_content(table, content, one, operation)
        {
            edit(content, one);
        } else if !value.map_or_else(|| names::is_of_request(name), |value| names::request_takes(name, value))
        {
            continue;
        } else if name == "atrl" && has_attribute_list(&members) {
            // The codec has moved it into the Content.
            if value.is_none() {
                members.shift_remove("pc");
            }
        } else {
            edit(&mut members, one);
        }
    }
    let changed = json::request_from_json(Value::Object(members)).map_err(|failure| Failure {
        rsc: StatusCode::PrimitiveProfileBadRequest,
        debug: format!("the primitive profile makes the request malformed: {}", failure.debug).into(),
        ..failure
    })?;
    *request = Request { serialization: request.serialization, ..changed };
    Ok(())
}

/// Whether a name means an attribute in the content of a request: one that may be there, or that is to go and is there.
fn is_in_content(table: &TypeTable, content: &Object, (name, value): Edit<'_>, operation: Operation) -> bool {
    let Some(attribute) = table.attribute(name) else { return false };
    let presence = match operation {
        Operation::Create => attribute.create,
        Operation::Update => attribute.update,
        _ => return false,
    };
    match value {
        Some(_) => presence != Presence::NotPermitted,
        None => content.contains_key(name) || !names::is_of_request(name),
    }
}

fn has_attribute_list(members: &Object) -> bool {
    members.get("pc").is_some_and(|content| content.get(ATTRIBUTE_LIST).is_some())
}

/// The one representation that a content is.
fn representation<'a>(
    schemas: &'a Schemas,
    content: &'a mut Value,
) -> Option<(&'a TypeTable, &'a mut Object)> {
    let members = content.as_object_mut()?;
    let (root, attributes) = members.iter_mut().next()?;
    Some((schemas.by_root(root)?, attributes.as_object_mut()?))
}

/// Changes a response as profiles say that are for responses. `ty` is the type of the target, for responses without a
/// representation.
pub(super) fn response(
    schemas: &Schemas,
    response: &mut Response,
    profiles: &[Arc<Resource>],
    ty: Option<ResourceType>,
) {
    let profiles: Vec<&Arc<Resource>> =
        profiles.iter().filter(|profile| is_for(profile, RESPONSES)).collect();
    let Value::Object(mut members) = json::response_to_json(response) else { return };
    let outer = members.get_mut("pc").and_then(|content| Shears::new(schemas, &profiles).cut(content));
    let table = outer.and_then(|root| schemas.by_root(&root));
    for one in edits(profiles.iter().copied(), table.map_or(ty, |table| Some(table.number))) {
        let (name, value) = one;
        let is_attribute = table.is_some_and(|table| table.has(name));
        let fits =
            value.map_or_else(|| names::is_of_response(name), |value| names::response_takes(name, value));
        if fits && !is_attribute {
            edit(&mut members, one);
        }
    }
    // What cannot be read again goes out as it was.
    if let Ok(changed) = json::response_from_json(Value::Object(members)) {
        let (location, suppressed) = (response.location.take(), response.suppressed);
        *response = Response { location, suppressed, ..changed };
    }
}

/// Cuts representations to measure, each by its own type.
pub(super) struct Shears<'a> {
    schemas: &'a Schemas,
    profiles: &'a [&'a Arc<Resource>],
    by_type: HashMap<ResourceType, Vec<Edit<'a>>>,
}

impl<'a> Shears<'a> {
    /// For what these profiles hold for.
    pub(super) fn new(schemas: &'a Schemas, profiles: &'a [&'a Arc<Resource>]) -> Self {
        Self { schemas, profiles, by_type: HashMap::new() }
    }

    /// Cuts all representations in a content. Gives the root of the first.
    pub(super) fn cut(&mut self, content: &mut Value) -> Option<String> {
        let mut first = None;
        for (root, inner) in content.as_object_mut()? {
            match root.as_str() {
                // A hierarchical address with attributes has the representation beside the address.
                "m2m:rce" => first = first.or(self.cut(inner)),
                "m2m:agr" => self.answers(inner),
                root => {
                    if let Some(table) = self.schemas.by_root(root) {
                        self.each(table, inner);
                        first.get_or_insert_with(|| root.to_owned());
                    }
                }
            }
        }
        first
    }

    /// Cuts what the members of a group answer.
    fn answers(&mut self, aggregated: &mut Value) {
        let answers = aggregated.get_mut("m2m:rsp").and_then(Value::as_array_mut);
        for content in answers.into_iter().flatten().filter_map(|answer| answer.get_mut("pc")) {
            self.cut(content);
        }
    }

    /// Cuts one or several resources of a type.
    fn each(&mut self, table: &TypeTable, resources: &mut Value) {
        match resources {
            Value::Array(resources) => resources.iter_mut().for_each(|resource| self.one(table, resource)),
            resource => self.one(table, resource),
        }
    }

    fn one(&mut self, table: &TypeTable, resource: &mut Value) {
        let Some(attributes) = resource.as_object_mut() else { return };
        // Child resources have names with a namespace.
        for (root, inner) in attributes.iter_mut().filter(|(name, _)| name.contains(':')) {
            if let Some(child) = self.schemas.by_root(root) {
                self.each(child, inner);
            }
        }
        let profiles = self.profiles;
        let own = self
            .by_type
            .entry(table.number)
            .or_insert_with(|| edits(profiles.iter().copied(), Some(table.number)));
        for one in own.iter().filter(|(name, _)| table.has(name)) {
            edit(attributes, *one);
        }
    }
}
