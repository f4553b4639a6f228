//! The hot part of the tree in memory, bounded, with the store behind it; and finding one's way in it.
//!
//! Coherence: the writer publishes versions after the commit with plain inserts and removals, which cancel a load
//! that a reader has under way for the same key; so an old version never replaces a newer one.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dyad_protocol::Failure;
use dyad_protocol::schema::Schemas;
use quick_cache::Weighter;
use quick_cache::sync::{Cache, EntryAction, GuardResult};

use super::parsed::Parsed;
use super::watchers::Watchers;
use super::{Id, Resource, names};
use crate::store::{Row, Store};
use crate::subscription::SubscriptionList;

#[derive(Clone)]
pub(crate) struct ByBytes;

impl Weighter<Id, Arc<Resource>> for ByBytes {
    fn weight(&self, _: &Id, resource: &Arc<Resource>) -> u64 {
        resource.weight()
    }
}

/// Bytes of the bound on resources for which a path is remembered, which costs 50 more.
const PER_PATH: u64 = 512;

/// What part of the bound is for attributes that are parsed, of resources that are in memory anyhow.
const PARSED_PART: u64 = 16;

/// Parents whose subscriptions are remembered; those without know it themselves.
const SUBSCRIBED: usize = 200_000;

/// Labels whose bearers are remembered.
const LABELS: usize = 50_000;

/// The subscriptions below one resource.
pub(crate) type Subscriptions = Arc<SubscriptionList>;

/// Resources, paths and subscriptions in memory, and the store.
pub struct Tree {
    pub(crate) store: Store,
    pub(crate) schemas: Arc<Schemas>,
    resources: Cache<Id, Arc<Resource>, ByBytes>,
    parsed: Arc<Parsed>,
    pub(crate) subscriptions: Cache<Id, Subscriptions>,
    /// What a resource without subscriptions has.
    pub(crate) nothing_subscribed: Subscriptions,
    pub(crate) labels: Cache<String, Arc<[Id]>>,
    /// Numbers of all types but instances: what a walk visits when it looks for none.
    pub(crate) with_children: Vec<i32>,
    /// Names of the virtual resources that addresses may go through or end with, but `la` and `ol`.
    pub(crate) virtual_names: Vec<Box<str>>,
    /// Who is told of changes.
    pub(crate) watchers: Arc<Watchers>,
    /// Paths by their hash under a key that nobody knows: whoever finds a number checks the name.
    paths: Cache<u64, Id>,
    path_hash: RandomState,
    /// Counts the commits that were published.
    epoch: AtomicU64,
}

impl Tree {
    /// A tree over a store, with a bound in bytes on the resources in memory and all that is derived from them.
    pub fn new(store: Store, schemas: Arc<Schemas>, bytes: u64) -> Self {
        let mut with_children: Vec<i32> = schemas
            .iter()
            .filter(|table| !table.is_virtual && !crate::types::is_instance(table.number))
            .filter_map(|table| i32::try_from(table.number).ok())
            .collect();
        with_children.sort_unstable();
        with_children.dedup();
        let virtual_names = schemas
            .iter()
            .filter(|table| table.is_virtual)
            .filter_map(|table| table.root.rsplit(':').next())
            .filter(|name| !matches!(*name, "la" | "ol"))
            .map(Box::from)
            .collect();
        let for_parsed = bytes / PARSED_PART;
        let for_rows = bytes - for_parsed;
        Self {
            with_children,
            virtual_names,
            store,
            schemas,
            resources: Cache::with_weighter((bytes / 1024).max(1024) as usize, for_rows, ByBytes),
            parsed: Arc::new(Parsed::new(for_parsed)),
            subscriptions: Cache::new(SUBSCRIBED),
            nothing_subscribed: SubscriptionList::new(Vec::new()),
            labels: Cache::new(LABELS),
            watchers: Arc::default(),
            paths: Cache::new((bytes / PER_PATH).max(1024) as usize),
            path_hash: RandomState::new(),
            epoch: AtomicU64::new(0),
        }
    }

    /// Makes a resource from its row. A row of a type that no table describes any more is an internal failure.
    pub(crate) fn revive(&self, row: Arc<Row>) -> Result<Arc<Resource>, Failure> {
        let table = match &row.root {
            Some(root) => self.schemas.by_root(root),
            None => u32::try_from(row.ty).ok().and_then(|ty| self.schemas.by_number(ty)),
        };
        let Some(table) = table else {
            return Err(Failure::internal(format!(
                "resource {} is of type {} ({}), which no schema describes",
                row.id,
                row.ty,
                row.root.as_deref().unwrap_or("-")
            )));
        };
        Ok(Arc::new(Resource::new(row, Arc::clone(table))))
    }

    /// A resource from memory.
    pub(crate) fn get(&self, id: Id) -> Option<Arc<Resource>> {
        self.shrink();
        self.resources.get(&id)
    }

    /// The same without making it more likely to stay there.
    pub(crate) fn peek(&self, id: Id) -> Option<Arc<Resource>> {
        self.resources.peek(&id)
    }

    /// A resource from memory, or from `load` if it is not there.
    pub(crate) fn get_or_load(
        &self,
        id: Id,
        mut load: impl FnMut() -> Result<Option<Arc<Resource>>, Failure>,
    ) -> Result<Option<Arc<Resource>>, Failure> {
        self.shrink();
        match self.resources.get_value_or_guard(&id, None) {
            GuardResult::Value(resource) => Ok(Some(resource)),
            GuardResult::Guard(guard) => {
                let Some(resource) = load()? else { return Ok(None) };
                resource.count_in(&self.parsed);
                // Refused if the writer published or removed the resource in the meantime: then ask again.
                match guard.insert(Arc::clone(&resource)) {
                    Ok(()) => Ok(Some(resource)),
                    Err(_) => self.resources.get(&id).map_or_else(load, |resource| Ok(Some(resource))),
                }
            }
            GuardResult::Timeout => load(),
        }
    }

    /// Keeps a version that the writer publishes.
    pub(crate) fn keep(&self, id: Id, resource: Arc<Resource>) {
        resource.count_in(&self.parsed);
        self.resources.insert(id, resource);
    }

    /// Forgets a resource that is gone.
    pub(crate) fn forget(&self, id: Id) {
        self.resources.remove(&id);
        self.subscriptions.remove(&id);
    }

    /// A resource has subscriptions from here on.
    pub(crate) fn note_subscribed(&self, id: Id) {
        let mut told: Option<Arc<Resource>> = None;
        // A version that is made compact meanwhile has the mark of the one that it replaces from before or from after.
        while let Some(bearer) = self.peek(id) {
            if told.is_some_and(|told| Arc::ptr_eq(&told, &bearer)) {
                return;
            }
            bearer.learn_unsubscribed(false);
            told = Some(bearer);
        }
    }

    /// Makes resources compact again as long as what was derived from them takes more than it may.
    fn shrink(&self) {
        while let Some(id) = self.parsed.surplus() {
            if !self.resources.peek(&id).is_some_and(|resource| resource.is_swollen()) {
                continue;
            }
            let make_compact = |_: &Id, resource: &mut Arc<Resource>| {
                if resource.is_swollen() {
                    *resource = resource.compact();
                    resource.count_in(&self.parsed);
                }
                EntryAction::Retain(())
            };
            // Whoever has it under way need not be waited for.
            let _ = self.resources.entry(&id, Some(Duration::ZERO), make_compact);
        }
    }

    /// The subscriptions below a resource, if they are in memory.
    pub(crate) fn known_subscriptions(&self, parent: Id) -> Option<Subscriptions> {
        self.subscriptions.get(&parent)
    }

    /// Remembers a path. One that never comes to pass does no harm: its number leads nowhere, and it is forgotten.
    pub(crate) fn remember(&self, path: &str, id: Id) {
        self.paths.insert(self.path_hash.hash_one(path), id);
    }

    /// A commit is about to be published.
    pub(crate) fn advance(&self) {
        self.epoch.fetch_add(1, Ordering::Release);
    }

    /// Counts the commits that were published: a row that was read at one epoch may be out of date at the next.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Forgets everything, after the whole tree was replaced.
    pub(crate) fn clear(&self) {
        self.resources.clear();
        self.subscriptions.clear();
        self.labels.clear();
        self.paths.clear();
        self.watchers.wake_all();
    }
}

/// Reading the tree: on a snapshot of what is committed, or inside the write transaction.
pub trait Lookup {
    /// The tree.
    fn tree(&self) -> &Tree;

    /// A resource by its number.
    fn resource(&mut self, id: Id) -> Result<Option<Arc<Resource>>, Failure>;

    /// A child by a name that its originator gave.
    fn child_by_name(&mut self, parent: Id, name: &str) -> Result<Option<Arc<Resource>>, Failure>;

    /// A resource by a stored resource ID: the CSEBase, AEs.
    fn by_ri(&mut self, ri: &str) -> Result<Option<Id>, Failure>;

    /// Children with the given types (all if empty) after a number, in order of creation, at most `limit`.
    fn children(
        &mut self,
        parent: Id,
        types: &[i32],
        after: Id,
        limit: usize,
    ) -> Result<Vec<Arc<Resource>>, Failure>;

    /// The latest instance below a resource.
    fn latest(&mut self, resource: &Arc<Resource>) -> Result<Option<Id>, Failure>;

    /// The oldest instance of a type below a resource.
    fn oldest(&mut self, parent: Id, ty: i32) -> Result<Option<Id>, Failure>;

    /// The subscriptions below a resource.
    fn subscriptions(&mut self, parent: Id) -> Result<Subscriptions, Failure>;
}

/// The resource that a path on this node leads to: structured from the CSEBase (`cse-in/ae/cnt` or `-/ae/cnt`),
/// unstructured (`cnt7`), or hybrid (`cnt7/la`, without the virtual last segment). `None` if there is none.
pub fn resolve(look: &mut impl Lookup, path: &str) -> Result<Option<Arc<Resource>>, Failure> {
    let key = look.tree().path_hash.hash_one(path);
    if let Some(id) = look.tree().paths.get(&key) {
        // Numbers are never reused and names never change, so a remembered path is right or its resource is gone.
        if let Some(resource) = look.resource(id)?.filter(|resource| ends_in(path, resource)) {
            return Ok(Some(resource));
        }
        look.tree().paths.remove(&key);
    }
    let found = match path.rsplit_once('/') {
        None => first_segment(look, path)?,
        // The way to the parent is likely remembered; addresses have a bounded number of segments.
        Some((above, name)) => match resolve(look, above)? {
            Some(parent) => child(look, &parent, name)?,
            None => None,
        },
    };
    if let Some(found) = &found {
        look.tree().remember(path, found.id());
    }
    Ok(found)
}

/// Whether a path may lead to a resource by its last segment.
fn ends_in(path: &str, resource: &Resource) -> bool {
    let last = path.rsplit('/').next().unwrap_or(path);
    resource.name() == last || resource.ri() == last || last == "-"
}

fn first_segment(look: &mut impl Lookup, segment: &str) -> Result<Option<Arc<Resource>>, Failure> {
    let Some(base) = look.resource(crate::CSE_BASE)? else { return Ok(None) };
    if segment == "-" || segment == base.name() {
        return Ok(Some(base));
    }
    if let Some(id) = look.by_ri(segment)? {
        return look.resource(id);
    }
    let Some(id) = names::row_of(segment) else { return Ok(None) };
    Ok(look.resource(id)?.filter(|resource| resource.row().ri.is_none() && resource.ri() == segment))
}

/// A child by its name, whether given or assigned.
pub(crate) fn child(
    look: &mut impl Lookup,
    parent: &Resource,
    name: &str,
) -> Result<Option<Arc<Resource>>, Failure> {
    if let Some(child) = look.child_by_name(parent.id(), name)? {
        return Ok(Some(child));
    }
    let Some(id) = names::row_of(name) else { return Ok(None) };
    Ok(look
        .resource(id)?
        .filter(|child| child.parent() == parent.id() && child.row().rn.is_none() && child.name() == name))
}

/// The structured CSE-relative address of a resource, `cse-in/ae/cnt`.
pub fn path_of(look: &mut impl Lookup, resource: &Resource) -> Result<String, Failure> {
    let mut names = vec![resource.name().into_owned()];
    let mut parent = resource.parent();
    while parent != 0 {
        let Some(above) = look.resource(parent)? else { break };
        names.push(above.name().into_owned());
        parent = above.parent();
    }
    names.reverse();
    Ok(names.join("/"))
}
