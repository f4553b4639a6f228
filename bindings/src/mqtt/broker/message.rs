//! What the broker passes on, and who sent it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mqtt_proto::{QoS, TopicName, v5};
use tokio::time::Instant;

/// What a message costs beside its topic and payload, roughly, in bytes.
const OVERHEAD: usize = 128;

/// How often a message arrives (MQTT 5 clause 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Qos {
    /// Once or never.
    AtMostOnce = 0,
    /// Once or more often.
    AtLeastOnce = 1,
    /// Once.
    ExactlyOnce = 2,
}

impl From<QoS> for Qos {
    fn from(qos: QoS) -> Self {
        match qos {
            QoS::Level0 => Self::AtMostOnce,
            QoS::Level1 => Self::AtLeastOnce,
            QoS::Level2 => Self::ExactlyOnce,
        }
    }
}

/// A client, as it introduced itself. Nothing of this is proved.
#[derive(Clone, Debug)]
pub struct Client {
    /// The client identifier.
    pub id: Arc<str>,
    /// The user name, if it said one.
    pub user_name: Option<Arc<str>>,
    /// Where it connects from; `None` for clients within the process.
    pub peer: Option<SocketAddr>,
    /// Whether it is part of this process. Rules do not apply to it.
    pub is_local: bool,
}

/// A message on its way from a publisher to subscribers. Shared, never changed.
#[derive(Clone, Debug)]
pub struct Message {
    pub(super) topic: TopicName,
    pub(super) payload: Bytes,
    pub(super) qos: Qos,
    pub(super) retain: bool,
    pub(super) publisher: Arc<Client>,
    /// What an MQTT 5 publisher said beside it, without topic alias and expiry.
    pub(super) properties: Option<Box<v5::PublishProperties>>,
    /// From when on nobody wants it any more.
    pub(super) expires: Option<Instant>,
}

impl Message {
    /// The topic name.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The payload.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The QoS with which it was published.
    pub fn qos(&self) -> Qos {
        self.qos
    }

    /// Who published it.
    pub fn publisher(&self) -> &Arc<Client> {
        &self.publisher
    }

    /// Whether its time is over.
    pub(super) fn is_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }

    /// What is left of its time, in whole seconds, at least one: zero would be a message that never was in time.
    pub(super) fn seconds_left(&self, now: Instant) -> Option<u32> {
        let left = self.expires?.saturating_duration_since(now);
        Some(u32::try_from(left.as_secs()).unwrap_or(u32::MAX).max(1))
    }

    /// What it costs to keep, in bytes.
    pub(super) fn cost(&self) -> usize {
        let mut cost = OVERHEAD + self.topic.len() + self.payload.len();
        if let Some(properties) = &self.properties {
            cost += mqtt_proto::Encodable::encode_len(properties.as_ref());
            cost += properties.user_properties.len() * 96;
        }
        cost
    }
}

/// When a message ends that may live for so many seconds.
pub(super) fn expires(seconds: Option<u32>, now: Instant) -> Option<Instant> {
    now.checked_add(Duration::from_secs(u64::from(seconds?)))
}
