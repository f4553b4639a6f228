//! What stands between the node and a service function: a fault of a function fails the call in which it happens and
//! nothing else, and a function that goes on failing is switched off.
//!
//! Responsible for calling hooks outside of transactions: panics are caught, and what takes longer than
//! `functions.time_limit` is given up. Hooks inside a transaction are called by [`crate::resource::Txn`] without any
//! guard of their own: the writer catches panics once for each job, and the transaction knows who was at work. How
//! faults add up is left to `faults`, hooks that keep their thread to `apart` and `watchdog`.

use std::any::Any;
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::task::Poll;
use std::time::Duration;

use dyad_protocol::{Failure, Response, StatusCode, Timestamp};
use tokio::sync::watch;

use super::apart::Apart;
use super::faults::{Fault, Faults};
use super::watchdog::{Hook, Inside};
use super::{Event, Facets, Report, ServiceFunction, Stage, Stop};
use crate::Cse;
use crate::request::{Call, Target};
use crate::settings::Values;

/// Work of a hook.
type Work<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A service function with what the node knows of it.
pub(crate) struct Hosted {
    /// Its place in the order.
    at: usize,
    pub(super) function: Arc<dyn ServiceFunction>,
    /// Threads of its own, for one that may keep them.
    pub(super) apart: Option<Apart>,
    pub(super) faults: Faults,
    /// Tells its background work to end.
    pub(super) stop: watch::Sender<bool>,
    /// Its settings.
    pub(super) settings: Values,
    /// Requests of its own so far.
    pub(super) acts: AtomicU64,
    /// Whether it has something to tailor.
    pub(super) tailors: AtomicBool,
}

impl Hosted {
    pub(crate) fn new(at: usize, function: Arc<dyn ServiceFunction>, settings: Values) -> Self {
        let (faults, stop) = (Faults::default(), watch::Sender::new(false));
        let apart = function.may_block().then(Apart::new);
        Self {
            at,
            function,
            apart,
            faults,
            stop,
            settings,
            acts: AtomicU64::new(0),
            tailors: AtomicBool::new(false),
        }
    }

    /// The function itself.
    pub(crate) fn function(&self) -> &Arc<dyn ServiceFunction> {
        &self.function
    }

    /// Whether it was switched off.
    pub(crate) fn is_off(&self) -> bool {
        self.faults.is_off()
    }

    /// Whether the operator switched it off.
    pub(crate) fn was_switched_off(&self) -> bool {
        self.is_off() && self.faults.record().by_operator
    }

    /// The operator switched it off before the node was started.
    pub(crate) fn stay_off(&self, since: Timestamp) {
        if self.faults.switch_off(since) {
            let name = self.function.name();
            tracing::warn!(
                function = name,
                %since,
                "the service function stays switched off; `dyad functions on {name}` switches it on"
            );
        }
        self.stop.send_replace(true);
    }

    /// Takes note of a fault.
    pub(crate) fn note(&self, cse: &Cse, hook: Hook, fault: Fault) {
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
        self.call(cse, Hook::TakesPart, || self.function.takes_part(stage, call, target))
    }

    /// [`ServiceFunction::intercept`]
    pub(crate) async fn intercept(
        &self,
        cse: &Cse,
        call: &Arc<Call>,
        target: &Target,
    ) -> Result<ControlFlow<Response>, Failure> {
        let limit = || self.time_limit(cse).max(call.patience());
        self.wait_for(cse, Hook::Intercept, limit, self.intercepting(cse, call, target)).await?
    }

    /// [`ServiceFunction::prepare`]
    pub(crate) async fn prepare(&self, cse: &Cse, call: &Arc<Call>, target: &Target) -> Result<(), Failure> {
        self.wait(cse, Hook::Prepare, self.preparing(cse, call, target)).await?
    }

    /// [`ServiceFunction::committed`]. A fault is noted, and nobody's failure: what was written is written.
    pub(crate) async fn committed(&self, cse: &Cse, events: &Arc<[Event]>) {
        let _ = self.wait(cse, Hook::Committed, self.learning(cse, events)).await;
    }

    // The work of each hook, here or apart. Not asynchronous, so that it weighs no more than a pointer on each request.

    fn intercepting<'a>(
        &'a self,
        cse: &'a Cse,
        call: &'a Arc<Call>,
        target: &'a Target,
    ) -> Work<'a, Result<ControlFlow<Response>, Failure>> {
        let Some(apart) = &self.apart else { return self.function.intercept(cse, call, target) };
        let (function, shared) = (Arc::clone(&self.function), cse.shared());
        let (call, target) = (Arc::clone(call), target.clone());
        let work = async move { function.intercept(&shared, &call, &target).await };
        Box::pin(apart.carry_out(cse.shared(), self.at, Some(Hook::Intercept), work))
    }

    fn preparing<'a>(
        &'a self,
        cse: &'a Cse,
        call: &'a Arc<Call>,
        target: &'a Target,
    ) -> Work<'a, Result<(), Failure>> {
        let Some(apart) = &self.apart else { return self.function.prepare(cse, call, target) };
        let (function, shared) = (Arc::clone(&self.function), cse.shared());
        let (call, target) = (Arc::clone(call), target.clone());
        let work = async move { function.prepare(&shared, &call, &target).await };
        Box::pin(apart.carry_out(cse.shared(), self.at, Some(Hook::Prepare), work))
    }

    fn learning<'a>(&'a self, cse: &'a Cse, events: &'a Arc<[Event]>) -> Work<'a, ()> {
        let Some(apart) = &self.apart else { return self.function.committed(cse, events) };
        let (function, events, shared) = (Arc::clone(&self.function), Arc::clone(events), cse.shared());
        let work = async move { function.committed(&shared, &events).await };
        Box::pin(apart.carry_out(cse.shared(), self.at, Some(Hook::Committed), work))
    }

    /// [`ServiceFunction::run`]; a panic is a value.
    pub(super) async fn run(&self, cse: &Arc<Cse>) -> Result<anyhow::Result<()>, String> {
        let work = Arc::clone(&self.function).run(Arc::clone(cse), Stop(self.stop.subscribe()));
        match &self.apart {
            None => caught(self, Hook::Run, work).await,
            // It may keep a thread that is its own.
            Some(apart) => {
                caught(self, Hook::Run, apart.carry_out(Arc::clone(cse), self.at, None, work)).await
            }
        }
    }

    /// [`ServiceFunction::facets`]; none if it panics.
    pub(crate) fn facets(&self, cse: &Cse) -> Facets<'_> {
        self.call(cse, Hook::Facets, || self.function.facets()).unwrap_or_default()
    }

    /// [`ServiceFunction::report`]; an empty one if it panics.
    pub(crate) fn report(&self, cse: &Cse) -> Report {
        self.call(cse, Hook::Report, || self.function.report()).unwrap_or_default()
    }

    /// Calls a hook that does not wait. INTERNAL_SERVER_ERROR if it panics.
    pub(crate) fn call<T>(&self, cse: &Cse, hook: Hook, work: impl FnOnce() -> T) -> Result<T, Failure> {
        let _inside = Inside::enter(self, hook);
        catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
            self.note(cse, hook, Fault::Panic(message(&*panic)));
            failed()
        })
    }

    /// Waits for a hook. INTERNAL_SERVER_ERROR if it panics, REQUEST_TIMEOUT if it takes too long.
    pub(crate) async fn wait<T>(
        &self,
        cse: &Cse,
        hook: Hook,
        work: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        self.wait_for(cse, hook, || self.time_limit(cse), work).await
    }

    /// The same for a hook that may say, while it works, how long it may take; one that waits for the world outside has
    /// no limit of its own ([`Duration::MAX`]).
    pub(crate) async fn wait_for<T>(
        &self,
        cse: &Cse,
        hook: Hook,
        limit: impl Fn() -> Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        let mut work = pin!(caught(self, hook, work));
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
    fn ended<T>(&self, cse: &Cse, hook: Hook, outcome: Option<Result<T, String>>) -> Result<T, Failure> {
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

/// A future of a function whose panics are values.
async fn caught<T>(host: &Hosted, hook: Hook, work: impl Future<Output = T>) -> Result<T, String> {
    let mut work = pin!(work);
    let polled = poll_fn(|context| {
        let _inside = Inside::enter(host, hook);
        match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(Poll::Ready(done)) => Poll::Ready(Ok(done)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(panic) => Poll::Ready(Err(message(&*panic))),
        }
    });
    polled.await
}

/// What a panic says.
pub(crate) fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}
