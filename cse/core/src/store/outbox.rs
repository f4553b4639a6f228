//! Queries about what is owed, and about what subscriptions hold back.
//!
//! Responsible for: reading the outbox in the order of sending, events and gates. Sending, retrying and giving up is
//! left to delivery, which settles through a change set; writing is in `notices`.

use diesel::dsl::max;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::change::{Event, GateRow, Owed, Settled};
use super::connection::{Connection, either};
use super::error::StoreError;
use super::fixed::{Fixed, bind};
use super::page::{bound, page};
use super::schema::{event, gate, outbox};

/// The targets, one step into the index for each.
const TARGETS: &str = "WITH RECURSIVE t(target) AS (SELECT min(target) FROM outbox WHERE target > ? UNION ALL \
    SELECT (SELECT min(target) FROM outbox WHERE target > t.target) FROM t WHERE t.target IS NOT NULL) \
    SELECT target FROM t WHERE target IS NOT NULL LIMIT 0 + ?";

/// The resources with events that are not distributed yet, one step into the index for each.
const OPEN: &str = "WITH RECURSIVE p(parent) AS (SELECT min(parent) FROM event WHERE recipients IS NOT NULL \
    UNION ALL SELECT (SELECT min(parent) FROM event WHERE parent > p.parent AND recipients IS NOT NULL) \
    FROM p WHERE p.parent IS NOT NULL) SELECT parent FROM p WHERE parent IS NOT NULL LIMIT 0 + ?";

impl Connection {
    /// What is owed, in the order of sending.
    pub fn owed(&mut self, after_seq: i64, limit: usize) -> Result<Vec<Owed>, StoreError> {
        either!(self, link => page(limit, outbox::table
            .filter(outbox::seq.gt(after_seq))
            .order(outbox::seq)).load(link))
    }

    /// What is owed to one target, in the order of sending.
    pub fn owed_to(&mut self, target: &str, after_seq: i64, limit: usize) -> Result<Vec<Owed>, StoreError> {
        either!(self, link => page(limit, outbox::table
            .filter(outbox::target.eq(target))
            .filter(outbox::seq.gt(after_seq))
            .order(outbox::seq)).load(link))
    }

    /// The targets that something is owed to, in the order of their bytes; the first page is after the empty text.
    pub fn owed_targets(&mut self, after: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        let limit = bound(limit);
        either!(self, link => Fixed::<_, Text>::new(TARGETS, bind![Text: after, BigInt: limit]).load(link))
    }

    /// What is owed to one target and worth least: of the lowest priority, the oldest first.
    pub fn worth_least(&mut self, target: &str, limit: usize) -> Result<Vec<Settled>, StoreError> {
        either!(self, link => page(limit, outbox::table
            .filter(outbox::target.eq(target))
            .order((outbox::priority, outbox::seq))
            .select((outbox::seq, outbox::event))).load(link))
    }

    /// How many are owed to one target.
    pub fn count_owed_to(&mut self, target: &str) -> Result<i64, StoreError> {
        either!(self, link => outbox::table.filter(outbox::target.eq(target)).count().get_result(link))
    }

    /// The highest sequence number in use.
    pub fn last_seq(&mut self) -> Result<Option<i64>, StoreError> {
        either!(self, link => outbox::table.select(max(outbox::seq)).get_result(link))
    }

    /// An event.
    pub fn event(&mut self, seq: i64) -> Result<Option<Event>, StoreError> {
        either!(self, link => event::table.find(seq).get_result(link).optional())
    }

    /// How the notifications of an event begin.
    pub fn event_head(&mut self, seq: i64) -> Result<Option<String>, StoreError> {
        either!(self, link => event::table.find(seq).select(event::head).get_result(link).optional())
    }

    /// The resources with events that are not distributed yet.
    pub fn open_parents(&mut self, limit: usize) -> Result<Vec<i64>, StoreError> {
        let limit = bound(limit);
        either!(self, link => Fixed::<_, BigInt>::new(OPEN, bind![BigInt: limit]).load(link))
    }

    /// The events of one resource that are not distributed yet, the oldest first.
    pub fn open_events(&mut self, parent: i64, limit: usize) -> Result<Vec<i64>, StoreError> {
        either!(self, link => page(limit, event::table
            .filter(event::parent.eq(parent))
            .filter(event::recipients.is_not_null())
            .order(event::seq)
            .select(event::seq)).load(link))
    }

    /// What subscriptions hold back, in ascending order of their ids.
    pub fn gates(&mut self, subscriptions: &[i64]) -> Result<Vec<GateRow>, StoreError> {
        either!(self,
            sqlite => subscriptions
                .iter()
                .filter_map(|id| gate::table.find(id).get_result(sqlite).optional().transpose())
                .collect(),
            postgres => gate::table
                .filter(gate::subscription.eq_any(subscriptions))
                .order(gate::subscription)
                .load(postgres)
        )
    }

    /// The subscriptions for which there is something to do up to a moment, the most urgent first.
    pub fn due_gates(&mut self, until: i64, limit: usize) -> Result<Vec<i64>, StoreError> {
        // Repeats the condition of the index.
        either!(self, link => page(limit, gate::table
            .filter(gate::due.le(until))
            .filter(gate::due.lt(i64::MAX))
            .order(gate::due)
            .select(gate::subscription)).load(link))
    }

    /// When there is something to do next.
    pub fn next_due(&mut self) -> Result<Option<i64>, StoreError> {
        either!(self, link => page(1, gate::table
            .filter(gate::due.lt(i64::MAX))
            .order(gate::due)
            .select(gate::due)).get_result(link).optional())
    }

    /// Whether any subscription holds something back, or may.
    pub fn has_gates(&mut self) -> Result<bool, StoreError> {
        let any: Option<i64> = either!(self, link => page(1, gate::table
            .order(gate::subscription)
            .select(gate::subscription)).get_result(link).optional())?;
        Ok(any.is_some())
    }
}
