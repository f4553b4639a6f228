//! What the writer has changed and not committed: the layer of changes above the database, the connection with its
//! transaction, and the numbers that are given out.

use std::sync::Arc;

use dyad_protocol::Failure;

use super::alarms::Remembered;
use super::layer::{Change, Changes, Layer};
use super::ledger::Ledger;
use super::series::Newest;
use super::tree::Subscriptions;
use super::windows::Windows;
use super::{Id, Resource};
use crate::store::{Alarm, GateRow, Settled, StoreError, Writer};

/// Numbers that are reserved in the store at a time: a crash loses at most so many.
const RESERVE: i64 = 1 << 16;

/// Name of the high-water mark of numbers in the store.
const HIGH_WATER: &str = "next_id";

/// Name of the note in the store that an instance has a name like those that the node assigns.
const NAMED_INSTANCES: &str = "named_instances";

/// The state of the writer thread.
pub(crate) struct Batch {
    pub(crate) windows: Windows,
    writer: Writer,
    layer: Layer,
    settled: Vec<Settled>,
    ledger: Ledger,
    alarms: Remembered,
    newest: Newest,
    next_id: Id,
    reserved: Id,
    named_instances: bool,
    meta: Vec<(String, String)>,
}

impl Batch {
    /// The state at start. Internal failure if the store does not answer.
    pub(crate) fn new(mut writer: Writer) -> Result<Self, Failure> {
        let reserved = writer.meta(HIGH_WATER).map_err(Failure::internal)?;
        let next_id = reserved.and_then(|text| text.parse().ok()).unwrap_or(crate::CSE_BASE + 1);
        let named_instances = writer.meta(NAMED_INSTANCES).map_err(Failure::internal)?.is_some();
        let ledger = Ledger::new(&mut writer).map_err(Failure::internal)?;
        Ok(Self {
            windows: Windows::default(),
            writer,
            layer: Layer::default(),
            settled: Vec::new(),
            ledger,
            alarms: Remembered::default(),
            newest: Newest::default(),
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

    /// A resource that changed: `Some(None)` if it is gone, `None` if nothing touched it.
    pub(crate) fn get(&self, id: Id) -> Option<Option<&Arc<Resource>>> {
        self.layer.get(id)
    }

    /// A child that was created under a given name.
    pub(crate) fn child_by_name(&self, parent: Id, name: &str) -> Option<Id> {
        self.layer.child_by_name(parent, name)
    }

    /// A resource that was created with a resource ID of its own.
    pub(crate) fn by_ri(&self, ri: &str) -> Option<Id> {
        self.layer.by_ri(ri)
    }

    /// The subscriptions of a resource, if they changed.
    pub(crate) fn subscriptions(&self, parent: Id) -> Option<&Subscriptions> {
        self.layer.subscriptions(parent)
    }

    /// The alarm of a resource.
    pub(crate) fn alarm(&mut self, resource: Id) -> Result<Option<Arc<Alarm>>, StoreError> {
        if let Some(alarm) = self.layer.alarms.get(resource).or_else(|| self.alarms.get(resource)) {
            return Ok(alarm.clone());
        }
        let alarm = self.writer.alarm(resource)?.map(Arc::new);
        self.alarms.note(resource, alarm.clone());
        Ok(alarm)
    }

    /// A point in time after which no data of a time series were made, as far as instances of it are there.
    pub(crate) fn newest_generated(&mut self, series: Id) -> Result<i64, StoreError> {
        if let Some(newest) = self.newest.get(series) {
            return Ok(newest);
        }
        let newest = self.flushed()?.newest_generated(series)?.unwrap_or(i64::MIN);
        self.newest.note(series, newest);
        Ok(newest)
    }

    /// Notifications that were delivered: their rows go with the next transaction.
    pub(crate) fn settle(&mut self, settled: Vec<Settled>) {
        self.settled.extend(settled);
    }

    /// What a subscription holds back.
    pub(crate) fn gate(&mut self, subscription: Id) -> Result<Option<Arc<GateRow>>, StoreError> {
        match self.layer.gate(subscription) {
            Some(row) => Ok(Some(Arc::clone(row)).filter(|row| !row.state.is_empty())),
            None => self.ledger.gate(&mut self.writer, subscription),
        }
    }

    /// Reads what subscriptions hold back ahead of being asked.
    pub(crate) fn read_gates(&mut self, subscriptions: &[Id]) -> Result<(), StoreError> {
        self.ledger.read(&mut self.writer, subscriptions)
    }

    /// How many events of a resource are not distributed.
    pub(crate) fn open_events(&self, parent: Id) -> usize {
        self.ledger.open_events(parent)
    }

    /// Whether any event is not distributed.
    pub(crate) fn has_open_events(&self) -> bool {
        self.ledger.has_open_events()
    }

    /// What the store remembers beside the tree under a name, as of the last commit.
    pub(crate) fn note(&mut self, name: &str) -> Result<Option<String>, StoreError> {
        self.writer.meta(name)
    }

    /// A subscription asks for more than changes.
    pub(crate) fn note_watched(&mut self) {
        if self.ledger.note_watched() {
            self.meta.extend(self.ledger.notes());
        }
    }

    /// Takes over the changes of a job that succeeded.
    pub(crate) fn merge(&mut self, mut changes: Changes) {
        self.meta.append(&mut changes.notes);
        self.ledger.merge(&changes.outgoing);
        self.alarms.note_all(&changes.alarms);
        for change in &changes.changes {
            if let Change::Put(resource, true) = change {
                self.newest.add(resource);
            }
        }
        self.layer.merge(changes);
    }

    /// The version that a put replaces; must be called before the first put of a stored resource.
    pub(crate) fn remember(&mut self, stored: &Arc<Resource>) {
        self.layer.remember(stored);
    }

    /// The connection, for what the layer does not know.
    pub(crate) fn below(&mut self) -> &mut Writer {
        &mut self.writer
    }

    /// The connection with every change written into its transaction, for scans.
    pub(crate) fn flushed(&mut self) -> Result<&mut Writer, StoreError> {
        let mut set = self.layer.take_changes();
        self.layer.settled.extend_from_slice(&self.settled);
        set.settle.append(&mut self.settled);
        set.meta = std::mem::take(&mut self.meta);
        if !set.is_empty() {
            self.writer.apply(&set)?;
        }
        Ok(&mut self.writer)
    }

    /// Starts a transaction.
    pub(crate) fn begin(&mut self) -> Result<(), StoreError> {
        self.writer.begin()
    }

    /// Starts a transaction that empties the store, and forgets everything.
    pub(crate) fn clear(&mut self) -> Result<(), StoreError> {
        self.discard();
        self.ledger.clear();
        self.writer.begin()?;
        self.writer.clear()
    }

    /// Ends the transaction, and gives the layer to publish.
    pub(crate) fn commit(&mut self) -> Result<Layer, StoreError> {
        self.flushed()?.commit()?;
        self.ledger.committed(&self.layer.outgoing);
        Ok(std::mem::take(&mut self.layer))
    }

    /// After a failure: takes the transaction back and forgets everything that did not come to pass. Numbers stay used.
    pub(crate) fn discard(&mut self) {
        let layer = std::mem::take(&mut self.layer);
        self.ledger.discard(&layer.outgoing);
        self.settled.extend(layer.settled);
        self.windows.clear();
        self.alarms.clear();
        self.newest.clear();
        // The mark may not have reached the disk.
        self.meta = vec![(HIGH_WATER.to_owned(), self.reserved.to_string())];
        if self.named_instances {
            self.meta.push((NAMED_INSTANCES.to_owned(), "yes".to_owned()));
        }
        self.meta.extend(self.ledger.notes());
        if let Err(error) = self.writer.rollback() {
            tracing::error!(%error, "a transaction could not be taken back");
        }
    }
}
