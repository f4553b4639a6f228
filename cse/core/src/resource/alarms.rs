//! Alarms in a write transaction: when service functions want to be called for a resource.
//!
//! Responsible for: what is newer than the database. Ringing is left to [`crate::alarm`].

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Id;
use crate::store::{Alarm, ChangeSet};

/// Alarms that are remembered as the database has them.
const REMEMBERED: usize = 50_000;

/// The alarms that one transaction changes; `None` for one that is gone.
#[derive(Default)]
pub(crate) struct Alarms {
    newest: FxHashMap<Id, Option<Arc<Alarm>>>,
    /// Those that the database lacks.
    unsaved: FxHashSet<Id>,
}

impl Alarms {
    /// An alarm that this transaction changed.
    pub(crate) fn get(&self, resource: Id) -> Option<&Option<Arc<Alarm>>> {
        self.newest.get(&resource)
    }

    /// Sets or clears an alarm.
    pub(crate) fn put(&mut self, resource: Id, alarm: Option<Arc<Alarm>>) {
        self.newest.insert(resource, alarm);
        self.unsaved.insert(resource);
    }

    /// Takes over those of a job that succeeded.
    pub(crate) fn merge(&mut self, of_job: Self) {
        self.newest.extend(of_job.newest);
        self.unsaved.extend(of_job.unsaved);
    }

    /// What the database lacks; counts as written from here on.
    pub(crate) fn take_changes(&mut self, set: &mut ChangeSet) {
        for resource in self.unsaved.drain() {
            match self.newest.get(&resource) {
                Some(Some(alarm)) => set.alarm_set.push(Arc::clone(alarm)),
                _ => set.alarm_clear.push(resource),
            }
        }
    }

    /// When the first of them is due.
    pub(crate) fn earliest(&self) -> i64 {
        self.newest.values().flatten().map(|alarm| alarm.due).min().unwrap_or(i64::MAX)
    }
}

/// Alarms as they were last merged, so that the database need not be asked again.
#[derive(Default)]
pub(crate) struct Remembered(FxHashMap<Id, Option<Arc<Alarm>>>);

impl Remembered {
    /// An alarm, or that there is none, if it is known.
    pub(crate) fn get(&self, resource: Id) -> Option<&Option<Arc<Alarm>>> {
        self.0.get(&resource)
    }

    /// Remembers an alarm, or that there is none.
    pub(crate) fn note(&mut self, resource: Id, alarm: Option<Arc<Alarm>>) {
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        self.0.insert(resource, alarm);
    }

    /// Remembers the alarms of a job that succeeded.
    pub(crate) fn note_all(&mut self, of_job: &Alarms) {
        for (resource, alarm) in &of_job.newest {
            self.note(*resource, alarm.clone());
        }
    }

    /// Forgets all, after they did not come to pass.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
