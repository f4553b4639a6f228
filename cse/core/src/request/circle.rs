//! Notifications that go in circles: to an AE whose point of access is this node again.

use std::sync::{Mutex, PoisonError};

use dyad_protocol::Failure;
use rustc_hash::FxHashSet;

use crate::resource::Id;

/// A notification on its way: originator, request identifier, AE.
type Hop = (String, String, Id);

/// The notifications that are being forwarded.
#[derive(Default)]
pub(super) struct Circles(Mutex<FxHashSet<Hop>>);

/// A place among them, until it is dropped.
pub(super) struct Forwarded<'a> {
    circles: &'a Circles,
    hop: Hop,
}

impl Circles {
    /// Takes note of a notification that is forwarded to an AE. BAD_REQUEST if the same one is on its way there already:
    /// the request identifier stays the same from hop to hop.
    pub(super) fn enter(
        &self,
        originator: &str,
        identifier: &str,
        entity: Id,
    ) -> Result<Forwarded<'_>, Failure> {
        let hop = (originator.to_owned(), identifier.to_owned(), entity);
        let is_new = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(hop.clone());
        match is_new {
            true => Ok(Forwarded { circles: self, hop }),
            false => {
                Err(Failure::bad_request("the notification goes in circles: the AE is reached at this node"))
            }
        }
    }
}

impl Drop for Forwarded<'_> {
    fn drop(&mut self) {
        self.circles.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.hop);
    }
}
