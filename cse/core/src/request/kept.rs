//! Requests as `<request>` resources (TS-0001 9.6.12, TS-0004 7.3.2.2, 7.3.2.5): what is stored of a request that is
//! acknowledged before it is carried out, and how its result gets there.
//!
//! When a request is carried out is left to [`super::answer`] and [`super::resume`], what is recorded when to
//! [`super::slot`].

use std::sync::Arc;

use dyad_protocol::primitive::{ResponseType, ResponseTypeInfo, json};
use dyad_protocol::time::{AbsRelTime, Span};
use dyad_protocol::{Failure, Object, Operation, Request, Response, StatusCode, Timestamp};
use serde_json::{Value, json};

use super::{Asker, Call, errand, target};
use crate::Cse;
use crate::resource::{Id, Lookup, Resource, Txn, path_of, resolve};
use crate::types;

/// The type number of `<request>`.
pub const REQUEST: u32 = 17;

/// `requestStatus` (TS-0004 6.3.4.2.10).
const COMPLETED: u64 = 1;
const FAILED: u64 = 2;
const PENDING: u64 = 3;

/// The parameters of a request that have attributes of their own; the others are `metaInformation`.
const OWN_ATTRIBUTES: [(&str, &str); 5] =
    [("op", "op"), ("to", "tg"), ("fr", "org"), ("rqi", "rid"), ("pc", "pc")];

/// The parameters of a response that `operationResult` has (TS-0004 6.3.5.32).
const RESULT: [&str; 10] = ["rsc", "rqi", "pc", "to", "fr", "ot", "rset", "ec", "cnst", "cnot"];

/// When a request is carried out, and how long it is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// When it is carried out.
    pub(super) due: Timestamp,
    /// `expirationTime` of the `<request>`.
    pub(super) expires: Timestamp,
}

impl Plan {
    /// From the times of the request (TS-0004 Table 7.3.2.2-1): the `<request>` outlives the request, its result and
    /// the persistence of the result. BAD_REQUEST if that is longer than the node keeps anything.
    pub(super) fn of(cse: &Cse, call: &Call) -> Result<Self, Failure> {
        let (request, config) = (&call.request, cse.config());
        let due = due(request, call.now);
        let (longest, keep) = match cse.requests().short_life() {
            Some(life) => (life, Span::default()),
            None => (config.request_timeout, config.deferral.keep_results),
        };
        let ends = match request.request_expiration_timestamp {
            Some(expiry) => expiry.resolve(call.now),
            None => due.plus(longest.into()),
        };
        let result = request.result_expiration_timestamp.map(|at| at.resolve(call.now));
        let latest = result.map_or(ends, |at| at.max(ends));
        let expires = match request.result_persistence {
            None => latest.plus(keep),
            Some(AbsRelTime::After(span)) => latest.plus(span),
            Some(AbsRelTime::At(at)) => latest.max(at),
        };
        if expires > call.now.plus(config.max_expiration) {
            return Err(Failure::bad_request("the request and its result would have to be kept too long"));
        }
        Ok(Self { due, expires })
    }
}

/// When a request that came at `arrival` is to be carried out.
fn due(request: &Request, arrival: Timestamp) -> Timestamp {
    request.operation_execution_time.map_or(arrival, |at| at.resolve(arrival).max(arrival))
}

/// A `<request>` as its originator is told of it.
pub(super) struct Reference {
    pub(super) id: Id,
    /// Its address.
    pub(super) path: String,
}

/// Makes the `<request>` of a request.
///
/// ORIGINATOR_HAS_NO_PRIVILEGE for who is not registered here (TS-0001 9.6.12), BAD_REQUEST for a request whose target
/// is itself a `<request>` (TS-0004 7.4.12.2) or no address.
pub(super) fn store(txn: &mut Txn<'_>, call: &Call, plan: &Plan) -> Result<Reference, Failure> {
    let cse = txn.cse();
    let asker = Asker::new(cse, call);
    if !asker.is_admin && !types::is_registered(txn, &asker)? {
        return Err(Failure::no_privilege("non-blocking requests are for entities that are registered here"));
    }
    match target::find(cse, call, txn) {
        Ok(target) if is_kept(target.resource.ty()) => {
            return Err(Failure::bad_request("a <request> is accessed by blocking requests alone"));
        }
        Err(failure) if failure.rsc == StatusCode::BadRequest => return Err(failure),
        // Whether there is such a resource is part of the result.
        Ok(_) | Err(_) => {}
    }
    let kept = make(txn, call, attributes(call, plan))?;
    let path = path_of(txn, &kept)?;
    Ok(Reference { id: kept.id(), path })
}

/// Makes a `<request>` with these attributes.
pub(super) fn make(txn: &mut Txn<'_>, call: &Call, attributes: Object) -> Result<Arc<Resource>, Failure> {
    let base = resolve(txn, "-")?.ok_or_else(|| Failure::internal("there is no CSEBase"))?;
    let table = txn.tree().schemas.by_number(REQUEST).cloned();
    let table = table.ok_or_else(|| Failure::internal("no schema describes requests"))?;
    txn.create_as(&base, table, attributes, Some(call.request.originator()))
}

/// Whether a type is that of kept requests.
pub(super) const fn is_kept(ty: u32) -> bool {
    ty == REQUEST
}

/// What is stored of a request.
pub(super) fn attributes(call: &Call, plan: &Plan) -> Object {
    let request = &call.request;
    let Value::Object(mut parameters) = json::request_to_json(request) else { return Object::new() };
    // Release 1 is what a request complies with that does not say (TS-0004 7.3.2.1).
    parameters.entry("rvi").or_insert_with(|| "1".into());
    let mut attributes = Object::new();
    for (parameter, attribute) in OWN_ATTRIBUTES {
        if let Some(value) = parameters.shift_remove(parameter) {
            attributes.insert(attribute.into(), value);
        }
    }
    attributes.insert("lbl".into(), json!([request.originator()]));
    attributes.insert("et".into(), plan.expires.to_string().into());
    attributes.insert("mi".into(), Value::Object(parameters));
    attributes.insert("rs".into(), PENDING.into());
    let accepted = json!({ "rsc": StatusCode::Accepted.number(), "rqi": request.request_identifier });
    attributes.insert("ors".into(), accepted);
    attributes
}

/// The request that a `<request>` stands for, its times made absolute. Internal failure if it cannot be read.
pub(super) fn restore(kept: &Resource) -> Result<Request, Failure> {
    let mut parameters = kept.get("mi").and_then(Value::as_object).cloned().unwrap_or_default();
    for (parameter, attribute) in OWN_ATTRIBUTES {
        if let Some(value) = kept.get(attribute) {
            parameters.insert(parameter.into(), value.clone());
        }
    }
    let mut request = json::request_from_json(Value::Object(parameters)).map_err(Failure::internal)?;
    fix_times(&mut request, arrival(kept));
    Ok(request)
}

/// Makes the times of a request absolute, which came at `arrival`.
pub(super) fn fix_times(request: &mut Request, arrival: Timestamp) {
    for time in [
        &mut request.request_expiration_timestamp,
        &mut request.result_expiration_timestamp,
        &mut request.operation_execution_time,
    ] {
        *time = time.map(|time| AbsRelTime::At(time.resolve(arrival)));
    }
}

/// What can be told of a request that cannot be read: enough to answer it.
pub(super) fn bare(kept: &Resource) -> Request {
    Request {
        to: kept.text("tg").unwrap_or_default().to_owned(),
        from: kept.text("org").map(str::to_owned),
        request_identifier: kept.text("rid").unwrap_or_default().to_owned(),
        ..Request::default()
    }
}

fn arrival(kept: &Resource) -> Timestamp {
    Timestamp::from_micros(kept.row().ct)
}

/// Whether a `<request>` waits to be carried out.
pub fn is_pending(kept: &Resource) -> bool {
    kept.number("rs") == Some(PENDING)
}

/// Whether a `<request>` has its result, or will never get one.
pub fn is_concluded(kept: &Resource) -> bool {
    matches!(kept.number("rs"), Some(COMPLETED | FAILED))
}

/// When a `<request>` is to be carried out.
pub fn due_of(kept: &Resource) -> Timestamp {
    restore(kept).map_or(arrival(kept), |request| due(&request, arrival(kept)))
}

/// Records the result of a request that is still pending, and owes it to whoever is to be notified.
pub(super) fn record(txn: &mut Txn<'_>, id: Id, response: &Response) -> Result<(), Failure> {
    let Some(kept) = txn.resource(id)?.filter(|kept| is_pending(kept)) else { return Ok(()) };
    let request = restore(&kept).unwrap_or_else(|_| bare(&kept));
    let whole = whole(txn, &request, response);
    let Value::Object(parameters) = json::response_to_json(&whole) else { return Ok(()) };
    let result: Object = parameters.into_iter().filter(|(name, _)| RESULT.contains(&name.as_str())).collect();
    let status = if response.status.is_success() { COMPLETED } else { FAILED };
    let changes = [("rs".to_owned(), status.into()), ("ors".to_owned(), Value::Object(result))];
    let concluded = txn.modify(&kept, &changes.into_iter().collect())?;
    if errand::is_one(&request) {
        return txn.delete(&concluded);
    }
    owe(txn, &request, &whole);
    Ok(())
}

/// Owes the failure of a request that expired before it was carried out: its `<request>` is about to go.
pub fn give_up(txn: &mut Txn<'_>, kept: &Resource) {
    let request = restore(kept).unwrap_or_else(|_| bare(kept));
    let failure = Failure::new(StatusCode::RequestTimeout, "the request expired before it was carried out");
    let whole = whole(txn, &request, &Response::failed(&request, &failure));
    owe(txn, &request, &whole);
}

/// The response with what a response says that comes later.
fn whole(txn: &Txn<'_>, request: &Request, response: &Response) -> Response {
    Response {
        to: Some(request.originator().to_owned()),
        from: Some(txn.cse().config().cse_id.clone()),
        originating_timestamp: Some(txn.now()),
        result_expiration_timestamp: request.result_expiration_timestamp,
        event_category: request.event_category,
        ..response.clone()
    }
}

/// Owes the result of an asynchronous request to its notification targets, or to its originator if it names none
/// (TS-0004 7.5.1.2.5).
fn owe(txn: &mut Txn<'_>, request: &Request, response: &Response) {
    let targets = match &request.response_type {
        ResponseTypeInfo { value: ResponseType::NonBlockingAsynch, notification_uri: None } => {
            vec![request.originator().to_owned()]
        }
        ResponseTypeInfo {
            value: ResponseType::NonBlockingAsynch | ResponseType::FlexBlocking,
            notification_uri: Some(targets),
        } => targets.clone(),
        _ => return,
    };
    let until = request.result_expiration_timestamp.map_or(Timestamp::NEVER, |at| at.resolve(txn.now()));
    let body = json!({ "m2m:rsp": json::response_to_json(response) }).to_string();
    for target in targets {
        txn.owe_until(0, &target, body.clone(), until);
    }
}

/// Whether a request registers an entity, whose identifier is not there before it is carried out.
pub(super) fn is_registration(request: &Request) -> bool {
    request.operation == Operation::Create && request.resource_type.is_some_and(types::is_registration)
}
