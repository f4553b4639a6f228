//! The writer's connection.
//!
//! Responsible for: transactions, and asking for checkpoints. Which change sets share one is left to the core.

use std::ops::{Deref, DerefMut};

use super::Store;
use super::change::ChangeSet;
use super::checkpoint::Checkpoints;
use super::connection::Connection;
use super::error::StoreError;

/// The connection of the single writer. Its queries see the open transaction.
///
/// After an error within a transaction, take it back before anything else. An error of [`Writer::commit`] has taken
/// it back already. A lost connection is replaced by the next [`Writer::begin`].
pub struct Writer {
    connection: Connection,
    checkpoints: Option<Checkpoints>,
    store: Store,
}

impl Writer {
    /// A writer of a store on a connection of its own.
    pub(super) fn new(connection: Connection, store: Store) -> Self {
        Self { connection, checkpoints: None, store }
    }

    /// Has the log copied into the file beside the commits, on another connection.
    pub(super) fn copy_ahead(&mut self, reader: Connection) -> Result<(), StoreError> {
        let started = Checkpoints::start(reader);
        self.checkpoints = Some(started.map_err(|error| StoreError::Query(error.into()))?);
        Ok(())
    }

    /// Starts a transaction.
    pub fn begin(&mut self) -> Result<(), StoreError> {
        self.connection.begin()
    }

    /// Writes a change set within the transaction.
    pub fn apply(&mut self, change: &ChangeSet) -> Result<(), StoreError> {
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.count(change);
        }
        self.connection.apply(change)
    }

    /// Deletes every row of every table within the transaction.
    pub fn clear(&mut self) -> Result<(), StoreError> {
        self.connection.clear()
    }

    /// Ends the transaction: all of it is durable and visible, or on an error nothing. Only after
    /// [`StoreError::Lost`] it may be either.
    pub fn commit(&mut self) -> Result<(), StoreError> {
        self.connection.commit()?;
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.committed();
        }
        Ok(())
    }

    /// Takes the transaction back; without one, does nothing.
    pub fn rollback(&mut self) -> Result<(), StoreError> {
        self.connection.rollback()
    }

    /// Whether a transaction is open.
    pub fn is_open(&self) -> bool {
        self.connection.is_open()
    }
}

impl Deref for Writer {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Writer {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.connection.rollback();
        // Whoever copies the file of a node that was stopped has everything in it.
        self.checkpoints = None;
        if let Err(error) = self.connection.copy_whole() {
            tracing::debug!(%error, "the log of the database stays beside its file");
        }
        self.store.writer_is_free();
    }
}
