//! A request under way: what is known of it besides the primitive, and what every response to it says.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dyad_protocol::exchange::Arrival;
use dyad_protocol::primitive::ResponseType;
use dyad_protocol::{Failure, Request, Response, Timestamp};

use super::kept::fix_times;
use super::slot::Slot;
use crate::function::Responders;
use crate::resource::Id;

/// A request with all that is known about it.
#[derive(Debug)]
pub struct Call {
    /// The request.
    pub request: Box<Request>,
    /// How it came.
    pub arrival: Arrival,
    /// When it came.
    pub now: Timestamp,
    /// Where its result goes besides the response.
    pub(crate) slot: Option<Arc<Slot>>,
    /// What service functions make of its response.
    pub(super) responders: Tailored,
    /// What is kept until it is over.
    held: Held,
    /// How long it may take if that is longer than others may, in milliseconds.
    patience: AtomicU64,
}

/// What service functions keep until a request is over.
#[derive(Default)]
struct Held(Mutex<Vec<Box<dyn Any + Send>>>);

/// What is to be done about the response.
#[derive(Default)]
pub(super) struct Tailored(pub(super) Responders);

impl fmt::Debug for Tailored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tailored")
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}

impl Call {
    /// A request that came at `now`.
    pub(super) fn new(
        request: Box<Request>,
        arrival: Arrival,
        now: Timestamp,
        slot: Option<Arc<Slot>>,
    ) -> Self {
        let (responders, held) = (Tailored::default(), Held::default());
        Self { request, arrival, now, slot, responders, held, patience: AtomicU64::default() }
    }

    /// Lets the request take so long from its arrival, beyond what the node allows to others and also beyond its own
    /// expiration: for a service function that holds it back and keeps to the time by itself.
    pub fn allow(&self, longest: Duration) {
        let millis = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        self.patience.fetch_max(millis, Ordering::Relaxed);
    }

    /// How long it may take, if a service function has said so.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_millis(self.patience.load(Ordering::Relaxed))
    }

    /// Whether the originator waits for the response: its result goes nowhere else, and may not do so later.
    pub fn is_awaited(&self) -> bool {
        self.slot.is_none() && self.request.response_type.value != ResponseType::NoResponse
    }

    /// Keeps something, such as the guard of a lock, until the request has its outcome and nothing of it is under way
    /// any more.
    pub fn hold(&self, guard: impl Any + Send) {
        self.held.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(guard));
    }

    /// The `<request>` that the request is kept in, if it is.
    pub fn kept(&self) -> Option<Id> {
        self.slot.as_ref().and_then(|slot| slot.kept())
    }

    /// The same request when its time has come, with its times made absolute.
    pub(super) fn later(&self, now: Timestamp) -> Self {
        let mut request = self.request.clone();
        fix_times(&mut request, self.now);
        Self::new(request, self.arrival.clone(), now, self.slot.clone())
    }
}

pub(super) fn span(call: &Call) -> tracing::Span {
    tracing::debug_span!(
        "request",
        operation = ?call.request.operation,
        id = %call.request.request_identifier,
        originator = call.request.originator(),
        target = %call.request.to,
        binding = call.arrival.binding,
        status = tracing::field::Empty,
    )
}

/// The response to what came of a request; a failure with its source in the log.
pub(super) fn settle(call: &Call, span: &tracing::Span, outcome: Result<Response, Failure>) -> Response {
    let response = outcome.unwrap_or_else(|failure| {
        if let Some(source) = &failure.source {
            tracing::error!(parent: span, error = %source, "{failure}");
        }
        Response::failed(&call.request, &failure)
    });
    span.record("status", response.status.number());
    response
}

/// What a response says because the request did (TS-0001 8.1.3).
pub(super) fn complete(request: &Request, response: &mut Response, now: impl FnOnce() -> Timestamp) {
    if request.originating_timestamp.is_some() {
        response.originating_timestamp = Some(now());
    }
    if request.result_expiration_timestamp.is_some() {
        response.result_expiration_timestamp = request.result_expiration_timestamp;
    }
    if request.event_category.is_some() {
        response.event_category = request.event_category;
    }
}

/// How long it is from a moment to another; nothing for one that is over.
pub(crate) fn until(moment: Timestamp, now: Timestamp) -> Duration {
    Duration::from_micros(moment.micros().saturating_sub(now.micros()).max(0).unsigned_abs())
}
