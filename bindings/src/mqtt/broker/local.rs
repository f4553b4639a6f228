//! A client in this process: publishes and receives without a socket. The node is one.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use mqtt_proto::TopicName;
use tokio::sync::mpsc;

use super::message::{Client, Message, Qos};
use super::router::{Options, Router, SubscribeError};
use super::session::Session;
use super::topic;

/// A client in this process. Clones are the same client, which leaves with the last of them.
#[derive(Clone, Debug)]
pub struct LocalClient(Arc<Membership>);

#[derive(Debug)]
struct Membership {
    router: Arc<Router>,
    client: Arc<Client>,
    session: Arc<Session>,
    filters: Mutex<HashSet<Arc<str>>>,
}

/// Why a message of a local client was not published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishError {
    /// The topic is empty, has wildcards, or is too long or too deep.
    InvalidTopic,
    /// A local client that subscribed to it has no room for more.
    Busy,
}

impl std::fmt::Display for PublishError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::InvalidTopic => "no valid topic name",
            Self::Busy => "the subscriber in this process takes no more messages at present",
        })
    }
}

impl std::error::Error for PublishError {}

impl LocalClient {
    /// Joins; what it subscribes to comes out of the receiver. While `capacity` messages wait there, the connections of
    /// those who publish more of them are not read from. `None` if the ID is taken.
    pub(super) fn join(
        router: &Arc<Router>,
        id: &str,
        capacity: usize,
    ) -> Option<(Self, mpsc::Receiver<Arc<Message>>)> {
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        let client = Arc::new(Client { id: id.into(), user_name: None, peer: None, is_local: true });
        let session = router.join_local(&client, sender)?;
        let membership =
            Membership { router: Arc::clone(router), client, session, filters: Mutex::default() };
        Some((Self(Arc::new(membership)), receiver))
    }

    /// Publishes a message, which is not retained. Does not wait: subscribers find it in their queues.
    ///
    /// Returns how many clients get it, those included that are away and will find it when they are back: none means
    /// that nobody listens.
    pub fn publish(&self, topic: &str, payload: Bytes, qos: Qos) -> Result<usize, PublishError> {
        if !topic::is_name(topic) {
            return Err(PublishError::InvalidTopic);
        }
        let message = Message {
            topic: TopicName::try_from(topic).map_err(|_| PublishError::InvalidTopic)?,
            payload,
            qos,
            retain: false,
            publisher: Arc::clone(&self.0.client),
            properties: None,
            expires: None,
        };
        let routed = self.0.router.route(&Arc::new(message), self.0.session.number);
        if routed.blocked.is_empty() { Ok(routed.receivers) } else { Err(PublishError::Busy) }
    }

    /// Subscribes, or changes the QoS of a subscription. Retained messages come as far as there is room for them.
    pub fn subscribe(&self, filter: &str, qos: Qos) -> Result<(), SubscribeError> {
        let Membership { router, client, session, filters } = &*self.0;
        router.subscribe(session, client, filter, Options::plain(qos))?;
        filters.lock().unwrap_or_else(PoisonError::into_inner).insert(filter.into());
        Ok(())
    }

    /// Unsubscribes; `false` if there was no such subscription.
    pub fn unsubscribe(&self, filter: &str) -> bool {
        let Membership { router, session, filters, .. } = &*self.0;
        filters.lock().unwrap_or_else(PoisonError::into_inner).remove(filter);
        router.unsubscribe(session, filter)
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let filters = std::mem::take(self.filters.get_mut().unwrap_or_else(PoisonError::into_inner));
        self.router.leave_local(&self.session, filters.into_iter().collect());
    }
}
