//! What each packet of a client causes (MQTT 5 clauses 3.3 to 3.14).

use std::sync::Arc;

use mqtt_proto::v5::{PubackReasonCode, PubrecReasonCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::{Connection, End, Waiting};
use crate::mqtt::broker::message::{Message, Qos, expires};
use crate::mqtt::broker::packet::{self, Fault, Packet, Publish, Subscription, Version};
use crate::mqtt::broker::router::Routed;
use crate::mqtt::broker::topic;

/// Whether a message may go on.
enum Fate {
    Routed { is_heard: bool },
    Refused,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Connection<T> {
    /// Handles the packets that have arrived, until one is not complete or nothing more is to be taken.
    pub(super) fn handle_all(&mut self) -> Result<(), End> {
        if self.wire.inbound.is_empty() {
            return Ok(());
        }
        let inbound = std::mem::take(&mut self.wire.inbound);
        let mut handled = 0;
        let mut result = Ok(());
        while self.is_listening() && result.is_ok() {
            let rest = inbound.get(handled..).unwrap_or_default();
            let frame = match packet::frame(rest, self.router.settings.max_packet) {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(fault) => {
                    result = Err(End::Broken(fault));
                    break;
                }
            };
            handled += frame.len;
            result = packet::decode(self.version, frame)
                .map_err(End::Broken)
                .and_then(|packet| self.handle(packet));
        }
        self.wire.inbound = inbound;
        self.wire.consume(handled);
        result
    }

    fn handle(&mut self, packet: Packet) -> Result<(), End> {
        let (version, out) = (self.version, &mut self.wire.out);
        match packet {
            Packet::Publish(publish) => return self.publish(publish).map_err(End::Broken),
            Packet::Subscribe(pid, subscriptions) => self.subscribe(pid, &subscriptions),
            Packet::Unsubscribe(pid, filters) => {
                let unsubscribe = |filter: &Arc<str>| self.router.unsubscribe(&self.session, filter);
                let existed: Vec<bool> = filters.iter().map(unsubscribe).collect();
                packet::unsuback(out, version, pid, &existed);
            }
            Packet::Pingreq => packet::pingresp(out),
            Packet::Disconnect { with_will, expiry } => return Err(self.bye(with_will, expiry)),
            acknowledgement => self.acknowledge(&acknowledgement),
        }
        Ok(())
    }

    /// A session that was to end with the connection cannot be kept any more (MQTT 5 clause 3.14.2.2.2).
    fn bye(&self, with_will: bool, expiry: Option<u32>) -> End {
        let was_zero = self.session.state().is_some_and(|state| state.expiry.is_zero());
        match expiry {
            Some(seconds) if seconds > 0 && was_zero => End::Broken(Fault::ProtocolError),
            expiry => End::Bye { with_will, expiry },
        }
    }

    fn acknowledge(&mut self, packet: &Packet) {
        let (version, out) = (self.version, &mut self.wire.out);
        let Some(mut state) = self.session.state() else { return };
        match *packet {
            Packet::Puback(pid) => {
                state.outbox.acknowledged(pid);
            }
            Packet::Pubrec(pid, true) => {
                state.outbox.refused(pid);
            }
            Packet::Pubrec(pid, false) => {
                let is_known = state.outbox.received(pid);
                packet::pubrel(out, version, pid, is_known);
            }
            Packet::Pubrel(pid) => {
                let is_known = state.received.remove(&pid);
                packet::pubcomp(out, version, pid, is_known);
            }
            Packet::Pubcomp(pid) => {
                state.outbox.completed(pid);
            }
            _ => {}
        }
    }

    fn subscribe(&mut self, pid: u16, subscriptions: &[Subscription]) {
        let granted: Vec<_> = subscriptions
            .iter()
            .map(|one| {
                let subscribed =
                    self.router.subscribe(&self.session, &self.client, &one.filter, one.options);
                subscribed.map(|()| one.options.qos).inspect_err(|error| {
                    tracing::debug!(client = %self.client.id, filter = &*one.filter, %error, "MQTT subscription refused");
                })
            })
            .collect();
        packet::suback(&mut self.wire.out, self.version, pid, &granted);
    }

    fn publish(&mut self, publish: Publish) -> Result<(), Fault> {
        // Without a receipt the client sends it again to whoever comes after this broker.
        if self.stopping.is_some() {
            return Ok(());
        }
        let (qos, pid) = (publish.qos, publish.pid);
        if qos == Qos::ExactlyOnce && !self.is_first(pid)? {
            packet::pubrec(&mut self.wire.out, self.version, pid, PubrecReasonCode::Success);
            return Ok(());
        }
        let fate = self.route(publish);
        let (version, out) = (self.version, &mut self.wire.out);
        match qos {
            Qos::AtMostOnce => {}
            Qos::AtLeastOnce => {
                let reason = match fate {
                    Fate::Routed { is_heard: true } => PubackReasonCode::Success,
                    Fate::Routed { is_heard: false } => PubackReasonCode::NoMatchingSubscribers,
                    Fate::Refused => PubackReasonCode::NotAuthorized,
                };
                packet::puback(out, version, pid, reason);
            }
            Qos::ExactlyOnce => {
                let reason = match fate {
                    Fate::Routed { is_heard: true } => PubrecReasonCode::Success,
                    Fate::Routed { is_heard: false } => PubrecReasonCode::NoMatchingSubscribers,
                    Fate::Refused => PubrecReasonCode::NotAuthorized,
                };
                // A refusal ends the exchange, which MQTT 3.1.1 cannot say.
                if matches!(fate, Fate::Refused)
                    && version == Version::V5
                    && let Some(mut state) = self.session.state()
                {
                    state.received.remove(&pid);
                }
                packet::pubrec(out, version, pid, reason);
            }
        }
        Ok(())
    }

    /// Notes a message with QoS 2; `false` if it is known, because the client sends it again.
    fn is_first(&self, pid: u16) -> Result<bool, Fault> {
        let Some(mut state) = self.session.state() else { return Ok(true) };
        if state.received.contains(&pid) {
            return Ok(false);
        }
        if state.received.len() >= usize::from(self.router.settings.receive_maximum.max(1)) {
            return Err(Fault::ReceiveMaximumExceeded);
        }
        Ok(state.received.insert(pid))
    }

    fn route(&mut self, publish: Publish) -> Fate {
        let is_allowed = !topic::is_reserved(&publish.topic)
            && self.router.rules.may_publish(&self.client, &publish.topic);
        if !is_allowed {
            tracing::debug!(client = %self.client.id, topic = &*publish.topic, "MQTT message refused by the rules");
            return Fate::Refused;
        }
        let message = Arc::new(Message {
            topic: publish.topic,
            payload: publish.payload,
            qos: publish.qos,
            retain: publish.retain,
            publisher: Arc::clone(&self.client),
            properties: publish.properties,
            expires: publish.expiry.and_then(|seconds| expires(Some(seconds), Instant::now())),
        });
        let Routed { receivers, blocked } = self.router.route(&message, self.session.number);
        if !blocked.is_empty() {
            self.blocked = Some(Waiting(Box::pin(async move {
                for blocked in blocked {
                    blocked.wait().await;
                }
            })));
        }
        Fate::Routed { is_heard: receivers > 0 }
    }
}
