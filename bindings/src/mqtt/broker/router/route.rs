//! Brings a message to all who subscribed to its topic.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Router, Subscription};
use crate::mqtt::broker::message::{Message, Qos};
use crate::mqtt::broker::session::{Delivery, Session, Taken};
use crate::mqtt::broker::tree::{Group, Match};

/// A receiver in this process that had no room for a message: whoever published it waits until it has.
#[derive(Debug)]
pub(in crate::mqtt::broker) struct Blocked {
    sender: mpsc::Sender<Arc<Message>>,
    message: Arc<Message>,
}

impl Blocked {
    /// Hands the message over as soon as there is room.
    pub(in crate::mqtt::broker) async fn wait(self) {
        // The receiver may be gone by then, and with it the reason to deliver.
        drop(self.sender.send(self.message).await);
    }
}

/// What became of a message.
#[derive(Debug, Default)]
pub(in crate::mqtt::broker) struct Routed {
    /// How many clients get it, those included that are away and will find it.
    pub(in crate::mqtt::broker) receivers: usize,
    /// Receivers that are to be waited for.
    pub(in crate::mqtt::broker) blocked: Vec<Blocked>,
}

/// One copy of a message that is to be delivered.
struct Hit {
    session: Arc<Session>,
    qos: Qos,
    retain: bool,
    identifier: Option<u32>,
}

impl Hit {
    fn new(subscription: &Subscription, message: &Message) -> Self {
        Self {
            session: Arc::clone(&subscription.session),
            qos: subscription.qos.min(message.qos),
            retain: subscription.retain_as_published && message.retain,
            identifier: subscription.identifier,
        }
    }
}

impl Router {
    /// Delivers a message that the session with the number `from` published.
    pub(in crate::mqtt::broker) fn route(&self, message: &Arc<Message>, from: u64) -> Routed {
        let mut routed = Routed::default();
        if message.retain {
            let mut retained = self.retained.write().unwrap_or_else(PoisonError::into_inner);
            let is_refused = retained.put(message, Instant::now()).is_err();
            drop(retained);
            if is_refused {
                tracing::warn!(client = %message.publisher.id, "no room for one more retained MQTT message");
            }
        }
        for hit in self.hits(message, from) {
            let delivery = Delivery {
                message: Arc::clone(message),
                qos: hit.qos,
                retain: hit.retain,
                identifier: hit.identifier,
            };
            match hit.session.deliver(delivery, 0) {
                Taken::Yes => routed.receivers += 1,
                Taken::No => {}
                Taken::Later(sender) => {
                    routed.receivers += 1;
                    routed.blocked.push(Blocked { sender, message: Arc::clone(message) });
                }
            }
        }
        routed
    }

    /// The copies to deliver: one for each subscriber, and one for each group.
    fn hits(&self, message: &Message, from: u64) -> Vec<Hit> {
        let (mut hits, mut shared) = (Vec::new(), Vec::new());
        let tree = self.subscriptions.read().unwrap_or_else(PoisonError::into_inner);
        tree.visit(&message.topic, |matching| match matching {
            Match::One(number, subscription) => {
                if !(subscription.no_local && number == from) {
                    hits.push(Hit::new(subscription, message));
                }
            }
            Match::Shared(group) => {
                let turn = self.turn.fetch_add(1, Ordering::Relaxed);
                shared.extend(member(group, turn).map(|member| Hit::new(member, message)));
            }
        });
        drop(tree);
        let mut hits = merge(hits);
        hits.append(&mut shared);
        hits
    }
}

/// The member of a group that gets the next message: one that is there, or the one whose turn it is.
fn member(group: &Group<Subscription>, turn: usize) -> Option<&Subscription> {
    let mut members = group.in_turn(turn).map(|member| &member.1);
    let online = members.clone().find(|member| member.session.is_online());
    online.or_else(|| members.next())
}

/// Makes one copy for each client whose subscriptions overlap, with the highest QoS of them. Subscription identifiers
/// need a packet each, since the codec writes one into a packet: MQTT 5 clause 3.3.4 allows one copy for each
/// subscription.
fn merge(mut hits: Vec<Hit>) -> Vec<Hit> {
    if hits.len() < 2 {
        return hits;
    }
    hits.sort_unstable_by_key(|hit| (hit.session.number, hit.identifier.is_none(), hit.identifier));
    let mut merged: Vec<Hit> = Vec::with_capacity(hits.len());
    let mut first = 0;
    for hit in hits {
        let is_new = merged.last().is_none_or(|last| last.session.number != hit.session.number);
        if is_new {
            first = merged.len();
            merged.push(hit);
            continue;
        }
        if let Some(first) = merged.get_mut(first) {
            first.qos = first.qos.max(hit.qos);
            first.retain |= hit.retain;
        }
        let is_another =
            hit.identifier.is_some() && merged.last().is_some_and(|last| last.identifier != hit.identifier);
        if is_another {
            merged.push(hit);
        }
    }
    merged
}
