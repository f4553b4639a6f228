//! Notifications to an AE, cut to its measure: one by one, also those that are aggregated.

use std::collections::HashMap;
use std::sync::Arc;

use dyad_core::Cse;
use dyad_core::access::operation;
use dyad_core::request::{Asker, Target};
use dyad_core::resource::{Id, Lookup, Resource, Snapshot};
use dyad_protocol::primitive::json;
use dyad_protocol::schema::Schemas;
use dyad_protocol::{Content, Failure, Operation, Request, Timestamp};
use serde_json::Value;

use super::edits::{Shears, edit, edits};
use super::names;
use super::profile::{NOTIFICATIONS, Subject, find, holds, is_for, may, present};

/// The parameters that a notification may get.
const ADDED: [&str; 5] = ["rqet", "rset", "ec", "da", "vsi"];

/// What is asked on behalf of the notifications in a request.
pub(super) struct Question {
    /// The AE-ID of who gets them.
    entity: String,
    release: String,
    /// The subscription that each comes from (`sur`).
    subscriptions: Vec<Option<String>>,
    candidates: Vec<Id>,
    now: Timestamp,
}

/// For each notification the profiles that hold, the oldest first.
pub(super) type Answer = Vec<Vec<Arc<Resource>>>;

impl Question {
    /// `None` for a request that brings no notifications of subscriptions.
    pub(super) fn new(cse: &Cse, entity: &str, request: &Request, candidates: Vec<Id>) -> Option<Self> {
        let content = request.content.as_ref().filter(|_| request.operation == Operation::Notify)?.value();
        let all = match (content.get("m2m:sgn"), content.get("m2m:agn")) {
            (Some(one), _) => std::slice::from_ref(one),
            (None, Some(several)) => several.get("m2m:sgn")?.as_array()?,
            (None, None) => return None,
        };
        let subscription = |one: &Value| Some(one.get("sur")?.as_str()?.to_owned());
        Some(Self {
            entity: entity.to_owned(),
            release: request.release_version_indicator.clone().unwrap_or_else(|| "1".to_owned()),
            subscriptions: all.iter().map(subscription).collect(),
            candidates,
            now: cse.now(),
        })
    }

    pub(super) fn answer(&self, cse: &Cse, look: &mut Snapshot<'_>) -> Result<Answer, Failure> {
        let asker = Asker::from_id(cse, &self.entity, self.now, None, false);
        let mut profiles = Vec::new();
        for profile in present(look, &self.candidates, self.now)? {
            if is_for(&profile, NOTIFICATIONS) && may(look, cse, &asker, &profile, operation::RETRIEVE)? {
                profiles.push(profile);
            }
        }
        let mut known: HashMap<Option<&str>, Vec<Arc<Resource>>> = HashMap::new();
        let mut answer = Vec::with_capacity(self.subscriptions.len());
        for subscription in &self.subscriptions {
            let subscription = subscription.as_deref();
            if let Some(held) = known.get(&subscription) {
                answer.push(held.clone());
                continue;
            }
            let target = self.subscribed(cse, look, subscription, &asker)?;
            let subject = Subject {
                asker: &asker,
                operation: Operation::Notify,
                release: &self.release,
                target: target.as_ref(),
            };
            let mut held = Vec::new();
            for profile in &profiles {
                if holds(look, cse, profile, &subject)? {
                    held.push(Arc::clone(profile));
                }
            }
            answer.push(held.clone());
            known.insert(subscription, held);
        }
        Ok(answer)
    }

    /// What a subscription is about, if it is still there.
    fn subscribed(
        &self,
        cse: &Cse,
        look: &mut Snapshot<'_>,
        subscription: Option<&str>,
        asker: &Asker<'_>,
    ) -> Result<Option<Target>, Failure> {
        let Some(subscription) = subscription else { return Ok(None) };
        let Some(found) = find(look, cse, subscription, asker)? else { return Ok(None) };
        let parent = look.resource(found.resource.parent())?;
        Ok(parent.map(|resource| Target { resource, virtual_child: None }))
    }
}

/// Changes the notifications in a request, and its parameters as the first of them wants. Whether anything was to be
/// changed.
pub(super) fn cut(schemas: &Schemas, request: &mut Request, answer: &Answer) -> bool {
    if answer.iter().all(Vec::is_empty) {
        return false;
    }
    let Some(mut content) = request.content.as_ref().map(|content| content.value().clone()) else {
        return false;
    };
    let all = match content.as_object_mut().and_then(|members| members.values_mut().next()) {
        Some(several) if several.get("m2m:sgn").is_some() => {
            several.get_mut("m2m:sgn").and_then(Value::as_array_mut)
        }
        Some(one) => {
            let root = cut_one(schemas, one, answer.first());
            return finish(schemas, request, content, root, answer);
        }
        None => None,
    };
    let mut first = None;
    for (at, (one, held)) in all.into_iter().flatten().zip(answer).enumerate() {
        let root = cut_one(schemas, one, Some(held));
        first = if at == 0 { root } else { first };
    }
    finish(schemas, request, content, first, answer)
}

/// Cuts the representation in one notification. Gives its root.
fn cut_one(schemas: &Schemas, notification: &mut Value, held: Option<&Vec<Arc<Resource>>>) -> Option<String> {
    let profiles: Vec<&Arc<Resource>> = held?.iter().collect();
    let representation = notification.get_mut("nev")?.get_mut("rep")?;
    Shears::new(schemas, &profiles).cut(representation)
}

/// Puts the content in place, and changes the parameters.
fn finish(
    schemas: &Schemas,
    request: &mut Request,
    content: Value,
    root: Option<String>,
    answer: &Answer,
) -> bool {
    request.content = Some(Content::from_value(content));
    let table = root.and_then(|root| schemas.by_root(&root));
    let Value::Object(mut members) = json::request_to_json(request) else { return true };
    for one in edits(answer.iter().take(1).flatten(), table.map(|table| table.number)) {
        let (name, value) = one;
        let is_parameter = !table.is_some_and(|table| table.has(name)) && name != "pc";
        let fits = match value {
            Some(value) => ADDED.contains(&name) && names::request_takes(name, value),
            None => names::is_of_request(name),
        };
        if is_parameter && fits {
            edit(&mut members, one);
        }
    }
    // What cannot be read again goes out as it was.
    if let Ok(changed) = json::request_from_json(Value::Object(members)) {
        *request = Request { serialization: request.serialization, ..changed };
    }
    true
}
