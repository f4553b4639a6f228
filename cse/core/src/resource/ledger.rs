//! What the writer remembers of what is in the store about notifications: what subscriptions hold back, and which
//! resources have events that are not distributed.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Id;
use super::outgoing::Outgoing;
use crate::store::{Connection, GateRow, StoreError};

/// Gates that are remembered.
const GATES: usize = 20_000;

/// Name of the note in the store that a subscription asks for more than changes.
pub(crate) const WATCHED: &str = "watched";

/// What the writer remembers.
pub(super) struct Ledger {
    /// States of gates in the store, and that there is none.
    gates: FxHashMap<Id, Option<Arc<GateRow>>>,
    /// Whether there is any gate. What was once said stays.
    has_gates: bool,
    /// How many events of a resource are not distributed.
    open_events: FxHashMap<Id, usize>,
    watched: bool,
}

impl Ledger {
    /// What an earlier run of the node left.
    pub(super) fn new(connection: &mut Connection) -> Result<Self, StoreError> {
        let mut open_events = FxHashMap::default();
        for parent in connection.open_parents(usize::MAX)? {
            open_events.insert(parent, connection.open_events(parent, usize::MAX)?.len());
        }
        Ok(Self {
            gates: FxHashMap::default(),
            has_gates: connection.has_gates()?,
            open_events,
            watched: connection.meta(WATCHED)?.is_some(),
        })
    }

    /// Takes note of what a job did.
    pub(super) fn merge(&mut self, outgoing: &Outgoing) {
        for (parent, opened) in outgoing.open_events() {
            self.count(parent, opened);
        }
        self.has_gates |= outgoing.has_gates();
    }

    /// What a layer says of gates is in the store.
    pub(super) fn committed(&mut self, outgoing: &Outgoing) {
        for row in outgoing.changed_gates() {
            if let Some(known) = self.gates.get_mut(&row.subscription) {
                *known = Some(Arc::clone(row)).filter(|row| !row.state.is_empty());
            }
        }
    }

    /// What a layer says did not come to pass.
    pub(super) fn discard(&mut self, outgoing: &Outgoing) {
        for (parent, opened) in outgoing.open_events() {
            self.count(parent, !opened);
        }
        self.gates.clear();
    }

    /// The store was emptied.
    pub(super) fn clear(&mut self) {
        self.open_events.clear();
        self.gates.clear();
    }

    fn count(&mut self, parent: Id, opened: bool) {
        let count = self.open_events.entry(parent).or_default();
        *count = if opened { *count + 1 } else { count.saturating_sub(1) };
        if *count == 0 {
            self.open_events.remove(&parent);
        }
    }

    /// What a subscription holds back, where no layer says so.
    pub(super) fn gate(
        &mut self,
        connection: &mut Connection,
        subscription: Id,
    ) -> Result<Option<Arc<GateRow>>, StoreError> {
        self.read(connection, &[subscription])?;
        Ok(self.gates.get(&subscription).cloned().flatten())
    }

    /// Reads what subscriptions hold back, in one query.
    pub(super) fn read(
        &mut self,
        connection: &mut Connection,
        subscriptions: &[Id],
    ) -> Result<(), StoreError> {
        if !self.has_gates {
            return Ok(());
        }
        let is_unknown = |id: &Id| !self.gates.contains_key(id);
        let unknown: Vec<Id> = subscriptions.iter().copied().filter(is_unknown).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        if self.gates.len() + unknown.len() > GATES {
            self.gates.clear();
        }
        let rows = connection.gates(&unknown)?;
        self.gates.extend(unknown.into_iter().map(|id| (id, None)));
        self.gates.extend(rows.into_iter().map(|row| (row.subscription, Some(Arc::new(row)))));
        Ok(())
    }

    /// How many events of a resource are not distributed.
    pub(super) fn open_events(&self, parent: Id) -> usize {
        self.open_events.get(&parent).copied().unwrap_or(0)
    }

    /// Whether any event is not distributed.
    pub(super) fn has_open_events(&self) -> bool {
        !self.open_events.is_empty()
    }

    /// A subscription asks for more than changes. Whether that is new.
    pub(super) fn note_watched(&mut self) -> bool {
        !std::mem::replace(&mut self.watched, true)
    }

    /// What the store has to know after a failure.
    pub(super) fn notes(&self) -> Option<(String, String)> {
        self.watched.then(|| (WATCHED.to_owned(), "yes".to_owned()))
    }
}
