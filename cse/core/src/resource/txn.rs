//! The write transaction as procedures and service functions see it.
//!
//! One job of the writer runs in one [`Txn`]: it reads the tree as the jobs before it left it, collects its own
//! changes, and either all of them come to pass or none. Nothing here can await.

mod alarms;
mod functions;
mod notices;
mod series;
mod trimming;

use std::sync::Arc;

use dyad_protocol::{Failure, Timestamp};
use rustc_hash::{FxHashMap, FxHashSet};

use self::trimming::aged;
use super::batch::Batch;
use super::layer::{Change, Changes};
use super::tree::Subscriptions;
use super::{Id, Latest, Lookup, Resource, Tree};
use crate::Cse;
use crate::function::Hook;
use crate::request::{Cause, remove_subtree};
use crate::subscription::SubscriptionList;

/// A write transaction.
pub struct Txn<'a> {
    cse: &'a Cse,
    batch: &'a mut Batch,
    now: Timestamp,
    changes: Changes,
    pending: FxHashMap<Id, Option<Arc<Resource>>>,
    windows: Vec<Id>,
    /// Subscriptions that are gone, by what they are below, as far as the lists still have them.
    unsubscribed: FxHashMap<Id, FxHashSet<Id>>,
    /// The place of the service function that is at work, and its hook.
    acting: Option<(usize, Hook)>,
    /// What is being removed, until it is gone.
    going: FxHashSet<Id>,
}

impl<'a> Txn<'a> {
    pub(crate) fn new(cse: &'a Cse, batch: &'a mut Batch, now: Timestamp) -> Self {
        Self {
            cse,
            batch,
            now,
            changes: Changes::default(),
            pending: FxHashMap::default(),
            windows: Vec::new(),
            unsubscribed: FxHashMap::default(),
            acting: None,
            going: FxHashSet::default(),
        }
    }

    /// The node.
    pub fn cse(&self) -> &'a Cse {
        self.cse
    }

    /// The moment of this transaction; later than that of every transaction before it.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// A number for a new resource.
    pub fn next_id(&mut self) -> Id {
        self.batch.next_id()
    }

    /// Whether an instance may have the name that the node would assign to another.
    pub(crate) fn has_named_instances(&self) -> bool {
        self.batch.has_named_instances()
    }

    /// An instance gets such a name.
    pub(crate) fn note_named_instance(&mut self) {
        self.batch.note_named_instance();
    }

    /// Adds a new resource.
    pub fn insert(&mut self, resource: Arc<Resource>) -> Result<(), Failure> {
        self.note_subscription(&resource, None)?;
        self.cse.expiry().note(resource.row().et);
        resource.learn_unsubscribed(true);
        if crate::types::is_instance(resource.ty())
            && self.batch.windows.append(resource.parent(), || aged(&resource))
        {
            self.windows.push(resource.parent());
        }
        self.pending.insert(resource.id(), Some(Arc::clone(&resource)));
        self.changes.changes.push(Change::Put(resource, true));
        Ok(())
    }

    /// Replaces a resource by its next version.
    pub fn update(&mut self, old: &Arc<Resource>, new: Arc<Resource>) -> Result<(), Failure> {
        // A version of this transaction is not what the database has.
        if !self.pending.contains_key(&old.id()) {
            self.batch.remember(old);
        }
        self.note_subscription(&new, Some(old))?;
        if new.row().et < old.row().et {
            self.cse.expiry().note(new.row().et);
        }
        new.learn_unsubscribed(old.is_unsubscribed());
        self.pending.insert(new.id(), Some(Arc::clone(&new)));
        self.changes.changes.push(Change::Put(new, false));
        Ok(())
    }

    /// Removes one resource; what is below it is left to the caller.
    pub fn remove(&mut self, old: &Arc<Resource>) -> Result<(), Failure> {
        if crate::types::is_instance(old.ty()) {
            self.forget_window(old.parent());
        }
        // Many may go at once.
        if old.ty() == 23 {
            self.unsubscribed.entry(old.parent()).or_default().insert(old.id());
        }
        if self.cse.alarms().concerns(old.row().ty) {
            self.clear_alarm(old.id())?;
        }
        self.pending.insert(old.id(), None);
        self.changes.changes.push(Change::Remove(old.id(), Some(Arc::clone(old))));
        Ok(())
    }

    /// A resource is about to be removed, and the functions are told. Whether that is news.
    pub(crate) fn is_to_go(&mut self, resource: Id) -> bool {
        self.going.insert(resource)
    }

    /// Whether a resource is being removed, alone or with others: it is still there while the functions are told.
    pub fn is_going(&self, resource: Id) -> bool {
        self.going.contains(&resource)
    }

    /// Removes a resource whose time is over with everything below it, ahead of the sweep: for what takes its place.
    pub fn remove_expired(&mut self, resource: &Arc<Resource>) -> Result<(), Failure> {
        remove_subtree(self, None, resource, Cause::Expired).map(|_| ())
    }

    /// Resources whose expiration time has passed.
    pub(crate) fn expired(&mut self, now: Timestamp, most: usize) -> Result<Vec<Id>, Failure> {
        let writer = self.batch.flushed().map_err(Failure::internal)?;
        writer.expired(now.micros() + 1, most).map_err(Failure::internal)
    }

    /// When the first of those expires that have not expired yet.
    pub(crate) fn next_expiration(&mut self, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
        let writer = self.batch.flushed().map_err(Failure::internal)?;
        let next = writer.next_expiration(now.micros() + 1).map_err(Failure::internal)?;
        Ok(next.map(Timestamp::from_micros))
    }

    /// Resources of a type after a number, in order of creation, at most `limit`: for types of which there are few.
    pub fn of_type(&mut self, ty: i32, after: Id, limit: usize) -> Result<Vec<Arc<Resource>>, Failure> {
        let writer = self.batch.flushed().map_err(Failure::internal)?;
        let ids = writer.by_type_created(ty, i64::MIN, i64::MAX, after, limit).map_err(Failure::internal)?;
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            found.extend(self.resource(id)?);
        }
        Ok(found)
    }

    /// Keeps the list of subscriptions of a parent current when one of them is new or changed.
    fn note_subscription(&mut self, new: &Arc<Resource>, old: Option<&Arc<Resource>>) -> Result<(), Failure> {
        if new.ty() != 23 {
            return Ok(());
        }
        let mut list: Vec<_> = self.subscriptions(new.parent())?.iter().cloned().collect();
        list.retain(|subscription| old.is_none_or(|old| subscription.id() != old.id()));
        list.push(Arc::clone(new));
        list.sort_unstable_by_key(|subscription| subscription.id());
        self.changes.subscriptions.push((new.parent(), SubscriptionList::new(list)));
        Ok(())
    }

    /// Takes subscriptions that are gone out of the list of a resource.
    fn unsubscribe(&mut self, parent: Id) -> Result<(), Failure> {
        let Some(gone) = self.unsubscribed.remove(&parent) else { return Ok(()) };
        let list = self.subscriptions(parent)?;
        let kept = list.iter().filter(|subscription| !gone.contains(&subscription.id())).cloned().collect();
        self.changes.subscriptions.push((parent, SubscriptionList::new(kept)));
        Ok(())
    }

    /// Makes the changes ready for the batch. Internal failure if the store does not answer.
    pub(crate) fn complete(&mut self) -> Result<(), Failure> {
        // What is gone itself needs no list.
        let is_gone = |parent: &&Id| matches!(self.pending.get(*parent), Some(None));
        let parents: Vec<Id> = self.unsubscribed.keys().filter(|id| !is_gone(id)).copied().collect();
        parents.into_iter().try_for_each(|parent| self.unsubscribe(parent))
    }

    /// Hands the changes over to the batch.
    pub(crate) fn succeed(self) {
        self.batch.merge(self.changes);
    }

    /// Forgets the changes.
    pub(crate) fn fail(self) {
        for container in self.windows {
            self.batch.windows.forget(container);
        }
    }
}

impl Lookup for Txn<'_> {
    fn tree(&self) -> &Tree {
        self.cse.tree()
    }

    fn resource(&mut self, id: Id) -> Result<Option<Arc<Resource>>, Failure> {
        if let Some(changed) = self.pending.get(&id) {
            return Ok(changed.clone());
        }
        if let Some(changed) = self.batch.get(id) {
            return Ok(changed.cloned());
        }
        let (tree, below) = (self.cse.tree(), self.batch.below());
        tree.get_or_load(id, || super::snapshot::load(tree, below, id))
    }

    fn child_by_name(&mut self, parent: Id, name: &str) -> Result<Option<Arc<Resource>>, Failure> {
        let id = match self.batch.child_by_name(parent, name) {
            Some(id) => Some(id),
            None => self.batch.below().id_by_name(parent, name).map_err(Failure::internal)?,
        };
        // The row may be removed by a change that is not committed yet.
        id.map_or(Ok(None), |id| self.resource(id))
    }

    fn by_ri(&mut self, ri: &str) -> Result<Option<Id>, Failure> {
        if let Some(id) = self.batch.by_ri(ri) {
            return Ok(Some(id));
        }
        let stored = self.batch.below().row_by_ri(ri).map_err(Failure::internal)?.map(|row| row.id);
        match stored {
            Some(id) if self.resource(id)?.is_some() => Ok(Some(id)),
            _ => Ok(None),
        }
    }

    fn children(
        &mut self,
        parent: Id,
        types: &[i32],
        after: Id,
        limit: usize,
    ) -> Result<Vec<Arc<Resource>>, Failure> {
        let writer = self.batch.flushed().map_err(Failure::internal)?;
        let (mut after, mut children) = (after, Vec::new());
        let types = super::snapshot::present(writer, parent, types)?;
        if types.is_empty() {
            return Ok(children);
        }
        loop {
            let rows =
                self.batch.below().children(parent, &types, after, limit).map_err(Failure::internal)?;
            let is_last = rows.len() < limit;
            for row in rows {
                after = row.id;
                // What this transaction removed is still in the database, and what it changed is older there.
                match self.pending.get(&row.id).map(Option::as_ref).or_else(|| self.batch.get(row.id)) {
                    Some(None) => {}
                    Some(Some(newer)) => children.push(Arc::clone(newer)),
                    None => children.push(self.cse.tree().revive(Arc::new(row))?),
                }
            }
            if is_last || children.len() >= limit {
                return Ok(children);
            }
        }
    }

    fn latest(&mut self, resource: &Arc<Resource>) -> Result<Option<Id>, Failure> {
        if let Latest::Known(latest) = resource.latest() {
            return Ok(latest);
        }
        let Some(ty) = crate::types::instance_type_of(resource) else { return Ok(None) };
        let writer = self.batch.flushed().map_err(Failure::internal)?;
        writer.newest(resource.id(), ty).map_err(Failure::internal)
    }

    fn oldest(&mut self, parent: Id, ty: i32) -> Result<Option<Id>, Failure> {
        let oldest = self.instances(parent, ty, 0, 1)?;
        Ok(oldest.first().map(|instance| instance.id))
    }

    fn subscriptions(&mut self, parent: Id) -> Result<Subscriptions, Failure> {
        if self.unsubscribed.contains_key(&parent) {
            self.unsubscribe(parent)?;
        }
        if let Some((_, list)) = self.changes.subscriptions.iter().rev().find(|(id, _)| *id == parent) {
            return Ok(Arc::clone(list));
        }
        if let Some(list) = self.batch.subscriptions(parent) {
            return Ok(Arc::clone(list));
        }
        let cached = self.cse.tree().subscriptions.get(&parent);
        if let Some(list) = cached {
            return Ok(list);
        }
        let tree = self.cse.tree();
        let bearer = self.resource(parent)?;
        if bearer.as_ref().is_some_and(|bearer| bearer.is_unsubscribed()) {
            return Ok(Arc::clone(&tree.nothing_subscribed));
        }
        // The layer knows of no change, so what is committed holds.
        let rows = self.batch.below().children(parent, &[23], 0, usize::MAX).map_err(Failure::internal)?;
        let list = rows.into_iter().map(|row| tree.revive(Arc::new(row))).collect::<Result<_, _>>()?;
        let list = SubscriptionList::new(list);
        match bearer {
            Some(bearer) if list.is_empty() => bearer.learn_unsubscribed(true),
            // What the writer reads outside its own changes is committed, so the readers may have it.
            _ => tree.subscriptions.insert(parent, Arc::clone(&list)),
        }
        Ok(list)
    }
}
