//! The seam between the binding and whatever carries its messages: a broker elsewhere, or the one in this process.
//!
//! Responsible for what both have in common: publishing at QoS 1, filters, and what happens on the connection as events.
//! What topics and payloads mean is left to [`super::server`] and [`super::client`].

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{Notify, mpsc};

use super::broker::Message as Delivered;

/// Events that may wait to be looked at. Whoever takes them is quick: it hands work on.
pub(super) const EVENTS: usize = 64;

/// Why a message could not be handed to a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkError {
    /// The link was closed.
    Closed,
    /// The broker refuses it, with what it says.
    Refused(String),
    /// The broker takes no messages of that size.
    TooLong,
}

impl std::fmt::Display for LinkError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Closed => f.write_str("the connection with the broker is closed"),
            Self::Refused(why) => write!(f, "the broker refuses it: {why}"),
            Self::TooLong => f.write_str("the message is too long for the broker"),
        }
    }
}

impl std::error::Error for LinkError {}

/// Whether a message that a broker has taken goes to anybody, as far as it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It did not say that nobody listens.
    Perhaps,
    /// Nobody has subscribed to the topic.
    ByNobody,
}

/// A way to one broker. One that goes over a network mends itself: what was published and not acknowledged is sent
/// again, and filters are subscribed to again.
#[async_trait]
pub trait Link: Send + Sync + 'static {
    /// Publishes at QoS 1 and resolves once the broker has taken the message; waits as long as there is no
    /// connection. If the waiting is given up, a message that was not taken by then is not sent again.
    async fn publish(&self, topic: String, payload: Bytes) -> Result<Heard, LinkError>;

    /// Subscribes to a filter at QoS 1 until the link is closed, and resolves once the broker has agreed.
    async fn subscribe(&self, filter: String) -> Result<(), LinkError>;

    /// Whether there is a connection now.
    fn is_connected(&self) -> bool;

    /// Ends it with DISCONNECT; the broker keeps the session.
    async fn close(&self);
}

/// What happens on a link, in its order.
#[derive(Debug)]
pub enum Event {
    /// There is a connection, and all filters are subscribed to.
    Connected,
    /// The connection is gone, and why. It is made again, unless the link was closed.
    Lost(String),
    /// A message has come.
    Message(Message),
}

/// Where events come out.
#[derive(Debug)]
pub enum Events {
    /// Those of a session with a broker elsewhere.
    Session(mpsc::Receiver<Event>),
    /// Messages of the broker in this process.
    Local(mpsc::Receiver<Arc<Delivered>>),
}

impl Events {
    /// The next event; `None` when the link has ended.
    pub async fn recv(&mut self) -> Option<Event> {
        match self {
            Self::Session(events) => events.recv().await,
            Self::Local(messages) => messages.recv().await.map(|message| {
                Event::Message(Message {
                    topic: message.topic().to_owned(),
                    payload: Some(message.payload().clone()),
                    // It keeps nothing from before the node has subscribed.
                    is_retained: false,
                    receipt: Receipt::default(),
                })
            }),
        }
    }
}

/// A message that came from a broker.
#[derive(Debug)]
pub struct Message {
    /// Its topic.
    pub topic: String,
    /// Its payload; `None` if it is longer than the limit of the link, so that it was skipped.
    pub payload: Option<Bytes>,
    /// It was kept by the broker from before the subscription.
    pub is_retained: bool,
    /// Tells the broker that it need not send the message again.
    pub receipt: Receipt,
}

/// Tells a broker that a message was taken. As long as it does not, the broker counts the message as on its way, of
/// which it sends so many at a time; and it sends it again after a reconnection.
#[derive(Debug, Default)]
pub struct Receipt(Option<(Arc<Receipts>, u16)>);

impl Receipt {
    /// The message was taken.
    pub fn acknowledge(self) {
        if let Some((receipts, packet)) = self.0 {
            receipts.given.lock().unwrap_or_else(PoisonError::into_inner).push(packet);
            receipts.changed.notify_one();
        }
    }
}

/// The receipts of one connection; at most as many as there are packet identifiers.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    given: Mutex<Vec<u16>>,
    changed: Notify,
}

impl Receipts {
    /// The receipt of a message with a packet identifier.
    pub(super) fn of(self: &Arc<Self>, packet: u16) -> Receipt {
        Receipt(Some((Arc::clone(self), packet)))
    }

    /// Those that were given since the last time.
    pub(super) fn take(&self) -> Vec<u16> {
        std::mem::take(&mut self.given.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Resolves when there may be some to take.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}
