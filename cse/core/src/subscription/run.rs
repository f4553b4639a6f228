//! What subscriptions do by themselves: telling many of one event, and letting go what was held back.

use std::sync::Arc;
use std::time::Duration;

use dyad_protocol::Failure;

use super::index::said;
use super::{distribution, holding};
use crate::Cse;
use crate::clock::Drift;
use crate::delivery::reading;
use crate::function::Stop;
use crate::resource::{Id, Lookup, Txn};
use crate::store::GateRow;

/// Subscriptions that are looked at in one transaction.
const AT_A_TIME: usize = 100;

/// Resources whose events are distributed in turns.
const IN_TURNS: usize = 64;

/// Longest time until the clock is looked at: it may have been set.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Pause after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Runs until the node stops.
pub async fn run(cse: Arc<Cse>, mut stop: Stop) {
    let (distributes, releases) = (distribute(Arc::clone(&cse)), release(cse));
    tokio::select! {
        () = distributes => {}
        () = releases => {}
        () = stop.stopped() => {}
    }
}

/// Distributes events: of one resource in order, of several in turns.
async fn distribute(cse: Arc<Cse>) {
    // An earlier run of the node may have left some.
    cse.delivery().distribute();
    loop {
        cse.delivery().undistributed().await;
        while match round(&cse).await {
            Ok(is_more) => is_more,
            Err(failure) => {
                tracing::error!(error = ?failure.source, "events cannot be told to subscribers: {failure}");
                tokio::time::sleep(AFTER_FAILURE).await;
                true
            }
        } {}
    }
}

/// Some notifications for each of the resources with undistributed events. Whether there may be more.
async fn round(cse: &Arc<Cse>) -> Result<bool, Failure> {
    let first = reading(cse, |reader| {
        let parents = reader.open_parents(IN_TURNS)?;
        parents.into_iter().map(|parent| Ok(reader.open_events(parent, 1)?.first().copied())).collect()
    });
    let events: Vec<Option<i64>> = first.await?;
    for seq in events.iter().flatten().copied() {
        cse.writer().run(move |txn| distribution::distribute(txn, seq)).await?;
    }
    Ok(!events.is_empty())
}

/// Lets go what is held back, when its time has come.
async fn release(cse: Arc<Cse>) {
    let mut drift = Drift::new(cse.now());
    loop {
        // What is due ahead of a clock that was set back may be due now: schedules open and close again. One that is ahead
        // of the last look may have been further ahead meanwhile.
        if drift.look(cse.now())
            && let Err(failure) = look_at_schedules(&cse).await
        {
            tracing::error!(error = ?failure.source, "schedules cannot be looked at: {failure}");
        }
        let now = cse.now().micros();
        let due = cse.delivery().due();
        if due > now {
            let left = Duration::from_micros((due.saturating_sub(now)).unsigned_abs());
            tokio::select! {
                () = tokio::time::sleep(left.min(LOOK_AGAIN)), if due < i64::MAX => {}
                () = cse.delivery().due_changed() => {}
            }
            continue;
        }
        if let Err(failure) = let_go(&cse).await {
            tracing::error!(error = ?failure.source, "what is held back cannot be sent: {failure}");
            tokio::time::sleep(AFTER_FAILURE).await;
        }
    }
}

/// Has every subscription with a schedule looked at again.
async fn look_at_schedules(cse: &Arc<Cse>) -> Result<(), Failure> {
    let mut after = 0;
    while let Some(last) =
        cse.writer().run(move |txn| holding::look_at_schedules(txn, after, AT_A_TIME)).await?
    {
        after = last;
    }
    Ok(())
}

/// Lets go what is due, and finds out when something is due again.
async fn let_go(cse: &Arc<Cse>) -> Result<(), Failure> {
    while cse.writer().run(gates).await? {}
    // What is committed from here on says so itself.
    cse.delivery().nothing_is_due();
    if let Some(next) = reading(cse, |reader| reader.next_due()).await? {
        cse.delivery().is_due(next);
    }
    Ok(())
}

/// Lets go what is due of some subscriptions. Whether there are more.
fn gates(txn: &mut Txn<'_>) -> Result<bool, Failure> {
    let ids: Vec<Id> = txn.due_gates(AT_A_TIME)?;
    for id in &ids {
        let now = txn.now();
        let subscription = txn.resource(*id)?.filter(|found| !found.is_expired(now));
        match subscription.as_ref().and_then(|found| said(found).map(|said| (found, said))) {
            Some((subscription, said)) => holding::due(txn, subscription, said)?,
            // Others keep their state here without a time, and what has expired holds nothing back any more.
            None => txn.set_gate(GateRow { subscription: *id, due: i64::MAX, state: String::new() }),
        }
    }
    Ok(ids.len() >= AT_A_TIME)
}
