//! What a session has to send: messages that wait for their acknowledgement, filters, packet identifiers.
//!
//! Responsible for what outlives a connection (MQTT 3.1.1 4.4): what was not acknowledged is sent again. Moving bytes is
//! left to `connection`.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::wire::{Outgoing as Packet, Writer};
use crate::mqtt::link::{Heard, LinkError};

/// Tells what came of it.
pub(super) type Done = oneshot::Sender<Result<Heard, LinkError>>;

/// Bytes around topic and payload of a message at most.
const FRAMING: usize = 16;

struct Message {
    packet: u16,
    topic: String,
    payload: Bytes,
    done: Done,
}

/// The outgoing side of a session.
#[derive(Default)]
pub(super) struct Outgoing {
    /// Sent and not acknowledged, in their order.
    unacknowledged: VecDeque<Message>,
    /// Filters that the broker agreed to or was asked for.
    filters: Vec<String>,
    /// SUBSCRIBE packets under way, and who waits for them.
    subscribing: Vec<(u16, Option<Done>)>,
    last_packet: u16,
    /// Bytes of a packet that the broker takes.
    max_packet: Option<u32>,
}

impl Outgoing {
    pub(super) fn new(filters: Vec<String>) -> Self {
        Self { filters, ..Self::default() }
    }

    /// Messages on their way.
    pub(super) fn on_their_way(&self) -> usize {
        self.unacknowledged.len()
    }

    /// Begins a connection: subscribes to all filters, and sends again what was not acknowledged. Gives the packet
    /// whose acknowledgement makes the connection complete.
    pub(super) fn resume(
        &mut self,
        writer: &mut Writer,
        has_session: bool,
        max_packet: Option<u32>,
    ) -> Result<Option<u16>, String> {
        self.max_packet = max_packet;
        // Who waits for an agreement gets it with the new subscription, which has all filters.
        let waiting: Vec<Done> = self.subscribing.drain(..).filter_map(|(_, done)| done).collect();
        for done in waiting {
            let packet = self.next_packet();
            self.subscribing.push((packet, Some(done)));
            writer.subscribe(packet, &self.filters)?;
        }
        let all = self.next_packet();
        if !self.filters.is_empty() {
            self.subscribing.push((all, None));
            writer.subscribe(all, &self.filters)?;
        }
        self.unacknowledged.retain(|message| !message.done.is_closed());
        for Message { packet, topic, payload, .. } in &self.unacknowledged {
            writer.publish(&Packet { packet: *packet, is_repeated: has_session, topic, payload })?;
        }
        Ok((!self.filters.is_empty()).then_some(all))
    }

    /// Sends a message, unless nobody waits for it any more.
    pub(super) fn publish(
        &mut self,
        writer: &mut Writer,
        topic: String,
        payload: Bytes,
        done: Done,
    ) -> Result<(), String> {
        if done.is_closed() {
            return Ok(());
        }
        let length = FRAMING + topic.len() + payload.len();
        if self.max_packet.is_some_and(|most| u32::try_from(length).is_ok_and(|length| length > most))
            || topic.len() > usize::from(u16::MAX)
        {
            let _ = done.send(Err(LinkError::TooLong));
            return Ok(());
        }
        let packet = self.next_packet();
        writer.publish(&Packet { packet, is_repeated: false, topic: &topic, payload: &payload })?;
        self.unacknowledged.push_back(Message { packet, topic, payload, done });
        Ok(())
    }

    /// Subscribes to one more filter.
    pub(super) fn subscribe(
        &mut self,
        writer: &mut Writer,
        filter: String,
        done: Done,
    ) -> Result<(), String> {
        let packet = self.next_packet();
        writer.subscribe(packet, std::slice::from_ref(&filter))?;
        if !self.filters.contains(&filter) {
            self.filters.push(filter);
        }
        self.subscribing.push((packet, Some(done)));
        Ok(())
    }

    /// The broker has answered a message.
    pub(super) fn taken(&mut self, packet: u16, outcome: Result<Heard, LinkError>) {
        let place = self.unacknowledged.iter().position(|message| message.packet == packet);
        if let Some(message) = place.and_then(|place| self.unacknowledged.remove(place)) {
            // Whoever asked may have given up.
            let _ = message.done.send(outcome);
        }
    }

    /// The broker has answered a subscription.
    pub(super) fn subscribed(&mut self, packet: u16, refusal: Option<&str>) {
        let place = self.subscribing.iter().position(|(own, _)| *own == packet);
        if let Some((_, Some(done))) = place.map(|place| self.subscribing.swap_remove(place)) {
            let refusal = refusal.map(|why| LinkError::Refused(why.to_owned()));
            let _ = done.send(refusal.map_or(Ok(Heard::Perhaps), Err));
        }
    }

    /// A packet identifier that is not in use. The window keeps most of them free.
    fn next_packet(&mut self) -> u16 {
        loop {
            self.last_packet = self.last_packet.checked_add(1).unwrap_or(1);
            let packet = self.last_packet;
            let is_used = self.unacknowledged.iter().any(|message| message.packet == packet)
                || self.subscribing.iter().any(|(own, _)| *own == packet);
            if !is_used {
                return packet;
            }
        }
    }
}
