//! The store: rows that survive a power cut.
//!
//! Responsible for: the one small seam under the core. Above it a request becomes a [`ChangeSet`]; below it a backend
//! applies a batch of change sets in one transaction and answers a dozen queries. What the rows mean, who may see
//! them, and what is remembered in memory is left to the core. diesel is imported here alone.
//!
//! SQLite and PostgreSQL have the same tables (`migrations/`). The choice is made once, by the URL in
//! [`Store::open`].

mod alarms;
mod belonging;
mod body;
mod change;
mod checkpoint;
mod connection;
mod discovery;
mod error;
mod fixed;
mod generated;
mod migrate;
mod notices;
mod outbox;
mod page;
mod places;
mod pool;
mod postgres;
mod resources;
mod schema;
mod sqlite;
mod temporary;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use body::{Body, Unwritten};
pub use change::{Aged, Alarm, Bounds, ChangeSet, Event, GateRow, Lie, Owed, Progress, Purge, Row, Settled};
pub use connection::Connection;
use connection::{Place, Role};
pub use error::{Cause, StoreError};
use pool::Pool;
pub use pool::Reader;
pub use writer::Writer;

/// What a commit is worth when the power fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// What is committed is on the disk.
    #[default]
    Full,
    /// The last commits may be missing after a power cut; the database is consistent nevertheless.
    Normal,
}

/// How to open a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// Connections for reading.
    pub readers: usize,
    /// What a commit is worth.
    pub synchronous: Durability,
    /// How long to wait for a lock of the database, and for a free connection.
    pub busy_timeout: Duration,
    /// SQLite: page cache of the writer and of each reader, in KiB.
    pub cache_kib: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            readers: 4,
            synchronous: Durability::Full,
            busy_timeout: Duration::from_secs(10),
            cache_kib: 16 * 1024,
        }
    }
}

/// An open database. Clones are the same store; it closes with the last of them.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    place: Arc<Place>,
    pool: Pool,
    writer: Mutex<Slot>,
}

/// Where the writer's connection is.
enum Slot {
    /// Opened with the store; on PostgreSQL it holds the lock against other nodes.
    Ready(Box<Connection>),
    /// Handed out.
    Taken,
    /// Closed by the last writer.
    Free,
}

impl Store {
    /// Opens a database and brings its schema up to date.
    ///
    /// `sqlite:PATH` is a file, created with its folders if need be; `sqlite::memory:` lives as long as the store;
    /// `postgres://…` is a database on a server.
    pub fn open(url: &str, options: &Options) -> Result<Store, StoreError> {
        let place = if let Some(path) = url.strip_prefix("sqlite:") {
            Place::Sqlite(sqlite::Place::new(path, options)?)
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Place::Postgres(postgres::Place::new(url, options))
        } else {
            let scheme = url.split(':').next().unwrap_or_default();
            return Err(StoreError::open(
                &format!("{scheme}:…"),
                "unknown kind of database: use sqlite:PATH, sqlite::memory: or postgres://USER:PASSWORD@HOST/DATABASE",
            ));
        };
        let place = Arc::new(place);
        let writer = Connection::new(place.clone(), Role::Writer)?;
        let pool = Pool::new(&place, options.readers, options.busy_timeout)?;
        let writer = Mutex::new(Slot::Ready(Box::new(writer)));
        Ok(Store { shared: Arc::new(Shared { place, pool, writer }) })
    }

    /// The connection of the single writer, until it is dropped.
    pub fn writer(&self) -> Result<Writer, StoreError> {
        let mut slot = self.shared.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = match std::mem::replace(&mut *slot, Slot::Taken) {
            Slot::Ready(connection) => *connection,
            Slot::Taken => return Err(StoreError::WriterTaken),
            Slot::Free => Connection::new(self.shared.place.clone(), Role::Writer)
                .inspect_err(|_| *slot = Slot::Free)?,
        };
        // From here on the writer gives its place back when it is dropped.
        let mut writer = Writer::new(connection, self.clone());
        if matches!(*self.shared.place, Place::Sqlite(_)) {
            writer.copy_ahead(Connection::new(self.shared.place.clone(), Role::Reader)?)?;
        }
        Ok(writer)
    }

    /// Takes note that the writer is gone.
    fn writer_is_free(&self) {
        *self.shared.writer.lock().unwrap_or_else(PoisonError::into_inner) = Slot::Free;
    }

    /// A connection for reading; waits if none is free.
    pub fn reader(&self) -> Result<Reader<'_>, StoreError> {
        self.shared.pool.get()
    }

    /// Whether a point query costs microseconds, so that an async thread may run it.
    pub fn reads_inline(&self) -> bool {
        matches!(*self.shared.place, Place::Sqlite(_))
    }
}
