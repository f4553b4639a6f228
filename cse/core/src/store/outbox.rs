//! Queries about the notifications that are owed.
//!
//! Responsible for: reading the outbox in the order of sending. Sending, retrying and giving up is left to delivery,
//! which settles through a change set.

use diesel::dsl::max;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::change::Owed;
use super::connection::{Connection, either};
use super::error::StoreError;
use super::fixed::{Fixed, bind};
use super::page::{bound, page};
use super::schema::outbox;

/// The targets, one step into the index for each.
const TARGETS: &str = "WITH RECURSIVE t(target) AS (SELECT min(target) FROM outbox WHERE target > ? UNION ALL \
    SELECT (SELECT min(target) FROM outbox WHERE target > t.target) FROM t WHERE t.target IS NOT NULL) \
    SELECT target FROM t WHERE target IS NOT NULL LIMIT 0 + ?";

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

    /// The highest sequence number in use.
    pub fn last_seq(&mut self) -> Result<Option<i64>, StoreError> {
        either!(self, link => outbox::table.select(max(outbox::seq)).get_result(link))
    }
}
