//! Whose database it is.
//!
//! Responsible for: telling a database of this program from one of another by the tables in it, so that the start ends
//! before anything is written where others keep their data. How the tables are listed is left to the backends.

use super::error::StoreError;

/// What a SQLite file of this program has as its `application_id`: `Dyad`.
pub(super) const APPLICATION: i32 = 0x4479_6164;

/// Tables that every version of this program has made.
const TABLES: [&str; 5] = ["resource", "label", "attribute", "outbox", "meta"];

/// Tables that later versions have added.
const LATER: [&str; 4] = ["event", "gate", "alarm", "place"];

/// Where diesel notes the migrations that were run.
const MIGRATIONS: &str = "__diesel_schema_migrations";

fn has(tables: &[String], name: &str) -> bool {
    tables.iter().any(|table| table == name)
}

/// Whether these are the tables of this program.
fn ours(tables: &[String]) -> bool {
    has(tables, MIGRATIONS) && TABLES.iter().all(|name| has(tables, name))
}

/// Refuses a file with any table of others: nobody shares one.
///
/// `application` is the `application_id`, which databases of the first versions do not have. A first start that was cut
/// short leaves the table of the migrations alone.
pub(super) fn whole(place: &str, application: i32, tables: &[String]) -> Result<(), StoreError> {
    if application == APPLICATION {
        return Ok(());
    }
    let other = tables.iter().find(|table| *table != MIGRATIONS);
    match other {
        None if application == 0 => Ok(()),
        None => Err(foreign(place, format!("its application_id is {application}"))),
        Some(_) if application == 0 && ours(tables) => Ok(()),
        Some(table) => Err(foreign(place, format!("it has the table {table}"))),
    }
}

/// Refuses a schema in which others have tables with our names; any other tables may stand beside ours.
pub(super) fn shared(place: &str, tables: &[String]) -> Result<(), StoreError> {
    let taken = tables.iter().find(|table| TABLES.iter().chain(&LATER).any(|name| name == table));
    match taken {
        Some(table) if !ours(tables) => Err(foreign(place, format!("it has a table {table} of other make"))),
        _ => Ok(()),
    }
}

/// A database that others made, and how that is seen.
pub(super) fn foreign(place: &str, sign: String) -> StoreError {
    StoreError::Foreign { place: place.to_owned(), sign }
}
