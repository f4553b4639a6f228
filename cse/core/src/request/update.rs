//! UPDATE (TS-0004 7.3.3.4, 7.3.3.7).

use std::sync::Arc;

use dyad_protocol::{Failure, Object, Operation, Response, ResultContent, StatusCode, Timestamp};
use serde_json::Value;

use super::precondition;
use super::target::{self, Target};
use super::{Asker, Call, Outcome, Written, create, filter, shape};
use crate::Cse;
use crate::access::{self, operation};
use crate::function::{Change, Event};
use crate::resource::{Draft, Lookup, Resource, Snapshot, Txn};
use crate::types;

/// First pass, on what is committed.
pub(super) fn authorize(cse: &Cse, call: &Call, snapshot: &mut Snapshot<'_>) -> Result<(), Failure> {
    check(cse, call, snapshot).map(|_| ())
}

fn check(cse: &Cse, call: &Call, look: &mut impl Lookup) -> Result<Arc<Resource>, Failure> {
    let Target { resource, virtual_child } = target::find(cse, call, look)?;
    if virtual_child.is_some() || !resource.table().allows(Operation::Update) {
        return Err(Failure::not_allowed("the target cannot be updated"));
    }
    let asker = Asker::new(cse, call);
    let (root, sent) = create::representation(call)?;
    match sent.contains_key("acpi") {
        // Who may change policies is said by the policies themselves, and nothing else may change with them.
        true if sent.len() > 1 => {
            return Err(Failure::bad_request("acpi must be the only attribute of its UPDATE"));
        }
        true => access::authorize_self(look, cse, &asker, &resource)?,
        false => access::authorize(look, cse, &asker, &resource, operation::UPDATE, None)?,
    }
    filter::check(look, cse, &resource, call.request.filter_criteria.as_deref())?;
    if root != resource.root() {
        return Err(Failure::bad_request(format!("the content is not a {}", resource.root())));
    }
    types::check_function(cse, resource.table())?;
    resource.table().check_update(sent)?;
    Ok(resource)
}

/// Carries out an UPDATE in the write transaction.
pub(super) fn update(txn: &mut Txn<'_>, call: &Call) -> Result<Written, Failure> {
    let cse = txn.cse();
    let old = check(cse, call, txn)?;
    precondition::check(call, &old)?;
    let (_, sent) = create::representation(call)?;
    let resource = change(txn, Some(call), &old, sent)?;
    let mut response = Response::to(&call.request, StatusCode::Updated);
    response.content = match call.request.result_content.unwrap_or(ResultContent::Attributes) {
        ResultContent::Nothing => None,
        ResultContent::ModifiedAttributes => {
            let modified = shape::modified(&resource, Some(&old), sent);
            (!modified.is_empty()).then(|| shape::partial(&resource, modified))
        }
        _ => Some(shape::representation(&resource)),
    };
    Ok(Written {
        outcome: Outcome::Answer(Box::new(response)),
        events: vec![Event { operation: Operation::Update, resource }],
    })
}

/// Makes the next version of a resource from validated attributes, `null` for those that go, with all that types and
/// service functions do about it.
pub(super) fn change(
    txn: &mut Txn<'_>,
    call: Option<&Call>,
    old: &Arc<Resource>,
    sent: &Object,
) -> Result<Arc<Resource>, Failure> {
    let mut draft = Draft::of(old);
    for (name, value) in sent {
        match value {
            Value::Null => {
                draft.attributes.shift_remove(name);
            }
            value => {
                draft.attributes.insert(name.clone(), value.clone());
            }
        }
    }
    if sent.contains_key("et") {
        expire(txn, old, &mut draft)?;
    }
    draft.set("lt", txn.now().to_string());
    if let Some(state) = draft.number("st") {
        draft.set("st", state + 1);
    }
    types::update(txn, old, &mut draft, sent)?;
    txn.tell_functions(&mut Change::Update { call, old, draft: &mut draft, modified: sent })?;
    let resource = draft.fix()?;
    txn.update(old, Arc::clone(&resource))?;
    types::updated(txn, &resource, sent)?;
    if call.is_some() {
        types::child_changed(txn, resource.parent())?;
    }
    Ok(txn.resource(resource.id())?.unwrap_or(resource))
}

/// Children that are looked at when an expiration time comes closer.
const PAGE: usize = 500;

/// A changed expiration time (TS-0004 7.3.3.4): not in the past, not before a child's.
fn expire(txn: &mut Txn<'_>, old: &Arc<Resource>, draft: &mut Draft) -> Result<(), Failure> {
    let Some(parent) = txn.resource(old.parent())? else {
        return Err(Failure::not_found("the parent is gone"));
    };
    let asked = draft.time("et");
    let expiration = create::expiration(txn.cse(), txn.now(), &parent, asked)?;
    if expiration < Timestamp::from_micros(old.row().et) {
        let mut after = 0;
        loop {
            let children = txn.children(old.id(), &[], after, PAGE)?;
            let later = |child: &Arc<Resource>| {
                let et = child.expiration();
                et != Timestamp::NEVER && et > expiration
            };
            if asked.is_some() && children.iter().any(later) {
                return Err(Failure::bad_request("a child expires later than the new expiration time (et)"));
            }
            match children.last() {
                Some(last) if children.len() >= PAGE => after = last.id(),
                _ => break,
            }
        }
    }
    if expiration > old.expiration() {
        types::part_from_parent(txn, old)?;
    }
    draft.set("et", expiration.to_string());
    Ok(())
}
