//! The life of a request (TS-0004 7.2.2.2): [`Cse::carry_out`] is the receiver procedure, step by step.

mod answer;
mod asker;
mod call;
mod check;
mod children;
mod circle;
mod create;
mod delete;
mod discover;
pub mod errand;
mod filter;
mod first;
pub mod kept;
mod notify;
mod own;
mod precondition;
mod rehearsal;
mod repeated;
mod resume;
mod retrieve;
mod shape;
mod sketch;
mod slot;
mod state;
mod tailor;
mod target;
mod update;
mod watch;

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use dyad_protocol::exchange::{Arrival, Receiver, Watch};
use dyad_protocol::primitive::ResponseType;
use dyad_protocol::{Failure, Operation, Request, Response, StatusCode};
use tracing::Instrument as _;

pub use asker::Asker;
pub use call::Call;
pub(crate) use call::until;
use call::{complete, settle, span};
pub use delete::Cause;
pub(crate) use delete::{remove_expired, remove_subtree};
pub(crate) use filter::matches_times;
pub use own::Amendment;
pub(crate) use state::State;
pub use target::local_path;
pub use target::{Target, Virtual, path_here};

use crate::Cse;
use crate::access;
use crate::function::{Described, Hook, Hosted, Stage};
use crate::resource::{Resource, Snapshot, Txn};

#[async_trait]
impl Receiver for Cse {
    async fn receive(&self, request: Box<Request>, arrival: Arrival) -> Response {
        self.handle(request, arrival).await
    }

    async fn watch(&self, request: &Request) -> Option<Watch> {
        self.watch_result(request).await
    }

    fn connected(&self, entity: &str) {
        Cse::connected(self, entity);
    }
}

impl Cse {
    /// Carries out a request and answers it, whatever happens.
    pub async fn handle(&self, request: impl Into<Box<Request>>, arrival: Arrival) -> Response {
        let mut call = Arc::new(Call::new(request.into(), arrival, self.clock().now(), None));
        let checked = match self.may_tailor(&call.request, &call.arrival) {
            // Boxed, so that it does not weigh on every other request.
            true => Box::pin(self.tailor(&mut call)).await,
            false => check::primitive(self, &call),
        };
        let span = span(&call);
        let mut suppressed = false;
        let outcome = if let Err(failure) = checked {
            Err(failure)
        } else {
            // Whoever wants no response is told all the same if the request is not one (TS-0001 8.1.2 Response Type).
            suppressed = call.request.response_type.value == ResponseType::NoResponse;
            match span.is_disabled() {
                true => self.answer(&call).await,
                // Boxed, so that it does not weigh on every other request.
                false => Box::pin(self.answer(&call).instrument(span.clone())).await,
            }
        };
        let mut response = settle(&call, &span, outcome);
        if !span.is_disabled() {
            let duration_us = self.clock().now().micros() - call.now.micros();
            tracing::debug!(parent: &span, duration_us, "answered");
        }
        complete(&call.request, &mut response, || self.clock().now());
        self.tailor_response(&call.responders.0, &mut response);
        response.suppressed = suppressed;
        response
    }

    /// The receiver procedure, until the request or its result expires or takes longer than the node allows, or than
    /// a service function that holds it back has said.
    async fn in_time(&self, call: &Arc<Call>) -> Result<Response, Failure> {
        let request = &call.request;
        let mut limit = self.config().request_timeout;
        for ends in [request.request_expiration_timestamp, request.result_expiration_timestamp] {
            limit = limit.min(ends.map_or(limit, |ends| until(ends.resolve(call.now), call.now)));
        }
        let (mut carried_out, mut waited) = (pin!(self.in_due_time(call)), Duration::ZERO);
        // Most are answered without waiting, and need no timer.
        let first = poll_fn(|context| Poll::Ready(carried_out.as_mut().poll(context)));
        // Without a name, so that no room is kept for it while the request waits.
        if let Poll::Ready(outcome) = first.await {
            return outcome;
        }
        loop {
            if let Ok(outcome) = tokio::time::timeout(limit, carried_out.as_mut()).await {
                return outcome;
            }
            waited += limit;
            limit = call.patience().saturating_sub(waited);
            if limit.is_zero() {
                // A write that has begun may still be carried out: the originator is told that it does not know.
                return Err(Failure::new(
                    StatusCode::RequestTimeout,
                    "the request took too long; whether it was carried out is open",
                ));
            }
        }
    }

    /// The receiver procedure, not before the execution time that the request names.
    async fn in_due_time(&self, call: &Arc<Call>) -> Result<Response, Failure> {
        match call.request.operation_execution_time.map(|at| at.resolve(call.now)) {
            // Boxed, so that it does not weigh on every other request.
            Some(due) if due > call.now => {
                Box::pin(async {
                    while due > self.now() {
                        tokio::time::sleep(until(due, self.now())).await;
                    }
                    self.carry_out(&Arc::new(call.later(self.now()))).await
                })
                .await
            }
            _ => self.carry_out(call).await,
        }
    }

    /// The receiver procedure.
    async fn carry_out(&self, call: &Arc<Call>) -> Result<Response, Failure> {
        let target = self.read(call, target::locate).await?;
        let mut learning: Vec<&Hosted> = Vec::new();
        for (_, hosted) in self.hosts().at(Stage::Answered) {
            if hosted.takes_part(self, Stage::Answered, call, &target)? {
                learning.push(hosted);
            }
        }
        if learning.is_empty() {
            return self.perform(call, target).await;
        }
        let outcome = self.perform(call, target.clone()).await;
        for hosted in learning {
            // A fault is noted there, and changes nothing about the outcome.
            let _ = hosted
                .call(self, Hook::Answered, || hosted.function().answered(self, call, &target, &outcome));
        }
        outcome
    }

    /// The receiver procedure from the target on.
    async fn perform(&self, call: &Arc<Call>, mut target: Target) -> Result<Response, Failure> {
        if let Some(identifier) = &call.request.group_request_identifier {
            self.note_group_request(call, identifier, &target)?;
        }
        precondition::check_virtual(call, &target)?;
        let mut has_waited = false;
        for (_, hosted) in self.hosts().at(Stage::Intercept) {
            if hosted.takes_part(self, Stage::Intercept, call, &target)? {
                if let ControlFlow::Break(response) = hosted.intercept(self, call, &target).await? {
                    return Ok(response);
                }
                has_waited = true;
            }
        }
        target.check_answered()?;
        if has_waited {
            // Which instance is the latest may be another one now.
            target = self.read(call, target::locate).await?;
        }
        if !call.request.group_request_target_members.is_empty() {
            return Err(Failure::bad_request("grtm is for requests to the members of a group"));
        }
        match call.request.operation {
            Operation::Retrieve => self.retrieve_at(call, target).await,
            // Boxed, so that what it holds while it waits does not weigh on every other request.
            Operation::Notify => Box::pin(notify::notify(self, call, &target)).await,
            Operation::Create => {
                let mut ready = create::Ready::new(self, call, &target);
                let create = move |txn: &mut Txn<'_>, call: &Call| create::create(txn, call, &mut ready);
                self.write(call, target, create::authorize, create).await
            }
            Operation::Update => self.write(call, target, update::authorize, update::update).await,
            Operation::Delete => self.write(call, target, delete::authorize, delete::delete).await,
        }
    }

    /// What the semantics filters of a request match; `None` if it has none or nobody evaluates them.
    async fn described(&self, call: &Arc<Call>) -> Result<Option<Described>, Failure> {
        let criteria = call.request.filter_criteria.as_deref();
        if criteria.is_none_or(|criteria| criteria.semantics_filter.is_empty()) {
            return Ok(None);
        }
        let mut offers =
            self.hosts().on().filter_map(|hosted| Some((hosted, hosted.facets(self).semantics?)));
        match offers.next() {
            // Boxed, so that it does not weigh on every other request.
            Some((hosted, semantics)) => {
                Box::pin(hosted.wait(self, Hook::Described, semantics.described(self, call))).await?.map(Some)
            }
            None => Ok(None),
        }
    }

    /// Lets the service functions do what needs the network before a commit, for an originator that may ask for it.
    async fn prepare(&self, call: &Arc<Call>, target: &Target, authorize: Authorize) -> Result<(), Failure> {
        let mut is_authorized = false;
        for (_, hosted) in self.hosts().at(Stage::Prepare) {
            if !hosted.takes_part(self, Stage::Prepare, call, target)? {
                continue;
            }
            if !std::mem::replace(&mut is_authorized, true) {
                self.read(call, authorize).await?;
            }
            // Boxed, so that it does not weigh on every other request.
            Box::pin(hosted.prepare(self, call, target)).await?;
        }
        Ok(())
    }

    /// Reads what is committed: from memory at once; on a thread that may block if memory does not do.
    async fn read<T: Send + 'static>(
        &self,
        call: &Arc<Call>,
        read: fn(&Cse, &Call, &mut Snapshot<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let call = Arc::clone(call);
        self.look(move |cse, snapshot| read(cse, &call, snapshot)).await
    }

    /// Prepares and writes, then tells the service functions.
    async fn write(
        &self,
        call: &Arc<Call>,
        target: Target,
        authorize: Authorize,
        mut write: impl FnMut(&mut Txn<'_>, &Call) -> Result<Written, Failure> + Send + 'static,
    ) -> Result<Response, Failure> {
        self.prepare(call, &target, authorize).await?;
        let shared = Arc::clone(call);
        let written = self
            .writer()
            .run(move |txn| {
                let Some(slot) = &shared.slot else { return write(txn, &shared) };
                // The result goes with what was done, so that after a crash neither is there without the other.
                slot.check(txn)?;
                let Written { outcome, events } = write(txn, &shared)?;
                let response = outcome.answer(txn.cse(), &shared);
                slot.conclude(txn, &response)?;
                Ok(Written { outcome: Outcome::Answer(Box::new(response)), events })
            })
            .await?;
        let takes_part = |hosted: &Hosted| {
            // What cannot say so takes no part: the write is done.
            hosted.takes_part(self, Stage::Committed, call, &target).unwrap_or_default()
        };
        let concerned = self.hosts().at(Stage::Committed).filter(|(_, hosted)| takes_part(hosted));
        let concerned: Vec<usize> = concerned.map(|(place, _)| place).collect();
        if !concerned.is_empty() {
            // In a task of its own: no function delays the answer, and none misses a commit because the request's
            // time is over.
            let cse = self.shared();
            let events = written.events.into();
            tokio::spawn(async move {
                for hosted in concerned.into_iter().filter_map(|place| cse.hosts().get(place)) {
                    hosted.committed(&cse, &events).await;
                }
            });
        }
        Ok(written.outcome.answer(self, call))
    }
}

/// The first pass of access control, on what is committed.
type Authorize = fn(&Cse, &Call, &mut Snapshot<'_>) -> Result<(), Failure>;

/// What a write procedure leaves behind.
pub(crate) struct Written {
    pub(crate) outcome: Outcome,
    pub(crate) events: Vec<crate::function::Event>,
}

/// What there is to answer.
pub(crate) enum Outcome {
    /// This.
    Answer(Box<Response>),
    /// A resource was created, below something that has this path if the answer needs it.
    Created { resource: Arc<Resource>, above: Option<String> },
}

impl Outcome {
    /// The response: made after the transaction where nothing needs it within.
    fn answer(self, cse: &Cse, call: &Call) -> Response {
        match self {
            Self::Answer(response) => *response,
            Self::Created { resource, above } => create::answer(cse, call, &resource, above.as_deref()),
        }
    }
}

/// The bit of access control for an operation.
pub(crate) fn permission(operation: Operation) -> u8 {
    match operation {
        Operation::Create => access::operation::CREATE,
        Operation::Retrieve => access::operation::RETRIEVE,
        Operation::Update => access::operation::UPDATE,
        Operation::Delete => access::operation::DELETE,
        Operation::Notify => access::operation::NOTIFY,
    }
}
