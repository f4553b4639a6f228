//! What other CSEs tell of their references (TS-0004 7.5.1.2.17): a NOTIFY to the CSEBase with `aerid`.

use std::ops::ControlFlow;
use std::sync::Arc;

use dyad_core::config::{Config, CseType};
use dyad_core::request::{Amendment, Asker, Call, Target};
use dyad_core::resource::{Id, Lookup, Resource, Txn};
use dyad_core::{Cse, access};
use dyad_protocol::{Failure, Object, Response, StatusCode};
use serde_json::Value;

use super::{ContactLists, MOST, make, note, of_cse, reference};

/// Takes a notification about a reference; leaves others to the node.
pub(super) async fn take(
    function: &ContactLists,
    cse: &Cse,
    call: &Arc<Call>,
    target: &Target,
) -> Result<ControlFlow<Response>, Failure> {
    let content = call.request.content.as_ref().map(|content| content.value());
    let notification = content.and_then(|content| content.get("m2m:sgn")).and_then(Value::as_object);
    let Some(notification) = notification.filter(|told| told.get("aerid") == Some(&Value::Bool(true))) else {
        return Ok(ControlFlow::Continue(()));
    };
    if cse.config().cse_type != CseType::In {
        return Err(Failure::not_allowed("lists of contacts are kept by infrastructure nodes"));
    }
    let (shared, base) = (Arc::clone(call), Arc::clone(&target.resource));
    let own = function.own();
    let list = cse.look(move |cse, look| {
        let asker = Asker::new(cse, &shared);
        access::authorize(look, cse, &asker, &base, access::operation::NOTIFY, None)?;
        let per_cse = look.resource(own)?;
        per_cse.map(|per_cse| per_cse.parent()).ok_or_else(|| Failure::internal("there is no list"))
    });
    let list: Id = list.await?;
    let host = host(cse.config(), call.request.originator())?;
    let [gone, new] = [id(cse.config(), notification, "tid1")?, id(cse.config(), notification, "tid2")?];
    if gone.is_none() && new.is_none() {
        return Err(Failure::bad_request("a reference is gone (tid1) or new (tid2)"));
    }
    let noted = cse.amend_with(function, list, move |txn, list| {
        let per_cse = host_list(txn, list, &host)?;
        let gone: Vec<&String> = gone.iter().collect();
        let new: Vec<&String> = new.iter().collect();
        note(txn, &per_cse, &gone, &new)?;
        Ok((Amendment::Keep, ()))
    });
    noted.await?;
    Ok(ControlFlow::Break(Response::to(&call.request, StatusCode::Ok)))
}

/// The list of a CSE, made if it has none. NOT_ACCEPTABLE if there are too many.
fn host_list(txn: &mut Txn<'_>, list: &Arc<Resource>, host: &str) -> Result<Arc<Resource>, Failure> {
    if let Some(known) = of_cse(txn, list, host)? {
        return Ok(known);
    }
    if txn.children(list.id(), &[44], 0, MOST)?.len() >= MOST {
        return Err(Failure::new(StatusCode::NotAcceptable, "too many CSEs have references"));
    }
    make(txn, list, host)
}

/// The CSE that tells. ORIGINATOR_HAS_NO_PRIVILEGE for whoever is none.
fn host(config: &Config, originator: &str) -> Result<String, Failure> {
    let id = originator.strip_prefix(config.sp_id.as_str()).unwrap_or(originator);
    match id.strip_prefix('/') {
        Some(name) if !name.is_empty() && !name.contains('/') => Ok(id.to_owned()),
        _ => Err(Failure::no_privilege("references are told by the CSE that has them")),
    }
}

/// An SP-relative identifier of an AE; `None` for null.
fn id(config: &Config, notification: &Object, name: &str) -> Result<Option<String>, Failure> {
    match notification.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) if id.starts_with('/') => reference::entity(config, id)
            .map(Some)
            .ok_or_else(|| Failure::bad_request(format!("{name} is no identifier of an AE"))),
        Some(_) => Err(Failure::bad_request(format!("{name} is no SP-relative identifier"))),
    }
}
