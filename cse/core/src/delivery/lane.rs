//! Serving one target: its notifications one after the other, with a pause that grows while it does not answer.

use std::sync::Arc;
use std::time::Duration;

use dyad_protocol::{Failure, Timestamp};
use tokio::sync::watch;

use super::coming::Coming;
use super::lanes::Next;
use super::send::{self, Outcome};
use super::target::is_address;
use super::{BEFORE_TARGETS, Delivery};
use crate::Cse;
use crate::request::until;
use crate::resource::Notice;

/// Rows that are read from the outbox at a time.
const PAGE: usize = 100;

/// Targets that are read from the outbox at a time.
const TARGETS: usize = 1_000;

/// Longest time until a target that a schedule closes is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// How often it is looked whether a target that does not come for its notifications can be reached in another way.
const LONGEST_ABSENCE: Duration = Duration::from_secs(60);

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

/// How a target has fared lately.
#[derive(Clone, Copy, Default)]
struct Standing {
    /// Attempts that have failed in a row.
    failures: u32,
    /// Whether the notification in front could not be brought before.
    missed: bool,
    /// How many notifications it takes at a time when it comes for them by itself; 0 for one that is called.
    takes: usize,
}

/// Serves a target until nothing is owed to it, or the node stops.
pub(super) async fn serve(cse: &Arc<Cse>, target: &str) {
    let delivery = cse.delivery();
    let mut stop = delivery.stop.clone();
    let (mut standing, mut reopening) = (Standing::default(), Reopening::default());
    let mut notices: Vec<Notice> = Vec::new();
    loop {
        if notices.is_empty() {
            let Some(notice) = next(cse, target).await else { return };
            notices.push(notice);
        }
        if !turn(cse, target, &notices, &mut standing).await {
            return;
        }
        while notices.len() < standing.takes
            && let Some(notice) = delivery.lanes.next_at_hand(target)
        {
            notices.push(notice);
        }
        let Some(outcomes) = attempt(cse, &notices, standing).await else { return };
        let Some(failed) = account(cse, target, &mut notices, outcomes, &mut standing) else { continue };
        let pause = match failed {
            Outcome::Closed(opens) => reopening.wait(cse, opens),
            _ => pause(cse, standing),
        };
        let mut coming = cse.coming(target).await;
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = reopening.changed() => {}
            () = came(&mut coming) => {}
            _ = stop.wait_for(|stopped| *stopped) => return,
        }
    }
}

/// Resolves when a target opens a connection, if it is an AE.
async fn came(coming: &mut Option<Coming<'_>>) {
    match coming {
        Some(coming) => coming.came().await,
        None => std::future::pending().await,
    }
}

/// Waits for a target that comes for its notifications by itself, until the time of the first of them is over. `false`
/// if the node stops.
async fn turn(cse: &Arc<Cse>, target: &str, notices: &[Notice], standing: &mut Standing) -> bool {
    let mut stop = cse.delivery().stop.clone();
    let expires = notices.first().map_or(0, |notice| notice.owed.expires);
    loop {
        if *stop.borrow() {
            return false;
        }
        let left = until(Timestamp::from_micros(expires), cse.now());
        if is_address(target) || left.is_zero() {
            return true;
        }
        let longest = if standing.missed { LONGEST_ABSENCE } else { cse.delivery().timeout() };
        tokio::select! {
            takes = cse.await_coming(target) => {
                standing.takes = takes;
                return true;
            }
            () = tokio::time::sleep(left.min(longest)) => {}
            _ = stop.wait_for(|stopped| *stopped) => return false,
        }
        // One that has not come for so long cannot be reached at present.
        standing.missed = true;
        cse.delivery().lanes.note(target, true);
    }
}

/// Tries to deliver notifications, when it is the target's turn: what came of the first of them. `None` if the node
/// stops.
async fn attempt(cse: &Arc<Cse>, notices: &[Notice], standing: Standing) -> Option<Vec<Outcome>> {
    let delivery: &Delivery = cse.delivery();
    if let [only] = notices
        && delivery.lanes.is_replaced(&only.owed)
    {
        return Some(vec![Outcome::Replaced]);
    }
    let turns = if standing.failures > 0 { &delivery.second_chances } else { &delivery.permits };
    // One that comes for its notifications has made room for them itself.
    let _turn = match standing.takes {
        0 => Some(turns.acquire().await.ok()?),
        _ => None,
    };
    Some(send::deliver(cse, notices, standing.missed).await)
}

/// Waiting until a schedule opens.
#[derive(Default)]
struct Reopening {
    schedules: Option<watch::Receiver<()>>,
}

impl Reopening {
    /// How long until a moment, or another look is due.
    fn wait(&mut self, cse: &Cse, opens: Timestamp) -> Duration {
        if self.schedules.is_none() {
            // What changed before is not told: another look at once.
            self.schedules = Some(cse.delivery().schedules.subscribe());
            return Duration::ZERO;
        }
        let micros = opens.micros().saturating_sub(cse.now().micros()).max(1_000);
        Duration::from_micros(micros.unsigned_abs()).min(LOOK_AGAIN)
    }

    /// Resolves when schedules change, once one was waited for.
    async fn changed(&mut self) {
        if let Some(schedules) = &mut self.schedules
            && schedules.changed().await.is_ok()
        {
            return;
        }
        std::future::pending().await
    }
}

/// Settles what is done and keeps the rest. Gives the first that has failed.
fn account(
    cse: &Cse,
    target: &str,
    notices: &mut Vec<Notice>,
    outcomes: Vec<Outcome>,
    standing: &mut Standing,
) -> Option<Outcome> {
    let delivery = cse.delivery();
    let mut outcomes = outcomes.into_iter();
    let (mut failed, mut is_reached) = (None, false);
    notices.retain(|notice| match outcomes.next() {
        Some(outcome @ (Outcome::Done | Outcome::Replaced)) => {
            is_reached |= matches!(outcome, Outcome::Done);
            delivery.lanes.done(&notice.owed);
            delivery.settle(&notice.owed);
            false
        }
        outcome => {
            failed = failed.take().or(outcome);
            true
        }
    });
    let Some(failed) = failed else {
        // The one that takes the place of another is missed just the same.
        if !is_reached {
            return None;
        }
        if standing.failures > 0 {
            tracing::info!(target, "notification target answers again");
        }
        (standing.failures, standing.missed) = (0, false);
        delivery.lanes.note(target, false);
        return None;
    };
    standing.missed = true;
    delivery.lanes.note(target, true);
    if let Outcome::Later(why) = &failed {
        if standing.failures == 0 {
            tracing::warn!(target, why, "notification target does not answer; will try again");
        }
        standing.failures += 1;
    }
    Some(failed)
}

/// The pause after failures in a row.
fn pause(cse: &Cse, standing: Standing) -> Duration {
    let config = &cse.config().notification;
    // One that comes by itself says by that when it is time.
    let failures = if standing.takes > 0 { 1 } else { standing.failures.max(1) };
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
