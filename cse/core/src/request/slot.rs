//! Where the result of a request goes besides the response: into a `<request>`, or nowhere.
//!
//! The result of a write is recorded in the transaction of the write, so that neither is there without the other. For
//! a request that may still be kept while it is under way (flexBlocking), the order on the writer thread decides which
//! came first.

use std::sync::{Mutex, MutexGuard, PoisonError};

use dyad_protocol::{Failure, Response, StatusCode};

use super::Call;
use super::kept::{Plan, Reference, is_pending, record, store};
use crate::resource::{Id, Lookup, Txn};

/// Where the result of a request goes besides the response.
#[derive(Debug)]
pub(crate) struct Slot(Mutex<Place>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Nowhere so far; the originator may still be told to look for it later.
    Open,
    /// Into a `<request>` resource.
    In(Id),
    /// The request is carried out: it is too late to keep it.
    Done,
}

impl Slot {
    /// For a request that may be kept while it is under way.
    pub(super) fn open() -> Self {
        Self(Mutex::new(Place::Open))
    }

    /// For a request that is kept.
    pub(super) fn at(id: Id) -> Self {
        Self(Mutex::new(Place::In(id)))
    }

    /// Where the request is kept, if it is.
    pub(super) fn kept(&self) -> Option<Id> {
        match *self.place() {
            Place::In(id) => Some(id),
            Place::Open | Place::Done => None,
        }
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a request that is under way, in the write transaction. `None` if it is carried out already.
    pub(super) fn keep(
        &self,
        txn: &mut Txn<'_>,
        call: &Call,
        plan: &Plan,
    ) -> Result<Option<Reference>, Failure> {
        let mut place = self.place();
        if *place == Place::Done {
            return Ok(None);
        }
        let reference = store(txn, call, plan)?;
        *place = Place::In(reference.id);
        Ok(Some(reference))
    }

    /// Before a write: REQUEST_TIMEOUT if the `<request>` is gone or has its result already, because then its
    /// originator was told that the request is not carried out.
    pub(super) fn check(&self, txn: &mut Txn<'_>) -> Result<(), Failure> {
        match *self.place() {
            Place::In(id) if !txn.resource(id)?.is_some_and(|kept| is_pending(&kept)) => {
                Err(Failure::new(StatusCode::RequestTimeout, "the request was recalled or has expired"))
            }
            _ => Ok(()),
        }
    }

    /// The request is carried out: records the result if it is kept.
    pub(super) fn conclude(&self, txn: &mut Txn<'_>, response: &Response) -> Result<(), Failure> {
        let mut place = self.place();
        match *place {
            Place::In(id) => record(txn, id, response),
            Place::Open | Place::Done => {
                *place = Place::Done;
                Ok(())
            }
        }
    }

    /// The request is carried out without a write: whether the result remains to be recorded.
    pub(super) fn finish(&self) -> bool {
        let mut place = self.place();
        match *place {
            Place::In(_) => true,
            Place::Open | Place::Done => {
                *place = Place::Done;
                false
            }
        }
    }
}
