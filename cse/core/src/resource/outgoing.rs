//! Notifications and what subscriptions hold back, between the transaction that made them and the store.
//!
//! What the rows mean is left to `subscription`, sending to `delivery`.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Id;
use crate::store::{ChangeSet, Event, GateRow, Owed, Progress, Settled};

/// A notification that is owed, with the event that it has its head from.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    pub(crate) owed: Arc<Owed>,
    /// `None` for one that is whole by itself, or whose event has to be looked up.
    pub(crate) event: Option<Arc<Event>>,
}

/// What one job, or one transaction, has to do with notifications.
#[derive(Default)]
pub(crate) struct Outgoing {
    pub(crate) notices: Vec<Notice>,
    pub(crate) events: Vec<Arc<Event>>,
    pub(crate) progress: Vec<Progress>,
    /// Resources with an event that is to be distributed (`true`) or is distributed now.
    pub(crate) open_events: Vec<(Id, bool)>,
    /// Held notifications that went out or were dropped.
    pub(crate) settled: Vec<Settled>,
    /// Whether schedules changed, or whom they are for.
    pub(crate) changes_schedules: bool,
    gates: FxHashMap<Id, Arc<GateRow>>,
    unwritten: Vec<Arc<GateRow>>,
    written: usize,
}

/// What delivery has to know of a commit.
#[derive(Default)]
pub(crate) struct Published {
    /// What is to be sent.
    pub(crate) notices: Vec<Notice>,
    /// Whether there are events to distribute.
    pub(crate) has_open_events: bool,
    /// When there is something to do about what subscriptions hold back.
    pub(crate) due: Option<i64>,
    /// Whether targets that could not be reached for a schedule may be reached now.
    pub(crate) changes_schedules: bool,
}

impl Outgoing {
    /// What a subscription holds back, if that changed.
    pub(crate) fn gate(&self, subscription: Id) -> Option<&Arc<GateRow>> {
        self.gates.get(&subscription)
    }

    /// Changes what a subscription holds back; an empty state for nothing.
    pub(crate) fn set_gate(&mut self, row: Arc<GateRow>) {
        self.unwritten.push(Arc::clone(&row));
        self.gates.insert(row.subscription, row);
    }

    /// Whether anything is held back now.
    pub(crate) fn has_gates(&self) -> bool {
        !self.gates.is_empty()
    }

    /// What subscriptions hold back, as far as it changed.
    pub(crate) fn changed_gates(&self) -> impl Iterator<Item = &Arc<GateRow>> {
        self.gates.values()
    }

    /// Takes over what a later job did.
    pub(crate) fn merge(&mut self, later: Self) {
        self.notices.extend(later.notices);
        self.events.extend(later.events);
        self.progress.extend(later.progress);
        self.open_events.extend(later.open_events);
        self.settled.extend(later.settled);
        self.changes_schedules |= later.changes_schedules;
        self.gates.extend(later.gates);
        self.unwritten.extend(later.unwritten);
    }

    /// Adds what the database lacks; counts as written from here on.
    pub(crate) fn take_changes(&mut self, set: &mut ChangeSet) {
        let unwritten = self.notices.get(self.written..).unwrap_or_default();
        set.owe = unwritten.iter().map(|notice| Arc::clone(&notice.owed)).collect();
        self.written = self.notices.len();
        set.events = std::mem::take(&mut self.events);
        set.progress = std::mem::take(&mut self.progress);
        set.settle = std::mem::take(&mut self.settled);
        set.gates = std::mem::take(&mut self.unwritten).iter().map(|row| GateRow::clone(row)).collect();
    }

    /// What changes in the number of events that are not distributed, by resource.
    pub(crate) fn open_events(&self) -> impl Iterator<Item = (Id, bool)> {
        self.open_events.iter().copied()
    }

    /// After the commit.
    pub(crate) fn publish(self, has_open_events: bool) -> Published {
        let due = self.gates.values().map(|row| row.due).min();
        let changes_schedules = self.changes_schedules;
        Published { notices: self.notices, has_open_events, due, changes_schedules }
    }
}
