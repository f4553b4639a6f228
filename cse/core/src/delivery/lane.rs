//! Serving one target: its notifications one after the other, with a pause that grows while it does not answer.

use std::sync::Arc;
use std::time::Duration;

use dyad_protocol::Failure;

use super::lanes::Next;
use super::send::{self, Outcome};
use super::{BEFORE_TARGETS, Delivery};
use crate::Cse;
use crate::resource::Notice;

/// Rows that are read from the outbox at a time.
const PAGE: usize = 100;

/// Targets that are read from the outbox at a time.
const TARGETS: usize = 1_000;

/// Longest time until a closed target is looked at again: its schedule may have changed.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Opens lanes for targets in the outbox that have none.
pub(super) async fn open_lacking(cse: &Arc<Cse>) {
    let delivery = cse.delivery();
    if !delivery.lanes.lacks_some() {
        return;
    }
    let mut after = BEFORE_TARGETS.to_owned();
    loop {
        let last = after.clone();
        let page = reading(cse, move |reader| reader.owed_targets(&last, TARGETS)).await;
        let Ok(page) = page.inspect_err(complain) else { return };
        let is_last = page.len() < TARGETS;
        if let Some(last) = page.last() {
            after.clone_from(last);
        }
        for target in delivery.lanes.open(page) {
            delivery.spawn(async move |cse| serve(&cse, &target).await);
        }
        if is_last {
            break;
        }
    }
    delivery.lanes.looked_through();
}

/// Serves a target until nothing is owed to it, or the node stops.
pub(super) async fn serve(cse: &Arc<Cse>, target: &str) {
    let delivery = cse.delivery();
    let mut stop = delivery.stop.clone();
    let (mut failures, mut missed) = (0, false);
    while let Some(notice) = next(cse, target).await {
        loop {
            if *stop.borrow() {
                return;
            }
            let pause = match attempt(cse, &notice, failures, missed).await {
                Some(Outcome::Done) => {
                    if failures > 0 {
                        tracing::info!(target, "notification target answers again");
                    }
                    (failures, missed) = (0, false);
                    break;
                }
                Some(Outcome::Later(why)) => {
                    if failures == 0 {
                        tracing::warn!(target, why, "notification target does not answer; will try again");
                    }
                    failures += 1;
                    pause(cse, failures)
                }
                Some(Outcome::Closed(opens)) => {
                    let micros = opens.micros().saturating_sub(cse.now().micros()).max(1_000);
                    Duration::from_micros(micros.unsigned_abs()).min(LOOK_AGAIN)
                }
                // The one that takes its place is missed just the same.
                Some(Outcome::Replaced) => break,
                None => return,
            };
            missed = true;
            delivery.lanes.note(target, true);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stop.wait_for(|stopped| *stopped) => return,
            }
        }
        delivery.lanes.note(target, missed);
        delivery.lanes.done(&notice.owed);
        delivery.settle(&notice.owed);
    }
}

/// Tries to deliver a notification, when it is the target's turn. `None` if the node stops.
async fn attempt(cse: &Arc<Cse>, notice: &Notice, failures: u32, missed: bool) -> Option<Outcome> {
    let delivery: &Delivery = cse.delivery();
    if delivery.lanes.is_replaced(&notice.owed) {
        return Some(Outcome::Replaced);
    }
    let turns = if failures > 0 { &delivery.second_chances } else { &delivery.permits };
    let _turn = turns.acquire().await.ok()?;
    Some(send::deliver(cse, notice, missed).await)
}

/// The pause after so many failures in a row.
fn pause(cse: &Cse, failures: u32) -> Duration {
    let config = &cse.config().notification;
    config.retry_first.saturating_mul(1 << (failures - 1).min(20)).min(config.retry_longest)
}

/// The next notification for a target: from the queue, or from the outbox if the queue did not hold all.
async fn next(cse: &Arc<Cse>, target: &str) -> Option<Notice> {
    let delivery = cse.delivery();
    loop {
        let (after, spills) = match delivery.lanes.next(target) {
            Next::Notice(notice) => return Some(notice),
            Next::Nothing => return None,
            Next::Outbox(after, spills) => (after, spills),
        };
        let to = target.to_owned();
        let page = cse.config().notification.queue.clamp(1, PAGE);
        let read = reading(cse, move |reader| {
            let more = reader.owed_to(&to, after, page)?;
            // The first page of a lane that begins with what an earlier run left.
            let counts = after == 0 && more.len() == page;
            let count = if counts { reader.count_owed_to(&to)? } else { 0 };
            Ok((more, usize::try_from(count).unwrap_or(0)))
        });
        match read.await {
            Ok((more, count)) => {
                delivery.lanes.counted(target, count);
                let notice = |owed| Notice { owed: Arc::new(owed), event: None };
                delivery.lanes.refill(target, more.into_iter().map(notice).collect(), spills);
            }
            Err(failure) => {
                complain(&failure);
                tokio::time::sleep(cse.config().notification.retry_first).await;
            }
        }
    }
}

fn complain(failure: &Failure) {
    tracing::error!(error = ?failure.source, "the outbox cannot be read");
}

/// Reads what is committed, on a thread that may block.
pub(crate) async fn reading<T: Send + 'static>(
    cse: &Arc<Cse>,
    read: impl FnOnce(&mut crate::store::Reader<'_>) -> Result<T, crate::store::StoreError> + Send + 'static,
) -> Result<T, Failure> {
    let cse = Arc::clone(cse);
    let read = move || {
        let mut reader = cse.tree().store.reader().map_err(Failure::internal)?;
        read(&mut reader).map_err(Failure::internal)
    };
    tokio::task::spawn_blocking(read).await.unwrap_or_else(|error| Err(Failure::internal(error)))
}
