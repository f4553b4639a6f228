//! What the writer has changed and the readers do not see yet: one transaction that collects changes, and the one
//! before it, which is on its way to the disk.
//!
//! The committing thread has the writer's connection while it commits. What a procedure looks up meanwhile comes from
//! the two layers and, below them, from what is committed, on a connection of its own; only a scan waits for the
//! commit and goes on inside the open transaction.

use std::sync::Arc;

use crossbeam_channel::Receiver;
use dyad_protocol::Failure;

use super::commit::{Landing, Shipment};
use super::layer::{Changes, Layer};
use super::tree::Subscriptions;
use super::windows::Windows;
use super::{Id, Resource};
use crate::store::{ChangeSet, Connection, StoreError, Writer};

/// Numbers that are reserved in the store at a time: a crash loses at most so many.
const RESERVE: i64 = 1 << 16;

/// Name of the high-water mark of numbers in the store.
const HIGH_WATER: &str = "next_id";

/// Name of the note in the store that an instance has a name like those that the node assigns.
const NAMED_INSTANCES: &str = "named_instances";

/// The state of the writer thread.
pub(crate) struct Batch {
    pub(crate) windows: Windows,
    /// Reads what is committed.
    committed: Connection,
    /// Not here while it commits.
    writer: Option<Writer>,
    landings: Receiver<Landing>,
    /// What came of the last commit, until it is asked for.
    landed: Option<Result<(), StoreError>>,
    current: Layer,
    under_way: Option<Layer>,
    settled: Vec<i64>,
    next_id: Id,
    reserved: Id,
    named_instances: bool,
    meta: Vec<(String, String)>,
}

impl Batch {
    /// The state at start; `landings` is where the connection comes back from the committing thread. Internal failure
    /// if the store does not answer.
    pub(crate) fn new(
        mut writer: Writer,
        committed: Connection,
        landings: Receiver<Landing>,
    ) -> Result<Self, Failure> {
        let reserved = writer.meta(HIGH_WATER).map_err(Failure::internal)?;
        let next_id = reserved.and_then(|text| text.parse().ok()).unwrap_or(crate::CSE_BASE + 1);
        let named_instances = writer.meta(NAMED_INSTANCES).map_err(Failure::internal)?.is_some();
        Ok(Self {
            windows: Windows::default(),
            committed,
            writer: Some(writer),
            landings,
            landed: None,
            current: Layer::default(),
            under_way: None,
            settled: Vec::new(),
            next_id,
            reserved: next_id,
            named_instances,
            meta: Vec::new(),
        })
    }

    /// A number that was never used.
    pub(crate) fn next_id(&mut self) -> Id {
        let id = self.next_id;
        self.next_id += 1;
        if self.next_id > self.reserved {
            self.reserved = self.next_id + RESERVE;
            self.meta.push((HIGH_WATER.to_owned(), self.reserved.to_string()));
        }
        id
    }

    /// Whether an instance ever had a name like those that the node assigns.
    pub(crate) fn has_named_instances(&self) -> bool {
        self.named_instances
    }

    /// An instance gets a name like those that the node assigns.
    pub(crate) fn note_named_instance(&mut self) {
        if !std::mem::replace(&mut self.named_instances, true) {
            self.meta.push((NAMED_INSTANCES.to_owned(), "yes".to_owned()));
        }
    }

    /// A resource that is newer here than what is committed: `Some(None)` if it is gone.
    pub(crate) fn get(&self, id: Id) -> Option<Option<&Arc<Resource>>> {
        self.layers().find_map(|layer| layer.get(id))
    }

    /// A child that was created under a given name.
    pub(crate) fn child_by_name(&self, parent: Id, name: &str) -> Option<Id> {
        self.layers().find_map(|layer| layer.child_by_name(parent, name))
    }

    /// A resource that was created with a resource ID of its own.
    pub(crate) fn by_ri(&self, ri: &str) -> Option<Id> {
        self.layers().find_map(|layer| layer.by_ri(ri))
    }

    /// The subscriptions of a resource, if they changed.
    pub(crate) fn subscriptions(&self, parent: Id) -> Option<&Subscriptions> {
        self.layers().find_map(|layer| layer.subscriptions(parent))
    }

    /// The newer layer first.
    fn layers(&self) -> impl Iterator<Item = &Layer> {
        std::iter::once(&self.current).chain(&self.under_way)
    }

    /// Notifications that were delivered: their rows go with the next transaction.
    pub(crate) fn settle(&mut self, seqs: Vec<i64>) {
        self.settled.extend(seqs);
    }

    /// Takes over the changes of a job that succeeded.
    pub(crate) fn merge(&mut self, changes: Changes) {
        self.current.merge(changes);
    }

    /// The version that a put replaces; must be called before the first put of a stored resource.
    pub(crate) fn remember(&mut self, stored: &Arc<Resource>) {
        self.current.remember(stored);
    }

    /// The connection with every change written into its open transaction, for scans. Waits for the commit that is
    /// under way.
    pub(crate) fn flushed(&mut self) -> Result<&mut Writer, StoreError> {
        self.recall();
        if let Some(Err(error)) = &self.landed {
            return Err(StoreError::Query(format!("the commit before this one failed: {error}").into()));
        }
        let set = self.take_changes();
        let writer = self.writer.as_mut().ok_or_else(lost)?;
        if !writer.is_open() {
            writer.begin()?;
        }
        if !set.is_empty() {
            writer.apply(&set)?;
        }
        Ok(writer)
    }

    /// The connection for what no layer knows: inside the transaction if one is open here, else on what is committed.
    pub(crate) fn below(&mut self) -> &mut Connection {
        match &mut self.writer {
            Some(writer) if writer.is_open() => writer,
            _ => &mut self.committed,
        }
    }

    /// Starts a transaction that empties the store, and forgets everything.
    pub(crate) fn clear(&mut self) -> Result<(), StoreError> {
        self.discard();
        let writer = self.writer.as_mut().ok_or_else(lost)?;
        writer.begin()?;
        writer.clear()
    }

    /// Commits on this thread, and gives the layer to publish.
    pub(crate) fn commit(&mut self) -> Result<Layer, StoreError> {
        self.flushed()?.commit()?;
        Ok(std::mem::take(&mut self.current))
    }

    /// Whether a commit is under way.
    pub(crate) fn is_away(&self) -> bool {
        self.writer.is_none()
    }

    /// Waits until the connection is back.
    pub(crate) fn recall(&mut self) {
        if self.is_away() {
            match self.landings.recv() {
                Ok(landing) => self.land(landing),
                Err(_) => self.landed = Some(Err(lost())),
            }
        }
    }

    /// The connection is back.
    pub(crate) fn land(&mut self, landing: Landing) {
        self.writer = Some(landing.writer);
        self.landed = Some(landing.outcome);
    }

    /// What came of the last commit, once: on success the layer to publish.
    pub(crate) fn take_landed(&mut self) -> Option<Result<Layer, StoreError>> {
        match self.landed.take()? {
            Ok(()) => Some(Ok(self.under_way.take().unwrap_or_default())),
            Err(error) => Some(Err(error)),
        }
    }

    fn take_changes(&mut self) -> ChangeSet {
        let mut set = self.current.take_changes();
        set.settle = std::mem::take(&mut self.settled);
        self.current.settled.extend_from_slice(&set.settle);
        set.meta = std::mem::take(&mut self.meta);
        set
    }

    /// Hands the transaction and the connection to the committing thread: what changes from here on is in the next
    /// one. `None` if the connection is not here or there is nothing to commit.
    pub(crate) fn ship(&mut self) -> Option<Shipment> {
        let writer = self.writer.take()?;
        let set = self.take_changes();
        if set.is_empty() && !writer.is_open() {
            self.writer = Some(writer);
            return None;
        }
        self.under_way = Some(std::mem::take(&mut self.current));
        Some(Shipment { writer, set })
    }

    /// After a failure: forgets everything that did not come to pass, with the transaction taken back. Numbers stay
    /// used.
    pub(crate) fn discard(&mut self) {
        self.recall();
        self.landed = None;
        for layer in [Some(std::mem::take(&mut self.current)), self.under_way.take()].into_iter().flatten() {
            self.settled.extend(layer.settled);
        }
        self.windows.clear();
        // The mark may not have reached the disk.
        self.meta = vec![(HIGH_WATER.to_owned(), self.reserved.to_string())];
        if self.named_instances {
            self.meta.push((NAMED_INSTANCES.to_owned(), "yes".to_owned()));
        }
        if let Some(Err(error)) = self.writer.as_mut().map(Writer::rollback) {
            tracing::error!(%error, "a transaction could not be taken back");
        }
    }
}

fn lost() -> StoreError {
    StoreError::Query("the committing thread is gone".into())
}
