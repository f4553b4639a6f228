//! The instances of what is trimmed in the order of their creation: the oldest of them, and how they go.

use dyad_protocol::Failure;

use super::Txn;
use crate::resource::layer::Change;
use crate::resource::{Counts, Id, Lookup, Resource};
use crate::store::{Aged, Purge};

impl Txn<'_> {
    /// The oldest instance of a container, read ahead.
    pub(crate) fn oldest_instance(&mut self, counts: &Counts, ty: i32) -> Result<Option<Aged>, Failure> {
        let container = counts.container;
        self.windows.push(container);
        if self.batch.windows.oldest(container).is_none() {
            self.read_ahead(counts, ty)?;
        }
        // What this job made is there to stay.
        let oldest = self.batch.windows.oldest(container);
        Ok(oldest.filter(|oldest| !self.pending.contains_key(&oldest.id)).copied())
    }

    /// Fills the window of a container.
    fn read_ahead(&mut self, counts: &Counts, ty: i32) -> Result<(), Failure> {
        let container = counts.container;
        if let Some(floor) = counts.floor
            && !self.batch.windows.has(container)
        {
            // Nobody has counted what is buried there.
            self.changes.changes.push(Change::Purge(Purge { parent: container, ty, floor }));
        }
        let after = self.batch.windows.after(container).unwrap_or(0);
        let reach = self.batch.windows.reach(container);
        let writer = self.batch.flushed().map_err(Failure::internal)?;
        let mut read = writer.oldest(container, ty, after, reach).map_err(Failure::internal)?;
        let is_whole = read.len() < reach;
        // What this transaction removed is still there.
        read.retain(|instance| !matches!(self.pending.get(&instance.id), Some(None)));
        let read = read.into_iter().map(|oldest| (oldest.id, oldest)).collect();
        self.batch.windows.extend(container, read, is_whole);
        // What it made is not there yet.
        for change in &self.changes.changes {
            if let Change::Put(instance, true) = change
                && instance.parent() == container
                && instance.row().ty == ty
            {
                self.batch.windows.append(container, || aged(instance));
            }
        }
        Ok(())
    }

    /// Trims the oldest instance of a container, without notice to anybody (TS-0004 7.4.7.2.1).
    pub(crate) fn trim(&mut self, container: Id, oldest: &Aged) -> Result<(), Failure> {
        let loaded = if oldest.is_indexed { self.resource(oldest.id)? } else { None };
        self.batch.windows.pop(container);
        self.pending.insert(oldest.id, None);
        self.changes.changes.push(Change::Remove(oldest.id, loaded));
        Ok(())
    }

    /// Trims the oldest instance of what is trimmed in the order of numbers. Its row may stay for a while, below the
    /// floor of the container.
    pub(crate) fn bury(&mut self, counts: &mut Counts, ty: i32, oldest: &Aged) -> Result<(), Failure> {
        let (container, floor) = (counts.container, oldest.id + 1);
        counts.floor = Some(floor);
        if oldest.is_indexed {
            return self.trim(container, oldest);
        }
        self.batch.windows.pop(container);
        self.pending.insert(oldest.id, None);
        self.changes.changes.push(Change::Bury(oldest.id));
        if self.batch.windows.bury(container) {
            self.changes.changes.push(Change::Purge(Purge { parent: container, ty, floor }));
        }
        Ok(())
    }

    /// Instances of a type below a resource after a number, in order of creation, without loading them.
    pub(crate) fn instances(
        &mut self,
        parent: Id,
        ty: i32,
        after: Id,
        limit: usize,
    ) -> Result<Vec<Aged>, Failure> {
        let writer = self.batch.flushed().map_err(Failure::internal)?;
        writer.oldest(parent, ty, after, limit).map_err(Failure::internal)
    }

    /// Removes an instance that was not loaded.
    pub(crate) fn remove_instance(&mut self, parent: Id, instance: &Aged) -> Result<(), Failure> {
        self.forget_window(parent);
        let loaded = if instance.is_indexed { self.resource(instance.id)? } else { None };
        self.pending.insert(instance.id, None);
        self.changes.changes.push(Change::Remove(instance.id, loaded));
        Ok(())
    }

    /// The latest instance of a type below a resource among those older than one.
    pub(crate) fn latest_before(&mut self, parent: Id, ty: i32, but: Id) -> Result<Option<Id>, Failure> {
        let writer = self.batch.flushed().map_err(Failure::internal)?;
        writer.newest_before(parent, ty, but).map_err(Failure::internal)
    }

    /// The instances of a container changed otherwise than by being added or trimmed.
    pub(super) fn forget_window(&mut self, container: Id) {
        self.batch.windows.forget(container);
    }
}

/// What trimming needs to know.
pub(super) fn aged(instance: &Resource) -> Aged {
    let row = instance.row();
    let is_indexed = row.rn.is_some() || instance.may_have("lbl") || instance.may_have("loc");
    Aged { id: row.id, cs: row.cs, et: row.et, ct: row.ct, is_indexed }
}
