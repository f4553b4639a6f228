//! NOTIFY (TS-0004 7.3.3.9): to an AE, which gets it at its point of access, or to the node itself.

use std::sync::Arc;

use dyad_protocol::primitive::ResponseTypeInfo;
use dyad_protocol::{Failure, Request, Response, StatusCode};

use super::kept::fix_times;
use super::{Asker, Call, Target, create, permission};
use crate::Cse;
use crate::access;
use crate::resource::Snapshot;

/// Carries out a NOTIFY.
pub(super) async fn notify(cse: &Cse, call: &Arc<Call>, target: &Target) -> Result<Response, Failure> {
    if target.virtual_child.is_some() {
        return Err(Failure::not_allowed("the target takes no notifications"));
    }
    cse.read(call, authorize).await?;
    match target.resource.ty() {
        2 => forward(cse, call, target).await,
        5 => take(call),
        _ => Err(Failure::not_allowed("the target takes no notifications")),
    }
}

/// Takes a notification to the node itself (TS-0004 7.5.1.1). What it asked to be told of is the business of the
/// service function that asked, which answers before this.
fn take(call: &Call) -> Result<Response, Failure> {
    match create::representation(call)? {
        ("m2m:sgn" | "m2m:agn" | "m2m:rsp", _) => Ok(Response::to(&call.request, StatusCode::Ok)),
        ("m2m:seci", _) => Err(Failure::not_implemented("security information is not supported")),
        _ => Err(Failure::bad_request("the content is no notification")),
    }
}

fn authorize(cse: &Cse, call: &Call, snapshot: &mut Snapshot<'_>) -> Result<(), Failure> {
    let target = super::target::locate(cse, call, snapshot)?;
    let asker = Asker::new(cse, call);
    access::authorize(snapshot, cse, &asker, &target.resource, permission(call.request.operation), None)
}

/// Hands the notification to the AE, at the first of its points of access that answers.
async fn forward(cse: &Cse, call: &Arc<Call>, target: &Target) -> Result<Response, Failure> {
    let originator = cse.config().shorten(call.request.originator());
    let circles = &cse.requests().circles;
    let _hop = circles.enter(originator, &call.request.request_identifier, target.resource.id())?;
    // It is forwarded when its time has come, and answered here in the way that the originator wants.
    let mut request = Request::clone(&call.request);
    request.response_type = ResponseTypeInfo::default();
    request.operation_execution_time = None;
    // The profile is one of this node, and was applied.
    request.primitive_profile_identifier = None;
    fix_times(&mut request, call.now);
    request.from = Some(cse.config().sp_relative(call.request.originator()));
    let expires = request.request_expiration_timestamp.map(|at| at.resolve(call.now));
    // One that waited for an AE until it expired (TS-0001 10.2.5.17) was not refused by anybody.
    let unreachable = |_| match expires.is_some_and(|at| at <= cse.now()) {
        true => Failure::new(StatusCode::RequestTimeout, "the request expired before the AE answered"),
        false => Failure::new(StatusCode::TargetNotReachable, "the AE cannot be reached"),
    };
    let response = cse.reach(&target.resource, request).await.map_err(unreachable)?;
    let release = response.release_version_indicator.or(call.request.release_version_indicator.clone());
    let request_identifier = call.request.request_identifier.clone();
    Ok(Response { request_identifier, release_version_indicator: release, ..response })
}
