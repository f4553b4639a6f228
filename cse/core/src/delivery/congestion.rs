//! When more is owed to a target than is kept: what is worth least goes (TS-0001 9.6.8 notificationStoragePriority,
//! 9.6.3 notificationCongestionPolicy).

use std::sync::Arc;

use dyad_protocol::Failure;

use crate::Cse;
use crate::resource::Txn;

/// The part of what is kept that goes at a time.
const PART: usize = 10;

/// Rows that are dropped in one transaction.
const AT_A_TIME: usize = 1_000;

/// Makes room: drops the notifications to a target with the lowest priority, the oldest of them first.
pub(super) async fn relieve(cse: &Arc<Cse>, target: &str) {
    let mut left = (cse.config().notification.stored / PART).max(1);
    let mut dropped = 0;
    while left > 0 {
        let (of, most) = (target.to_owned(), left.min(AT_A_TIME));
        match cse.writer().run(move |txn| drop_some(txn, &of, most)).await {
            Ok(0) => break,
            Ok(count) => {
                dropped += count;
                left -= count.min(left);
            }
            Err(failure) => {
                tracing::error!(error = ?failure.source, "there is no room for notifications: {failure}");
                break;
            }
        }
    }
    cse.delivery().lanes.relieved(target, dropped);
    tracing::warn!(
        target,
        dropped,
        "too many notifications wait for a target; those worth least were dropped"
    );
}

fn drop_some(txn: &mut Txn<'_>, target: &str, most: usize) -> Result<usize, Failure> {
    let worth_least = txn.worth_least(target, most)?;
    let count = worth_least.len();
    worth_least.into_iter().for_each(|settled| txn.settle(settled));
    Ok(count)
}
