//! What the broker sends.

use std::sync::Arc;

use mqtt_proto::v3::ConnectReturnCode;
use mqtt_proto::v5::{
    ConnackProperties, ConnectReasonCode, PubackReasonCode, PubcompReasonCode, PublishProperties,
    PubrecReasonCode, PubrelReasonCode, SubscribeReasonCode, UnsubscribeReasonCode, VarByteInt,
};
use mqtt_proto::{Encodable, Error, Pid, QosPid, total_len, v3, v5};
use tokio::time::Instant;

use super::{Fault, Version};
use crate::mqtt::broker::message::Qos;
use crate::mqtt::broker::router::SubscribeError;
use crate::mqtt::broker::session::Outgoing;

/// Appends a packet.
fn put(out: &mut Vec<u8>, first: u8, body: &impl Encodable) -> Result<(), Error> {
    put_header(out, first, body.encode_len());
    body.encode(out)
}

fn put_header(out: &mut Vec<u8>, first: u8, mut length: usize) {
    out.push(first);
    loop {
        let (rest, byte) = (length / 128, (length % 128) as u8);
        out.push(if rest > 0 { byte | 0x80 } else { byte });
        length = rest;
        if rest == 0 {
            return;
        }
    }
}

/// Writing into memory does not fail; what is said about it is for whoever changes that.
fn written(result: Result<(), Error>) {
    debug_assert!(result.is_ok(), "{result:?}");
}

/// An acknowledgement that has no more to say than its identifier.
fn put_short(out: &mut Vec<u8>, first: u8, pid: u16) {
    let [high, low] = pid.to_be_bytes();
    out.extend_from_slice(&[first, 2, high, low]);
}

/// An acknowledgement with a reason, which only MQTT 5 hears.
fn put_ack(out: &mut Vec<u8>, version: Version, first: u8, pid: u16, reason: u8) {
    if version == Version::V3 || reason == 0 {
        return put_short(out, first, pid);
    }
    let [high, low] = pid.to_be_bytes();
    out.extend_from_slice(&[first, 3, high, low, reason]);
}

/// PUBACK.
pub(in crate::mqtt::broker) fn puback(
    out: &mut Vec<u8>,
    version: Version,
    pid: u16,
    reason: PubackReasonCode,
) {
    put_ack(out, version, 0x40, pid, reason as u8);
}

/// PUBREC.
pub(in crate::mqtt::broker) fn pubrec(
    out: &mut Vec<u8>,
    version: Version,
    pid: u16,
    reason: PubrecReasonCode,
) {
    put_ack(out, version, 0x50, pid, reason as u8);
}

/// PUBREL.
pub(in crate::mqtt::broker) fn pubrel(out: &mut Vec<u8>, version: Version, pid: u16, is_known: bool) {
    let reason =
        if is_known { PubrelReasonCode::Success } else { PubrelReasonCode::PacketIdentifierNotFound };
    put_ack(out, version, 0x62, pid, reason as u8);
}

/// PUBCOMP.
pub(in crate::mqtt::broker) fn pubcomp(out: &mut Vec<u8>, version: Version, pid: u16, is_known: bool) {
    let reason =
        if is_known { PubcompReasonCode::Success } else { PubcompReasonCode::PacketIdentifierNotFound };
    put_ack(out, version, 0x70, pid, reason as u8);
}

/// PINGRESP.
pub(in crate::mqtt::broker) fn pingresp(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0xD0, 0]);
}

/// A message; `false` if it is longer than the client takes, in which case nothing is written.
pub(in crate::mqtt::broker) fn publish(
    out: &mut Vec<u8>,
    version: Version,
    outgoing: &Outgoing,
    max_packet: usize,
    now: Instant,
) -> bool {
    let Outgoing { delivery, pid, dup } = outgoing;
    let message = &delivery.message;
    // A queue gives each message with QoS 1 or 2 an identifier, which is never zero.
    let pid = Pid::try_from(*pid).unwrap_or_default();
    let qos_pid = match delivery.qos {
        Qos::AtMostOnce => QosPid::Level0,
        Qos::AtLeastOnce => QosPid::Level1(pid),
        Qos::ExactlyOnce => QosPid::Level2(pid),
    };
    let first = 0x30 | u8::from(*dup) << 3 | (delivery.qos as u8) << 1 | u8::from(delivery.retain);
    if version == Version::V3 {
        let publish = v3::Publish::new(qos_pid, message.topic.clone(), message.payload.clone());
        written(put(out, first, &publish));
        return true;
    }
    let mut publish = v5::Publish::new(qos_pid, message.topic.clone(), message.payload.clone());
    publish.properties = PublishProperties {
        message_expiry_interval: message.seconds_left(now),
        subscription_id: delivery.identifier.and_then(|id| VarByteInt::try_from(id).ok()),
        ..message.properties.as_deref().cloned().unwrap_or_default()
    };
    if total_len(publish.encode_len()).is_ok_and(|len| len <= max_packet) {
        written(put(out, first, &publish));
        return true;
    }
    false
}

/// CONNACK of a connection that is open.
pub(in crate::mqtt::broker) fn connack(
    out: &mut Vec<u8>,
    version: Version,
    is_present: bool,
    properties: ConnackProperties,
) {
    match version {
        Version::V3 => written(put(out, 0x20, &V3Connack(is_present, ConnectReturnCode::Accepted))),
        Version::V5 => {
            let mut connack = v5::Connack::new(is_present, ConnectReasonCode::Success);
            connack.properties = properties;
            written(put(out, 0x20, &connack));
        }
    }
}

/// CONNACK of a connection that is refused.
pub(in crate::mqtt::broker) fn refuse(out: &mut Vec<u8>, version: Version, reason: ConnectReasonCode) {
    use ConnectReasonCode as Reason;
    match version {
        Version::V5 => written(put(out, 0x20, &v5::Connack::new(false, reason))),
        Version::V3 => {
            let code = match reason {
                Reason::UnsupportedProtocolVersion => ConnectReturnCode::UnacceptableProtocolVersion,
                Reason::ClientIdentifierNotValid => ConnectReturnCode::IdentifierRejected,
                Reason::NotAuthorized => ConnectReturnCode::NotAuthorized,
                _ => ConnectReturnCode::ServerUnavailable,
            };
            written(put(out, 0x20, &V3Connack(false, code)));
        }
    }
}

/// The codec writes this packet as a whole alone.
struct V3Connack(bool, ConnectReturnCode);

impl Encodable for V3Connack {
    fn encode<W: std::io::Write>(&self, writer: &mut W) -> Result<(), Error> {
        writer.write_all(&[u8::from(self.0), self.1 as u8])?;
        Ok(())
    }

    fn encode_len(&self) -> usize {
        2
    }
}

/// SUBACK, with what became of each filter.
pub(in crate::mqtt::broker) fn suback(
    out: &mut Vec<u8>,
    version: Version,
    pid: u16,
    granted: &[Result<Qos, SubscribeError>],
) {
    let Ok(pid) = Pid::try_from(pid) else { return };
    match version {
        Version::V3 => {
            let codes = granted.iter().map(|one| one.map_or(0x80, |qos| qos as u8));
            let codes: Vec<u8> = codes.collect();
            put_header(out, 0x90, 2 + codes.len());
            out.extend_from_slice(&pid.value().to_be_bytes());
            out.extend_from_slice(&codes);
        }
        Version::V5 => {
            let codes = granted.iter().map(|one| match one {
                Ok(Qos::AtMostOnce) => SubscribeReasonCode::GrantedQoS0,
                Ok(Qos::AtLeastOnce) => SubscribeReasonCode::GrantedQoS1,
                Ok(Qos::ExactlyOnce) => SubscribeReasonCode::GrantedQoS2,
                Err(SubscribeError::Invalid) => SubscribeReasonCode::TopicFilterInvalid,
                Err(SubscribeError::NotAllowed) => SubscribeReasonCode::NotAuthorized,
                Err(SubscribeError::TooMany) => SubscribeReasonCode::QuotaExceeded,
            });
            written(put(out, 0x90, &v5::Suback::new(pid, codes.collect())));
        }
    }
}

/// UNSUBACK, with whether there was a subscription for each filter.
pub(in crate::mqtt::broker) fn unsuback(out: &mut Vec<u8>, version: Version, pid: u16, existed: &[bool]) {
    if version == Version::V3 {
        return put_short(out, 0xB0, pid);
    }
    let Ok(pid) = Pid::try_from(pid) else { return };
    let codes = existed.iter().map(|existed| match existed {
        true => UnsubscribeReasonCode::Success,
        false => UnsubscribeReasonCode::NoSubscriptionExisted,
    });
    written(put(out, 0xB0, &v5::Unsuback::new(pid, codes.collect())));
}

/// DISCONNECT, which servers say in MQTT 5 alone.
pub(in crate::mqtt::broker) fn disconnect(out: &mut Vec<u8>, version: Version, reason: Fault) {
    if version == Version::V5 {
        written(put(out, 0xE0, &v5::Disconnect::new(reason)));
    }
}

/// What CONNACK says about this broker.
pub(in crate::mqtt::broker) fn abilities(
    receive_max: u16,
    max_packet: usize,
    assigned: Option<Arc<str>>,
    expiry: Option<u32>,
) -> ConnackProperties {
    ConnackProperties {
        receive_max: Some(receive_max),
        max_packet_size: u32::try_from(max_packet).ok(),
        assigned_client_id: assigned,
        session_expiry_interval: expiry,
        ..ConnackProperties::default()
    }
}
