//! What comes over a connection: a message becomes a request that is carried out, or the response to one of this node.
//!
//! Responsible for everything between a message and its answer, and for noting who speaks. Frames, and the number of
//! requests in progress, are left to `connection`.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use dyad_protocol::exchange::{Arrival, Hangup};
use dyad_protocol::serialization::{Envelope, Kind, wrap};
use dyad_protocol::{Failure, Operation, Request, Response, StatusCode};

use super::line::Line;
use super::settings::Shared;

/// The name of the binding in [`Arrival`].
const BINDING: &str = "ws";

/// Entities of one connection that are noted; those beyond have to be called at their points of access.
const MAX_ENTITIES: usize = 10_000;

/// The type of an AE.
const AE: u32 = 2;

/// The side of a connection that takes what comes.
pub(super) struct Incoming {
    shared: Shared,
    line: Arc<Line>,
    peer: Option<SocketAddr>,
    /// The identity that the transport has proved.
    authenticated: Option<String>,
    /// Originators that have spoken over this connection, as they call themselves.
    known: HashSet<String>,
    /// The same as they were noted.
    noted: HashSet<String>,
}

impl Incoming {
    pub(super) fn new(
        shared: Shared,
        line: Arc<Line>,
        peer: Option<SocketAddr>,
        authenticated: Option<String>,
    ) -> Self {
        Self { shared, line, peer, authenticated, known: HashSet::new(), noted: HashSet::new() }
    }

    /// Takes a message. Gives what is to be carried out, or the answer at once.
    pub(super) fn take(&mut self, message: Bytes) -> Option<Taken> {
        let serialization = self.line.serialization();
        let envelope = Envelope::open(serialization, message);
        self.line.set_wraps(envelope.is_wrapped);
        if envelope.kind == Kind::Response {
            match self.shared.codec.read_response(serialization, envelope.primitive) {
                Ok(response) => {
                    if !self.line.answered(response) {
                        tracing::debug!("a response came that nobody waits for");
                    }
                }
                Err(failure) => tracing::debug!(%failure, "a response came that is none"),
            }
            return None;
        }
        let request = match self.shared.codec.read_request(serialization, envelope.primitive) {
            Ok(request) => request,
            Err(refused) => {
                let response = Response::failed(&refused.request, &refused.failure);
                return Some(Taken::Answered(self.write(&response, envelope.is_wrapped)));
            }
        };
        let speaker = self.speaker(&request);
        let mut running = self.run(request, speaker, envelope.is_wrapped);
        // Most are answered without waiting; those need not be kept.
        match running.poll_once() {
            Poll::Ready(done) => self.finish(done).map(Taken::Answered),
            Poll::Pending => Some(Taken::Running(running)),
        }
    }

    /// What is to be noted if a request succeeds.
    fn speaker(&self, request: &Request) -> Speaker {
        if request.operation == Operation::Create && request.resource_type == Some(AE) {
            return Speaker::Registers(request.from.clone());
        }
        match &request.from {
            Some(from) if !self.known.contains(from) => Speaker::Unknown(from.clone()),
            _ => Speaker::Known,
        }
    }

    fn run(&self, request: Request, speaker: Speaker, is_wrapped: bool) -> Running {
        let hangup = Hangup::default();
        let arrival = Arrival {
            binding: BINDING,
            peer: self.peer,
            authenticated: self.authenticated.clone(),
            hangup: Some(hangup.clone()),
            precondition: None,
        };
        let known = (request.request_identifier.clone(), request.release_version_indicator.clone());
        let receiver = Arc::clone(&self.shared.receiver);
        let answer = Box::pin(async move { receiver.receive(Box::new(request), arrival).await });
        Running { answer, hangup, known, speaker, is_wrapped }
    }

    /// The message that answers, if there is to be one. Notes who has spoken.
    pub(super) fn finish(&mut self, done: Done) -> Option<Bytes> {
        self.note(&done);
        // The originator asked for no response.
        (!done.response.suppressed).then(|| self.write(&done.response, done.is_wrapped))
    }

    fn write(&self, response: &Response, is_wrapped: bool) -> Bytes {
        let serialization = self.line.serialization();
        let primitive = self.shared.codec.write_response(serialization, response);
        if is_wrapped { wrap(serialization, Kind::Response, primitive) } else { primitive }
    }

    fn note(&mut self, done: &Done) {
        let class = done.response.status.number() / 1000;
        if class != 2 || self.known.len() >= MAX_ENTITIES {
            return;
        }
        let (from, is_new) = match &done.speaker {
            Speaker::Known => return,
            Speaker::Unknown(from) => (from.clone(), false),
            Speaker::Registers(from) => match assigned(&done.response).or_else(|| from.clone()) {
                Some(from) => (from, true),
                None => return,
            },
        };
        let entity = (self.shared.shorten)(&from);
        // One of these asks for an identifier and is none.
        if matches!(entity.as_str(), "" | "C" | "S") {
            return;
        }
        self.known.insert(from);
        if self.noted.insert(entity.clone()) || is_new {
            self.shared.entities.add(&entity, &self.line, is_new);
            self.shared.receiver.connected(&entity);
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.line.close();
        self.shared.entities.remove(self.noted.iter().map(String::as_str), &self.line);
    }
}

/// The AE-ID that a registration has made.
fn assigned(response: &Response) -> Option<String> {
    let content = response.content.as_ref()?.value();
    Some(content.get("m2m:ae")?.get("aei")?.as_str()?.to_owned())
}

/// What becomes of a message.
pub(super) enum Taken {
    /// It is carried out.
    Running(Running),
    /// It has been answered with this message.
    Answered(Bytes),
}

/// Who is to be noted.
enum Speaker {
    /// Nobody who is not known already.
    Known,
    /// An originator.
    Unknown(String),
    /// Somebody who registers, perhaps under an identifier that is assigned.
    Registers(Option<String>),
}

/// A request that is carried out.
pub(super) struct Running {
    answer: Pin<Box<dyn Future<Output = Response> + Send>>,
    hangup: Hangup,
    /// What an answer needs if the receiver fails: identifier and release of the request.
    known: (String, Option<String>),
    speaker: Speaker,
    is_wrapped: bool,
}

/// A request that was carried out.
pub(super) struct Done {
    response: Response,
    speaker: Speaker,
    is_wrapped: bool,
}

impl Running {
    /// Polls for the first time, with nobody to wake: whoever goes on waiting polls again.
    fn poll_once(&mut self) -> Poll<Done> {
        Pin::new(self).poll(&mut Context::from_waker(std::task::Waker::noop()))
    }

    /// Nobody waits for the answer any more.
    pub(super) fn hang_up(&self) {
        self.hangup.signal();
    }
}

impl Future for Running {
    type Output = Done;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Done> {
        let polled = catch_unwind(AssertUnwindSafe(|| self.answer.as_mut().poll(cx)));
        let response = match polled {
            Ok(polled) => ready!(polled),
            Err(_) => {
                let (request_identifier, release_version_indicator) = std::mem::take(&mut self.known);
                tracing::error!(request = %request_identifier, "the receiver failed");
                let known = Request { request_identifier, release_version_indicator, ..Request::default() };
                Response::failed(&known, &Failure::new(StatusCode::InternalServerError, "internal error"))
            }
        };
        let speaker = std::mem::replace(&mut self.speaker, Speaker::Known);
        Poll::Ready(Done { response, speaker, is_wrapped: self.is_wrapped })
    }
}
