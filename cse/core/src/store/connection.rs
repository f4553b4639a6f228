//! One connection to either database.
//!
//! Responsible for: choosing the database once, noticing that a connection broke, and opening a new one where that is
//! safe. The queries are in `resources`, `discovery` and `outbox`; how a database is reached is left to `sqlite` and
//! `postgres`.
//!
//! Every query is written once and compiled for each database by [`either!`]. diesel's `MultiConnection` would save the
//! macro, but serialises each query a second time on every call and forbids arrays.

use std::sync::Arc;

use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::pg::PgConnection;
use diesel::result::QueryResult;
use diesel::sqlite::SqliteConnection;

use super::change::ChangeSet;
use super::error::StoreError;
use super::{postgres, sqlite};

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The only one that changes anything.
    Writer,
    /// One of many that look.
    Reader,
}

/// Where the data are, with all that is needed to connect. Outlives every connection to it.
#[derive(Debug)]
pub(super) enum Place {
    /// A file.
    Sqlite(sqlite::Place),
    /// A server.
    Postgres(postgres::Place),
}

impl Place {
    fn connect(&self, role: Role) -> Result<Link, StoreError> {
        match self {
            Self::Sqlite(place) => place.connect(role).map(Link::Sqlite),
            Self::Postgres(place) => place.connect(role).map(Link::Postgres),
        }
    }
}

/// The connection of the database in use.
pub(super) enum Link {
    /// To a file.
    Sqlite(SqliteConnection),
    /// To a server.
    Postgres(PgConnection),
}

/// A connection that answers queries; what [`super::Reader`] and [`super::Writer`] have in common.
///
/// Lists come in ascending order of id unless said otherwise, and are never longer than their limit; the next page
/// begins after the last entry of this one. Ids of nothing are left out.
pub struct Connection {
    link: Link,
    role: Role,
    open: bool,
    failed: bool,
    lost: bool,
    place: Arc<Place>,
}

/// Runs a query on whichever database the connection belongs to, once more if a read met a broken connection.
macro_rules! either {
    ($connection:expr, $link:ident => $query:expr) => {
        $crate::store::connection::either!($connection, $link => $query, $link => $query)
    };
    ($connection:expr, $sqlite:ident => $first:expr, $postgres:ident => $second:expr) => {{
        let connection: &mut $crate::store::connection::Connection = $connection;
        let mut outcome = match connection.link() {
            $crate::store::connection::Link::Sqlite($sqlite) => $first,
            $crate::store::connection::Link::Postgres($postgres) => $second,
        };
        if connection.reopened(&outcome) {
            outcome = match connection.link() {
                $crate::store::connection::Link::Sqlite($sqlite) => $first,
                $crate::store::connection::Link::Postgres($postgres) => $second,
            };
        }
        connection.noted(outcome)
    }};
}
pub(super) use either;

impl Connection {
    /// Connects.
    pub(super) fn new(place: Arc<Place>, role: Role) -> Result<Self, StoreError> {
        Ok(Self { link: place.connect(role)?, role, open: false, failed: false, lost: false, place })
    }

    /// The connection of the database in use.
    pub(super) fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    /// Whether a query failed for want of a connection and there is a new one now. Never within a transaction.
    pub(super) fn reopened<T>(&mut self, outcome: &QueryResult<T>) -> bool {
        match outcome {
            Err(error) if !self.open && is_lost(error) => self.reopen().is_ok(),
            _ => false,
        }
    }

    /// Remembers that the transaction failed or the connection is lost, if that is what the outcome says.
    pub(super) fn noted<T>(&mut self, outcome: QueryResult<T>) -> Result<T, StoreError> {
        outcome.map_err(|error| {
            let error = StoreError::from(error);
            self.lost |= matches!(error, StoreError::Lost(_));
            self.failed = true;
            error
        })
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        self.link = self.place.connect(self.role)?;
        (self.lost, self.open) = (false, false);
        Ok(())
    }

    /// Starts a transaction, on a new connection if the last one broke.
    pub(super) fn begin(&mut self) -> Result<(), StoreError> {
        if self.lost {
            self.reopen()?;
        }
        either!(self,
            sqlite => AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE"),
            postgres => AnsiTransactionManager::begin_transaction_sql(postgres, "BEGIN")
        )?;
        (self.open, self.failed) = (true, false);
        Ok(())
    }

    /// Writes a change set within the transaction.
    pub(super) fn apply(&mut self, change: &ChangeSet) -> Result<(), StoreError> {
        either!(self, sqlite => sqlite::apply(sqlite, change), postgres => postgres::apply(postgres, change))
    }

    /// Copies what SQLite's log holds into its file, as far as readers let it.
    pub(super) fn checkpoint(&mut self) -> Result<(), StoreError> {
        const COPY: &str = "PRAGMA wal_checkpoint(PASSIVE);";
        either!(self,
            sqlite => diesel::connection::SimpleConnection::batch_execute(sqlite, COPY),
            _postgres => Ok(())
        )
    }

    /// Copies all of SQLite's log into its file, after which the file alone is the database. Waits for readers, but not long:
    /// what is left is copied after the next start.
    pub(super) fn copy_whole(&mut self) -> Result<(), StoreError> {
        const COPY: &str = "PRAGMA busy_timeout = 1000; PRAGMA wal_checkpoint(TRUNCATE);";
        either!(self,
            sqlite => diesel::connection::SimpleConnection::batch_execute(sqlite, COPY),
            _postgres => Ok(())
        )
    }

    /// Empties all tables within the transaction.
    pub(super) fn clear(&mut self) -> Result<(), StoreError> {
        const ALL: &str = "DELETE FROM resource; DELETE FROM label; DELETE FROM attribute; DELETE FROM outbox; \
                           DELETE FROM event; DELETE FROM gate; DELETE FROM alarm; DELETE FROM meta; DELETE FROM place;";
        either!(self, link => diesel::connection::SimpleConnection::batch_execute(link, ALL))
    }

    /// Ends the transaction, all of it or nothing.
    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        // PostgreSQL answers such a COMMIT with a silent rollback, SQLite commits what went before the failure.
        if self.failed && self.open {
            self.rollback()?;
            return Err(StoreError::Query("a statement of the transaction failed".into()));
        }
        let outcome = either!(self, link => AnsiTransactionManager::commit_transaction(link));
        match outcome {
            Ok(()) => self.open = false,
            // What did not commit must not stay open: the next transaction starts clean.
            Err(_) => drop(self.rollback()),
        }
        outcome
    }

    /// Takes the transaction back; without one, nothing.
    pub(super) fn rollback(&mut self) -> Result<(), StoreError> {
        if !self.open {
            return Ok(());
        }
        let outcome = either!(self, link => AnsiTransactionManager::rollback_transaction(link));
        self.open = false;
        match outcome {
            Ok(()) => Ok(()),
            // The database has taken it back by itself.
            Err(StoreError::Query(cause)) if cause.downcast_ref().is_some_and(is_over) => Ok(()),
            Err(error) => {
                self.lost = true;
                Err(error)
            }
        }
    }

    /// Runs any statements.
    #[cfg(test)]
    pub(super) fn batch(&mut self, text: &str) {
        either!(self, link => diesel::connection::SimpleConnection::batch_execute(link, text)).unwrap();
    }

    /// Counts the statements that are prepared to be kept.
    #[cfg(test)]
    pub(super) fn count_prepared(&mut self, count: &Arc<std::sync::atomic::AtomicUsize>) {
        use diesel::connection::{Connection as _, InstrumentationEvent};
        let count = count.clone();
        let count = move |event: InstrumentationEvent<'_>| {
            if matches!(event, InstrumentationEvent::CacheQuery { .. }) {
                count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        };
        match &mut self.link {
            Link::Sqlite(link) => link.set_instrumentation(count),
            Link::Postgres(link) => link.set_instrumentation(count),
        }
    }

    /// Whether a transaction is open.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }
}

fn is_over(error: &diesel::result::Error) -> bool {
    matches!(error, diesel::result::Error::NotInTransaction)
}

fn is_lost(error: &diesel::result::Error) -> bool {
    use diesel::result::{DatabaseErrorKind, Error};
    match error {
        Error::BrokenTransactionManager => true,
        Error::DatabaseError(DatabaseErrorKind::ClosedConnection, _) => true,
        Error::DatabaseError(_, information) => super::error::tells_of_loss(information.message()),
        _ => false,
    }
}
