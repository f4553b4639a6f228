//! Requests of this node that wait for their responses on one link.
//!
//! Responsible for bringing both together: by the entity that answers, as the topic says, and the request identifier.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dyad_protocol::Response;
use tokio::sync::oneshot;

/// Requests that may wait at a time.
const MOST: usize = 65_536;

/// Who answers, and the request identifier.
type Key = (String, String);

/// All that wait.
#[derive(Debug, Default)]
pub(super) struct Pending(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    by_key: HashMap<Key, (u64, oneshot::Sender<Response>)>,
    last: u64,
}

/// One that waits, until it is dropped.
pub(super) struct Awaited {
    pending: Arc<Pending>,
    key: Key,
    number: u64,
    response: oneshot::Receiver<Response>,
}

impl Pending {
    /// Begins to wait for the answer of an entity, in the form of [`super::topic::Names::shortened`]. `None` if too
    /// many wait already. One that waits for the same is forgotten.
    pub(super) fn expect(self: &Arc<Self>, entity: &str, identifier: &str) -> Option<Awaited> {
        let key = (entity.to_owned(), identifier.to_owned());
        let (done, response) = oneshot::channel();
        let mut waiting = self.lock();
        if waiting.by_key.len() >= MOST {
            return None;
        }
        waiting.last += 1;
        let number = waiting.last;
        waiting.by_key.insert(key.clone(), (number, done));
        Some(Awaited { pending: Arc::clone(self), key, number, response })
    }

    /// Hands a response over; says whether anybody waited for it.
    pub(super) fn resolve(&self, entity: &str, response: Response) -> bool {
        let key = (entity.to_owned(), response.request_identifier.clone());
        let waiting = self.lock().by_key.remove(&key);
        waiting.is_some_and(|(_, done)| done.send(response).is_ok())
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.lock().by_key.len()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Awaited {
    /// The response; `None` if another request took the place of this one.
    pub(super) async fn response(mut self) -> Option<Response> {
        (&mut self.response).await.ok()
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        let mut waiting = self.pending.lock();
        if waiting.by_key.get(&self.key).is_some_and(|(number, _)| *number == self.number) {
            waiting.by_key.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dyad_protocol::{Request, Response, StatusCode};

    use super::Pending;

    fn response(identifier: &str) -> Response {
        let request = Request { request_identifier: identifier.to_owned(), ..Request::default() };
        Response::to(&request, StatusCode::Ok)
    }

    #[tokio::test]
    async fn answers_find_who_asked() {
        let pending = Arc::new(Pending::default());
        let first = pending.expect("Ca", "1").unwrap();
        let second = pending.expect("Cb", "1").unwrap();
        assert!(!pending.resolve("Cc", response("1")) && !pending.resolve("Ca", response("2")));
        assert!(pending.resolve("Cb", response("1")));
        assert!(second.response().await.is_some());
        assert_eq!(pending.len(), 1);
        drop(first);
        assert_eq!(pending.len(), 0);
        assert!(!pending.resolve("Ca", response("1")), "too late");
    }

    #[tokio::test]
    async fn the_last_of_the_same_name_is_answered() {
        let pending = Arc::new(Pending::default());
        let first = pending.expect("Ca", "1").unwrap();
        let second = pending.expect("Ca", "1").unwrap();
        assert!(first.response().await.is_none());
        assert!(pending.resolve("Ca", response("1")));
        assert!(second.response().await.is_some());
    }
}
