//! Is the primitive one that this node can carry out at all? (TS-0004 7.3.2.1)

use dyad_protocol::primitive::{FilterCriteria, ResponseType};
use dyad_protocol::time::AbsRelTime;
use dyad_protocol::{Failure, Operation, ResultContent, StatusCode, id};

use super::{Call, create};
use crate::Cse;

/// Checks the parameters against the operation. Touches no resource.
pub(super) fn primitive(cse: &Cse, call: &Call) -> Result<(), Failure> {
    let request = &call.request;
    release(cse, call)?;
    times(cse, call)?;
    originator(call)?;
    // Nobody from outside is a service function.
    if call.arrival.peer.is_some() {
        cse.check_no_function(request)?;
    }
    let identifiers = [Some(&request.request_identifier), request.group_request_identifier.as_ref()];
    if identifiers.into_iter().flatten().any(|identifier| identifier.len() > id::MAX_SEGMENT) {
        return Err(Failure::bad_request("a request identifier is too long"));
    }
    response_type(call)?;
    delivery(call)?;
    precondition(call)?;
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
    if request.operation == Operation::Notify {
        not_for_notify(cse, call)?;
    }
    bounds(call)?;
    result_content(call)
}

/// A discovery for what cannot be is a mistake of who asks; other requests just do not find their target so.
fn bounds(call: &Call) -> Result<(), Failure> {
    let criteria = call.request.filter_criteria.as_deref().filter(|criteria| criteria.is_discovery());
    match criteria.and_then(FilterCriteria::contradiction) {
        Some((upper, lower)) => {
            Err(Failure::bad_request(format!("{upper} is below {lower}: nothing can match")))
        }
        None => Ok(()),
    }
}

/// What Table 7.2.1.1-1 of TS-0004 does not permit in a NOTIFY, and the representation of a resource: over HTTP, a CREATE
/// that forgets its resource type looks like one.
fn not_for_notify(cse: &Cse, call: &Call) -> Result<(), Failure> {
    let request = &call.request;
    if create::representation(call).is_ok_and(|(root, _)| cse.tree().schemas.by_root(root).is_some()) {
        return Err(Failure::bad_request(
            "a NOTIFY carries no resource; a CREATE has a resource type (ty, in HTTP a parameter of the Content-Type)",
        ));
    }
    let parameters = [
        ("rp", request.result_persistence.is_some()),
        ("grtm", !request.group_request_target_members.is_empty()),
        ("asi", request.authorization_signature_indicator.is_some()),
        ("aus", !request.authorization_signatures.is_empty()),
        ("auri", request.authorization_relationship_indicator.is_some()),
    ];
    match parameters.into_iter().find(|(_, is_there)| *is_there) {
        Some((name, _)) => Err(Failure::bad_request(format!("a NOTIFY takes no {name}"))),
        None => Ok(()),
    }
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

/// Whether the times of the request are in the future and in order (TS-0004 7.3.2.1, Table 6.4.1-1).
fn times(cse: &Cse, call: &Call) -> Result<(), Failure> {
    let request = &call.request;
    let resolve = |time: Option<AbsRelTime>| time.map(|time| time.resolve(call.now));
    let timeout = |why: &'static str| Err(Failure::new(StatusCode::RequestTimeout, why));
    let expiry = resolve(request.request_expiration_timestamp);
    let result = resolve(request.result_expiration_timestamp);
    if expiry.is_some_and(|at| at <= call.now) || result.is_some_and(|at| at <= call.now) {
        return timeout("the request has expired");
    }
    if let (Some(expiry), Some(result)) = (expiry, result)
        && result < expiry
    {
        return Err(Failure::bad_request("the result expires before the request"));
    }
    if matches!(request.result_persistence, Some(AbsRelTime::At(at)) if at <= call.now) {
        return Err(Failure::bad_request("the result persistence (rp) is over"));
    }
    let Some(due) = resolve(request.operation_execution_time).filter(|due| *due > call.now) else {
        return Ok(());
    };
    if expiry.is_some_and(|at| at <= due) || result.is_some_and(|at| at <= due) {
        return timeout("the request expires before it is to be carried out (oet)");
    }
    let waits = matches!(request.response_type.value, ResponseType::Blocking | ResponseType::NoResponse);
    if waits && due >= call.now.plus(cse.config().request_timeout.into()) {
        return timeout("the execution time (oet) is too far off for a request that is not non-blocking");
    }
    Ok(())
}

/// Notification targets of the result that one request may name.
const TARGETS: usize = 32;

/// Whether what the request says of its response goes together (TS-0004 6.3.5.30, TS-0001 8.1.2 Response Type).
fn response_type(call: &Call) -> Result<(), Failure> {
    let asked = &call.request.response_type;
    if asked.value == ResponseType::NoResponse
        && call.request.result_content.is_some_and(|wanted| wanted != ResultContent::Nothing)
    {
        return Err(Failure::bad_request("a request without response takes no result content (rcn)"));
    }
    let Some(targets) = &asked.notification_uri else { return Ok(()) };
    if !matches!(asked.value, ResponseType::NonBlockingAsynch | ResponseType::FlexBlocking) {
        return Err(Failure::bad_request(
            "notification targets (rtu) are for nonBlockingRequestAsynch and flexBlocking",
        ));
    }
    let is_wrong = |target: &String| {
        target.is_empty()
            || target.len() > id::MAX_ADDRESS
            || target.chars().any(|character| character.is_whitespace() || character.is_control())
    };
    if targets.len() > TARGETS || targets.iter().any(is_wrong) {
        return Err(Failure::bad_request("the notification targets (rtu) are malformed or too many"));
    }
    Ok(())
}

/// Whether the parameters of delivery are well formed (TS-0004 6.3.3 `m2m:eventCat`). They are about requests on their
/// way to another CSE (TS-0001 8.1.2): one that has arrived has nothing to be aggregated with.
fn delivery(call: &Call) -> Result<(), Failure> {
    match call.request.event_category {
        None | Some(2..=4 | 100..=999) => Ok(()),
        Some(_) => Err(Failure::bad_request("the event category (ec) is 2 to 4 or 100 to 999")),
    }
}

/// Whether a condition of the transport can be held against a resource: only while its answer is waited for.
fn precondition(call: &Call) -> Result<(), Failure> {
    let waits = matches!(call.request.response_type.value, ResponseType::Blocking);
    match call.arrival.precondition.is_some() && call.request.operation != Operation::Retrieve && !waits {
        true => Err(Failure::bad_request("only blocking requests can depend on the state of their target")),
        false => Ok(()),
    }
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
