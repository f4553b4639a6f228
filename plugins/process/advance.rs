//! How a process goes on: from enabled to activated, from state to state, to its end (TS-0001 10.2.27).
//!
//! All of it happens in the transaction of the change that meets a condition. A state that is entered is looked at at once,
//! for its way out may be open already; none is entered twice in one transaction, so that this ends.

use std::sync::Arc;

use dyad_core::resource::{Id, Resource, Txn};
use dyad_protocol::{Failure, Object};
use serde_json::Value;

use super::check::state_at;
use super::{Status, elements};
use crate::action::criteria::Criteria;
use crate::action::subject::{self, Fresh};

/// A process on its way.
pub(super) struct Progress<'a> {
    /// Its number.
    pub(super) process: Id,
    /// Who created it, with whose rights conditions are looked at.
    pub(super) creator: &'a str,
    /// What it says.
    pub(super) attributes: &'a Object,
    /// A subject that is about to change.
    pub(super) fresh: Option<Fresh<'a>>,
}

impl Progress<'_> {
    /// Goes as far as conditions allow, and gives what changes in the process.
    pub(super) fn advance(&self, txn: &mut Txn<'_>, mut status: Status) -> Result<Object, Failure> {
        let mut changes = Object::new();
        let mut current = self.current(txn)?;
        if status == Status::Enabled && self.all_met(txn, "atcos", true)? {
            let Some(initial) = self.state(txn, "inst")? else { return self.abort(txn, current.as_ref()) };
            status = Status::Activated;
            changes.insert("prst".into(), status.number().into());
            current = Some(self.enter(txn, None, &initial, &mut changes)?);
        }
        match status {
            Status::Activated => self.go_on(txn, current, changes),
            _ => Ok(changes),
        }
    }

    /// Goes from state to state, and to the end.
    fn go_on(
        &self,
        txn: &mut Txn<'_>,
        mut current: Option<Arc<Resource>>,
        mut changes: Object,
    ) -> Result<Object, Failure> {
        let mut visited = Vec::new();
        loop {
            let Some(state) = current.take() else { return self.abort(txn, None) };
            if self.all_met(txn, "encos", false)? {
                leave(txn, &state)?;
                changes.insert("prst".into(), Status::Completed.number().into());
                changes.insert("cust".into(), Value::Null);
                return Ok(changes);
            }
            visited.push(state.id());
            let Some(next) = self.next(txn, &state)? else { return Ok(changes) };
            let Some(next) = next else { return self.abort(txn, Some(&state)) };
            let stays = next.id() == state.id();
            if visited.contains(&next.id()) && !stays {
                return Ok(changes);
            }
            current = Some(self.enter(txn, Some(&state), &next, &mut changes)?);
            if stays {
                return Ok(changes);
            }
        }
    }

    /// What changes in a process that is disabled.
    pub(super) fn stop(&self, txn: &mut Txn<'_>) -> Result<(), Failure> {
        match self.current(txn)? {
            Some(state) => leave(txn, &state),
            None => Ok(()),
        }
    }

    /// What changes in a process that cannot go on.
    fn abort(&self, txn: &mut Txn<'_>, state: Option<&Arc<Resource>>) -> Result<Object, Failure> {
        if let Some(state) = state {
            leave(txn, state)?;
        }
        Ok(aborted())
    }

    fn current(&self, txn: &mut Txn<'_>) -> Result<Option<Arc<Resource>>, Failure> {
        self.state(txn, "cust")
    }

    fn state(&self, txn: &mut Txn<'_>, attribute: &str) -> Result<Option<Arc<Resource>>, Failure> {
        match self.attributes.get(attribute).and_then(Value::as_str) {
            Some(address) => state_at(txn, self.process, address),
            None => Ok(None),
        }
    }

    /// Makes a state the current one, in place of another.
    fn enter(
        &self,
        txn: &mut Txn<'_>,
        from: Option<&Arc<Resource>>,
        to: &Arc<Resource>,
        changes: &mut Object,
    ) -> Result<Arc<Resource>, Failure> {
        if let Some(from) = from {
            leave(txn, from)?;
        }
        changes.insert("cust".into(), to.ri().into_owned().into());
        txn.modify(to, &[("sact".to_owned(), true.into())].into_iter().collect())
    }

    /// Where the first transition leads whose condition is met. `Some(None)` if that state is gone.
    #[allow(clippy::option_option, reason = "no transition, or one that leads nowhere")]
    fn next(&self, txn: &mut Txn<'_>, state: &Resource) -> Result<Option<Option<Arc<Resource>>>, Failure> {
        for transition in elements(state.attributes(), "sttrs") {
            if self.is_met(txn, transition)? {
                let next = transition.get("nxst").and_then(Value::as_str).unwrap_or_default();
                return state_at(txn, self.process, next).map(Some);
            }
        }
        Ok(None)
    }

    /// Whether all conditions of a list are met; `if_none` if there are none.
    fn all_met(&self, txn: &mut Txn<'_>, name: &str, if_none: bool) -> Result<bool, Failure> {
        let conditions = elements(self.attributes, name);
        for condition in conditions {
            if !self.is_met(txn, condition)? {
                return Ok(false);
            }
        }
        Ok(if_none || !conditions.is_empty())
    }

    fn is_met(&self, txn: &mut Txn<'_>, condition: &Value) -> Result<bool, Failure> {
        let address = condition.get("sri").and_then(Value::as_str).unwrap_or_default();
        // What is gone meets nothing.
        let Ok(Some(subject)) = subject::find(txn, address) else { return Ok(false) };
        let criteria = Criteria::parse(condition.get("evc"))?;
        Ok(subject.meets(txn, &criteria, self.fresh)? && subject.may_be_read(txn, self.creator)?)
    }
}

/// What becomes of a process that cannot go on.
pub(super) fn aborted() -> Object {
    [("prst".to_owned(), Status::Aborted.number().into()), ("cust".to_owned(), Value::Null)]
        .into_iter()
        .collect()
}

/// A state is active no more.
fn leave(txn: &mut Txn<'_>, state: &Arc<Resource>) -> Result<(), Failure> {
    txn.modify(state, &[("sact".to_owned(), false.into())].into_iter().collect()).map(drop)
}
