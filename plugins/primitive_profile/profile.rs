//! For whom and what a profile holds (`idl`, `ops`, `rsds`, `rvs`, `appl`; `rtys` where the type is known).

use std::sync::Arc;

use dyad_core::Cse;
use dyad_core::access::{authorize, matches_originator, operation};
use dyad_core::request::{Asker, Target, Virtual, path_here};
use dyad_core::resource::{Id, Lookup, Resource, path_of};
use dyad_protocol::primitive::ResourceType;
use dyad_protocol::{Failure, Operation, StatusCode, Timestamp};
use serde_json::Value;

/// The bits of `appl`: requests to the CSE.
pub(super) const REQUESTS: u64 = 1;
/// Responses from it.
pub(super) const RESPONSES: u64 = 2;
/// Notifications from it.
pub(super) const NOTIFICATIONS: u64 = 4;

/// Profiles that are looked at for one primitive; more of those that may concern it have no effect.
pub(super) const MOST: usize = 64;

/// The type of a profile.
pub(super) const PRIMITIVE_PROFILE: u32 = 62;

/// The type of the CSEBase.
const CSE_BASE: u32 = 5;

/// A primitive, as profiles look at it.
pub(super) struct Subject<'a> {
    /// Who sends the request or gets the notification.
    pub(super) asker: &'a Asker<'a>,
    /// `op`
    pub(super) operation: Operation,
    /// `rvi`
    pub(super) release: &'a str,
    /// What it is about, if that is on this node.
    pub(super) target: Option<&'a Target>,
}

/// The profiles of some numbers that are there.
pub(super) fn present(
    look: &mut impl Lookup,
    ids: &[Id],
    now: Timestamp,
) -> Result<Vec<Arc<Resource>>, Failure> {
    let mut found = Vec::new();
    for id in ids {
        if found.len() == MOST {
            break;
        }
        found.extend(look.resource(*id)?.filter(|profile| !profile.is_expired(now)));
    }
    Ok(found)
}

/// The bits that an entry of `appl` says; a number, or a text of one.
pub(super) fn applicability(entry: &Value) -> Option<u64> {
    match entry {
        Value::String(text) => text.parse().ok(),
        entry => entry.as_u64(),
    }
}

/// Whether a profile is for one of the kinds of primitives.
pub(super) fn is_for(profile: &Resource, kinds: u64) -> bool {
    let entries = list(profile, "appl");
    entries.is_empty() || entries.iter().filter_map(applicability).any(|bits| bits & kinds != 0)
}

/// Whether a profile is for a type of resources; for one that is not known, if it is for all.
pub(super) fn is_for_type(profile: &Resource, ty: Option<ResourceType>) -> bool {
    let types = list(profile, "rtys");
    types.is_empty() || ty.is_some_and(|ty| types.iter().any(|entry| entry.as_u64() == Some(ty.into())))
}

/// Whether a profile holds for a primitive, whatever its kind and type are.
pub(super) fn holds(
    look: &mut impl Lookup,
    cse: &Cse,
    profile: &Resource,
    subject: &Subject<'_>,
) -> Result<bool, Failure> {
    let operations = list(profile, "ops");
    let number = u64::from(subject.operation.number());
    if !operations.is_empty() && !operations.iter().any(|entry| entry.as_u64() == Some(number)) {
        return Ok(false);
    }
    let mut releases = profile.texts("rvs").peekable();
    if releases.peek().is_some() && !releases.any(|release| release == subject.release) {
        return Ok(false);
    }
    Ok(is_for_entity(look, cse, profile, subject.asker)? && is_for_target(look, cse, profile, subject)?)
}

/// Whether a profile is for an entity: below an entity for that one alone, below the CSEBase for those in `idl`.
fn is_for_entity(
    look: &mut impl Lookup,
    cse: &Cse,
    profile: &Resource,
    asker: &Asker<'_>,
) -> Result<bool, Failure> {
    let Some(parent) = look.resource(profile.parent())? else { return Ok(false) };
    if let Some(entity) = parent.entity() {
        return Ok(cse.config().shorten(&entity) == asker.id);
    }
    let forms = asker.forms(cse);
    let is_named = |entry: &str| entry == asker.id || matches_originator(entry, forms);
    if parent.ty() != CSE_BASE || !profile.texts("idl").any(is_named) {
        return Ok(false);
    }
    let Some(creator) = profile.originator() else { return Ok(true) };
    Ok(cse.config().shorten(creator) == asker.id || governs(look, cse, creator, &parent, asker.now)?)
}

/// Whether what somebody creates below the CSEBase is in force for others: everybody who is registered may create there, so
/// it takes the right to change the CSEBase.
pub(super) fn governs(
    look: &mut impl Lookup,
    cse: &Cse,
    creator: &str,
    base: &Arc<Resource>,
    now: Timestamp,
) -> Result<bool, Failure> {
    may(look, cse, &Asker::from_id(cse, creator, now, None, false), base, operation::UPDATE)
}

/// Whether somebody may do something with a resource.
pub(super) fn may(
    look: &mut impl Lookup,
    cse: &Cse,
    asker: &Asker<'_>,
    resource: &Arc<Resource>,
    operation: u8,
) -> Result<bool, Failure> {
    match authorize(look, cse, asker, resource, operation, None) {
        Ok(()) => Ok(true),
        Err(failure) if failure.rsc == StatusCode::OriginatorHasNoPrivilege => Ok(false),
        Err(failure) => Err(failure),
    }
}

fn is_for_target(
    look: &mut impl Lookup,
    cse: &Cse,
    profile: &Resource,
    subject: &Subject<'_>,
) -> Result<bool, Failure> {
    let mut entries = profile.texts("rsds").peekable();
    if entries.peek().is_none() {
        return Ok(true);
    }
    let Some(target) = subject.target else { return Ok(false) };
    for entry in entries {
        let entry = cse.config().shorten(entry);
        let is_it = match entry.strip_suffix('*') {
            Some(beginning) => path(look, cse, target)?.starts_with(&*structured(cse, beginning)),
            None => find(look, cse, entry, subject.asker)?.is_some_and(|found| {
                found.resource.id() == target.resource.id() && found.virtual_child == target.virtual_child
            }),
        };
        if is_it {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The structured address of a target.
fn path(look: &mut impl Lookup, cse: &Cse, target: &Target) -> Result<String, Failure> {
    let path = path_of(look, &target.resource)?;
    let path = match &target.virtual_child {
        Some(child) => format!("{path}/{child}"),
        None => path,
    };
    Ok(structured(cse, &path))
}

/// An address without its way of naming the CSEBase.
fn structured(cse: &Cse, path: &str) -> String {
    let name = &*cse.config().cse_name;
    match path.strip_prefix("-/").or_else(|| path.strip_prefix(name)?.strip_prefix('/')) {
        Some(rest) => format!("-/{rest}"),
        None => path.to_owned(),
    }
}

/// What an address in any form leads to; `None` if it is not on this node.
pub(super) fn find(
    look: &mut impl Lookup,
    cse: &Cse,
    address: &str,
    asker: &Asker<'_>,
) -> Result<Option<Target>, Failure> {
    let Ok(Some(path)) = path_here(cse, address) else { return Ok(None) };
    match Target::at(look, path, asker.now) {
        Ok(target) => Ok(Some(target)),
        Err(failure) if failure.rsc == StatusCode::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// The type of a target: that of the instances for the latest and the oldest one.
pub(super) fn type_of(target: &Target) -> ResourceType {
    match (&target.virtual_child, target.resource.ty()) {
        (Some(Virtual::Latest | Virtual::Oldest), 3) => 4,
        (Some(Virtual::Latest | Virtual::Oldest), 28) => 58,
        (Some(Virtual::Latest | Virtual::Oldest), 29) => 30,
        (_, ty) => ty,
    }
}

fn list<'a>(profile: &'a Resource, name: &str) -> &'a [Value] {
    profile.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
