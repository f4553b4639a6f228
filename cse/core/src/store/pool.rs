//! The connections for reading.
//!
//! Responsible for: handing out each connection to one user at a time, the most recently used first (its caches are
//! warm), and waiting for a bounded time if all are in use. A broken connection mends itself (see `connection`).

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::connection::{Connection, Place, Role};
use super::error::StoreError;

/// The connections for reading.
pub(super) struct Pool {
    connections: Vec<Mutex<Connection>>,
    idle: Mutex<Vec<usize>>,
    freed: Condvar,
    patience: Duration,
}

impl Pool {
    /// Opens all connections.
    pub(super) fn new(place: &Arc<Place>, size: usize, patience: Duration) -> Result<Self, StoreError> {
        let connections = (0..size.max(1))
            .map(|_| Connection::new(place.clone(), Role::Reader).map(Mutex::new))
            .collect::<Result<Vec<_>, _>>()?;
        let idle = Mutex::new((0..connections.len()).collect());
        Ok(Self { connections, idle, freed: Condvar::new(), patience })
    }

    /// A connection; waits until one is free.
    pub(super) fn get(&self) -> Result<Reader<'_>, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut idle, _) = self
            .freed
            .wait_timeout_while(idle, self.patience, |idle| idle.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        let index = idle.pop().ok_or(StoreError::Busy)?;
        drop(idle);
        let connection = self.connections.get(index).ok_or(StoreError::Busy)?;
        let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Reader { connection, index, pool: self })
    }
}

/// A connection for reading; goes back to the pool when dropped. Each query sees what is committed when it starts.
pub struct Reader<'a> {
    connection: MutexGuard<'a, Connection>,
    index: usize,
    pool: &'a Pool,
}

impl Deref for Reader<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Reader<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(self.index);
        self.pool.freed.notify_one();
    }
}
