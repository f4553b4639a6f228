//! What a subscription learns of its notifications: the expiration counter goes down, statistics go up.

use std::sync::Arc;

use dyad_protocol::exchange::TransportError;
use dyad_protocol::{Failure, Response};

use crate::Cse;
use crate::request::{Cause, remove_subtree};
use crate::resource::{Draft, Id, Lookup, Txn};
use crate::store::Owed;
use crate::subscription::{Subscription, statistics};

/// Notes what came of a notification, in its subscription.
pub(super) async fn settle(
    cse: &Arc<Cse>,
    owed: &Owed,
    said: Option<&Subscription>,
    answer: &Result<Response, TransportError>,
) {
    let Some(said) = said else { return };
    let is_taken = answer.as_ref().is_ok_and(|response| response.status.is_success());
    let counts_down = is_taken && said.expiration_counter.is_some();
    if !counts_down && !said.keeps_statistics {
        return;
    }
    let (id, target, is_answered) = (owed.subscription, owed.target.clone(), answer.is_ok());
    let noted = cse.writer().run(move |txn| note(txn, id, &target, is_answered, counts_down)).await;
    if let Err(failure) = noted {
        tracing::error!(error = ?failure.source, "a subscription could not note a notification: {failure}");
    }
}

fn note(
    txn: &mut Txn<'_>,
    id: Id,
    target: &str,
    is_answered: bool,
    counts_down: bool,
) -> Result<(), Failure> {
    let Some(subscription) = txn.resource(id)? else { return Ok(()) };
    let counter = subscription.number("exc").filter(|_| counts_down);
    // The last one ends the subscription (TS-0004 7.5.1.2.2 step 5).
    if counter.is_some_and(|counter| counter <= 1) {
        return remove_subtree(txn, None, &subscription, Cause::Internal).map(drop);
    }
    let mut draft = Draft::of(&subscription);
    if let Some(counter) = counter {
        draft.set("exc", counter - 1);
    }
    statistics::note_request(&mut draft, target, is_answered);
    txn.update(&subscription, draft.fix()?)
}
