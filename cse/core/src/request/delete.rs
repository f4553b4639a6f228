//! DELETE (TS-0004 7.3.3.8): a resource goes with everything below it.

use std::sync::Arc;

use dyad_protocol::primitive::{ContentStatus, FilterCriteria};
use dyad_protocol::{Failure, Operation, Response, ResultContent, StatusCode, Timestamp};

use super::precondition;
use super::{Asker, Call, Outcome, Written, children, filter, shape, target};
use crate::Cse;
use crate::access::{self, operation};
use crate::function::{Change, Event};
use crate::resource::{Lookup, Resource, Snapshot, Txn};
use crate::types;

/// Why a resource is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A DELETE, of it or of something above it.
    Request,
    /// Its expiration time, or that of something above it.
    Expired,
    /// The node removed it on its own account.
    Internal,
}

/// First pass, on what is committed.
pub(super) fn authorize(cse: &Cse, call: &Call, snapshot: &mut Snapshot<'_>) -> Result<(), Failure> {
    check(cse, call, snapshot).map(|_| ())
}

fn check(cse: &Cse, call: &Call, look: &mut impl Lookup) -> Result<Arc<Resource>, Failure> {
    let target = target::find(cse, call, look)?;
    let resource = target.instance(look, call.now)?;
    // What nobody may do is refused before it is asked who wants to (Recv-1.0 of TS-0004 7.4.3.2.4).
    if !resource.table().allows(Operation::Delete) {
        return Err(Failure::not_allowed("the target cannot be deleted"));
    }
    let asker = Asker::new(cse, call);
    access::authorize(look, cse, &asker, &resource, operation::DELETE, None)?;
    types::check_visible(look, &resource)?;
    filter::check(look, cse, &resource, call.request.filter_criteria.as_deref())?;
    Ok(resource)
}

/// Carries out a DELETE in the write transaction.
pub(super) fn delete(txn: &mut Txn<'_>, call: &Call) -> Result<Written, Failure> {
    let cse = txn.cse();
    let resource = check(cse, call, txn)?;
    precondition::check(call, &resource)?;
    let mut response = Response::to(&call.request, StatusCode::Deleted);
    response.content = match call.request.result_content.unwrap_or(ResultContent::Nothing) {
        ResultContent::Nothing => None,
        ResultContent::Attributes => Some(shape::representation(&resource)),
        wanted => {
            let none = FilterCriteria::default();
            let criteria = call.request.filter_criteria.as_deref().unwrap_or(&none);
            let (below, is_cut) = below(txn, call, &resource, criteria)?;
            response.content_status = is_cut.then_some(ContentStatus::Partial);
            Some(children::content(call, txn, &resource, wanted, &below)?)
        }
    };
    let events = remove_subtree(txn, Some(call), &resource, Cause::Request)?;
    Ok(Written { outcome: Outcome::Answer(Box::new(response)), events })
}

/// Rows that are read at a time.
const PAGE: usize = 500;

/// What is below a resource, within the levels and the limit of the criteria, for the response; and whether there
/// is more.
fn below(
    txn: &mut Txn<'_>,
    call: &Call,
    root: &Arc<Resource>,
    criteria: &FilterCriteria,
) -> Result<(Vec<Arc<Resource>>, bool), Failure> {
    let cse = txn.cse();
    let asker = Asker::new(cse, call);
    let most = cse
        .config()
        .max_results
        .min(criteria.limit.and_then(|lim| usize::try_from(lim).ok()).unwrap_or(usize::MAX));
    let (mut found, mut parents) = (Vec::new(), vec![(root.id(), 1)]);
    while let Some((parent, level)) = parents.pop() {
        let mut after = 0;
        loop {
            let children = txn.children(parent, &[], after, PAGE)?;
            let last = children.last().map(|child| child.id());
            let is_full = children.len() >= PAGE;
            for child in children {
                if found.len() >= most {
                    return Ok((found, true));
                }
                if criteria.level.is_none_or(|levels| level < levels) && !types::is_instance(child.ty()) {
                    parents.push((child.id(), level + 1));
                }
                if types::check_visible(txn, &child).is_ok()
                    && access::authorize(txn, cse, &asker, &child, operation::RETRIEVE, None).is_ok()
                {
                    found.push(child);
                }
            }
            match last {
                Some(last) if is_full => after = last,
                _ => break,
            }
        }
    }
    found.sort_unstable_by_key(|resource| resource.id());
    Ok((found, false))
}

/// Removes a resource and everything below it, tells the service functions of each but instances, and adjusts the
/// parent.
pub(crate) fn remove_subtree(
    txn: &mut Txn<'_>,
    call: Option<&Call>,
    resource: &Arc<Resource>,
    cause: Cause,
) -> Result<Vec<Event>, Failure> {
    let cse = txn.cse();
    let mut doomed = Vec::new();
    let mut open = vec![Arc::clone(resource)];
    while let Some(current) = open.pop() {
        // What a function removes along with something else may be on its way out already.
        if !txn.is_to_go(current.id()) {
            continue;
        }
        if !types::is_instance(current.ty()) {
            if let Some(ty) = types::instance_type_of(&current) {
                remove_instances(txn, &current, ty)?;
            }
            let mut after = 0;
            loop {
                let children = txn.children(current.id(), &cse.tree().with_children, after, PAGE)?;
                let last = children.last().map(|child| child.id());
                let is_full = children.len() >= PAGE;
                open.extend(children);
                match last {
                    Some(last) if is_full => after = last,
                    _ => break,
                }
            }
        }
        doomed.push(current);
    }
    if doomed.is_empty() {
        return Ok(Vec::new());
    }
    let parent = txn.resource(resource.parent())?;
    let mut events = Vec::with_capacity(doomed.len());
    // The functions see the subtree whole, from the leaves up, before any of it goes.
    for old in doomed.iter().rev() {
        let parent = parent.as_ref().filter(|parent| parent.id() == old.parent());
        txn.tell_functions(&mut Change::Delete { call, old, parent, cause })?;
    }
    for old in doomed.into_iter().rev() {
        txn.remove(&old)?;
        events.push(Event { operation: Operation::Delete, resource: old });
    }
    if let Some(parent) = parent {
        types::removed(txn, &parent, resource, cause)?;
    }
    Ok(events)
}

/// Removes resources that have expired, at most so many, and notes when the next one does. Gives how many.
pub(crate) fn remove_expired(txn: &mut Txn<'_>, now: Timestamp, most: usize) -> Result<usize, Failure> {
    txn.cse().expiry().forget();
    let expired = txn.expired(now, most)?;
    for id in &expired {
        // One that was below another may be gone already.
        if let Some(resource) = txn.resource(*id)? {
            remove_subtree(txn, None, &resource, Cause::Expired)?;
        }
    }
    if let Some(next) = txn.next_expiration(now)? {
        txn.cse().expiry().note(next.micros());
    }
    Ok(expired.len())
}

/// Removes all instances below a resource without loading them.
fn remove_instances(txn: &mut Txn<'_>, container: &Arc<Resource>, ty: i32) -> Result<(), Failure> {
    let mut after = 0;
    loop {
        let instances = txn.instances(container.id(), ty, after, PAGE)?;
        for instance in &instances {
            txn.remove_instance(container.id(), instance)?;
        }
        match instances.last() {
            Some(last) if instances.len() == PAGE => after = last.id,
            _ => return Ok(()),
        }
    }
}
