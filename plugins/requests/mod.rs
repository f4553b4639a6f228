//! Non-blocking requests (CSF-CMDH; TS-0001 8.2.2, 9.6.12, 10.2.5, TS-0004 7.4.12).
//!
//! Responsible for `<request>` resources once they are there: that each is carried out when it is due, also after a
//! restart, that it can be recalled until then, and that none expires in silence. How a request is accepted, carried
//! out and its result recorded is the core's.

mod waiting;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use dyad_core::request::kept::{self, REQUEST};
use dyad_core::request::{Call, Cause, Target};
use dyad_core::resource::{Id, Lookup, Resource, Txn, resolve};
use dyad_core::{Change, Cse, Deferral, Event, Facets, Report, ServiceFunction, Stage, Stop};
use dyad_protocol::exchange::Arrival;
use dyad_protocol::{Failure, Operation, StatusCode, Timestamp};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use waiting::Waiting;

/// Requests that are carried out at the same time.
const AT_ONCE: usize = 128;

/// Rows that are read at a time.
const PAGE: usize = 500;

/// The clock is looked at this often even if nothing is due, in case somebody sets it.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Carries out requests later.
#[derive(Default)]
pub struct Requests {
    waiting: Mutex<Waiting>,
    changed: Notify,
    carried_out: AtomicU64,
    expired: AtomicU64,
}

#[async_trait]
impl ServiceFunction for Requests {
    fn name(&self) -> &'static str {
        "request"
    }

    fn may_block(&self) -> bool {
        false
    }

    fn owns(&self) -> &[u32] {
        &[REQUEST]
    }

    fn facets(&self) -> Facets<'_> {
        Facets { deferral: Some(self), ..Facets::default() }
    }

    fn stages(&self) -> &'static [Stage] {
        &[Stage::Committed]
    }

    fn takes_part(&self, stage: Stage, call: &Call, target: &Target) -> bool {
        stage == Stage::Committed
            && call.request.operation == Operation::Delete
            && target.resource.ty() == REQUEST
    }

    fn apply(&self, txn: &mut Txn<'_>, change: &mut Change<'_>) -> Result<(), Failure> {
        match change {
            Change::Delete { old, cause, .. } if old.ty() == REQUEST => match cause {
                Cause::Request => self.check_recall(old),
                Cause::Expired if kept::is_pending(old) => {
                    self.expired.fetch_add(1, Ordering::Relaxed);
                    kept::give_up(txn, old);
                    Ok(())
                }
                Cause::Expired | Cause::Internal => Ok(()),
            },
            _ => Ok(()),
        }
    }

    async fn committed(&self, _: &Cse, events: &[Event]) {
        for event in events {
            self.waiting().remove(event.resource.id());
        }
    }

    async fn run(self: Arc<Self>, cse: Arc<Cse>, mut stop: Stop) -> anyhow::Result<()> {
        self.recover(&cse).await?;
        let at_once = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let permit = tokio::select! {
                permit = Arc::clone(&at_once).acquire_owned() => permit?,
                () = stop.stopped() => return Ok(()),
            };
            let (id, arrival) = tokio::select! {
                next = self.next(&cse) => next,
                () = stop.stopped() => return Ok(()),
            };
            let (function, cse) = (Arc::clone(&self), Arc::clone(&cse));
            tokio::spawn(async move {
                cse.resume(id, arrival).await;
                function.done(id);
                drop(permit);
            });
        }
    }

    fn report(&self) -> Report {
        let pending = self.waiting().len() as u64;
        let carried_out = self.carried_out.load(Ordering::Relaxed);
        let expired = self.expired.load(Ordering::Relaxed);
        Report {
            summary: format!("{pending} requests pending; {carried_out} carried out since the start"),
            figures: vec![("pending", pending), ("carried_out", carried_out), ("expired", expired)],
        }
    }
}

impl Deferral for Requests {
    fn accepted(&self, kept: Id, due: Timestamp, arrival: Arrival, place: OwnedSemaphorePermit) {
        self.waiting().add(kept, due, arrival, Some(place));
        self.changed.notify_one();
    }

    fn under_way(&self, kept: Id, place: OwnedSemaphorePermit) {
        self.waiting().add_under_way(kept, place);
    }

    fn done(&self, kept: Id) {
        self.waiting().remove(kept);
        self.carried_out.fetch_add(1, Ordering::Relaxed);
    }
}

impl Requests {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up what an earlier run of the node accepted and did not carry out.
    async fn recover(&self, cse: &Cse) -> anyhow::Result<()> {
        let mut after = 0;
        loop {
            let page = cse.look(move |_, snapshot| {
                let Some(base) = resolve(snapshot, "-")? else { return Ok(Vec::new()) };
                snapshot.children(base.id(), &[REQUEST as i32], after, PAGE)
            });
            let page = page.await?;
            for kept in page.iter().filter(|kept| kept::is_pending(kept)) {
                let place = cse.pending_place().ok();
                self.waiting().add(kept.id(), kept::due_of(kept), Arrival::default(), place);
            }
            match page.last() {
                Some(last) if page.len() >= PAGE => after = last.id(),
                _ => return Ok(()),
            }
        }
    }

    /// The next request that is due, once it is.
    async fn next(&self, cse: &Cse) -> (Id, Arrival) {
        loop {
            let now = cse.now();
            let pause = {
                let mut waiting = self.waiting();
                if let Some(next) = waiting.begin(now) {
                    return next;
                }
                let wait = |due: Timestamp| due.micros().saturating_sub(now.micros()).max(0).unsigned_abs();
                waiting.next_due().map_or(LONGEST_SLEEP, |due| Duration::from_micros(wait(due)))
            };
            tokio::select! {
                () = self.changed.notified() => {}
                () = tokio::time::sleep(pause.min(LONGEST_SLEEP)) => {}
            }
        }
    }

    /// UNABLE_TO_RECALL_REQUEST if a request is under way or not in this node's hands any more (TS-0004 7.4.12.2.4).
    fn check_recall(&self, kept: &Resource) -> Result<(), Failure> {
        let can_be_recalled = kept::is_pending(kept) && !self.waiting().is_under_way(kept.id());
        if can_be_recalled || kept::is_concluded(kept) {
            return Ok(());
        }
        Err(Failure::new(StatusCode::UnableToRecallRequest, "the request is being carried out"))
    }
}
