//! What a transport asks of the present state of a target (`If-Match`, `If-None-Match` of HTTP; TS-0009 6.4.6).
//!
//! Held against the resource inside the write transaction, after access control and the other checks: a condition counts
//! only for a request that would succeed without it (RFC 7232 5). That of a RETRIEVE is left to the binding, which has
//! the representation.

use dyad_protocol::{Failure, Operation};

use super::{Call, Target, Virtual, shape};
use crate::resource::Resource;

/// CONFLICT if the target is not in the state that the request asks for; oneM2M has no code of its own for that.
pub(super) fn check(call: &Call, target: &Resource) -> Result<(), Failure> {
    match &call.arrival.precondition {
        Some(condition) if !condition.hold(Some(shape::representation(target).json())) => Err(unmet()),
        _ => Ok(()),
    }
}

/// The same for a virtual resource that a service function answers for: it has no state that could be named.
pub(super) fn check_virtual(call: &Call, target: &Target) -> Result<(), Failure> {
    let Some(condition) = &call.arrival.precondition else { return Ok(()) };
    let has_state = !matches!(target.virtual_child, Some(Virtual::Other { .. }));
    match has_state || call.request.operation == Operation::Retrieve || condition.hold(None) {
        true => Ok(()),
        false => Err(unmet()),
    }
}

fn unmet() -> Failure {
    Failure::conflict("the target is not in the state that the request asks for")
}
