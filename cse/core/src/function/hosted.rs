//! What stands between the node and a service function: a fault of a function fails the call in which it happens and
//! nothing else, and a function that goes on failing is switched off.
//!
//! Responsible for calling hooks outside of transactions: panics are caught, and what takes longer than
//! `functions.time_limit` is given up. Hooks inside a transaction are called by [`crate::resource::Txn`] without any
//! guard of their own: the writer catches panics once for each job, and the transaction knows who was at work. How
//! faults add up is left to `faults`.

use std::any::Any;
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::Poll;
use std::time::Duration;

use dyad_protocol::{Failure, Response, StatusCode};
use tokio::sync::watch;

use super::faults::{Fault, Faults};
use super::{Event, Facets, Report, ServiceFunction, Stage};
use crate::Cse;
use crate::request::{Call, Target};
use crate::settings::Values;

/// A service function with what the node knows of it.
pub(crate) struct Hosted {
    pub(super) function: Arc<dyn ServiceFunction>,
    pub(super) faults: Faults,
    /// Tells its background work to end.
    pub(super) stop: watch::Sender<bool>,
    /// Its settings.
    pub(super) settings: Values,
    /// Requests of its own so far.
    pub(super) acts: AtomicU64,
}

impl Hosted {
    pub(crate) fn new(function: Arc<dyn ServiceFunction>, settings: Values) -> Self {
        let (faults, stop) = (Faults::default(), watch::Sender::new(false));
        Self { function, faults, stop, settings, acts: AtomicU64::new(0) }
    }

    /// The function itself.
    pub(crate) fn function(&self) -> &Arc<dyn ServiceFunction> {
        &self.function
    }

    /// Whether it was switched off.
    pub(crate) fn is_off(&self) -> bool {
        self.faults.is_off()
    }

    /// Takes note of a fault.
    pub(crate) fn note(&self, cse: &Cse, hook: &'static str, fault: Fault) {
        if self.faults.note(cse, self.function.name(), hook, fault) {
            self.stop.send_replace(true);
        }
    }

    /// [`ServiceFunction::takes_part`]. INTERNAL_SERVER_ERROR if it panics: what the function would have done about
    /// the request is not known.
    pub(crate) fn takes_part(
        &self,
        cse: &Cse,
        stage: Stage,
        call: &Call,
        target: &Target,
    ) -> Result<bool, Failure> {
        self.call(cse, "takes_part", || self.function.takes_part(stage, call, target))
    }

    /// [`ServiceFunction::intercept`]
    pub(crate) async fn intercept(
        &self,
        cse: &Cse,
        call: &Arc<Call>,
        target: &Target,
    ) -> Result<ControlFlow<Response>, Failure> {
        let limit = || self.time_limit(cse).max(call.patience());
        self.wait_for(cse, "intercept", limit, self.function.intercept(cse, call, target)).await?
    }

    /// [`ServiceFunction::prepare`]
    pub(crate) async fn prepare(&self, cse: &Cse, call: &Arc<Call>, target: &Target) -> Result<(), Failure> {
        self.wait(cse, "prepare", self.function.prepare(cse, call, target)).await?
    }

    /// [`ServiceFunction::committed`]. A fault is noted, and nobody's failure: what was written is written.
    pub(crate) async fn committed(&self, cse: &Cse, events: &[Event]) {
        let _ = self.wait(cse, "committed", self.function.committed(cse, events)).await;
    }

    /// [`ServiceFunction::facets`]; none if it panics.
    pub(crate) fn facets(&self, cse: &Cse) -> Facets<'_> {
        self.call(cse, "facets", || self.function.facets()).unwrap_or_default()
    }

    /// [`ServiceFunction::report`]; an empty one if it panics.
    pub(crate) fn report(&self, cse: &Cse) -> Report {
        self.call(cse, "report", || self.function.report()).unwrap_or_default()
    }

    /// Calls a hook that does not wait. INTERNAL_SERVER_ERROR if it panics.
    pub(crate) fn call<T>(
        &self,
        cse: &Cse,
        hook: &'static str,
        work: impl FnOnce() -> T,
    ) -> Result<T, Failure> {
        catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
            self.note(cse, hook, Fault::Panic(message(&*panic)));
            failed()
        })
    }

    /// Waits for a hook. INTERNAL_SERVER_ERROR if it panics, REQUEST_TIMEOUT if it takes too long.
    pub(crate) async fn wait<T>(
        &self,
        cse: &Cse,
        hook: &'static str,
        work: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        self.wait_for(cse, hook, || self.time_limit(cse), work).await
    }

    /// The same for a hook that may say, while it works, how long it may take; one that waits for the world outside has
    /// no limit of its own ([`Duration::MAX`]).
    pub(crate) async fn wait_for<T>(
        &self,
        cse: &Cse,
        hook: &'static str,
        limit: impl Fn() -> Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        let mut work = pin!(caught(work));
        // Most have nothing to wait for, and then need no timer. Those that wait keep no room for what they have not got.
        {
            let first = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
            if let Poll::Ready(outcome) = first {
                return self.ended(cse, hook, Some(outcome));
            }
        }
        let outcome = within(limit, work).await;
        self.ended(cse, hook, outcome)
    }

    /// What a hook has given, or its panic; `None` if it took too long.
    fn ended<T>(
        &self,
        cse: &Cse,
        hook: &'static str,
        outcome: Option<Result<T, String>>,
    ) -> Result<T, Failure> {
        match outcome {
            Some(Ok(done)) => {
                self.faults.in_time();
                Ok(done)
            }
            Some(Err(panic)) => {
                self.note(cse, hook, Fault::Panic(panic));
                Err(failed())
            }
            None => {
                self.note(cse, hook, Fault::Late);
                Err(Failure::new(StatusCode::RequestTimeout, "a service function took too long"))
            }
        }
    }

    /// How long a hook may take. One of a function that waits for others may take as long as requests may.
    fn time_limit(&self, cse: &Cse) -> Duration {
        let limit = cse.config().functions.time_limit;
        match self.facets(cse).waits {
            true => limit.max(cse.config().request_timeout.saturating_mul(2)),
            false => limit,
        }
    }
}

/// Waits for as long as the limit allows, which may grow meanwhile. `None` if that was not long enough.
async fn within<T>(limit: impl Fn() -> Duration, mut work: impl Future<Output = T> + Unpin) -> Option<T> {
    let mut waited = Duration::ZERO;
    loop {
        let left = limit().saturating_sub(waited);
        if left.is_zero() {
            return None;
        }
        if let Ok(outcome) = tokio::time::timeout(left, &mut work).await {
            return Some(outcome);
        }
        waited += left;
    }
}

/// What the originator is told of a panic.
fn failed() -> Failure {
    Failure::new(StatusCode::InternalServerError, "a service function failed")
}

/// A future whose panics are values.
pub(super) async fn caught<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let mut work = pin!(work);
    let polled = poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(Poll::Ready(done)) => Poll::Ready(Ok(done)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(panic) => Poll::Ready(Err(message(&*panic))),
    });
    polled.await
}

/// What a panic says.
pub(crate) fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}
