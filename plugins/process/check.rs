//! What a `<processManagement>` or a `<state>` may say (TS-0001 9.6.59, 9.6.60; TS-0004 on their Create, Update and Delete).
//!
//! Everything here runs inside the write transaction. What a process must be to be enabled is checked then; a wrong
//! reference in a request is refused at once, with INVALID_PROCESS_CONFIGURATION.

use std::sync::Arc;

use dyad_core::access;
use dyad_core::request::{Asker, Call, path_here};
use dyad_core::resource::{Draft, Id, Lookup, Resource, Txn, resolve};
use dyad_protocol::{Failure, Object, StatusCode};
use serde_json::Value;

use super::{ACTION, Control, STATE, Status};
use crate::action::criteria::Criteria;
use crate::action::subject::{self, permitted};

/// Conditions and transitions that a list may have, and states that a process may have.
pub(super) const MOST: usize = 100;

/// INVALID_PROCESS_CONFIGURATION with its reason.
pub(super) fn invalid(why: impl Into<String>) -> Failure {
    Failure::new(StatusCode::InvalidProcessConfiguration, why.into())
}

/// Checks what a request changes of a process, apart from the transition that it may ask for.
pub(super) fn process(
    txn: &mut Txn<'_>,
    call: &Call,
    old: &Resource,
    draft: &Draft,
    modified: &Object,
) -> Result<(), Failure> {
    let configures = ["inst", "atcos", "encos"].iter().any(|name| modified.contains_key(*name));
    if configures && Status::of(old.attributes()) != Status::Disabled {
        return Err(Failure::not_allowed("a process is configured while it is disabled"));
    }
    for name in ["atcos", "encos"] {
        if modified.get(name).is_some_and(|value| !value.is_null()) {
            for condition in list(&draft.attributes, name)? {
                condition_of(txn, call, condition)?;
            }
        }
    }
    match modified.get("inst").and_then(Value::as_str) {
        Some(address) => readable_state(txn, call, old.id(), address).map(drop),
        None => Ok(()),
    }
}

/// Whether a process may go from a status to another because a request says so (OPERATION_NOT_ALLOWED if not).
pub(super) fn control(control: Control, status: Status) -> Result<(), Failure> {
    let is_allowed = match control {
        Control::Enable => status == Status::Disabled,
        Control::Disable => status != Status::Disabled,
        Control::Pause => status == Status::Activated,
        Control::Reactivate => status == Status::Paused,
    };
    match is_allowed {
        true => Ok(()),
        false => {
            Err(Failure::not_allowed("processControl (prct) does not go with the status of the process"))
        }
    }
}

/// Whether a process is complete enough to be enabled: an initial state, and states that refer to each other and to
/// actions of their own. Gives the states.
pub(super) fn enabled(
    txn: &mut Txn<'_>,
    call: &Call,
    process: &Draft,
) -> Result<Vec<Arc<Resource>>, Failure> {
    let Some(initial) = process.attributes.get("inst").and_then(Value::as_str) else {
        return Err(invalid("the process has no initial state (inst)"));
    };
    readable_state(txn, call, process.id, initial)?;
    let states = txn.children(process.id, &[STATE as i32], 0, MOST + 1)?;
    if states.len() > MOST {
        return Err(invalid(format!("a process has {MOST} states at most")));
    }
    for state in &states {
        may_retrieve(txn, call, state)?;
        state_action(txn, call, state.id(), state.attributes())?;
        transitions(txn, call, process.id, state.attributes())?;
    }
    Ok(states)
}

/// Checks a new or changed state below a process. OPERATION_NOT_ALLOWED unless the process is disabled.
pub(super) fn state(
    txn: &mut Txn<'_>,
    call: &Call,
    process: &Resource,
    draft: &Draft,
) -> Result<(), Failure> {
    if Status::of(process.attributes()) != Status::Disabled {
        return Err(Failure::not_allowed("states are changed while their process is disabled"));
    }
    state_action(txn, call, draft.id, &draft.attributes)?;
    transitions(txn, call, process.id(), &draft.attributes)
}

fn state_action(txn: &mut Txn<'_>, call: &Call, state: Id, attributes: &Object) -> Result<(), Failure> {
    let Some(address) = attributes.get("stac").and_then(Value::as_str) else { return Ok(()) };
    let found = at(txn, address)?.filter(|found| found.ty() == ACTION && found.parent() == state);
    let action =
        found.ok_or_else(|| invalid(format!("stac names {address}, which is no action of the state")))?;
    may_retrieve(txn, call, &action)
}

fn transitions(txn: &mut Txn<'_>, call: &Call, process: Id, attributes: &Object) -> Result<(), Failure> {
    for transition in list(attributes, "sttrs")? {
        let next = transition.get("nxst").and_then(Value::as_str).unwrap_or_default();
        readable_state(txn, call, process, next)?;
        condition_of(txn, call, transition)?;
    }
    Ok(())
}

/// The state of a process at an address, which the originator may retrieve.
fn readable_state(
    txn: &mut Txn<'_>,
    call: &Call,
    process: Id,
    address: &str,
) -> Result<Arc<Resource>, Failure> {
    let state = state_at(txn, process, address)?
        .ok_or_else(|| invalid(format!("{address} is no state of the process")))?;
    may_retrieve(txn, call, &state)?;
    Ok(state)
}

/// The state of a process at an address.
pub(super) fn state_at(
    txn: &mut Txn<'_>,
    process: Id,
    address: &str,
) -> Result<Option<Arc<Resource>>, Failure> {
    Ok(at(txn, address)?.filter(|found| found.ty() == STATE && found.parent() == process))
}

fn at(txn: &mut Txn<'_>, address: &str) -> Result<Option<Arc<Resource>>, Failure> {
    match path_here(txn.cse(), address)? {
        Some(path) => resolve(txn, path),
        None => Ok(None),
    }
}

fn may_retrieve(txn: &mut Txn<'_>, call: &Call, resource: &Arc<Resource>) -> Result<(), Failure> {
    let cse = txn.cse();
    let asker = Asker::new(cse, call);
    match permitted(access::authorize(txn, cse, &asker, resource, access::operation::RETRIEVE, None))? {
        true => Ok(()),
        false => Err(invalid("a resource that the process refers to may not be retrieved")),
    }
}

/// Checks a condition or transition: what it looks at, and its criteria.
fn condition_of(txn: &mut Txn<'_>, call: &Call, condition: &Value) -> Result<(), Failure> {
    let Some(address) = condition.get("sri").and_then(Value::as_str) else {
        return Err(invalid("a condition names no subject (sri)"));
    };
    let criteria = Criteria::parse(condition.get("evc")).map_err(configuration)?;
    let subject = subject::find(txn, address).map_err(configuration)?;
    let Some(subject) = subject else {
        return Err(invalid(format!("the subject {address} does not exist or may not be retrieved")));
    };
    let originator = txn.cse().config().shorten(call.request.originator());
    subject::check(txn, originator, &subject, &criteria).map_err(configuration)
}

fn configuration(failure: Failure) -> Failure {
    match failure.rsc {
        StatusCode::BadRequest => Failure { rsc: StatusCode::InvalidProcessConfiguration, ..failure },
        _ => failure,
    }
}

/// The elements of a list attribute. INVALID_PROCESS_CONFIGURATION if there are too many.
fn list<'a>(attributes: &'a Object, name: &str) -> Result<&'a [Value], Failure> {
    let elements = super::elements(attributes, name);
    match elements.len() <= MOST {
        true => Ok(elements),
        false => Err(invalid(format!("{name} has {MOST} entries at most"))),
    }
}
