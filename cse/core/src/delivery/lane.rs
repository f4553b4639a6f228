//! Serving one target: its notifications one after the other, with a pause that grows while it does not answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dyad_protocol::{Content, Failure, Operation, Request};

use super::Lane;
use crate::Cse;
use crate::request::{Cause, remove_subtree};
use crate::resource::{Draft, Id, Lookup, Txn, View};
use crate::store::Owed;

/// What came of a notification.
enum Outcome {
    /// Taken, refused for good, or not owed any more.
    Done,
    /// The target may take it later.
    Later(String),
}

/// Serves a target until nothing is owed to it, or the node stops.
pub(super) async fn serve(cse: &Arc<Cse>, target: &str) {
    let delivery = cse.delivery();
    let mut stop = delivery.stop.clone();
    let mut failures = 0;
    while let Some(owed) = next(cse, target).await {
        loop {
            if *stop.borrow() {
                return;
            }
            let Ok(permit) = delivery.permits.acquire().await else { return };
            let outcome = deliver(cse, &owed).await;
            drop(permit);
            match outcome {
                Outcome::Done => {
                    if failures > 0 {
                        tracing::info!(target, "notification target answers again");
                    }
                    failures = 0;
                    break;
                }
                Outcome::Later(why) => {
                    if failures == 0 {
                        tracing::warn!(target, why, "notification target does not answer; will try again");
                    }
                    failures += 1;
                    tokio::select! {
                        () = tokio::time::sleep(pause(cse, failures)) => {}
                        _ = stop.wait_for(|stopped| *stopped) => return,
                    }
                }
            }
        }
        delivery.settle(owed.seq);
    }
}

/// The pause after so many failures in a row.
fn pause(cse: &Cse, failures: u32) -> Duration {
    let config = &cse.config().notification;
    config.retry_first.saturating_mul(1 << (failures - 1).min(20)).min(config.retry_longest)
}

/// The next notification for a target: from the queue, or from the outbox if the queue did not hold all.
async fn next(cse: &Arc<Cse>, target: &str) -> Option<Arc<Owed>> {
    let delivery = cse.delivery();
    loop {
        let (after, spills) = {
            let mut lanes = delivery.lanes();
            let lane = lanes.get_mut(target)?;
            if let Some(owed) = lane.queue.pop_front() {
                lane.last = owed.seq;
                delivery.queued.fetch_sub(1, Ordering::Relaxed);
                return Some(owed);
            }
            if !lane.spilled {
                lanes.remove(target);
                return None;
            }
            (lane.last, lane.spills)
        };
        let more = match read(cse, target, after).await {
            Ok(more) => more,
            Err(failure) => {
                tracing::error!(target, error = ?failure.source, "the outbox cannot be read");
                tokio::time::sleep(cse.config().notification.retry_first).await;
                continue;
            }
        };
        let mut lanes = delivery.lanes();
        let lane: &mut Lane = lanes.get_mut(target)?;
        // Nothing more was committed during the read: from here on the queue is enough.
        if more.is_empty() && lane.spills == spills {
            lane.spilled = false;
        }
        delivery.queued.fetch_add(more.len(), Ordering::Relaxed);
        lane.queue.extend(more);
    }
}

/// Reads what is owed to a target after a number.
async fn read(cse: &Arc<Cse>, target: &str, after: i64) -> Result<Vec<Arc<Owed>>, Failure> {
    let (cse, target) = (Arc::clone(cse), target.to_owned());
    let page = cse.config().notification.queue.clamp(1, 1_000);
    let read = move || {
        let mut reader = cse.tree().store.reader().map_err(Failure::internal)?;
        reader.owed_to(&target, after, page).map_err(Failure::internal)
    };
    let owed =
        tokio::task::spawn_blocking(read).await.unwrap_or_else(|error| Err(Failure::internal(error)))?;
    Ok(owed.into_iter().map(Arc::new).collect())
}

/// Sends one notification.
async fn deliver(cse: &Arc<Cse>, owed: &Owed) -> Outcome {
    if owed.expires <= cse.clock().now().micros() {
        tracing::warn!(target = owed.target, "a notification was not taken for too long and is dropped");
        return Outcome::Done;
    }
    let counter = match subscription(cse, owed.subscription).await {
        Ok(Some(counter)) => counter,
        Ok(None) => return Outcome::Done,
        Err(failure) => return Outcome::Later(failure.to_string()),
    };
    let request = Request {
        operation: Operation::Notify,
        from: Some(cse.config().cse_id.clone()),
        request_identifier: format!("ntf{}", owed.seq),
        content: Some(Content::from_trusted_json(owed.body.clone())),
        release_version_indicator: cse.config().releases.last().cloned(),
        ..Request::default()
    };
    match cse.originate(&owed.target, request).await {
        Ok(response) if response.status.is_success() => {
            if counter.is_some() {
                count_down(cse, owed.subscription).await;
            }
            Outcome::Done
        }
        Ok(response) if response.status.number() / 1000 == 5 => {
            Outcome::Later(format!("it answers {} {}", response.status.number(), response.status.name()))
        }
        Ok(response) => {
            let status = response.status.number();
            tracing::warn!(target = owed.target, status, "notification target refuses a notification");
            Outcome::Done
        }
        Err(error) => Outcome::Later(error.to_string()),
    }
}

/// The expiration counter of a subscription: `None` if the subscription is gone, with which what it caused before
/// goes too (TS-0004 7.4.8.2.4). Number 0 stands for what is owed without a subscription.
async fn subscription(cse: &Arc<Cse>, id: Id) -> Result<Option<Option<u64>>, Failure> {
    if id == 0 {
        return Ok(Some(None));
    }
    cse.look(move |_, snapshot| {
        let subscription = snapshot.resource(id)?;
        Ok(subscription.map(|subscription| match subscription.view() {
            View::Subscription(said) => said.expiration_counter,
            _ => None,
        }))
    })
    .await
}

/// Counts a delivered notification; the last one ends the subscription (TS-0004 7.5.1.2.2, step 5).
async fn count_down(cse: &Arc<Cse>, id: Id) {
    let counted = cse.writer().run(move |txn| count(txn, id)).await;
    if let Err(failure) = counted {
        tracing::error!(error = ?failure.source, "an expiration counter could not be changed: {failure}");
    }
}

fn count(txn: &mut Txn<'_>, id: Id) -> Result<(), Failure> {
    let Some(subscription) = txn.resource(id)? else { return Ok(()) };
    let Some(counter) = subscription.number("exc") else { return Ok(()) };
    if counter <= 1 {
        return remove_subtree(txn, None, &subscription, Cause::Internal).map(|_| ());
    }
    let mut draft = Draft::of(&subscription);
    draft.set("exc", counter - 1);
    txn.update(&subscription, draft.fix()?)
}
