//! The attributes of a group, inside the write transaction (TS-0004 7.4.13.2.1, 7.4.13.2.3).

use std::sync::Arc;

use dyad_core::request::{Call, path_here};
use dyad_core::resource::{Draft, Resource, Txn, resolve};
use dyad_protocol::{Failure, Object};
use serde_json::Value;

use super::examine::MIXED;
use super::forward;
use super::verdict::{self, Verdict, Verdicts, check_number};

/// Completes a new group.
pub(super) fn create(
    txn: &mut Txn<'_>,
    call: Option<&Call>,
    draft: &mut Draft,
    verdicts: &Verdicts,
) -> Result<(), Failure> {
    for (name, default) in [("mt", MIXED), ("csy", 1)] {
        if !draft.attributes.contains_key(name) {
            draft.set(name, default);
        }
    }
    check_specialization(draft)?;
    check_policies(txn, draft)?;
    complete_aggregation(txn, draft);
    let members = verdict::members(&draft.attributes).unwrap_or_default();
    check_number(txn.cse(), members.len(), draft.number("mnm"))?;
    let verdict = reached(txn, call, draft, verdicts, &members)?;
    take(draft, &verdict);
    Ok(())
}

/// Completes a changed group.
pub(super) fn update(
    txn: &mut Txn<'_>,
    call: Option<&Call>,
    old: &Arc<Resource>,
    draft: &mut Draft,
    modified: &Object,
    verdicts: &Verdicts,
) -> Result<(), Failure> {
    if modified.contains_key("macp") {
        check_policies(txn, draft)?;
    }
    if modified.contains_key("nar") {
        complete_aggregation(txn, draft);
    }
    if modified.contains_key("mid") {
        let members = verdict::members(&draft.attributes).unwrap_or_default();
        // Members that this function took out of the group are no news to it.
        if call.is_none() {
            draft.set("cnm", members.len());
            return forward::adapt(txn, old, &draft.attributes);
        }
        check_number(txn.cse(), members.len(), draft.number("mnm"))?;
        let verdict = reached(txn, call, draft, verdicts, &members)?;
        take(draft, &verdict);
    } else if modified.contains_key("mnm") {
        let count = usize::try_from(old.number("cnm").unwrap_or(0)).unwrap_or(usize::MAX);
        check_number(txn.cse(), count, draft.number("mnm"))?;
    }
    match modified.contains_key("mid") || modified.contains_key("nar") {
        true => forward::adapt(txn, old, &draft.attributes),
        false => Ok(()),
    }
}

/// The verdict from before the transaction if it still fits, or one that is reached now.
fn reached(
    txn: &mut Txn<'_>,
    call: Option<&Call>,
    draft: &Draft,
    verdicts: &Verdicts,
    members: &[String],
) -> Result<Arc<Verdict>, Failure> {
    if let Some(verdict) = verdicts.of(call, &verdict::wanted(&draft.attributes)) {
        return Ok(verdict);
    }
    let (cse, now) = (txn.cse(), txn.now());
    verdict::judge(txn, cse, call, now, &draft.attributes, members).map(Arc::new)
}

fn take(draft: &mut Draft, verdict: &Verdict) {
    draft.set("mt", verdict.member_type);
    draft.set("cnm", verdict.members.len());
    draft.set("mid", verdict.members.as_slice());
    if let Some(validated) = verdict.validated {
        draft.set("mtv", validated);
    }
}

/// BAD_REQUEST for a specialisation of types that have none (TS-0001 Table 9.6.13-2).
fn check_specialization(draft: &Draft) -> Result<(), Failure> {
    let has_some = matches!(draft.number("mt"), Some(13 | 28 | 10_013 | 10_028));
    if has_some || !draft.attributes.contains_key("spty") {
        return Ok(());
    }
    Err(Failure::bad_request("spty goes with the member types (mt) mgmtObj and flexContainer alone"))
}

/// BAD_REQUEST for an entry of `macp` on this node that is no policy.
fn check_policies(txn: &mut Txn<'_>, draft: &Draft) -> Result<(), Failure> {
    let policies = draft.attributes.get("macp").and_then(Value::as_array).into_iter().flatten();
    for policy in policies.filter_map(Value::as_str) {
        let Some(path) = path_here(txn.cse(), policy)? else { continue };
        if resolve(txn, path)?.is_none_or(|found| found.ty() != 1) {
            return Err(Failure::bad_request(format!(
                "macp names {policy}, which is no accessControlPolicy"
            )));
        }
    }
    Ok(())
}

/// A notifyAggregation without a duration gets that of the node (TS-0004 Table 6.3.5.29-1).
fn complete_aggregation(txn: &Txn<'_>, draft: &mut Draft) {
    let duration = forward::default_duration(txn.cse());
    if let Some(Value::Object(aggregation)) = draft.attributes.get_mut("nar")
        && !aggregation.contains_key("dur")
    {
        aggregation.insert("dur".into(), duration.into());
    }
}
