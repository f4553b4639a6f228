//! When service functions want to be called for a resource.
//!
//! Responsible for: reading alarms in the order in which they are due, and applying that part of a change set. Whom
//! they call, and what they keep, is left to the core.

use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::QueryFragment;
use diesel::sql_types::{Array, BigInt, Integer, Text};
use diesel::sqlite::SqliteConnection;

use super::change::{Alarm, ChangeSet};
use super::connection::{Connection, either};
use super::error::StoreError;
use super::fixed::{Fixed, bind};
use super::page::bound;
use super::schema::alarm;

/// The literal lets the planner see that the partial index holds all of it.
const DUE: &str = "SELECT resource, due FROM alarm WHERE ty = ? AND due <= ? AND due < 9223372036854775807 \
    ORDER BY due LIMIT 0 + ?";

const SET: &str = "INSERT INTO alarm (resource, ty, due, state) SELECT * FROM unnest(?, ?, ?, ?) \
    ON CONFLICT (resource) DO UPDATE SET due = excluded.due, state = excluded.state";
const CLEAR: &str = "DELETE FROM alarm WHERE resource = ANY(?)";

impl Connection {
    /// The alarm of a resource.
    pub fn alarm(&mut self, resource: i64) -> Result<Option<Alarm>, StoreError> {
        either!(self, link => alarm::table.find(resource).get_result(link).optional())
    }

    /// The alarms of resources of a type that are due at a point in time, the earliest first: resource and time.
    pub fn due_alarms(&mut self, ty: i32, until: i64, limit: usize) -> Result<Vec<(i64, i64)>, StoreError> {
        either!(self, link => Fixed::<_, (BigInt, BigInt)>::new(
            DUE,
            bind![Integer: ty, BigInt: until, BigInt: bound(limit)]
        ).load(link))
    }
}

/// Writes alarms to SQLite.
pub(super) fn to_sqlite(connection: &mut SqliteConnection, change: &ChangeSet) -> QueryResult<()> {
    for set in &change.alarm_set {
        let row = (
            alarm::resource.eq(set.resource),
            alarm::ty.eq(set.ty),
            alarm::due.eq(set.due),
            alarm::state.eq(&set.state),
        );
        diesel::replace_into(alarm::table).values(row).execute(connection)?;
    }
    for resource in &change.alarm_clear {
        diesel::delete(alarm::table.find(resource)).execute(connection)?;
    }
    Ok(())
}

/// Writes alarms to PostgreSQL.
pub(super) fn to_postgres(connection: &mut PgConnection, change: &ChangeSet) -> QueryResult<()> {
    type Values<'a> = Vec<Box<dyn QueryFragment<Pg> + 'a>>;
    let mut run = |text, values: Values<'_>| Fixed::<_>::new(text, values).execute(connection).map(drop);
    if !change.alarm_set.is_empty() {
        let set: Vec<&Alarm> = change.alarm_set.iter().map(AsRef::as_ref).collect();
        let values = bind![
            Array<BigInt>: set.iter().map(|alarm| alarm.resource).collect::<Vec<_>>(),
            Array<Integer>: set.iter().map(|alarm| alarm.ty).collect::<Vec<_>>(),
            Array<BigInt>: set.iter().map(|alarm| alarm.due).collect::<Vec<_>>(),
            Array<Text>: set.iter().map(|alarm| alarm.state.as_str()).collect::<Vec<_>>(),
        ];
        run(SET, values)?;
    }
    if !change.alarm_clear.is_empty() {
        run(CLEAR, bind![Array<BigInt>: &change.alarm_clear])?;
    }
    Ok(())
}
