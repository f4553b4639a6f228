//! Reading what is committed: from memory, and from the store where memory has nothing.

use std::sync::Arc;

use dyad_protocol::Failure;

use super::tree::Subscriptions;
use super::{Id, Latest, Lookup, Resource, Tree};
use crate::store::{Connection, Reader};
use crate::subscription::SubscriptionList;

/// A reader of the committed tree for one request. Takes a connection of the pool only when memory does not do.
pub struct Snapshot<'a> {
    tree: &'a Tree,
    reader: Option<Reader<'a>>,
    may_read: bool,
}

/// Marks a failure that means: memory does not have it, and this snapshot may not block.
#[derive(Debug)]
pub(crate) struct Cold;

impl std::fmt::Display for Cold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not in memory")
    }
}

impl std::error::Error for Cold {}

/// Whether a failure means that memory did not do.
pub(crate) fn is_cold(failure: &Failure) -> bool {
    failure.source.as_ref().is_some_and(|source| source.is::<Cold>())
}

impl<'a> Snapshot<'a> {
    /// A snapshot that may wait for the store.
    pub fn new(tree: &'a Tree) -> Self {
        Self { tree, reader: None, may_read: true }
    }

    /// A snapshot that fails with [`Cold`] where memory does not do, for callers that must not block.
    pub(crate) fn of_memory(tree: &'a Tree) -> Self {
        Self { tree, reader: None, may_read: tree.store.reads_inline() }
    }

    /// All resources of a type with the points in time when they were last modified, in microseconds since 1970. Costs as
    /// many rows as there are.
    pub fn versions(&mut self, ty: u32) -> Result<Vec<(Id, i64)>, Failure> {
        let ty = i32::try_from(ty).map_err(Failure::internal)?;
        self.reader()?.versions(ty).map_err(Failure::internal)
    }

    /// The tree, for as long as the snapshot may live.
    pub(crate) fn lend_tree(&self) -> &'a Tree {
        self.tree
    }

    /// A connection to the store.
    pub(crate) fn reader(&mut self) -> Result<&mut Reader<'a>, Failure> {
        if !self.may_read {
            return Err(Failure::internal(Cold));
        }
        if self.reader.is_none() {
            self.reader = Some(self.tree.store.reader().map_err(Failure::internal)?);
        }
        self.reader.as_mut().ok_or_else(|| Failure::internal("no connection"))
    }
}

/// Loads a resource from the store.
pub(crate) fn load(
    tree: &Tree,
    connection: &mut Connection,
    id: Id,
) -> Result<Option<Arc<Resource>>, Failure> {
    let Some(row) = connection.row(id).map_err(Failure::internal)? else { return Ok(None) };
    tree.revive(Arc::new(row)).map(Some)
}

/// Those of the types (all if empty) that a resource has children of: the store looks up each by itself.
pub(crate) fn present(connection: &mut Connection, parent: Id, types: &[i32]) -> Result<Vec<i32>, Failure> {
    if let [only] = types {
        return Ok(vec![*only]);
    }
    let mut present = connection.child_types(parent).map_err(Failure::internal)?;
    present.retain(|ty| types.is_empty() || types.contains(ty));
    Ok(present)
}

impl Lookup for Snapshot<'_> {
    fn tree(&self) -> &Tree {
        self.tree
    }

    fn resource(&mut self, id: Id) -> Result<Option<Arc<Resource>>, Failure> {
        if let Some(resource) = self.tree.get(id) {
            return Ok(Some(resource));
        }
        let tree = self.tree;
        let reader = self.reader()?;
        tree.get_or_load(id, || load(tree, reader, id))
    }

    fn child_by_name(&mut self, parent: Id, name: &str) -> Result<Option<Arc<Resource>>, Failure> {
        let tree = self.tree;
        let reader = self.reader()?;
        let epoch = tree.epoch();
        let Some(row) = reader.row_by_name(parent, name).map_err(Failure::internal)? else { return Ok(None) };
        let id = row.id;
        let mut row = Some(row);
        tree.get_or_load(id, || match row.take().filter(|_| tree.epoch() == epoch) {
            Some(row) => tree.revive(Arc::new(row)).map(Some),
            None => load(tree, reader, id),
        })
    }

    fn by_ri(&mut self, ri: &str) -> Result<Option<Id>, Failure> {
        Ok(self.reader()?.row_by_ri(ri).map_err(Failure::internal)?.map(|row| row.id))
    }

    fn children(
        &mut self,
        parent: Id,
        types: &[i32],
        after: Id,
        limit: usize,
    ) -> Result<Vec<Arc<Resource>>, Failure> {
        let reader = self.reader()?;
        let types = present(reader, parent, types)?;
        let rows = if types.is_empty() {
            Vec::new()
        } else {
            reader.children(parent, &types, after, limit).map_err(Failure::internal)?
        };
        // Rows that are scanned do not displace what is hot; versions in memory are at least as new.
        rows.into_iter()
            .map(|row| match self.tree.peek(row.id) {
                Some(resource) => Ok(resource),
                None => self.tree.revive(Arc::new(row)),
            })
            .collect()
    }

    fn latest(&mut self, resource: &Arc<Resource>) -> Result<Option<Id>, Failure> {
        if let Latest::Known(latest) = resource.latest() {
            return Ok(latest);
        }
        let Some(ty) = crate::types::instance_type_of(resource) else { return Ok(None) };
        let latest = self.reader()?.newest(resource.id(), ty).map_err(Failure::internal)?;
        resource.learn_latest(latest);
        Ok(latest)
    }

    fn oldest(&mut self, parent: Id, ty: i32) -> Result<Option<Id>, Failure> {
        let oldest = self.reader()?.oldest(parent, ty, 0, 1).map_err(Failure::internal)?;
        Ok(oldest.first().map(|instance| instance.id))
    }

    fn subscriptions(&mut self, parent: Id) -> Result<Subscriptions, Failure> {
        if let Some(subscriptions) = self.tree.subscriptions.get(&parent) {
            return Ok(subscriptions);
        }
        if self.tree.get(parent).is_some_and(|bearer| bearer.is_unsubscribed()) {
            return Ok(Arc::clone(&self.tree.nothing_subscribed));
        }
        Ok(SubscriptionList::new(self.children(parent, &[23], 0, usize::MAX)?))
    }
}
