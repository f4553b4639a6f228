//! What there is to do outside of transactions: errands to carry out, actions to look at again, and when.
//!
//! All of it can be made anew from what is stored: errands are `<request>` resources, periods are attributes.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dyad_core::resource::Id;
use dyad_protocol::Timestamp;
use dyad_protocol::time::Span;
use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::chain::Chain;

/// An errand that was caused by a transaction, which may yet be rolled back.
pub(super) struct Errand {
    /// Its `<request>`.
    pub(super) kept: Id,
    /// How it arrives.
    pub(super) arrival: &'static str,
    /// Its place among the pending requests of the node, which bounds how many there are.
    pub(super) _place: OwnedSemaphorePermit,
}

/// Something to do.
pub(super) enum Task {
    /// Errands of one change, one after the other.
    Errands(Vec<Errand>),
    /// An action to be evaluated in a transaction of its own.
    Evaluate(Id),
}

#[derive(Default)]
struct Waiting {
    errands: VecDeque<Vec<Errand>>,
    /// Actions to be evaluated with what led to it, each once.
    evaluate: HashMap<Id, Chain>,
    /// Those in turn.
    turns: VecDeque<Id>,
    /// Those whose evaluation is under way, with what led to the latest, and how many times it is.
    under_way: HashMap<Id, (Chain, usize)>,
    /// How often periodic actions are evaluated.
    periods: HashMap<Id, (Span, Timestamp)>,
    due: BTreeSet<(Timestamp, Id)>,
}

impl Waiting {
    fn begin(&mut self, action: Id, chain: Chain) {
        let entry = self.under_way.entry(action).or_default();
        *entry = (chain, entry.1 + 1);
    }
}

/// What there is to do.
#[derive(Default)]
pub(super) struct Work {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

impl Work {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there may be more to do.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Errands are to be carried out once they are committed.
    pub(super) fn send(&self, errands: Vec<Errand>) {
        self.waiting().errands.push_back(errands);
        self.changed.notify_one();
    }

    /// An action is to be evaluated once what concerns it is committed.
    pub(super) fn look_again(&self, action: Id, chain: Chain) {
        let mut waiting = self.waiting();
        if waiting.evaluate.insert(action, chain).is_none() {
            waiting.turns.push_back(action);
        }
        self.changed.notify_one();
    }

    /// An action is evaluated periodically from `now` on, or not any more.
    pub(super) fn set_period(&self, action: Id, period: Option<Span>, now: Timestamp) {
        let mut waiting = self.waiting();
        let before = waiting.periods.get(&action).copied();
        if before.map(|(period, _)| period) == period {
            return;
        }
        if let Some((_, due)) = before {
            waiting.due.remove(&(due, action));
            waiting.periods.remove(&action);
        }
        if let Some(period) = period {
            let due = now.plus(period);
            waiting.periods.insert(action, (period, due));
            waiting.due.insert((due, action));
        }
        self.changed.notify_one();
    }

    /// The next thing to do; if there is none, when a period is over.
    pub(super) fn next(&self, now: Timestamp) -> Result<Task, Option<Timestamp>> {
        let mut waiting = self.waiting();
        if let Some(errands) = waiting.errands.pop_front() {
            return Ok(Task::Errands(errands));
        }
        if let Some(action) = waiting.turns.pop_front() {
            let chain = waiting.evaluate.remove(&action).unwrap_or_default();
            waiting.begin(action, chain);
            return Ok(Task::Evaluate(action));
        }
        let Some(&(due, action)) = waiting.due.first() else { return Err(None) };
        if due > now {
            return Err(Some(due));
        }
        waiting.due.pop_first();
        if let Some((period, next)) = waiting.periods.get_mut(&action) {
            // Those that the node was too busy for are left out.
            let following = due.plus(*period);
            *next = if following > now { following } else { now.plus(*period) };
            let next = *next;
            waiting.due.insert((next, action));
        }
        waiting.begin(action, Chain::default());
        Ok(Task::Evaluate(action))
    }

    /// What led to the evaluation of an action that is under way.
    pub(super) fn under_way(&self, action: Id) -> Option<Chain> {
        self.waiting().under_way.get(&action).map(|(chain, _)| chain.clone())
    }

    /// The evaluation of an action is over.
    pub(super) fn done(&self, action: Id) {
        let mut waiting = self.waiting();
        if let Some((_, times)) = waiting.under_way.get_mut(&action) {
            *times -= 1;
            if *times == 0 {
                waiting.under_way.remove(&action);
            }
        }
    }

    /// Forgets all.
    pub(super) fn clear(&self) {
        *self.waiting() = Waiting::default();
    }

    /// Periodic actions.
    pub(super) fn periodic(&self) -> usize {
        self.waiting().periods.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn an_evaluation_that_ends_ends_no_other() {
        let work = Work::default();
        for _ in 0..2 {
            work.look_again(7, Chain::default());
            assert!(matches!(work.next(at(0)), Ok(Task::Evaluate(7))));
        }
        work.done(7);
        assert!(work.under_way(7).is_some());
        work.done(7);
        assert!(work.under_way(7).is_none() && matches!(work.next(at(0)), Err(None)));
    }

    #[test]
    fn a_period_that_was_missed_is_left_out() {
        let work = Work::default();
        work.set_period(7, Some(Span::from_seconds(10)), at(0));
        assert!(matches!(work.next(at(9)), Err(Some(due)) if due == at(10)));
        assert!(matches!(work.next(at(45)), Ok(Task::Evaluate(7))));
        assert!(matches!(work.next(at(45)), Err(Some(due)) if due == at(55)));
        work.set_period(7, None, at(45));
        assert!(matches!(work.next(at(60)), Err(None)) && work.periodic() == 0);
    }
}
