//! Alarms: service functions are called for a resource when its time has come.

use std::sync::Arc;

use dyad_protocol::{Failure, Timestamp};

use super::Txn;
use crate::resource::{Draft, Id, Resource};
use crate::store::Alarm;

impl Txn<'_> {
    /// When the function that owns the type of a resource wants to be called for it, and what it keeps for then.
    pub fn alarm(&mut self, resource: Id) -> Result<Option<Arc<Alarm>>, Failure> {
        match self.changes.alarms.get(resource) {
            Some(alarm) => Ok(alarm.clone()),
            None => self.batch.alarm(resource).map_err(Failure::internal),
        }
    }

    /// Has the function that owns the type of a resource called when `due` has come ([`crate::Alarms`]), also after a
    /// restart. A resource has one alarm; a new one takes the place of the last. [`Timestamp::NEVER`] keeps the state
    /// without a call.
    pub fn set_alarm(&mut self, resource: &Resource, due: Timestamp, state: String) {
        self.put_alarm(resource.id(), resource.row().ty, due, state);
    }

    /// The same for a resource that is about to be created. Internal failure for a type that is none.
    pub fn set_alarm_of(&mut self, draft: &Draft, due: Timestamp, state: String) -> Result<(), Failure> {
        let ty = i32::try_from(draft.table.number).map_err(Failure::internal)?;
        self.put_alarm(draft.id, ty, due, state);
        Ok(())
    }

    fn put_alarm(&mut self, id: Id, ty: i32, due: Timestamp, state: String) {
        let alarm = Alarm { resource: id, ty, due: due.micros(), state };
        self.changes.alarms.put(id, Some(Arc::new(alarm)));
    }

    /// The same for a resource that is about to be created.
    pub fn set_alarm_of_new(&mut self, draft: &Draft, due: Timestamp, state: String) {
        let ty = i32::try_from(draft.table.number).unwrap_or_default();
        let alarm = Alarm { resource: draft.id, ty, due: due.micros(), state };
        self.changes.alarms.put(draft.id, Some(Arc::new(alarm)));
    }

    /// Takes an alarm back. That of a resource that is removed goes with it.
    pub fn clear_alarm(&mut self, resource: Id) -> Result<(), Failure> {
        if self.alarm(resource)?.is_some() {
            self.changes.alarms.put(resource, None);
        }
        Ok(())
    }
}
