//! One request message from its head to its answer.
//!
//! Responsible for limits, doors, cross-origin requests, and for handing the primitive over. The mapping is left
//! to `decode` and `encode`, connections to `server`.

use std::future::{Future as _, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;

use actix_http::header::{HeaderName, HeaderValue};
use actix_http::{HttpMessage as _, Request as Message, Response as Answer, StatusCode as Status};
use bytes::{Bytes, BytesMut};
use dyad_protocol::exchange::{Arrival, Receiver};
use dyad_protocol::{Failure, Request, Response, StatusCode};
use futures_util::StreamExt as _;
use tokio::runtime::Handle;

use super::conditional;
use super::cors;
use super::decode::{self, Decoded, Line, Refused, Rules};
use super::doors::{Door, DoorRequest};
use super::encode::{self, Outgoing};
use super::settings::{CorsSetting, ServerSettings};
use super::wire::Shared;

/// What all connections of a server share.
pub(super) struct Service {
    pub(super) settings: ServerSettings,
    pub(super) rules: Rules,
    pub(super) receiver: Arc<dyn Receiver>,
    /// The runtime that started the server: what the receiver spawns belongs there and outlives connections.
    pub(super) runtime: Handle,
}

/// Headers of an answer, their names in lower case.
type Headers = Vec<(&'static str, String)>;

/// A refusal, and the HTTP status if it is another than the code has.
struct Stop(Failure, Option<Status>);

impl Service {
    /// Answers a message. Never fails, and does not panic if the receiver does.
    pub(super) async fn answer(&self, mut message: Message) -> Answer<Bytes> {
        let _busy = message.conn_data::<Shared>().map(Shared::busy);
        let page = self.page(&message);
        if let Some(door) = self.door(message.path()) {
            // Boxed, so that it does not weigh on every other message.
            return Box::pin(self.enter(door, message, page)).await;
        }
        if let Some(preflight) = self.preflight(&message) {
            return finish(preflight, page, None);
        }
        let body = match self.body(&mut message).await {
            Ok(body) => body,
            Err(stop) => return finish(self.refuse(&message, stop.0), page, stop.1),
        };
        let (decoded, arrival) = match self.decode(&message, body) {
            Ok(understood) => understood,
            Err(refused) => return finish(encode::refusal(&refused, &self.rules.codec), page, None),
        };
        // A head is larger than all else that is kept of a request that has to wait.
        drop(message);
        let (operation, precondition) = (decoded.request.operation, arrival.precondition.clone());
        let response = self.receive(decoded.request, arrival).await;
        let outgoing = encode::encode(&response, decoded.accept, &self.rules.codec, &self.settings.root);
        finish(conditional::apply(outgoing, operation, precondition.as_deref()), page, None)
    }

    /// The headers that the answer gets if it goes to a web page.
    fn page(&self, message: &Message) -> Headers {
        // A preflight answer has these headers already.
        if self.settings.cors == CorsSetting::Off || message.method() == actix_http::Method::OPTIONS {
            return Headers::new();
        }
        header(message, "origin").map(|origin| cors::headers(&self.settings.cors, origin)).unwrap_or_default()
    }

    fn door(&self, path: &str) -> Option<&Door> {
        self.settings.doors.iter().find(|door| door.path == path)
    }

    fn preflight(&self, message: &Message) -> Option<Outgoing> {
        if self.settings.cors == CorsSetting::Off || message.method() != actix_http::Method::OPTIONS {
            return None;
        }
        let requested = header(message, "access-control-request-headers");
        Some(cors::preflight(&self.settings.cors, header(message, "origin")?, requested))
    }

    /// The whole body, within the limits.
    async fn body(&self, message: &mut Message) -> Result<Bytes, Stop> {
        let head: usize =
            message.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        if head + message.uri().path().len() + message.uri().query().map_or(0, str::len)
            > self.settings.max_header
        {
            let status = Some(Status::REQUEST_HEADER_FIELDS_TOO_LARGE);
            return Err(Stop(Failure::bad_request("the head of the request is too large"), status));
        }
        decode::operation(message.method().as_str()).map_err(|failure| Stop(failure, None))?;
        self.read(message).await
    }

    async fn read(&self, message: &mut Message) -> Result<Bytes, Stop> {
        let length = match header(message, "content-length") {
            Some(length) => length.parse().unwrap_or(usize::MAX),
            None if message.headers().contains_key("transfer-encoding") => 0,
            // An upgrade without a body, which is not followed: there is nothing to wait for.
            None => return Ok(Bytes::new()),
        };
        if length > self.settings.max_body {
            return Err(Stop(Failure::bad_request("the body is too long"), None));
        }
        let mut payload = message.take_payload();
        let max = self.settings.max_body;
        let whole = async {
            let mut first = Bytes::new();
            let mut more = BytesMut::new();
            while let Some(chunk) = payload.next().await {
                let chunk =
                    chunk.map_err(|_| Failure::bad_request("the body is malformed or was cut off"))?;
                if first.len() + more.len() + chunk.len() > max {
                    return Err(Failure::bad_request("the body is too long"));
                }
                // Most bodies come in one piece, which is passed on as it is.
                if first.is_empty() && more.is_empty() {
                    first = chunk;
                } else {
                    more.extend_from_slice(&std::mem::take(&mut first));
                    more.extend_from_slice(&chunk);
                }
            }
            Ok(if more.is_empty() { first } else { more.freeze() })
        };
        match tokio::time::timeout(self.settings.body_timeout, whole).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(failure)) => {
                if let Some(connection) = message.conn_data::<Shared>() {
                    connection.refuse_rest();
                }
                Err(Stop(failure, None))
            }
            Err(_) => {
                let failure = Failure::bad_request("the body did not come in time");
                Err(Stop(failure, Some(Status::REQUEST_TIMEOUT)))
            }
        }
    }

    fn decode(&self, message: &Message, body: Bytes) -> Result<(Decoded, Arrival), Box<Refused>> {
        let uri = message.uri();
        let line = Line { method: message.method().as_str(), path: uri.path(), query: uri.query() };
        let mut decoded = decode::decode(line, headers(message), body, &self.rules)?;
        let arrival = Arrival {
            binding: "http",
            peer: message.peer_addr(),
            authenticated: None,
            hangup: message.conn_data::<Shared>().map(Shared::hangup),
            precondition: decoded.precondition.take().map(Arc::new),
        };
        Ok((decoded, arrival))
    }

    /// Hands a request over. What is answered without waiting is answered right here; what waits goes on in a task
    /// of its own, so that a client that leaves does not abandon it halfway. The task stays on this thread: the
    /// answer leaves from here, and a hop to another thread and back would cost more than most requests.
    async fn receive(&self, request: Box<Request>, arrival: Arrival) -> Response {
        let known = (request.request_identifier.clone(), request.release_version_indicator.clone());
        let (receiver, runtime) = (Arc::clone(&self.receiver), self.runtime.clone());
        let mut answer = Box::pin(async move { receiver.receive(request, arrival).await });
        let mut waiting = Box::pin(poll_fn(move |cx| {
            let _runtime = runtime.enter();
            answer.as_mut().poll(cx)
        }));
        let first = poll_fn(|cx| Poll::Ready(catch_unwind(AssertUnwindSafe(|| waiting.as_mut().poll(cx)))));
        let waits = match first.await {
            Ok(Poll::Ready(response)) => return response,
            Ok(Poll::Pending) => true,
            Err(_) => false,
        };
        // A task has room for what it gives: as long as it waits, that should be no whole response.
        let waiting = async move { Box::new(waiting.await) };
        let answered = if waits { tokio::task::spawn_local(waiting).await.ok() } else { None };
        answered.map(|response| *response).unwrap_or_else(|| {
            let (request_identifier, release_version_indicator) = known;
            tracing::error!(request = %request_identifier, "the receiver failed");
            let known = Request { request_identifier, release_version_indicator, ..Request::default() };
            Response::failed(&known, &Failure::new(StatusCode::InternalServerError, "internal error"))
        })
    }

    async fn enter(&self, door: &Door, mut message: Message, page: Headers) -> Answer<Bytes> {
        let body = match self.read(&mut message).await {
            Ok(body) => body,
            Err(stop) => return finish(self.refuse(&message, stop.0), page, stop.1),
        };
        let text = |(name, value)| Some((str::to_owned(name), std::str::from_utf8(value).ok()?.to_owned()));
        let request = DoorRequest {
            method: message.method().as_str().to_owned(),
            query: message.uri().query().map(str::to_owned),
            headers: headers(&message).filter_map(text).collect(),
            body,
            peer: message.peer_addr(),
        };
        let reply = {
            let _runtime = self.runtime.enter();
            (door.handler)(request)
        };
        let Ok(reply) = self.runtime.spawn(reply).await else {
            let failed = encode::failure(&internal(), self.rules.default_content_type, &self.rules.codec);
            return finish(failed, page, None);
        };
        let status = Status::from_u16(reply.status).unwrap_or(Status::INTERNAL_SERVER_ERROR);
        let mut answer = Answer::with_body(status, reply.body);
        for (name, value) in reply.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                answer.headers_mut().append(name, value);
            }
        }
        answer
    }

    fn refuse(&self, message: &Message, failure: Failure) -> Outgoing {
        encode::refusal(&decode::refuse(headers(message), failure, &self.rules), &self.rules.codec)
    }
}

/// The message that answers, with further headers.
fn finish(outgoing: Outgoing, more: Headers, status: Option<Status>) -> Answer<Bytes> {
    let status = status.or_else(|| Status::from_u16(outgoing.status).ok());
    let mut answer = Answer::with_body(status.unwrap_or(Status::INTERNAL_SERVER_ERROR), outgoing.body);
    for (name, value) in outgoing.headers.into_iter().chain(more) {
        // A value that cannot travel in a header, such as one with a line break, is left out.
        if let Ok(value) = HeaderValue::try_from(value) {
            answer.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    answer
}

fn internal() -> Failure {
    Failure::new(StatusCode::InternalServerError, "internal error")
}

fn header<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    message.headers().get(name).and_then(|value| value.to_str().ok())
}

fn headers(message: &Message) -> impl Iterator<Item = (&str, &[u8])> {
    message.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()))
}
