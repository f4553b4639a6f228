//! The life of a request (TS-0004 7.2.2.2): [`Cse::carry_out`] is the receiver procedure, step by step.

mod asker;
mod check;
mod children;
mod create;
mod delete;
mod discover;
mod filter;
mod first;
mod notify;
mod own;
mod retrieve;
mod shape;
mod target;
mod update;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dyad_protocol::exchange::{Arrival, Receiver};
use dyad_protocol::primitive::ResponseType;
use dyad_protocol::{Failure, Operation, Request, Response, StatusCode, Timestamp};

pub use asker::Asker;
pub use delete::Cause;
pub(crate) use delete::{remove_expired, remove_subtree};
pub(crate) use filter::matches_times;
pub use own::Amendment;
pub(crate) use target::local_path;
pub use target::{Target, Virtual};

use crate::Cse;
use crate::access;
use crate::function::{ServiceFunction, Stage};
use crate::resource::Snapshot;

/// A request with all that is known about it.
#[derive(Debug)]
pub struct Call {
    /// The request.
    pub request: Box<Request>,
    /// How it came.
    pub arrival: Arrival,
    /// When it came.
    pub now: Timestamp,
}

#[async_trait]
impl Receiver for Cse {
    async fn receive(&self, request: Box<Request>, arrival: Arrival) -> Response {
        self.handle(request, arrival).await
    }
}

impl Cse {
    /// Carries out a request and answers it, whatever happens.
    pub async fn handle(&self, request: impl Into<Box<Request>>, arrival: Arrival) -> Response {
        let call = Arc::new(Call { request: request.into(), arrival, now: self.clock().now() });
        let span = tracing::debug_span!(
            "request",
            operation = ?call.request.operation,
            id = %call.request.request_identifier,
            originator = call.request.originator(),
            target = %call.request.to,
            binding = call.arrival.binding,
            status = tracing::field::Empty,
        );
        let outcome = tracing::Instrument::instrument(self.in_time(&call), span.clone()).await;
        let mut response = outcome.unwrap_or_else(|failure| {
            if let Some(source) = &failure.source {
                tracing::error!(parent: &span, error = %source, "{failure}");
            }
            Response::failed(&call.request, &failure)
        });
        span.record("status", response.status.number());
        if !span.is_disabled() {
            let duration = self.clock().now().micros() - call.now.micros();
            tracing::debug!(parent: &span, duration_us = duration, "answered");
        }
        response.suppressed = call.request.response_type.value == ResponseType::NoResponse;
        response
    }

    /// The receiver procedure, until the request expires or takes longer than the node allows.
    async fn in_time(&self, call: &Arc<Call>) -> Result<Response, Failure> {
        let most = self.config().request_timeout;
        let left = match call.request.request_expiration_timestamp {
            Some(expiry) => {
                expiry.resolve(call.now).micros().saturating_sub(call.now.micros()).max(0).unsigned_abs()
            }
            None => u64::MAX,
        };
        let limit = most.min(Duration::from_micros(left));
        // A write that has begun may still be carried out: the originator is told that it does not know.
        tokio::time::timeout(limit, self.carry_out(call)).await.unwrap_or_else(|_| {
            Err(Failure::new(
                StatusCode::RequestTimeout,
                "the request took too long; whether it was carried out is open",
            ))
        })
    }

    /// The receiver procedure.
    async fn carry_out(&self, call: &Arc<Call>) -> Result<Response, Failure> {
        check::primitive(self, call)?;
        check::response_type(call)?;
        let target = self.read(call, target::locate).await?;
        for function in self.taking_part(Stage::Intercept, call, &target) {
            if let ControlFlow::Break(response) = function.intercept(self, call, &target).await? {
                return Ok(response);
            }
        }
        target.check_answered()?;
        match call.request.operation {
            Operation::Retrieve => {
                let shared = Arc::clone(call);
                self.look(move |cse, snapshot| retrieve::retrieve(cse, &shared, snapshot, &target)).await
            }
            // Boxed, so that what it holds while it waits does not weigh on every other request.
            Operation::Notify => Box::pin(notify::notify(self, call, &target)).await,
            Operation::Create => self.write(call, target, create::authorize, create::create).await,
            Operation::Update => self.write(call, target, update::authorize, update::update).await,
            Operation::Delete => self.write(call, target, delete::authorize, delete::delete).await,
        }
    }

    /// The service functions that take part in a stage of a request.
    fn taking_part<'a>(
        &'a self,
        stage: Stage,
        call: &'a Call,
        target: &'a Target,
    ) -> impl Iterator<Item = &'a Arc<dyn ServiceFunction>> {
        self.functions().iter().filter(move |function| function.takes_part(stage, call, target))
    }

    /// Lets the service functions do what needs the network before a commit, for an originator that may ask for it.
    async fn prepare(&self, call: &Arc<Call>, target: &Target, authorize: Authorize) -> Result<(), Failure> {
        if self.taking_part(Stage::Prepare, call, target).next().is_none() {
            return Ok(());
        }
        self.read(call, authorize).await?;
        for function in self.taking_part(Stage::Prepare, call, target) {
            function.prepare(self, call, target).await?;
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
        write: fn(&mut crate::resource::Txn<'_>, &Call) -> Result<Written, Failure>,
    ) -> Result<Response, Failure> {
        self.prepare(call, &target, authorize).await?;
        let shared = Arc::clone(call);
        let written = self.writer().run(move |txn| write(txn, &shared)).await?;
        if self.taking_part(Stage::Committed, call, &target).next().is_some() {
            // In a task of its own: no function delays the answer, and none misses a commit because the request's
            // time is over.
            let (cse, call) = (self.shared(), Arc::clone(call));
            tokio::spawn(async move {
                for function in cse.taking_part(Stage::Committed, &call, &target) {
                    function.committed(&cse, &written.events).await;
                }
            });
        }
        Ok(written.response)
    }
}

/// The first pass of access control, on what is committed.
type Authorize = fn(&Cse, &Call, &mut Snapshot<'_>) -> Result<(), Failure>;

/// What a write procedure leaves behind.
pub(crate) struct Written {
    pub(crate) response: Response,
    pub(crate) events: Vec<crate::function::Event>,
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
