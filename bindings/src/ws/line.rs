//! The handle of an open connection: requests of this node over it, and asking it to end.
//!
//! Responsible for matching responses to requests by their identifier, and for failing whoever waits when the
//! connection closes. Moving the messages is left to `connection`, which this wakes.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dyad_protocol::exchange::{Connection, TransportError};
use dyad_protocol::serialization::{Codec, Kind, wrap};
use dyad_protocol::{Request, Response, Serialization};
use futures_util::task::AtomicWaker;
use tokio::sync::{Semaphore, oneshot};

/// A connection that others may send requests over.
#[derive(Debug)]
pub(super) struct Line {
    serialization: Serialization,
    codec: Codec,
    state: Mutex<State>,
    /// Whether it is to end, and whether something is to be sent. Set with the state, before the task is woken: it looks at
    /// these with every message, and seldom finds either.
    is_ending: AtomicBool,
    is_asking: AtomicBool,
    /// Requests in progress.
    permits: Semaphore,
    /// Whether the other side puts primitives into root elements, which this side does then too.
    wraps: AtomicBool,
    /// The task of the connection.
    task: AtomicWaker,
}

#[derive(Debug, Default)]
struct State {
    /// What is to be sent, with the identifier under which its response is waited for.
    queue: VecDeque<(String, Bytes)>,
    awaited: HashMap<String, oneshot::Sender<Response>>,
    end: Option<Ending>,
}

/// How a connection is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The node stops: what is in progress is answered before.
    Stop,
    /// It is not needed any more.
    Unused,
    /// It has ended.
    Closed,
}

impl Line {
    pub(super) fn new(serialization: Serialization, codec: Codec, max_in_progress: usize) -> Self {
        Self {
            serialization,
            codec,
            state: Mutex::default(),
            is_ending: AtomicBool::new(false),
            is_asking: AtomicBool::new(false),
            permits: Semaphore::new(max_in_progress),
            wraps: AtomicBool::new(false),
            task: AtomicWaker::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the messages of the connection are written in.
    pub(super) const fn serialization(&self) -> Serialization {
        self.serialization
    }

    /// Asks the connection to end. The first reason counts.
    pub(super) fn end(&self, ending: Ending) {
        self.state().end.get_or_insert(ending);
        self.is_ending.store(true, Ordering::Release);
        self.task.wake();
    }

    /// Whether requests can be sent over it.
    pub(super) fn is_open(&self) -> bool {
        !self.is_ending.load(Ordering::Acquire)
    }

    /// Whether nobody waits for a response over it.
    pub(super) fn is_idle(&self) -> bool {
        self.state().awaited.is_empty()
    }

    // What follows is for the task of the connection.

    /// Wakes this task when there is something to do.
    pub(super) fn watch(&self, task: &Waker) {
        self.task.register(task);
    }

    /// How the connection was asked to end.
    pub(super) fn ending(&self) -> Option<Ending> {
        if self.is_open() { None } else { self.state().end }
    }

    /// The next request to send.
    pub(super) fn next(&self) -> Option<Bytes> {
        if !self.is_asking.load(Ordering::Acquire) {
            return None;
        }
        let mut state = self.state();
        loop {
            let Some((identifier, message)) = state.queue.pop_front() else {
                self.is_asking.store(false, Ordering::Release);
                return None;
            };
            // Nobody may wait for it any more.
            if state.awaited.contains_key(&identifier) {
                return Some(message);
            }
        }
    }

    /// A response came. `false` if nobody waits for it.
    pub(super) fn answered(&self, response: Response) -> bool {
        let waiting = self.state().awaited.remove(&response.request_identifier);
        waiting.is_some_and(|waiting| waiting.send(response).is_ok())
    }

    /// The other side does or does not put primitives into root elements.
    pub(super) fn set_wraps(&self, wraps: bool) {
        if self.wraps.load(Ordering::Relaxed) != wraps {
            self.wraps.store(wraps, Ordering::Relaxed);
        }
    }

    /// The connection ends now, or has ended: whoever waits for a response is told.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.end = Some(Ending::Closed);
        self.is_ending.store(true, Ordering::Release);
        state.queue = VecDeque::new();
        state.awaited = HashMap::new();
        drop(state);
        self.permits.close();
        self.task.wake();
    }

    // What follows is for senders.

    /// Puts a request into the queue: where its response will come.
    fn enter(&self, request: &Request) -> Option<(Awaited<'_>, oneshot::Receiver<Response>)> {
        let mut state = self.state();
        if state.end.is_some() {
            return None;
        }
        let (say, hear) = oneshot::channel();
        let identifier = free(&state.awaited, &request.request_identifier);
        let primitive = if identifier == request.request_identifier {
            self.codec.write_request(self.serialization, request)
        } else {
            let renamed = Request { request_identifier: identifier.clone(), ..request.clone() };
            self.codec.write_request(self.serialization, &renamed)
        };
        let message = match self.wraps.load(Ordering::Relaxed) {
            true => wrap(self.serialization, Kind::Request, primitive),
            false => primitive,
        };
        state.awaited.insert(identifier.clone(), say);
        state.queue.push_back((identifier.clone(), message));
        self.is_asking.store(true, Ordering::Release);
        Some((Awaited { line: self, identifier }, hear))
    }
}

#[async_trait]
impl Connection for Line {
    async fn send(&self, request: &Request, timeout: Duration) -> Result<Response, TransportError> {
        let answered = async {
            let _permit = self.permits.acquire().await.ok()?;
            let (_awaited, response) = self.enter(request)?;
            self.task.wake();
            response.await.ok()
        };
        let answered = tokio::time::timeout(timeout, answered).await;
        let response = answered.map_err(|_| TransportError::TimedOut)?;
        let mut response =
            response.ok_or_else(|| TransportError::Unreachable("the connection was closed".to_owned()))?;
        response.request_identifier.clone_from(&request.request_identifier);
        Ok(response)
    }
}

/// An identifier that nothing is waited for under: the request's own, unless requests of several originators that use
/// the same one are in progress.
fn free(awaited: &HashMap<String, oneshot::Sender<Response>>, wanted: &str) -> String {
    let mut identifier = wanted.to_owned();
    let mut number = 1_u32;
    while awaited.contains_key(&identifier) {
        number += 1;
        identifier = format!("{wanted}.{number}");
    }
    identifier
}

/// A response that is waited for, until this is dropped.
struct Awaited<'a> {
    line: &'a Line,
    identifier: String,
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        self.line.state().awaited.remove(&self.identifier);
    }
}

#[cfg(test)]
mod tests {
    use super::{Ending, Line};
    use bytes::Bytes;
    use dyad_protocol::exchange::{Connection as _, TransportError};
    use dyad_protocol::schema::Schemas;
    use dyad_protocol::serialization::Codec;
    use dyad_protocol::{Request, Response, Serialization, StatusCode};
    use std::sync::Arc;
    use std::time::Duration;

    fn line() -> Arc<Line> {
        let codec = Codec::new(Arc::new(Schemas::default()), 127);
        Arc::new(Line::new(Serialization::Json, codec, 2))
    }

    fn request(identifier: &str) -> Request {
        Request { request_identifier: identifier.into(), ..Request::default() }
    }

    fn identifier(message: &Bytes) -> String {
        serde_json::from_slice::<serde_json::Value>(message).unwrap()["rqi"].as_str().unwrap().to_owned()
    }

    async fn next(line: &Line) -> Bytes {
        loop {
            if let Some(message) = line.next() {
                return message;
            }
            tokio::task::yield_now().await;
        }
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn responses_find_their_requests() {
        let line = line();
        let ask = |line: Arc<Line>| tokio::spawn(async move { line.send(&request("r"), LONG).await });
        let (one, two) = (ask(Arc::clone(&line)), ask(Arc::clone(&line)));
        let sent = [next(&line).await, next(&line).await].map(|message| identifier(&message));
        assert_eq!(sent, ["r", "r.2"], "two originators may use one identifier");
        for (identifier, status) in [("r.2", StatusCode::Deleted), ("r", StatusCode::Ok)] {
            assert!(line.answered(Response::to(&request(identifier), status)));
            assert!(!line.answered(Response::to(&request(identifier), status)), "only once");
        }
        let mut statuses = Vec::new();
        for asked in [one, two] {
            let response = asked.await.unwrap().unwrap();
            assert_eq!(response.request_identifier, "r");
            statuses.push(response.status.number());
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [2000, 2002]);
    }

    #[tokio::test]
    async fn what_is_not_answered_in_time_is_forgotten() {
        let line = line();
        let outcome = line.send(&request("r"), Duration::from_millis(10)).await;
        assert!(matches!(outcome, Err(TransportError::TimedOut)));
        assert!(line.is_idle() && line.next().is_none());
    }

    #[tokio::test]
    async fn a_closed_connection_fails_all_at_once() {
        let line = line();
        // The third waits for its turn.
        let asked: Vec<_> = (0..3)
            .map(|_| {
                let line = Arc::clone(&line);
                tokio::spawn(async move { line.send(&request("r"), LONG).await })
            })
            .collect();
        let _ = (next(&line).await, next(&line).await);
        line.close();
        for asked in asked {
            assert!(matches!(asked.await.unwrap(), Err(TransportError::Unreachable(_))));
        }
        line.end(Ending::Stop);
        assert_eq!(line.ending(), Some(Ending::Closed));
        assert!(matches!(line.send(&request("r"), LONG).await, Err(TransportError::Unreachable(_))));
    }
}
