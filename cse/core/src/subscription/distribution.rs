//! Telling many subscriptions of one event, some at a time, in transactions of their own.

use std::sync::Arc;

use dyad_protocol::Failure;

use super::posting::{Text, hand_over};
use crate::resource::{Id, Lookup, Txn};
use crate::store::Event;

/// Subscriptions that one transaction tells.
const AT_A_TIME: usize = 256;

/// Tells the next subscriptions of an event.
pub(super) fn distribute(txn: &mut Txn<'_>, seq: i64) -> Result<(), Failure> {
    let Some(mut event) = txn.open_event(seq)? else { return Ok(()) };
    let recipients = event.recipients.take().unwrap_or_default();
    let done = usize::try_from(event.done).unwrap_or(0);
    let mut rest = recipients.split_ascii_whitespace().skip(done);
    let ids: Vec<Id> = rest.by_ref().take(AT_A_TIME).filter_map(|id| id.parse().ok()).collect();
    let is_last = rest.next().is_none();
    let event = Arc::new(event);
    txn.read_gates(&ids)?;
    let mut text = Text::kept(Arc::clone(&event));
    for id in ids {
        let subscription = txn.resource(id)?;
        let now = txn.now();
        if let Some(subscription) = subscription.filter(|subscription| !subscription.is_expired(now)) {
            hand_over(txn, &mut text, &subscription)?;
        }
    }
    let done = (!is_last).then(|| Event::clone(&event).done.saturating_add(AT_A_TIME as i64));
    txn.distributed(&event, done);
    Ok(())
}
