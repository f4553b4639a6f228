//! Is the primitive one that this node can carry out at all? (TS-0004 7.3.2.1)

use dyad_protocol::primitive::ResponseType;
use dyad_protocol::{Failure, Operation, ResultContent, StatusCode, id};

use super::Call;
use crate::Cse;

/// Checks the parameters against the operation. Touches no resource.
pub(super) fn primitive(cse: &Cse, call: &Call) -> Result<(), Failure> {
    let request = &call.request;
    release(cse, call)?;
    times(call)?;
    if request.operation_execution_time.is_some() {
        return Err(Failure::not_implemented("an operation execution time is not supported"));
    }
    originator(call)?;
    if request.request_identifier.len() > id::MAX_SEGMENT {
        return Err(Failure::bad_request("the request identifier is too long"));
    }
    match request.operation {
        Operation::Create => {
            let Some(ty) = request.resource_type else {
                return Err(Failure::bad_request("a CREATE needs the resource type (ty)"));
            };
            if ty == 0 || request.content.is_none() {
                return Err(Failure::bad_request("a CREATE needs a resource type (ty) and a content"));
            }
            if request.filter_criteria.is_some() {
                return Err(Failure::bad_request("a CREATE takes no filter criteria"));
            }
        }
        Operation::Update if request.content.is_none() => {
            return Err(Failure::bad_request("an UPDATE needs a content"));
        }
        Operation::Delete if request.content.is_some() => {
            return Err(Failure::bad_request("a DELETE takes no content"));
        }
        Operation::Notify if request.content.is_none() => {
            return Err(Failure::bad_request("a NOTIFY needs a content"));
        }
        Operation::Notify if request.filter_criteria.is_some() => {
            return Err(Failure::bad_request("a NOTIFY takes no filter criteria"));
        }
        _ => {}
    }
    if request.operation != Operation::Create && request.resource_type.is_some() {
        return Err(Failure::bad_request("only a CREATE takes a resource type (ty)"));
    }
    if request.operation != Operation::Retrieve
        && (request.desired_identifier_result_type.is_some() || request.semantic_query_indicator.is_some())
    {
        return Err(Failure::bad_request("drt and sqi are for RETRIEVE alone"));
    }
    if request.operation != Operation::Retrieve && !request.attribute_list.is_empty() {
        return Err(Failure::bad_request("atrl is for RETRIEVE alone"));
    }
    result_content(call)
}

/// Whether the originator is there and well formed (TS-0004 7.3.2.1).
fn originator(call: &Call) -> Result<(), Failure> {
    let request = &call.request;
    let is_registration = request.operation == Operation::Create && request.resource_type == Some(2);
    let Some(from) = request.from.as_deref().filter(|from| !from.is_empty()) else {
        return if is_registration {
            Ok(())
        } else {
            Err(Failure::bad_request("the request names no originator (fr)"))
        };
    };
    let body = from.strip_prefix("//").or_else(|| from.strip_prefix('/')).unwrap_or(from);
    if from.len() > id::MAX_ADDRESS || !body.split('/').all(id::is_unreserved) {
        return Err(Failure::bad_request("the originator (fr) is malformed"));
    }
    Ok(())
}

fn release(cse: &Cse, call: &Call) -> Result<(), Failure> {
    match call.request.release_version_indicator.as_deref() {
        Some(release) if !cse.config().releases.iter().any(|known| known == release) => Err(Failure::new(
            StatusCode::ReleaseVersionNotSupported,
            format!(
                "the release version is not supported; supported are {}",
                cse.config().releases.join(", ")
            ),
        )),
        _ => Ok(()),
    }
}

fn times(call: &Call) -> Result<(), Failure> {
    let request = &call.request;
    let expiry = request.request_expiration_timestamp.map(|at| at.resolve(call.now));
    let result = request.result_expiration_timestamp.map(|at| at.resolve(call.now));
    if expiry.is_some_and(|at| at <= call.now) || result.is_some_and(|at| at <= call.now) {
        return Err(Failure::new(StatusCode::RequestTimeout, "the request has expired"));
    }
    if let (Some(expiry), Some(result)) = (expiry, result)
        && result < expiry
    {
        return Err(Failure::bad_request("the result expires before the request"));
    }
    Ok(())
}

/// Whether the result content goes with the operation (TS-0001 Table 8.1.2-1).
fn result_content(call: &Call) -> Result<(), Failure> {
    use ResultContent as R;
    let request = &call.request;
    let Some(wanted) = request.result_content else { return Ok(()) };
    let is_discovery = request.filter_criteria.as_ref().is_some_and(|filter| filter.is_discovery());
    let valid = match request.operation {
        Operation::Create => matches!(
            wanted,
            R::Nothing
                | R::Attributes
                | R::HierarchicalAddress
                | R::HierarchicalAddressAndAttributes
                | R::ModifiedAttributes
        ),
        Operation::Retrieve if is_discovery => matches!(wanted, R::ChildResourceReferences),
        Operation::Retrieve => matches!(
            wanted,
            R::Attributes
                | R::AttributesAndChildResources
                | R::AttributesAndChildResourceReferences
                | R::ChildResourceReferences
                | R::OriginalResource
                | R::ChildResources
                | R::SemanticContent
                | R::SemanticContentAndChildResources
                | R::Permissions
        ),
        Operation::Update => matches!(wanted, R::Nothing | R::Attributes | R::ModifiedAttributes),
        Operation::Delete => matches!(
            wanted,
            R::Nothing
                | R::Attributes
                | R::AttributesAndChildResources
                | R::AttributesAndChildResourceReferences
                | R::ChildResourceReferences
                | R::ChildResources
        ),
        Operation::Notify => false,
    };
    if valid {
        Ok(())
    } else {
        Err(Failure::bad_request(format!("rcn {} does not go with this operation", wanted.number())))
    }
}

/// Which ways of answering the node offers: the result in the response, or none at all.
pub(super) fn response_type(call: &Call) -> Result<(), Failure> {
    match call.request.response_type.value {
        ResponseType::Blocking | ResponseType::FlexBlocking | ResponseType::NoResponse => Ok(()),
        ResponseType::NonBlockingSynch => Err(Failure::new(
            StatusCode::NonBlockingSynchRequestNotSupported,
            "this node answers blocking requests only",
        )),
        ResponseType::NonBlockingAsynch => {
            Err(Failure::not_implemented("this node answers blocking requests only"))
        }
    }
}
