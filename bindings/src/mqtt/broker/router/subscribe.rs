//! Subscriptions come and go, and who subscribes gets what is retained.

use std::sync::{Arc, PoisonError};

use tokio::time::Instant;

use super::{Router, Subscription};
use crate::mqtt::broker::message::{Client, Qos};
use crate::mqtt::broker::session::{Delivery, Session};
use crate::mqtt::broker::topic::{self, Filter};

/// When a subscriber gets retained messages (MQTT 5 clause 3.8.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mqtt::broker) enum RetainedFor {
    /// With each SUBSCRIBE.
    Everybody,
    /// If the subscription is a new one.
    Newcomers,
    /// Never.
    Nobody,
}

/// The options of one subscription.
#[derive(Clone, Copy, Debug)]
pub(in crate::mqtt::broker) struct Options {
    pub(in crate::mqtt::broker) qos: Qos,
    pub(in crate::mqtt::broker) no_local: bool,
    pub(in crate::mqtt::broker) retain_as_published: bool,
    pub(in crate::mqtt::broker) retained: RetainedFor,
    pub(in crate::mqtt::broker) identifier: Option<u32>,
}

impl Options {
    /// Those of MQTT 3.1.1.
    pub(in crate::mqtt::broker) fn plain(qos: Qos) -> Self {
        Self {
            qos,
            no_local: false,
            retain_as_published: false,
            retained: RetainedFor::Everybody,
            identifier: None,
        }
    }
}

/// Why a subscription was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscribeError {
    /// It is no filter.
    Invalid,
    /// The rules do not allow it, or it is about the broker's own topics, of which there are none.
    NotAllowed,
    /// The client has as many as it may have, or its session has ended.
    TooMany,
}

impl std::fmt::Display for SubscribeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Invalid => "no valid topic filter",
            Self::NotAllowed => "the rules do not allow this subscription",
            Self::TooMany => "too many subscriptions",
        })
    }
}

impl std::error::Error for SubscribeError {}

impl Router {
    /// Subscribes a client, and hands it what is retained.
    pub(in crate::mqtt::broker) fn subscribe(
        &self,
        session: &Arc<Session>,
        client: &Client,
        text: &str,
        options: Options,
    ) -> Result<(), SubscribeError> {
        let filter = Filter::parse(text).ok_or(SubscribeError::Invalid)?;
        let is_allowed = client.is_local
            || !topic::is_reserved(filter.filter) && self.rules.may_subscribe(client, filter.filter);
        if !is_allowed {
            return Err(SubscribeError::NotAllowed);
        }
        if let Some(mut state) = session.state()
            && !state.subscriptions.contains(text)
        {
            if state.subscriptions.len() >= self.settings.max_subscriptions {
                return Err(SubscribeError::TooMany);
            }
            state.subscriptions.insert(text.into());
        }
        let is_new = self.index(session, filter, options)?;
        let wants_retained = match options.retained {
            RetainedFor::Everybody => true,
            RetainedFor::Newcomers => is_new,
            RetainedFor::Nobody => false,
        };
        if wants_retained && filter.group.is_none() {
            self.deliver_retained(session, filter, options);
        }
        Ok(())
    }

    /// Puts a subscription into the index; whether there was none before.
    fn index(
        &self,
        session: &Arc<Session>,
        filter: Filter<'_>,
        options: Options,
    ) -> Result<bool, SubscribeError> {
        let subscription = Subscription {
            session: Arc::clone(session),
            qos: options.qos,
            no_local: options.no_local,
            retain_as_published: options.retain_as_published,
            identifier: options.identifier,
        };
        let mut tree = self.subscriptions.write().unwrap_or_else(PoisonError::into_inner);
        // Who ends a session says so first and then empties the index: looked at with the index in hand, nothing of
        // an ended session stays.
        if session.is_ended() {
            return Err(SubscribeError::TooMany);
        }
        Ok(tree.insert(filter, session.number, subscription).is_none())
    }

    fn deliver_retained(&self, session: &Arc<Session>, filter: Filter<'_>, options: Options) {
        let retained = self.retained.read().unwrap_or_else(PoisonError::into_inner);
        let messages = retained.matching(filter.filter, Instant::now());
        drop(retained);
        for message in messages {
            let qos = options.qos.min(message.qos);
            let delivery = Delivery { message, qos, retain: true, identifier: options.identifier };
            session.deliver(delivery, self.settings.max_retained);
        }
    }

    /// Unsubscribes; `false` if there was no such subscription.
    pub(in crate::mqtt::broker) fn unsubscribe(&self, session: &Session, text: &str) -> bool {
        if let Some(mut state) = session.state() {
            state.subscriptions.remove(text);
        }
        let Some(filter) = Filter::parse(text) else { return false };
        let mut tree = self.subscriptions.write().unwrap_or_else(PoisonError::into_inner);
        tree.remove(filter, session.number)
    }
}
