//! The verdict on the members of a new or changed group (TS-0004 7.4.13.2.1, 7.4.13.2.3).
//!
//! Members are looked at before the write transaction, page by page: a hundred thousand would hold up everybody else in
//! it. What is found out stays right until then, for a resource never changes its type; whether it is still there is
//! as open afterwards.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use dyad_core::Cse;
use dyad_core::request::{Asker, Call, Target};
use dyad_core::resource::Lookup;
use dyad_protocol::{Failure, Object, Operation, StatusCode, Timestamp};
use serde_json::Value;

use super::ROOT;
use super::examine::{Finding, Fit, MIXED, Wanted, examine};
use super::{MAX_MEMBERS, NAME};

/// Members that are looked at in one go.
const PAGE: usize = 500;

/// consistencyStrategy (TS-0004 6.3.4.2.12).
const ABANDON_MEMBER: u64 = 1;
const ABANDON_GROUP: u64 = 2;

/// What the members of a group come to.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    /// What it rests on.
    pub(super) wanted: Wanted,
    /// `mid`, without duplicates and abandoned members.
    pub(super) members: Vec<String>,
    /// `mt`, which SET_MIXED changes.
    pub(super) member_type: u64,
    /// `mtv`; `None` for a group that is mixed by its originator's wish.
    pub(super) validated: Option<bool>,
}

/// Verdicts on requests whose transaction is yet to come.
#[derive(Debug, Default)]
pub(super) struct Verdicts(Mutex<Vec<(Weak<Call>, Arc<Verdict>)>>);

impl Verdicts {
    /// Reaches the verdict on a request, if it names members.
    pub(super) async fn prepare(&self, cse: &Cse, call: &Arc<Call>, target: &Target) -> Result<(), Failure> {
        let Some(sent) = attributes(call) else { return Ok(()) };
        let Some(members) = members(sent) else { return Ok(()) };
        let (wanted, strategy, most) = match call.request.operation {
            Operation::Create => (wanted(sent), strategy(sent), sent.get("mnm")),
            _ => {
                let group = target.resource.attributes();
                (wanted(group), strategy(group), sent.get("mnm").or_else(|| group.get("mnm")))
            }
        };
        check_number(cse, members.len(), most.and_then(Value::as_u64))?;
        let members: Arc<[String]> = members.into();
        let mut findings = Vec::with_capacity(members.len());
        while findings.len() < members.len() {
            let (from, call, members, wanted) =
                (findings.len(), Arc::clone(call), Arc::clone(&members), wanted.clone());
            let page = cse.look(move |cse, look| {
                let asker = Asker::new(cse, &call);
                let page = members.iter().skip(from).take(PAGE);
                page.map(|member| examine(look, cse, Some(&asker), call.now, &wanted, member)).collect()
            });
            let page: Vec<Finding> = page.await?;
            findings.extend(page);
            tokio::task::yield_now().await;
        }
        let verdict = conclude(&members, &findings, wanted, strategy)?;
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those of requests that are over, with or without a transaction.
        pending.retain(|(call, _)| call.strong_count() > 0);
        pending.push((Arc::downgrade(call), Arc::new(verdict)));
        Ok(())
    }

    /// The verdict on a request, if it was reached for the same type.
    pub(super) fn of(&self, call: Option<&Call>, wanted: &Wanted) -> Option<Arc<Verdict>> {
        let call = call?;
        let pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found =
            pending.iter().find(|(weak, _)| weak.strong_count() > 0 && std::ptr::eq(weak.as_ptr(), call));
        found.map(|(_, verdict)| Arc::clone(verdict)).filter(|verdict| verdict.wanted == *wanted)
    }
}

/// Reaches a verdict inside the transaction, where there is none from before it.
pub(super) fn judge(
    look: &mut impl Lookup,
    cse: &Cse,
    call: Option<&Call>,
    now: Timestamp,
    attributes: &Object,
    members: &[String],
) -> Result<Verdict, Failure> {
    let asker = call.map(|call| Asker::new(cse, call));
    let wanted = wanted(attributes);
    let findings: Result<Vec<_>, _> =
        members.iter().map(|member| examine(look, cse, asker.as_ref(), now, &wanted, member)).collect();
    conclude(members, &findings?, wanted, strategy(attributes))
}

/// Drops duplicates and deals with members that do not suit, as the consistencyStrategy says.
fn conclude(
    members: &[String],
    findings: &[Finding],
    wanted: Wanted,
    strategy: u64,
) -> Result<Verdict, Failure> {
    let mut seen = HashSet::with_capacity(members.len());
    let mut kept: Vec<(&String, Fit)> = members
        .iter()
        .zip(findings)
        .filter(|(_, finding)| seen.insert(&finding.identity))
        .map(|(member, finding)| (member, finding.fit))
        .collect();
    let mut member_type = wanted.member_type;
    let all_known = |kept: &[(&String, Fit)]| kept.iter().all(|(_, fit)| *fit != Fit::Unknown);
    let validated = match kept.iter().any(|(_, fit)| *fit == Fit::Differs) {
        _ if member_type == MIXED => None,
        false => Some(all_known(&kept)),
        true if strategy == ABANDON_MEMBER => {
            kept.retain(|(_, fit)| *fit != Fit::Differs);
            Some(all_known(&kept))
        }
        true if strategy == ABANDON_GROUP => {
            return Err(Failure::new(
                StatusCode::GroupMemberTypeInconsistent,
                "members are not of the type of the group (mt, spty), or not there",
            ));
        }
        true => {
            member_type = MIXED;
            Some(true)
        }
    };
    let members = kept.into_iter().map(|(member, _)| member.clone()).collect();
    Ok(Verdict { wanted, members, member_type, validated })
}

/// MAX_NUMBER_OF_MEMBER_EXCEEDED for more members than the group, or this node, may have.
pub(super) fn check_number(cse: &Cse, count: usize, most: Option<u64>) -> Result<(), Failure> {
    let most = most.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
    if count <= most.min(cse.settings(NAME).count(MAX_MEMBERS.name)) {
        return Ok(());
    }
    Err(Failure::new(
        StatusCode::MaxNumberOfMemberExceeded,
        format!("{count} members are more than the group may have"),
    ))
}

/// What the members of a group have to be, by its attributes.
pub(super) fn wanted(attributes: &Object) -> Wanted {
    Wanted {
        member_type: attributes.get("mt").and_then(Value::as_u64).unwrap_or(MIXED),
        specialization: attributes.get("spty").cloned(),
    }
}

fn strategy(attributes: &Object) -> u64 {
    attributes.get("csy").and_then(Value::as_u64).unwrap_or(ABANDON_MEMBER)
}

/// The member IDs that attributes name.
pub(super) fn members(attributes: &Object) -> Option<Vec<String>> {
    let list = attributes.get("mid")?.as_array()?;
    Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// The attributes of the group that a request carries.
fn attributes(call: &Call) -> Option<&Object> {
    call.request.content.as_ref()?.value().get(ROOT)?.as_object()
}
