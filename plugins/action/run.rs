//! What actions do while the node runs: errands of committed changes are carried out, and actions evaluated whose time
//! has come or whose subject's counters have changed.
//!
//! What there is to do is said by `work`; whether an action is carried out, by `evaluate` in a transaction of its own.

use std::sync::Arc;
use std::time::Duration;

use dyad_core::Cse;
use dyad_core::request::Amendment;
use dyad_protocol::Object;
use dyad_protocol::exchange::Arrival;
use tokio::sync::Semaphore;

use super::Actions;
use super::work::Task;

/// Changes whose errands are carried out at the same time.
const AT_ONCE: usize = 32;

/// The clock is looked at this often even if nothing is due, in case somebody sets it.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

impl Actions {
    /// Carries out what there is to do, several changes at a time.
    pub(super) async fn carry_out(self: Arc<Self>, cse: &Arc<Cse>) -> anyhow::Result<()> {
        let at_once = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let permit = Arc::clone(&at_once).acquire_owned().await?;
            let task = self.next(cse).await;
            let (function, cse) = (Arc::clone(&self), Arc::clone(cse));
            tokio::spawn(async move {
                function.work_off(&cse, task).await;
                drop(permit);
            });
        }
    }

    /// The next thing to do, once there is one.
    async fn next(&self, cse: &Cse) -> Task {
        loop {
            let now = cse.now();
            let pause = match self.work.next(now) {
                Ok(task) => return task,
                Err(None) => LONGEST_SLEEP,
                Err(Some(due)) => {
                    Duration::from_micros(due.micros().saturating_sub(now.micros()).max(0).unsigned_abs())
                }
            };
            tokio::select! {
                () = self.work.changed() => {}
                () = tokio::time::sleep(pause.min(LONGEST_SLEEP)) => {}
            }
        }
    }

    async fn work_off(&self, cse: &Cse, task: Task) {
        match task {
            Task::Errands(errands) => {
                for errand in errands {
                    cse.resume(errand.kept, Arrival { binding: errand.arrival, ..Arrival::default() }).await;
                }
            }
            Task::Evaluate(action) => {
                let evaluated = cse.amend(self, action, |_| Amendment::Modify(Object::new())).await;
                self.work.done(action);
                if let Err(failure) = evaluated
                    && failure.source.is_some()
                {
                    tracing::error!(error = ?failure.source, "an action cannot be evaluated: {failure}");
                }
            }
        }
    }
}
