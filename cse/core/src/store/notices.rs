//! Writing what is owed: the outbox, the events that its rows share, and what subscriptions hold back.
//!
//! Responsible for: applying that part of a change set. Reading it is in `outbox`.

use std::collections::BTreeMap;

use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::QueryFragment;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text};
use diesel::sqlite::SqliteConnection;

use super::change::{ChangeSet, Event, GateRow, Owed, Progress};
use super::fixed::{Fixed, bind};
use super::schema::{event, gate, outbox};

/// diesel keeps no prepared UPDATE of its own.
const STEP: &str = "UPDATE event SET done = ? WHERE seq = ?";
const CLOSE: &str = "UPDATE event SET recipients = NULL WHERE seq = ?";
const RELEASE: &str = "DELETE FROM event WHERE seq = ? AND recipients IS NULL \
    AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.event = event.seq AND outbox.event > 0)";

/// Writes it to SQLite.
pub(super) fn to_sqlite(connection: &mut SqliteConnection, change: &ChangeSet) -> QueryResult<()> {
    for new in &change.events {
        let row = (
            event::seq.eq(new.seq),
            event::parent.eq(new.parent),
            event::head.eq(&new.head),
            event::recipients.eq(&new.recipients),
            event::done.eq(new.done),
            event::expires.eq(new.expires),
        );
        diesel::replace_into(event::table).values(row).execute(connection)?;
    }
    for Progress { event, done } in &change.progress {
        let statement = match done {
            Some(done) => Fixed::<_>::new(STEP, bind![BigInt: *done, BigInt: *event]),
            None => Fixed::<_>::new(CLOSE, bind![BigInt: *event]),
        };
        statement.execute(connection)?;
    }
    for owed in &change.owe {
        let row = (
            outbox::seq.eq(owed.seq),
            outbox::subscription.eq(owed.subscription),
            outbox::target.eq(&owed.target),
            outbox::body.eq(&owed.body),
            outbox::expires.eq(owed.expires),
            outbox::event.eq(owed.event),
            outbox::category.eq(owed.category),
            outbox::priority.eq(owed.priority),
            outbox::replaces.eq(owed.replaces),
        );
        diesel::insert_into(outbox::table).values(row).execute(connection)?;
    }
    for settled in &change.settle {
        diesel::delete(outbox::table.find(settled.seq)).execute(connection)?;
    }
    for event in released(change) {
        Fixed::<_>::new(RELEASE, bind![BigInt: event]).execute(connection)?;
    }
    for row in &change.gates {
        if row.state.is_empty() {
            diesel::delete(gate::table.find(row.subscription)).execute(connection)?;
        } else {
            let row =
                (gate::subscription.eq(row.subscription), gate::due.eq(row.due), gate::state.eq(&row.state));
            diesel::replace_into(gate::table).values(row).execute(connection)?;
        }
    }
    Ok(())
}

/// The events that may have lost the last of their notifications.
fn released(change: &ChangeSet) -> Vec<i64> {
    let settled = change.settle.iter().map(|settled| settled.event);
    let closed = change.progress.iter().filter(|progress| progress.done.is_none()).map(|step| step.event);
    let mut events: Vec<i64> = settled.chain(closed).filter(|event| *event > 0).collect();
    events.sort_unstable();
    events.dedup();
    events
}

const EVENTS: &str = "INSERT INTO event (seq, parent, head, recipients, done, expires) \
    SELECT * FROM unnest(?, ?, ?, ?, ?, ?)";
const STEPS: &str =
    "UPDATE event SET done = u.done FROM unnest(?, ?) AS u(seq, done) WHERE event.seq = u.seq";
const CLOSE_ALL: &str = "UPDATE event SET recipients = NULL WHERE seq = ANY(?)";
const OWE: &str = "INSERT INTO outbox \
    (seq, subscription, target, body, expires, event, category, priority, replaces) \
    SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?)";
const SETTLE: &str = "DELETE FROM outbox WHERE seq = ANY(?)";
const RELEASE_ALL: &str = "DELETE FROM event WHERE seq = ANY(?) AND recipients IS NULL \
    AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.event = event.seq AND outbox.event > 0)";
const GATES: &str = "INSERT INTO gate (subscription, due, state) SELECT * FROM unnest(?, ?, ?) \
    ON CONFLICT (subscription) DO UPDATE SET due = excluded.due, state = excluded.state";
const UNGATE: &str = "DELETE FROM gate WHERE subscription = ANY(?)";

type Values<'a> = Vec<Box<dyn QueryFragment<Pg> + 'a>>;

/// Writes it to PostgreSQL: one statement per kind of change, whatever its size.
pub(super) fn to_postgres(connection: &mut PgConnection, change: &ChangeSet) -> QueryResult<()> {
    let mut run = |text, values: Values<'_>| Fixed::<_>::new(text, values).execute(connection).map(drop);
    if !change.events.is_empty() {
        run(EVENTS, events(change))?;
    }
    if !change.progress.is_empty() {
        let steps = change.progress.iter().filter_map(|step| step.done.map(|done| (step.event, done)));
        let (seqs, done): (Vec<i64>, Vec<i64>) = steps.unzip();
        run(STEPS, bind![Array<BigInt>: seqs, Array<BigInt>: done])?;
        let closed = change.progress.iter().filter(|step| step.done.is_none()).map(|step| step.event);
        run(CLOSE_ALL, bind![Array<BigInt>: closed.collect::<Vec<_>>()])?;
    }
    if !change.owe.is_empty() {
        run(OWE, owed(change))?;
    }
    if !change.settle.is_empty() {
        let seqs: Vec<i64> = change.settle.iter().map(|settled| settled.seq).collect();
        run(SETTLE, bind![Array<BigInt>: seqs])?;
    }
    let released = released(change);
    if !released.is_empty() {
        run(RELEASE_ALL, bind![Array<BigInt>: released])?;
    }
    if !change.gates.is_empty() {
        let last: BTreeMap<i64, &GateRow> = change.gates.iter().map(|row| (row.subscription, row)).collect();
        let (gone, kept): (Vec<&GateRow>, Vec<&GateRow>) =
            last.into_values().partition(|row| row.state.is_empty());
        run(
            GATES,
            bind![
                Array<BigInt>: column(&kept, |row| row.subscription),
                Array<BigInt>: column(&kept, |row| row.due),
                Array<Text>: column(&kept, |row| row.state.as_str()),
            ],
        )?;
        run(UNGATE, bind![Array<BigInt>: column(&gone, |row| row.subscription)])?;
    }
    Ok(())
}

/// One column of many rows.
fn column<'r, R, T>(rows: &[&'r R], get: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.iter().map(|row| get(row)).collect()
}

fn events(change: &ChangeSet) -> Values<'_> {
    let events: Vec<&Event> = change.events.iter().map(AsRef::as_ref).collect();
    bind![
        Array<BigInt>: column(&events, |event| event.seq),
        Array<BigInt>: column(&events, |event| event.parent),
        Array<Text>: column(&events, |event| event.head.as_str()),
        Array<Nullable<Text>>: column(&events, |event| event.recipients.as_deref()),
        Array<BigInt>: column(&events, |event| event.done),
        Array<BigInt>: column(&events, |event| event.expires),
    ]
}

fn owed(change: &ChangeSet) -> Values<'_> {
    let owed: Vec<&Owed> = change.owe.iter().map(AsRef::as_ref).collect();
    bind![
        Array<BigInt>: column(&owed, |owed| owed.seq),
        Array<BigInt>: column(&owed, |owed| owed.subscription),
        Array<Text>: column(&owed, |owed| owed.target.as_str()),
        Array<Text>: column(&owed, |owed| owed.body.as_str()),
        Array<BigInt>: column(&owed, |owed| owed.expires),
        Array<BigInt>: column(&owed, |owed| owed.event),
        Array<Integer>: column(&owed, |owed| owed.category),
        Array<Integer>: column(&owed, |owed| owed.priority),
        Array<Integer>: column(&owed, |owed| owed.replaces),
    ]
}
