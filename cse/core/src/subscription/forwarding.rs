//! Notifications of others that are handed on by way of a subscription: what a group gathers for a subscriber
//! (TS-0004 7.5.1.2.6).

use std::sync::Arc;

use dyad_protocol::{Failure, Object};

use super::index::said;
use super::{holding, notification, posting, targets};
use crate::resource::{Resource, Txn};
use crate::store::Owed;

/// Owes a notification (`m2m:notification`) to the targets of a subscription as its policies say, as if an event of
/// its own had caused it.
pub fn forward(txn: &mut Txn<'_>, subscription: &Arc<Resource>, told: &Object) -> Result<(), Failure> {
    let Some(said) = said(subscription) else { return Ok(()) };
    let id = subscription.id();
    let owed = Owed { body: notification::whole("m2m:sgn", told), ..posting::owed(txn, id, said, false) };
    if let Some(gate) = holding::gate_of(txn, id, said)? {
        return holding::arrive(txn, id, said, gate, owed, None);
    }
    let targets = targets::of(txn, said)?;
    posting::send(txn, owed, None, targets);
    Ok(())
}
