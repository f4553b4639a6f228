//! Which members a request goes to: all, or those that it names (Group Request Target Members, TS-0004 7.4.14.2.4).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dyad_core::Cse;
use dyad_core::request::path_here;
use dyad_core::resource::{Id, Lookup, Resource, View, forms, resolve};
use dyad_protocol::Failure;

use super::FAN_OUT_POINT;

/// How deep sub-groups are looked into.
const LEVELS: usize = 8;

/// Sub-groups that are looked into for one request.
const GROUPS: usize = 64;

/// The number of no resource.
const NOBODY: Id = 0;

/// Members of a group by their positions.
#[derive(Debug)]
pub(super) enum Selection {
    /// All of them.
    All,
    /// These, and below those that are sub-groups the members that are named; all for an empty list.
    Some(BTreeMap<usize, BTreeSet<String>>),
}

impl Selection {
    /// The members that a request names. BAD_REQUEST if one of them is no member, of the group or of a sub-group on
    /// this node.
    pub(super) fn new(
        look: &mut impl Lookup,
        cse: &Cse,
        group: &Arc<Resource>,
        named: &[String],
    ) -> Result<Self, Failure> {
        if named.is_empty() {
            return Ok(Self::All);
        }
        let mut chosen: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        let mut whole = BTreeSet::new();
        for name in named {
            let forms = forms(look, cse, name)?;
            if let Some(position) = position(group, &forms) {
                whole.insert(position);
                chosen.entry(position).or_default();
                continue;
            }
            let below = sub_groups_with(look, cse, group, &forms)?;
            if below.is_empty() {
                return Err(Failure::bad_request(format!("{name} (grtm) is no member of the group")));
            }
            for position in below {
                chosen.entry(position).or_default().insert(name.clone());
            }
        }
        // A sub-group that is named itself is meant whole.
        for position in whole {
            chosen.insert(position, BTreeSet::new());
        }
        Ok(Self::Some(chosen))
    }

    /// How many members there are, of a group that has so many.
    pub(super) fn count(&self, of: usize) -> usize {
        match self {
            Self::All => of,
            Self::Some(chosen) => chosen.len(),
        }
    }

    /// The members, each with what it is to be asked for below it.
    pub(super) fn iter(&self, of: usize) -> Box<dyn Iterator<Item = (usize, Vec<String>)> + Send + '_> {
        match self {
            Self::All => Box::new((0..of).map(|position| (position, Vec::new()))),
            Self::Some(chosen) => {
                Box::new(chosen.iter().map(|(position, below)| (*position, below.iter().cloned().collect())))
            }
        }
    }
}

/// The position of a member that is written in one of these forms.
fn position(group: &Resource, forms: &[String]) -> Option<usize> {
    let View::Group(members) = group.view() else { return None };
    forms.iter().find_map(|form| members.position(form))
}

/// Whether a group has a member that is written in one of these forms, itself or in sub-groups.
pub(super) fn has_member(
    look: &mut impl Lookup,
    cse: &Cse,
    group: &Arc<Resource>,
    forms: &[String],
) -> Result<bool, Failure> {
    has_below(look, cse, NOBODY, Arc::clone(group), forms)
}

/// The positions of the sub-groups that have a member, themselves or below them.
fn sub_groups_with(
    look: &mut impl Lookup,
    cse: &Cse,
    group: &Arc<Resource>,
    forms: &[String],
) -> Result<Vec<usize>, Failure> {
    let View::Group(members) = group.view() else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for sub_group in members.sub_groups().take(GROUPS) {
        if let Some(start) = group_at(look, cse, sub_group)?
            && has_below(look, cse, group.id(), start, forms)?
            && let Some(position) = members.position(sub_group)
        {
            found.push(position);
        }
    }
    Ok(found)
}

fn has_below(
    look: &mut impl Lookup,
    cse: &Cse,
    but: Id,
    start: Arc<Resource>,
    forms: &[String],
) -> Result<bool, Failure> {
    let (mut open, mut seen): (_, Vec<Id>) = (vec![(start, 0)], vec![but]);
    while let Some((group, level)) = open.pop() {
        if seen.contains(&group.id()) || seen.len() >= GROUPS {
            continue;
        }
        seen.push(group.id());
        if position(&group, forms).is_some() {
            return Ok(true);
        }
        let View::Group(members) = group.view() else { continue };
        for sub_group in members.sub_groups().take(if level < LEVELS { GROUPS } else { 0 }) {
            open.extend(group_at(look, cse, sub_group)?.map(|group| (group, level + 1)));
        }
    }
    Ok(false)
}

/// The group on this node whose fanOutPoint a member is.
fn group_at(
    look: &mut impl Lookup,
    cse: &Cse,
    fan_out_point: &str,
) -> Result<Option<Arc<Resource>>, Failure> {
    let address = fan_out_point.strip_suffix(FAN_OUT_POINT).and_then(|group| group.strip_suffix('/'));
    let path = address.and_then(|address| path_here(cse, address).ok().flatten());
    match path {
        Some(path) => Ok(resolve(look, path)?.filter(|group| matches!(group.view(), View::Group(_)))),
        None => Ok(None),
    }
}
