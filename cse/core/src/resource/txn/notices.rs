//! What a transaction has to do with notifications: owing them, sharing their text, holding them back.

use std::sync::Arc;

use dyad_protocol::{Failure, Timestamp};

use super::Txn;
use crate::resource::{Id, Notice};
use crate::store::{Event, GateRow, Owed, Progress, Settled};

impl Txn<'_> {
    /// Owes a notification: it leaves after the commit and is sent at least once.
    pub fn owe(&mut self, subscription: Id, target: &str, body: String) {
        self.owe_until(subscription, target, body, Timestamp::NEVER);
    }

    /// Owes a notification that is of no use any more after a moment.
    pub fn owe_until(&mut self, subscription: Id, target: &str, body: String, until: Timestamp) {
        let expires = self.notification_expires().min(until.micros());
        let owed = Owed { subscription, target: target.to_owned(), body, expires, ..Owed::default() };
        self.owe_notice(owed, None);
    }

    /// When what is owed now is not worth sending any more.
    pub(crate) fn notification_expires(&self) -> i64 {
        self.now.plus(self.cse.config().notification.keep_for).micros()
    }

    /// Owes a notification with the text of an event before its own. Its number and that of the event are filled in.
    pub(crate) fn owe_notice(&mut self, owed: Owed, event: Option<&Arc<Event>>) {
        // From the same numbers as resources, so that it differs from every earlier one, also after a restart.
        let seq = self.batch.next_id();
        let owed = Owed { seq, event: event.map_or(owed.event, |event| event.seq), ..owed };
        self.changes.outgoing.notices.push(Notice { owed: Arc::new(owed), event: event.cloned() });
    }

    /// Keeps the text that several notifications of a resource's subscriptions begin with. With recipients, they are to
    /// be distributed to later.
    pub(crate) fn keep_event(&mut self, parent: Id, head: String, recipients: Option<String>) -> Arc<Event> {
        let seq = self.batch.next_id();
        let expires = self.notification_expires();
        if recipients.is_some() {
            self.changes.outgoing.open_events.push((parent, true));
        }
        let event = Arc::new(Event { seq, parent, head, recipients, done: 0, expires });
        self.changes.outgoing.events.push(Arc::clone(&event));
        event
    }

    /// An event that is not distributed yet.
    pub(crate) fn open_event(&mut self, seq: i64) -> Result<Option<Event>, Failure> {
        let event = self.batch.below().event(seq).map_err(Failure::internal)?;
        Ok(event.filter(|event| event.recipients.is_some()))
    }

    /// So many recipients of an event have their notification; all of them if nothing is said.
    pub(crate) fn distributed(&mut self, event: &Event, done: Option<i64>) {
        if done.is_none() {
            self.changes.outgoing.open_events.push((event.parent, false));
        }
        self.changes.outgoing.progress.push(Progress { event: event.seq, done });
    }

    /// A subscription asks for more than changes: what the node remembers for ever.
    pub(crate) fn note_watched(&mut self) {
        self.batch.note_watched();
    }

    /// How many events of a resource are not distributed yet.
    pub(crate) fn open_events(&self, parent: Id) -> usize {
        let own = self.changes.outgoing.open_events();
        let own = own.filter(|(id, opened)| *id == parent && *opened).count();
        self.batch.open_events(parent) + own
    }

    /// The oldest event of a resource that is not distributed, by its number.
    pub(crate) fn oldest_open_event(&mut self, parent: Id) -> Result<Option<Event>, Failure> {
        let writer = self.batch.flushed().map_err(Failure::internal)?;
        let Some(seq) = writer.open_events(parent, 1).map_err(Failure::internal)?.first().copied() else {
            return Ok(None);
        };
        writer.event(seq).map_err(Failure::internal)
    }

    /// How the notifications of an event begin.
    pub(crate) fn event_head(&mut self, seq: i64) -> Result<String, Failure> {
        let own = self.changes.outgoing.events.iter().find(|event| event.seq == seq);
        if let Some(event) = own {
            return Ok(event.head.clone());
        }
        let writer = self.batch.flushed().map_err(Failure::internal)?;
        Ok(writer.event_head(seq).map_err(Failure::internal)?.unwrap_or_default())
    }

    /// What a subscription holds back.
    pub(crate) fn gate(&mut self, subscription: Id) -> Result<Option<Arc<GateRow>>, Failure> {
        if let Some(row) = self.changes.outgoing.gate(subscription) {
            return Ok(Some(Arc::clone(row)).filter(|row| !row.state.is_empty()));
        }
        self.batch.gate(subscription).map_err(Failure::internal)
    }

    /// Reads what subscriptions hold back ahead of [`Txn::gate`].
    pub(crate) fn read_gates(&mut self, subscriptions: &[Id]) -> Result<(), Failure> {
        self.batch.read_gates(subscriptions).map_err(Failure::internal)
    }

    /// Changes what a subscription holds back; an empty state for nothing.
    pub(crate) fn set_gate(&mut self, row: GateRow) {
        self.changes.outgoing.set_gate(Arc::new(row));
    }

    /// Schedules change with this transaction, or whom they are for: what waits for one is looked at again after the
    /// commit.
    pub fn note_schedules(&mut self) {
        self.changes.outgoing.changes_schedules = true;
    }

    /// The subscriptions for which there is something to do, the most urgent first.
    pub(crate) fn due_gates(&mut self, most: usize) -> Result<Vec<Id>, Failure> {
        // A clock that was set back is waited for.
        let now = self.cse.now().micros();
        let writer = self.batch.flushed().map_err(Failure::internal)?;
        writer.due_gates(now, most).map_err(Failure::internal)
    }

    /// The first notifications that are owed to a target, those of this transaction among them.
    pub(crate) fn owed_to(&mut self, target: &str, most: usize) -> Result<Vec<Arc<Owed>>, Failure> {
        let writer = self.batch.flushed().map_err(Failure::internal)?;
        // What this transaction settled is still there.
        let gone: Vec<i64> = self.changes.outgoing.settled.iter().map(|settled| settled.seq).collect();
        let stored = writer.owed_to(target, 0, most.saturating_add(gone.len())).map_err(Failure::internal)?;
        let own = self.changes.outgoing.notices.iter().map(|notice| &notice.owed);
        let own = own.filter(|owed| owed.target == target).cloned();
        let all = stored.into_iter().map(Arc::new).chain(own);
        Ok(all.filter(|owed| !gone.contains(&owed.seq)).take(most).collect())
    }

    /// Those owed to a target that are worth least.
    pub(crate) fn worth_least(&mut self, target: &str, most: usize) -> Result<Vec<Settled>, Failure> {
        let writer = self.batch.flushed().map_err(Failure::internal)?;
        writer.worth_least(target, most).map_err(Failure::internal)
    }

    /// A notification is not owed any more.
    pub(crate) fn settle(&mut self, settled: Settled) {
        self.changes.outgoing.settled.push(settled);
    }
}
