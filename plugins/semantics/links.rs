//! What descriptors are linked to, and what addresses lead to descriptors (TS-0001 9.6.30, TS-0004 7.3.3.18.1, 7.3.3.18.2).
//!
//! A descriptor with `relatedSemantics` is asked together with what that lists. Without, the annotation
//! `resourceDescriptorLink` is followed wherever it stands, in descriptors that were reached by it too. Links to other nodes,
//! to what is not there, and to what the asker may not see lead nowhere.

use std::sync::Arc;

use dyad_core::request::{Asker, Target, Virtual, path_here};
use dyad_core::resource::{Id, Resource, Snapshot, View};
use dyad_core::{Cse, access};
use dyad_protocol::{Failure, Object};
use oxrdf::{Term, Triple};
use rustc_hash::FxHashSet;
use serde_json::Value;

use super::effort::step;
use super::graphs::Graphs;
use super::scope::may;
use super::{DESCRIPTOR, GROUP};

/// How far links are followed, and groups within groups.
const LEVELS: usize = 8;

/// Descriptors that are asked together with one that has links, itself included; links that are kept of one.
pub(super) const TOGETHER: usize = 100;

/// The local name of the annotation. Versions of the base ontology differ in what comes before it.
const ANNOTATION: &str = "resourceDescriptorLink";

/// The links of one descriptor.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// `rels`
    listed: Vec<String>,
    /// What annotations say.
    annotated: Vec<String>,
}

impl Links {
    /// Those of a descriptor.
    pub(super) fn of(attributes: &Object, triples: &[Triple]) -> Self {
        let listed = attributes.get("rels").and_then(Value::as_array).into_iter().flatten();
        let listed = listed.filter_map(Value::as_str).map(str::to_owned).take(TOGETHER).collect();
        let annotations = triples
            .iter()
            .filter(|triple| triple.predicate.as_str().rsplit(['#', '/', ':']).next() == Some(ANNOTATION));
        let annotated = annotations.filter_map(|triple| match &triple.object {
            Term::Literal(address) => Some(address.value().to_owned()),
            Term::NamedNode(address) => Some(address.as_str().to_owned()),
            Term::BlankNode(_) => None,
        });
        Self { listed, annotated: annotated.take(TOGETHER).collect() }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.listed.is_empty() && self.annotated.is_empty()
    }
}

/// Descriptors that somebody may see, found by their addresses.
pub(super) struct Reach<'a, 'b> {
    pub(super) cse: &'a Cse,
    pub(super) asker: &'a Asker<'a>,
    pub(super) look: &'a mut Snapshot<'b>,
    /// What the asker has to be allowed to do with them.
    pub(super) operation: u8,
}

impl Reach<'_, '_> {
    /// A descriptor with all that it is linked to.
    pub(super) fn together(&mut self, graphs: &Graphs, descriptor: Id) -> Result<Vec<Id>, Failure> {
        let mut found = Found { ids: vec![descriptor], seen: FxHashSet::default(), most: TOGETHER };
        found.seen.insert(descriptor);
        let Some(links) = graphs.links(descriptor) else { return Ok(found.ids) };
        if !links.listed.is_empty() {
            links.listed.iter().try_for_each(|address| self.follow(address, 1, &mut found))?;
            return Ok(found.ids);
        }
        let mut level = vec![descriptor];
        for _ in 0..LEVELS {
            let before = found.ids.len();
            for links in level.iter().filter_map(|id| graphs.links(*id)) {
                links.annotated.iter().try_for_each(|address| self.follow(address, 1, &mut found))?;
            }
            level = found.ids.get(before..).unwrap_or_default().to_vec();
            if level.is_empty() {
                break;
            }
        }
        Ok(found.ids)
    }

    /// The descriptors among the members of a group and of groups that are its members.
    pub(super) fn members(&mut self, group: &Resource) -> Result<Vec<Id>, Failure> {
        let mut found = Found { ids: Vec::new(), seen: FxHashSet::default(), most: usize::MAX };
        found.seen.insert(group.id());
        self.each_member(group, 1, &mut found)?;
        Ok(found.ids)
    }

    fn each_member(&mut self, group: &Resource, level: usize, found: &mut Found) -> Result<(), Failure> {
        let View::Group(members) = group.view() else { return Ok(()) };
        members.iter().try_for_each(|member| self.follow(member, level, found))
    }

    /// Takes what an address leads to: a descriptor, or the members of a group.
    fn follow(&mut self, address: &str, level: usize, found: &mut Found) -> Result<(), Failure> {
        step();
        if level > LEVELS || found.ids.len() >= found.most {
            return Ok(());
        }
        let Ok(Some(path)) = path_here(self.cse, address) else { return Ok(()) };
        let Target { resource, virtual_child } = match Target::at(self.look, path, self.asker.now) {
            Ok(target) => target,
            Err(failure) if failure.source.is_none() => return Ok(()),
            Err(failure) => return Err(failure),
        };
        let is_whole = match &virtual_child {
            None => true,
            // The members of a group within a group.
            Some(Virtual::Other { rest, .. }) => resource.ty() == GROUP && rest.is_empty(),
            Some(_) => false,
        };
        if !is_whole || !found.seen.insert(resource.id()) {
            return Ok(());
        }
        match resource.ty() {
            DESCRIPTOR if may(self.cse, self.asker, self.look, &resource, self.operation)? => {
                found.ids.push(resource.id());
                Ok(())
            }
            GROUP if self.may_ask_members(&resource)? => self.each_member(&resource, level + 1, found),
            _ => Ok(()),
        }
    }

    fn may_ask_members(&mut self, group: &Arc<Resource>) -> Result<bool, Failure> {
        match authorize_members(self.cse, self.asker, self.look, group, self.operation) {
            Ok(()) => Ok(!group.is_expired(self.asker.now)),
            Err(failure) if failure.source.is_none() => Ok(false),
            Err(failure) => Err(failure),
        }
    }
}

/// The right to ask the members of a group: by `macp`, or without it by the policies of the group (TS-0004 7.4.35.2.2).
pub(super) fn authorize_members(
    cse: &Cse,
    asker: &Asker<'_>,
    look: &mut Snapshot<'_>,
    group: &Arc<Resource>,
    operation: u8,
) -> Result<(), Failure> {
    match group.texts("macp").next().is_some() {
        true => access::authorize_by(look, cse, asker, group, "macp", operation, None),
        false => access::authorize(look, cse, asker, group, operation, None),
    }
}

/// What was found on the way.
struct Found {
    ids: Vec<Id>,
    seen: FxHashSet<Id>,
    most: usize,
}
