//! What an `<action>` or a `<dependency>` may say (TS-0001 9.6.61, 9.6.62, 10.2.21; TS-0004 on `<action>`).
//!
//! Everything here runs inside the write transaction, on the draft with all that a request changes.

use std::sync::Arc;

use dyad_core::access;
use dyad_core::request::{Asker, Call, Target, Virtual, errand, path_here};
use dyad_core::resource::{Draft, Id, Lookup, Resource, Txn, resolve};
use dyad_protocol::primitive::json;
use dyad_protocol::{Failure, Object, Operation, Request, StatusCode};
use serde_json::Value;

use super::criteria::Criteria;
use super::subject::{self, Subject, permitted};
use super::{DEPENDENCY, Mode};

/// The attributes that say when something is done, and what.
const SPECIFIC: [&str; 9] = ["apy", "sri", "evc", "evm", "ecp", "dep", "orc", "apv", "ipu"];

/// Dependencies that an action may have.
const MOST_DEPENDENCIES: usize = 100;

/// Checks a new or changed action that `call` asks for, and gives its subject.
pub(super) fn check_action(
    txn: &mut Txn<'_>,
    call: &Call,
    parent: Id,
    draft: &Draft,
) -> Result<Subject, Failure> {
    let cse = txn.cse();
    if cse.functions().iter().all(|function| function.facets().deferral.is_none()) {
        return Err(Failure::not_implemented("actions need the service function for non-blocking requests"));
    }
    if draft.attributes.contains_key("ipu") {
        return Err(Failure::not_implemented("the input of actions (ipu) is not supported"));
    }
    let originator = cse.config().shorten(call.request.originator());
    let request = request(&draft.attributes)?;
    if request.from.as_deref().map(|from| cse.config().shorten(from)) != Some(originator) {
        return Err(Failure::bad_request(
            "the originator of the actionPrimitive (apv.fr) has to be the request's",
        ));
    }
    errand::check(cse, &request)?;
    if matches!(Mode::of(&draft.attributes), Mode::Off | Mode::Once) && draft.attributes.contains_key("ecp") {
        return Err(Failure::bad_request("ecp goes with the evaluation modes periodic and continuous alone"));
    }
    let subject = subject_of(txn, parent, &draft.attributes)?;
    if subject.resource.id() == draft.id {
        return Err(Failure::bad_request("an action is no subject of its own"));
    }
    subject::check(txn, originator, &subject, &Criteria::parse(draft.attributes.get("evc"))?)?;
    check_object(txn, originator, &request)?;
    check_dependencies(txn, draft)?;
    Ok(subject)
}

/// Whether an UPDATE changes what an action does or when.
pub(super) fn is_specific(modified: &Object) -> bool {
    SPECIFIC.iter().any(|name| modified.contains_key(*name))
}

/// The request that an action stands for, as it is carried out: to the object. BAD_REQUEST if it cannot be read.
pub(super) fn request(attributes: &Object) -> Result<Request, Failure> {
    let mut primitive = attributes.get("apv").cloned().unwrap_or_default();
    if let (Some(members), Some(object)) = (primitive.as_object_mut(), attributes.get("orc")) {
        members.insert("to".into(), object.clone());
    }
    json::request_from_json(primitive).map_err(|failure| {
        Failure::bad_request(format!("the actionPrimitive (apv) is no request: {}", failure.debug))
    })
}

/// The subject of an action: `sri`, or the parent. BAD_REQUEST if there is none.
pub(super) fn subject_of(txn: &mut Txn<'_>, parent: Id, attributes: &Object) -> Result<Subject, Failure> {
    let missing = || Failure::bad_request("the subject does not exist or may not be retrieved");
    match attributes.get("sri").and_then(Value::as_str) {
        Some(address) => subject::find(txn, address)?.ok_or_else(missing),
        None => {
            let resource = txn.resource(parent)?.ok_or_else(missing)?;
            Ok(Subject { resource, is_latest: false })
        }
    }
}

/// BAD_REQUEST if the object is not there, or the originator may not do with it what the primitive says.
fn check_object(txn: &mut Txn<'_>, originator: &str, request: &Request) -> Result<(), Failure> {
    let (cse, now) = (txn.cse(), txn.now());
    let Some(path) = path_here(cse, &request.to)? else {
        return Err(Failure::not_implemented("the object (orc) is on another node"));
    };
    let refused =
        || Failure::bad_request("the object (orc) does not exist or may not be accessed in this way");
    let target = Target::at(txn, path, now).map_err(|failure| match failure.rsc {
        StatusCode::NotFound if failure.source.is_none() => refused(),
        _ => failure,
    })?;
    // Who may use a virtual resource such as a fanOutPoint is for the function to say that answers for it.
    if matches!(target.virtual_child, Some(Virtual::Other { .. })) {
        return Ok(());
    }
    let (operation, child) = match request.operation {
        Operation::Create => (access::operation::CREATE, request.resource_type),
        Operation::Retrieve => (access::operation::RETRIEVE, None),
        Operation::Update => (access::operation::UPDATE, None),
        Operation::Delete => (access::operation::DELETE, None),
        Operation::Notify => (access::operation::NOTIFY, None),
    };
    let asker = Asker::from_id(cse, originator, now, None, false);
    match permitted(access::authorize(txn, cse, &asker, &target.resource, operation, child))? {
        true => Ok(()),
        false => Err(refused()),
    }
}

/// BAD_REQUEST unless `dep` names dependencies of the action itself.
fn check_dependencies(txn: &mut Txn<'_>, draft: &Draft) -> Result<(), Failure> {
    let named: Vec<&str> = dependencies(&draft.attributes).collect();
    if named.len() > MOST_DEPENDENCIES {
        return Err(Failure::bad_request(format!("an action has {MOST_DEPENDENCIES} dependencies at most")));
    }
    for address in named {
        if dependency_at(txn, draft.id, address)?.is_none() {
            return Err(Failure::bad_request(format!(
                "dep names {address}, which is no dependency of the action"
            )));
        }
    }
    Ok(())
}

/// What an action depends on.
pub(super) fn dependencies(attributes: &Object) -> impl Iterator<Item = &str> {
    attributes.get("dep").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// A dependency of an action by its address.
pub(super) fn dependency_at(
    txn: &mut Txn<'_>,
    action: Id,
    address: &str,
) -> Result<Option<Arc<Resource>>, Failure> {
    let Some(path) = path_here(txn.cse(), address)? else { return Ok(None) };
    Ok(resolve(txn, path)?.filter(|found| found.ty() == DEPENDENCY && found.parent() == action))
}

/// Checks a new or changed dependency that `call` asks for.
pub(super) fn check_dependency(txn: &mut Txn<'_>, call: &Call, draft: &Draft) -> Result<(), Failure> {
    let originator = txn.cse().config().shorten(call.request.originator());
    let address = draft.attributes.get("rri").and_then(Value::as_str).unwrap_or_default();
    let Some(subject) = subject::find(txn, address)? else {
        return Err(Failure::bad_request("rri names nothing that exists and may be retrieved"));
    };
    subject::check(txn, originator, &subject, &Criteria::parse(draft.attributes.get("evc"))?)
}
