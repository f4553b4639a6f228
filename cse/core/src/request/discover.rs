//! Finding what is below a resource (TS-0004 7.3.3.14, 7.3.3.17): with an index where the filter criteria name a
//! label, an attribute or a type, by walking the subtree otherwise. The cost grows with what is found or with the
//! subtree, never with the tree.

use std::collections::VecDeque;
use std::sync::Arc;

use dyad_protocol::Failure;
use dyad_protocol::primitive::{FilterCriteria, FilterOperation};
use dyad_protocol::schema::TypeTable;
use serde_json::Value;

use super::filter::Filter;
use super::first::First;
use super::{Asker, filter};
use crate::Cse;
use crate::access;
use crate::resource::{Id, Lookup, Resource, Snapshot};

/// Rows that are read at a time.
const PAGE: usize = 500;

/// Resources that a walk visits before an index on types is tried instead.
const WALK: usize = 2_000;

/// Types that are looked for in the index on types, rather than by a walk.
const POSSIBLE_TYPES: usize = 8;

/// Candidates that an index may name before the walk is tried instead.
const CANDIDATES: usize = 200_000;

/// Descendants of a resource, in order of creation.
pub(super) struct Found {
    pub(super) resources: Vec<Arc<Resource>>,
    /// The offset at which the rest begins, if there is more.
    pub(super) next: Option<u64>,
}

/// The descendants that match, within the levels, the limit and the offset of the criteria, and for which the
/// asker has a privilege.
pub(super) fn descendants(
    cse: &Cse,
    asker: &Asker<'_>,
    look: &mut Snapshot<'_>,
    root: &Arc<Resource>,
    criteria: &Filter<'_>,
    operation: u8,
) -> Result<Found, Failure> {
    let skip =
        criteria.offset.map_or(0, |offset| usize::try_from(offset.saturating_sub(1)).unwrap_or(usize::MAX));
    let limit = criteria.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let limit = limit.min(cse.config().max_results);
    // One more tells whether there is more.
    let first = First::new(skip.saturating_add(limit).saturating_add(1));
    let mut search = Search { cse, asker, root, criteria, operation, first };
    match candidates(look, criteria)? {
        Some(ids) => search.among(look, ids)?,
        None => search.walk(look)?,
    }
    let mut resources = search.first.into_sorted();
    let mut rest = if skip >= resources.len() { Vec::new() } else { resources.split_off(skip) };
    let next = (rest.len() > limit).then(|| (skip + limit + 1) as u64);
    rest.truncate(limit);
    Ok(Found { resources: rest, next })
}

/// What an index says may match; `None` if no index applies.
fn candidates(look: &mut Snapshot<'_>, criteria: &Filter<'_>) -> Result<Option<Vec<Id>>, Failure> {
    // With OR and XOR a resource may match that the index does not name.
    if criteria.operation != FilterOperation::And {
        return Ok(None);
    }
    if let Some(described) = criteria.described() {
        return Ok(Some(described.iter().copied().collect()));
    }
    if !criteria.labels.is_empty() && criteria.labels.iter().all(|label| !label.contains('*')) {
        return labelled(look, &criteria.labels).map(Some);
    }
    if let Some(ids) = located(look, criteria)? {
        return Ok(Some(ids));
    }
    let instances_excluded = !criteria.resource_type.is_empty()
        && !criteria.resource_type.iter().any(|ty| crate::types::is_instance(*ty));
    for condition in &criteria.attribute {
        let alternatives: Vec<&Value> = criteria
            .attribute
            .iter()
            .filter(|other| other.name == condition.name)
            .map(|other| &other.value)
            .collect();
        let exact = alternatives.iter().all(|value| is_indexed(value));
        let covered = instances_excluded
            || ![4, 30].iter().any(|ty| {
                look.tree().schemas.by_number(*ty).is_some_and(|instance| instance.has(&condition.name))
            });
        if exact && covered && is_scalar(look, &condition.name) {
            return by_attribute(look, &condition.name, &alternatives).map(Some);
        }
    }
    Ok(None)
}

/// What is where a geo-query asks, by the boxes around the locations.
fn located(look: &mut Snapshot<'_>, criteria: &Filter<'_>) -> Result<Option<Vec<Id>>, Failure> {
    let Some(area) = criteria.area() else { return Ok(None) };
    let found = look.reader()?.by_bounds(area.lie(), area.bounds(), 0, CANDIDATES);
    Ok(Some(found.map_err(Failure::internal)?).filter(|ids| ids.len() < CANDIDATES))
}

/// Whether the attribute is in the index wherever a type has it.
fn is_scalar(look: &Snapshot<'_>, name: &str) -> bool {
    let not_permitted = dyad_protocol::schema::Presence::NotPermitted;
    let mut tables = look.tree().schemas.iter().filter_map(|table: &Arc<TypeTable>| table.attribute(name));
    matches!(name, "cr" | "aei" | "csi")
        || (!matches!(name, "et" | "rn" | "lbl")
            && tables.all(|attribute| !attribute.is_list && attribute.create != not_permitted))
}

fn is_indexed(value: &Value) -> bool {
    crate::resource::index_value(value)
        .is_some_and(|text| !text.contains('*') && text.len() <= crate::resource::INDEXED_VALUE)
}

fn labelled(look: &mut Snapshot<'_>, labels: &[String]) -> Result<Vec<Id>, Failure> {
    let mut ids = Vec::new();
    for label in labels {
        let bearers = match look.tree().labels.get(label) {
            Some(bearers) => bearers,
            None => bearers(look, label)?,
        };
        ids.extend(bearers.iter().copied());
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// The bearers of a label from the store. The writer forgets the label in memory after each change of it, which
/// also cancels a load that is under way.
fn bearers(look: &mut Snapshot<'_>, label: &str) -> Result<Arc<[Id]>, Failure> {
    let tree = look.lend_tree();
    let reader = look.reader()?;
    let mut load = || -> Result<Arc<[Id]>, Failure> {
        let found = reader.by_labels(&[label.to_owned()], 0, CANDIDATES).map_err(Failure::internal)?;
        Ok(found.into())
    };
    match tree.labels.get_value_or_guard(label, None) {
        quick_cache::sync::GuardResult::Value(ids) => Ok(ids),
        quick_cache::sync::GuardResult::Guard(guard) => {
            let ids = load()?;
            // Long lists would crowd out the rest.
            if ids.len() <= 1_000 {
                let _ = guard.insert(Arc::clone(&ids));
            }
            Ok(ids)
        }
        quick_cache::sync::GuardResult::Timeout => load(),
    }
}

fn by_attribute(look: &mut Snapshot<'_>, name: &str, values: &[&Value]) -> Result<Vec<Id>, Failure> {
    let mut ids = Vec::new();
    for value in values {
        let Some(text) = crate::resource::index_value(value) else { continue };
        ids.extend(look.reader()?.by_attribute(name, &text, 0, CANDIDATES).map_err(Failure::internal)?);
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// One search below a root.
struct Search<'a> {
    cse: &'a Cse,
    asker: &'a Asker<'a>,
    root: &'a Arc<Resource>,
    criteria: &'a Filter<'a>,
    operation: u8,
    first: First,
}

impl Search<'_> {
    /// Takes a resource if it matches and the asker may know of it.
    fn consider(&mut self, look: &mut Snapshot<'_>, resource: &Arc<Resource>) -> Result<(), Failure> {
        // What is parsed to be looked at once is not kept.
        let parsed = if resource.is_parsed() { Arc::clone(resource) } else { resource.compact() };
        if !filter::matches(look, &parsed, self.criteria)? {
            return Ok(());
        }
        if !self.permits(look, resource)? {
            return Ok(());
        }
        let Some(path) = &self.criteria.apply_relative_path else {
            self.first.add(Arc::clone(resource));
            return Ok(());
        };
        // Where the path leads the asker needs the privilege as well, and what has expired is not there.
        if let Some(reached) = follow(look, resource, path)?
            && !reached.is_expired(self.asker.now)
            && self.permits(look, &reached)?
        {
            self.first.add(reached);
        }
        Ok(())
    }

    /// Whether the asker may know of a resource.
    fn permits(&self, look: &mut Snapshot<'_>, resource: &Arc<Resource>) -> Result<bool, Failure> {
        // What cannot be retrieved alone is not retrieved with its container either (TS-0001 9.6.6 disableRetrieval).
        let is_visible = match self.operation {
            access::operation::RETRIEVE => crate::types::check_visible(look, resource),
            _ => Ok(()),
        };
        let permitted = is_visible
            .and_then(|()| access::authorize(look, self.cse, self.asker, resource, self.operation, None));
        match permitted {
            Ok(()) => Ok(true),
            Err(failure) if failure.source.is_none() => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Considers those of the candidates that are below the root, within the levels.
    fn among(&mut self, look: &mut Snapshot<'_>, ids: Vec<Id>) -> Result<(), Failure> {
        for id in ids {
            let Some(resource) = look.resource(id)? else { continue };
            if !resource.is_expired(self.asker.now)
                && is_below(look, &resource, self.root, self.criteria.level)?
            {
                self.consider(look, &resource)?;
            }
        }
        Ok(())
    }

    /// Considers everything below the root, level by level.
    fn walk(&mut self, look: &mut Snapshot<'_>) -> Result<(), Failure> {
        let mut by_type = possible_types(look, self.criteria);
        let types = match by_type {
            Some(_) => look.tree().with_children.clone(),
            None => walked_types(look, self.criteria),
        };
        let levels = self.criteria.level;
        let mut visited = 0;
        let mut parents = VecDeque::from([(self.root.id(), 1)]);
        while let Some((parent, level)) = parents.pop_front() {
            let mut after = 0;
            loop {
                let children = look.children(parent, &types, after, PAGE)?;
                visited += children.len();
                for child in children.iter().filter(|child| !child.is_expired(self.asker.now)) {
                    if levels.is_none_or(|most| level < most) && !crate::types::is_instance(child.ty()) {
                        parents.push_back((child.id(), level + 1));
                    }
                    self.consider(look, child)?;
                }
                match children.last() {
                    Some(last) if children.len() == PAGE => after = last.id(),
                    _ => break,
                }
                if visited > WALK
                    && let Some(types) = by_type.take()
                {
                    let ids = of_types(look, &types, self.criteria)?;
                    if ids.len() < CANDIDATES {
                        self.first.clear();
                        return self.among(look, ids);
                    }
                }
            }
        }
        Ok(())
    }
}

fn is_below(
    look: &mut Snapshot<'_>,
    resource: &Resource,
    root: &Resource,
    levels: Option<u32>,
) -> Result<bool, Failure> {
    let (mut parent, mut level) = (resource.parent(), 1);
    while parent != 0 && levels.is_none_or(|most| level <= most) {
        if parent == root.id() {
            return Ok(true);
        }
        parent = look.resource(parent)?.map_or(0, |above| above.parent());
        level += 1;
    }
    Ok(false)
}

/// The types that matches can have, if the criteria leave few: those that they name, or that have all attributes that
/// they name. None of them is one of instances, which are found through what they are instances of.
fn possible_types(look: &Snapshot<'_>, criteria: &FilterCriteria) -> Option<Vec<u32>> {
    if criteria.operation != FilterOperation::And {
        return None;
    }
    let schemas = &look.tree().schemas;
    let mut types = match (criteria.resource_type.as_slice(), criteria.attribute.as_slice()) {
        ([], []) => return None,
        ([], attributes) => {
            let has_all =
                |table: &&Arc<TypeTable>| attributes.iter().all(|condition| table.has(&condition.name));
            schemas.iter().filter(has_all).map(|table| table.number).collect()
        }
        (types, _) => types.to_vec(),
    };
    types.sort_unstable();
    types.dedup();
    let is_found = |ty: &u32| !crate::types::is_instance(*ty) && schemas.by_number(*ty).is_some();
    (types.len() <= POSSIBLE_TYPES && types.iter().all(is_found)).then_some(types)
}

/// What the index on types says may match.
fn of_types(look: &mut Snapshot<'_>, types: &[u32], criteria: &FilterCriteria) -> Result<Vec<Id>, Failure> {
    let mut ids = Vec::new();
    for ty in types {
        ids.extend(of_type(look, *ty, criteria)?);
    }
    ids.sort_unstable();
    Ok(ids)
}

fn of_type(look: &mut Snapshot<'_>, ty: u32, criteria: &FilterCriteria) -> Result<Vec<Id>, Failure> {
    let from = criteria.created_after.map_or(0, |at| at.micros());
    let to = criteria.created_before.map_or(i64::MAX, |at| at.micros());
    let ty = i32::try_from(ty).map_err(Failure::internal)?;
    look.reader()?.by_type_created(ty, from, to, 0, CANDIDATES).map_err(Failure::internal)
}

/// The types that a walk must visit: without instances if none can match.
fn walked_types(look: &Snapshot<'_>, criteria: &FilterCriteria) -> Vec<i32> {
    let and = criteria.operation == FilterOperation::And;
    if !and
        || criteria.resource_type.is_empty()
        || criteria.resource_type.iter().any(|ty| crate::types::is_instance(*ty))
    {
        return Vec::new();
    }
    look.tree().with_children.clone()
}

/// What a relative path from a match leads to, which takes the place of the match in the filtering result: limit and
/// offset count these (TS-0004 7.3.3.17.17, TS-0001 Table 8.1.2-2).
fn follow(
    look: &mut Snapshot<'_>,
    from: &Arc<Resource>,
    path: &str,
) -> Result<Option<Arc<Resource>>, Failure> {
    let mut current = Arc::clone(from);
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        match step(look, &current, segment)? {
            Some(next) => current = next,
            None => return Ok(None),
        }
    }
    Ok(Some(current))
}

fn step(
    look: &mut Snapshot<'_>,
    from: &Arc<Resource>,
    segment: &str,
) -> Result<Option<Arc<Resource>>, Failure> {
    let instance_type = crate::types::instance_type_of(from);
    let id = match (segment, instance_type) {
        (".", _) => return Ok(Some(Arc::clone(from))),
        ("..", _) => Some(from.parent()),
        ("la", Some(_)) => look.latest(from)?,
        ("ol", Some(ty)) => look.oldest(from.id(), ty)?,
        _ => return crate::resource::child(look, from, segment),
    };
    match id {
        Some(id) => look.resource(id),
        None => Ok(None),
    }
}
