//! What a client sends once it is connected.

use std::sync::Arc;

use bytes::Bytes;
use mqtt_proto::v5::{PublishProperties, RetainHandling};
use mqtt_proto::{Pid, QosPid, TopicName, v3, v5};

use super::{Body, Fault, Frame, MAX_USER_PROPERTIES, Version, header_v3, header_v5};
use crate::mqtt::broker::message::Qos;
use crate::mqtt::broker::router::{Options, RetainedFor};
use crate::mqtt::broker::topic;

/// A packet from a client.
#[derive(Debug)]
pub enum Packet {
    /// A message.
    Publish(Publish),
    /// A message with QoS 1 arrived.
    Puback(u16),
    /// A message with QoS 2 arrived; the flag says that it was refused.
    Pubrec(u16, bool),
    /// A message with QoS 2 that the client sent is released.
    Pubrel(u16),
    /// A message with QoS 2 is done with.
    Pubcomp(u16),
    /// Filters to subscribe to.
    Subscribe(u16, Vec<Subscription>),
    /// Filters to unsubscribe from.
    Unsubscribe(u16, Vec<Arc<str>>),
    /// A sign of life.
    Pingreq,
    /// A good-bye.
    Disconnect {
        /// Whether the will is wanted all the same.
        with_will: bool,
        /// Seconds for which the session is to stay, if that has changed.
        expiry: Option<u32>,
    },
}

/// A message from a client.
#[derive(Debug)]
pub struct Publish {
    /// Whether it may have been sent before.
    pub dup: bool,
    /// Whether it is to be retained.
    pub retain: bool,
    /// Its QoS.
    pub qos: Qos,
    /// Its packet identifier; zero with QoS 0.
    pub pid: u16,
    /// Its topic.
    pub topic: TopicName,
    /// Its payload.
    pub payload: Bytes,
    /// For how many seconds it is wanted.
    pub expiry: Option<u32>,
    /// What goes with it.
    pub properties: Option<Box<PublishProperties>>,
}

/// A filter with its options.
#[derive(Debug)]
pub struct Subscription {
    /// As the client wrote it.
    pub filter: Arc<str>,
    pub(in crate::mqtt::broker) options: Options,
}

/// Reads a packet after CONNECT. A fault ends the connection.
pub fn decode(version: Version, frame: Frame<'_>) -> Result<Packet, Fault> {
    match version {
        Version::V3 => decode_v3(frame),
        Version::V5 => decode_v5(frame),
    }
}

fn decode_v3(frame: Frame<'_>) -> Result<Packet, Fault> {
    use v3::PacketType::{
        Disconnect, Pingreq, Puback, Pubcomp, Publish, Pubrec, Pubrel, Subscribe, Unsubscribe,
    };
    let header = header_v3(frame)?;
    let body = Body::new(frame.body);
    match header.typ {
        Publish => publish_v3(body.read(|bytes, offset| v3::Publish::decode(bytes, offset, header))?),
        Puback => Ok(Packet::Puback(identifier(frame.body)?)),
        Pubrec => Ok(Packet::Pubrec(identifier(frame.body)?, false)),
        Pubrel => Ok(Packet::Pubrel(identifier(frame.body)?)),
        Pubcomp => Ok(Packet::Pubcomp(identifier(frame.body)?)),
        Subscribe => {
            let subscribe = body.read(|bytes, offset| v3::Subscribe::decode(bytes, offset, header))?;
            let subscriptions = subscribe.topics.into_iter().map(|(filter, qos)| Subscription {
                filter: filter.to_string().into(),
                options: Options::plain(qos.into()),
            });
            Ok(Packet::Subscribe(subscribe.pid.value(), valid(subscriptions.collect())?))
        }
        Unsubscribe => {
            let unsubscribe = body.read(|bytes, offset| v3::Unsubscribe::decode(bytes, offset, header))?;
            let filters = unsubscribe.topics.into_iter().map(|filter| filter.to_string().into());
            Ok(Packet::Unsubscribe(unsubscribe.pid.value(), filters.collect()))
        }
        Pingreq if frame.body.is_empty() => Ok(Packet::Pingreq),
        Disconnect if frame.body.is_empty() => Ok(Packet::Disconnect { with_will: false, expiry: None }),
        Pingreq | Disconnect => Err(Fault::MalformedPacket),
        // A second CONNECT, and what only servers send.
        _ => Err(Fault::ProtocolError),
    }
}

fn identifier(body: &[u8]) -> Result<u16, Fault> {
    let bytes: [u8; 2] = body.try_into().map_err(|_| Fault::MalformedPacket)?;
    let pid = Pid::try_from(u16::from_be_bytes(bytes)).map_err(|_| Fault::ProtocolError)?;
    Ok(pid.value())
}

fn publish_v3(publish: v3::Publish) -> Result<Packet, Fault> {
    let (qos, pid) = delivery(publish.qos_pid, publish.dup)?;
    if !topic::is_name(&publish.topic_name) {
        return Err(Fault::TopicNameInvalid);
    }
    Ok(Packet::Publish(Publish {
        dup: publish.dup,
        retain: publish.retain,
        qos,
        pid,
        topic: publish.topic_name,
        payload: publish.payload,
        expiry: None,
        properties: None,
    }))
}

/// QoS and packet identifier; a message with QoS 0 is never sent again (MQTT 5 clause 3.3.1.1).
fn delivery(qos_pid: QosPid, dup: bool) -> Result<(Qos, u16), Fault> {
    match qos_pid {
        QosPid::Level0 if dup => Err(Fault::MalformedPacket),
        _ => Ok((qos_pid.qos().into(), qos_pid.pid().map_or(0, Pid::value))),
    }
}

fn decode_v5(frame: Frame<'_>) -> Result<Packet, Fault> {
    use v5::PacketType::{
        Disconnect, Pingreq, Puback, Pubcomp, Publish, Pubrec, Pubrel, Subscribe, Unsubscribe,
    };
    let header = header_v5(frame)?;
    let body = Body::new(frame.body);
    match header.typ {
        Publish => publish_v5(body.read(|bytes, offset| v5::Publish::decode(bytes, offset, header))?),
        Puback => {
            let ack = body.read(|bytes, offset| v5::Puback::decode(bytes, offset, header))?;
            Ok(Packet::Puback(ack.pid.value()))
        }
        Pubrec => {
            let ack = body.read(|bytes, offset| v5::Pubrec::decode(bytes, offset, header))?;
            Ok(Packet::Pubrec(ack.pid.value(), ack.reason_code as u8 >= 0x80))
        }
        Pubrel => {
            let ack = body.read(|bytes, offset| v5::Pubrel::decode(bytes, offset, header))?;
            Ok(Packet::Pubrel(ack.pid.value()))
        }
        Pubcomp => {
            let ack = body.read(|bytes, offset| v5::Pubcomp::decode(bytes, offset, header))?;
            Ok(Packet::Pubcomp(ack.pid.value()))
        }
        Subscribe => subscribe_v5(body.read(|bytes, offset| v5::Subscribe::decode(bytes, offset, header))?),
        Unsubscribe => {
            let unsubscribe = body.read(|bytes, offset| v5::Unsubscribe::decode(bytes, offset, header))?;
            let filters = unsubscribe.topics.into_iter().map(|filter| filter.to_string().into());
            Ok(Packet::Unsubscribe(unsubscribe.pid.value(), filters.collect()))
        }
        Pingreq if frame.body.is_empty() => Ok(Packet::Pingreq),
        Pingreq => Err(Fault::MalformedPacket),
        Disconnect => {
            let disconnect = body.read(|bytes, offset| v5::Disconnect::decode(bytes, offset, header))?;
            Ok(Packet::Disconnect {
                with_will: disconnect.reason_code != Fault::NormalDisconnect,
                expiry: disconnect.properties.session_expiry_interval,
            })
        }
        // A second CONNECT, AUTH without a method that was agreed on, and what only servers send.
        _ => Err(Fault::ProtocolError),
    }
}

fn publish_v5(publish: v5::Publish) -> Result<Packet, Fault> {
    let (qos, pid) = delivery(publish.qos_pid, publish.dup)?;
    let mut properties = publish.properties;
    // None were announced (MQTT 5 clause 3.3.2.3.4).
    if properties.topic_alias.is_some() {
        return Err(Fault::TopicAliasInvalid);
    }
    if properties.subscription_id.is_some() {
        return Err(Fault::ProtocolError);
    }
    if properties.user_properties.len() > MAX_USER_PROPERTIES {
        return Err(Fault::QuotaExceeded);
    }
    if !topic::is_name(&publish.topic_name) {
        let is_missing = publish.topic_name.is_empty();
        return Err(if is_missing { Fault::ProtocolError } else { Fault::TopicNameInvalid });
    }
    let expiry = properties.message_expiry_interval.take();
    Ok(Packet::Publish(Publish {
        dup: publish.dup,
        retain: publish.retain,
        qos,
        pid,
        topic: publish.topic_name,
        payload: publish.payload,
        expiry,
        properties: (properties != PublishProperties::default()).then(|| Box::new(properties)),
    }))
}

fn subscribe_v5(subscribe: v5::Subscribe) -> Result<Packet, Fault> {
    let identifier = subscribe.properties.subscription_id.map(v5::VarByteInt::value);
    if identifier == Some(0) {
        return Err(Fault::ProtocolError);
    }
    let subscriptions = subscribe.topics.into_iter().map(|(filter, options)| {
        // Who shares a subscription cannot know its own messages (MQTT 5 clause 3.8.3.1).
        if options.no_local && filter.starts_with("$share/") {
            return Err(Fault::ProtocolError);
        }
        Ok(Subscription {
            filter: filter.to_string().into(),
            options: Options {
                qos: options.max_qos.into(),
                no_local: options.no_local,
                retain_as_published: options.retain_as_published,
                retained: match options.retain_handling {
                    RetainHandling::SendAtSubscribe => RetainedFor::Everybody,
                    RetainHandling::SendAtSubscribeIfNotExist => RetainedFor::Newcomers,
                    RetainHandling::DoNotSend => RetainedFor::Nobody,
                },
                identifier,
            },
        })
    });
    let subscriptions = subscriptions.collect::<Result<_, _>>()?;
    Ok(Packet::Subscribe(subscribe.pid.value(), valid(subscriptions)?))
}

/// Refuses a packet with something that is no filter: the codec lets some pass.
fn valid(subscriptions: Vec<Subscription>) -> Result<Vec<Subscription>, Fault> {
    let is_valid = subscriptions.iter().all(|one| topic::Filter::parse(&one.filter).is_some());
    if is_valid { Ok(subscriptions) } else { Err(Fault::TopicFilterInvalid) }
}
