//! Packets of a client, in either version of the protocol (MQTT 3.1.1, MQTT 5).
//!
//! Responsible for the bytes: what comes in as [`Frame`]s, with messages that are too long skipped instead of kept, and
//! what goes out. Packets are rumqttc's. The order in which they come and go is left to `connection`.

use bytes::{Buf, Bytes, BytesMut};
use rumqttc::v5::mqttbytes::{self as v5, v5 as p5};

use crate::mqtt::link::{Heard, LinkError};
use crate::mqtt::settings::{LinkSettings, Login, Version};

/// What precedes the payload of a message at most: the topic, its length, the packet identifier, properties.
const MOST_HEAD: usize = 2 * 65_536;

/// What a broker says.
#[derive(Debug, PartialEq)]
pub enum Frame {
    /// CONNACK, accepted.
    Connected(Accepted),
    /// CONNACK or DISCONNECT, with the reason.
    Refused(String),
    /// PUBLISH
    Message {
        /// Where it was published.
        topic: String,
        /// `None` if it is longer than the limit.
        payload: Option<Bytes>,
        /// Its packet identifier; 0 at QoS 0.
        packet: u16,
        /// The broker has kept it from before the subscription.
        is_retained: bool,
    },
    /// PUBACK
    Taken {
        /// Which message.
        packet: u16,
        /// What the broker says of it.
        outcome: Result<Heard, LinkError>,
    },
    /// SUBACK
    Subscribed {
        /// Which subscription.
        packet: u16,
        /// The reason if one filter was not taken.
        refusal: Option<String>,
    },
    /// Anything else, which needs no answer.
    Other,
}

/// What a broker says about the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// It has the session from before.
    pub has_session: bool,
    /// Messages that may be on their way to it.
    pub window: Option<u16>,
    /// Bytes of a packet to it.
    pub max_packet: Option<u32>,
    /// Seconds, if it wants another time than the client.
    pub keep_alive: Option<u16>,
}

/// Takes packets from what has been read.
pub struct Reader {
    version: Version,
    max_payload: usize,
    /// What has been read and not been taken yet.
    pub buffer: BytesMut,
    /// Bytes to come of a message that is too long.
    skip: usize,
}

impl Reader {
    /// With nothing read, within the limits of a link and in its version.
    pub fn new(settings: &LinkSettings) -> Self {
        let (version, max_payload) = (settings.version, settings.max_payload);
        Self { version, max_payload, buffer: BytesMut::with_capacity(16 * 1024), skip: 0 }
    }

    /// The next packet; `None` if it is not complete. Fails for what is no MQTT.
    pub fn frame(&mut self) -> Result<Option<Frame>, String> {
        let skipped = self.skip.min(self.buffer.len());
        self.buffer.advance(skipped);
        self.skip -= skipped;
        let Some((first, head, rest)) = fixed_header(&self.buffer)? else { return Ok(None) };
        if rest > self.max_payload.saturating_add(MOST_HEAD) {
            return self.too_long(first, head, rest);
        }
        if self.buffer.len() < head + rest {
            self.buffer.reserve(head + rest - self.buffer.len());
            return Ok(None);
        }
        // Packets without a body, which rumqttc does not read in every version.
        if rest == 0 {
            self.buffer.advance(head);
            return Ok(Some(match first >> 4 {
                14 => Frame::Refused("it ends the connection".to_owned()),
                _ => Frame::Other,
            }));
        }
        let frame = match self.version {
            Version::V3 => rumqttc::Packet::read(&mut self.buffer, usize::MAX)
                .map(frame_of_3)
                .map_err(|error| error.to_string()),
            Version::V5 => {
                let packet = p5::Packet::read(&mut self.buffer, None).map_err(|error| error.to_string());
                packet.and_then(frame_of_5)
            }
        };
        frame.map(|frame| Some(self.limited(frame)))
    }

    fn limited(&self, frame: Frame) -> Frame {
        match frame {
            Frame::Message { topic, payload: Some(payload), packet, is_retained }
                if payload.len() > self.max_payload =>
            {
                drop(payload);
                Frame::Message { topic, payload: None, packet, is_retained }
            }
            frame => frame,
        }
    }

    /// The topic of a message that is too long, whose payload is skipped.
    fn too_long(&mut self, first: u8, head: usize, rest: usize) -> Result<Option<Frame>, String> {
        if first >> 4 != 3 {
            return Err("a packet is too long".to_owned());
        }
        let mut body = self.buffer.get(head..).unwrap_or_default();
        if body.len() < 2 {
            return Ok(None);
        }
        let length = usize::from(body.get_u16());
        let has_packet = first & 0b0110 != 0;
        let Some((topic, mut behind)) = body.split_at_checked(length) else { return Ok(None) };
        if has_packet && behind.len() < 2 {
            return Ok(None);
        }
        let packet = if has_packet { behind.get_u16() } else { 0 };
        let topic = std::str::from_utf8(topic).map_err(|_| "a topic is no UTF-8".to_owned())?.to_owned();
        let taken = head + 2 + length + if has_packet { 2 } else { 0 };
        self.buffer.advance(taken);
        self.skip = (head + rest).saturating_sub(taken);
        Ok(Some(Frame::Message { topic, payload: None, packet, is_retained: first & 1 == 1 }))
    }
}

/// The first byte, the length of the fixed header and that of what follows, once they are there.
fn fixed_header(buffer: &[u8]) -> Result<Option<(u8, usize, usize)>, String> {
    let Some((first, lengths)) = buffer.split_first() else { return Ok(None) };
    let (mut rest, mut head) = (0_usize, 1);
    for byte in lengths.iter().take(4) {
        rest |= usize::from(byte & 0x7f) << (7 * (head - 1));
        head += 1;
        if byte & 0x80 == 0 {
            return Ok(Some((*first, head, rest)));
        }
    }
    if lengths.len() >= 4 { Err("a length is malformed".to_owned()) } else { Ok(None) }
}

fn frame_of_3(packet: rumqttc::Packet) -> Frame {
    match packet {
        rumqttc::Packet::ConnAck(answer) if answer.code == rumqttc::ConnectReturnCode::Success => {
            Frame::Connected(Accepted { has_session: answer.session_present, ..Accepted::default() })
        }
        rumqttc::Packet::ConnAck(answer) => Frame::Refused(format!("{:?}", answer.code)),
        rumqttc::Packet::Publish(message) => Frame::Message {
            topic: message.topic,
            payload: Some(message.payload),
            packet: message.pkid,
            is_retained: message.retain,
        },
        rumqttc::Packet::PubAck(taken) => Frame::Taken { packet: taken.pkid, outcome: Ok(Heard::Perhaps) },
        rumqttc::Packet::SubAck(answer) => {
            let has_failed = answer.return_codes.contains(&rumqttc::SubscribeReasonCode::Failure);
            let refusal = has_failed.then(|| "it gives no reason".to_owned());
            Frame::Subscribed { packet: answer.pkid, refusal }
        }
        rumqttc::Packet::Disconnect => Frame::Refused("it ends the connection".to_owned()),
        _ => Frame::Other,
    }
}

fn frame_of_5(packet: p5::Packet) -> Result<Frame, String> {
    Ok(match packet {
        p5::Packet::ConnAck(answer) if answer.code == p5::ConnectReturnCode::Success => {
            let said = answer.properties.as_ref();
            Frame::Connected(Accepted {
                has_session: answer.session_present,
                window: said.and_then(|said| said.receive_max),
                max_packet: said.and_then(|said| said.max_packet_size),
                keep_alive: said.and_then(|said| said.server_keep_alive),
            })
        }
        p5::Packet::ConnAck(answer) => Frame::Refused(format!("{:?}", answer.code)),
        p5::Packet::Publish(message) => Frame::Message {
            topic: String::from_utf8(message.topic.to_vec()).map_err(|_| "a topic is no UTF-8".to_owned())?,
            payload: Some(message.payload),
            packet: message.pkid,
            is_retained: message.retain,
        },
        p5::Packet::PubAck(taken) => {
            let outcome = match taken.reason {
                p5::PubAckReason::Success => Ok(Heard::Perhaps),
                p5::PubAckReason::NoMatchingSubscribers => Ok(Heard::ByNobody),
                refused => Err(LinkError::Refused(format!("{refused:?}"))),
            };
            Frame::Taken { packet: taken.pkid, outcome }
        }
        p5::Packet::SubAck(answer) => {
            let is_taken =
                |code: &p5::SubscribeReasonCode| matches!(code, p5::SubscribeReasonCode::Success(_));
            let failed = answer.return_codes.iter().find(|code| !is_taken(code));
            Frame::Subscribed { packet: answer.pkid, refusal: failed.map(|code| format!("{code:?}")) }
        }
        p5::Packet::Disconnect(end) => Frame::Refused(format!("{:?}", end.reason_code)),
        _ => Frame::Other,
    })
}

/// Appends packets to what is to be written.
pub(super) struct Writer {
    version: Version,
    /// What is to be written.
    pub(super) buffer: BytesMut,
}

/// A message that goes out at QoS 1.
pub(super) struct Outgoing<'a> {
    pub(super) packet: u16,
    pub(super) is_repeated: bool,
    pub(super) topic: &'a str,
    pub(super) payload: &'a Bytes,
}

impl Writer {
    pub(super) fn new(version: Version) -> Self {
        Self { version, buffer: BytesMut::with_capacity(16 * 1024) }
    }

    /// CONNECT with a session that is kept, and without a will (TS-0010 6.3.3).
    pub(super) fn connect(&mut self, settings: &LinkSettings, login: Option<&Login>) -> Result<(), String> {
        let client_id = settings.client_id.clone();
        let keep_alive = u16::try_from(settings.keep_alive.as_secs()).unwrap_or(u16::MAX);
        match self.version {
            Version::V3 => {
                let mut connect = rumqttc::Connect::new(client_id);
                connect.keep_alive = keep_alive;
                connect.clean_session = false;
                connect.login = login.map(|login| rumqttc::Login {
                    username: login.username.clone(),
                    password: login.password.clone(),
                });
                self.put_3(&rumqttc::Packet::Connect(connect))
            }
            Version::V5 => {
                let mut properties = p5::ConnectProperties::new();
                properties.session_expiry_interval = Some(u32::MAX);
                let most = settings.max_payload.saturating_add(MOST_HEAD);
                properties.max_packet_size = Some(u32::try_from(most).unwrap_or(u32::MAX));
                let connect =
                    p5::Connect { keep_alive, client_id, clean_start: false, properties: Some(properties) };
                let login = login.map(|login| p5::Login {
                    username: login.username.clone(),
                    password: login.password.clone(),
                });
                self.put_5(&p5::Packet::Connect(connect, None, login))
            }
        }
    }

    /// SUBSCRIBE at QoS 1.
    pub(super) fn subscribe(&mut self, packet: u16, filters: &[String]) -> Result<(), String> {
        match self.version {
            Version::V3 => {
                let filters = filters.iter().map(|path| rumqttc::SubscribeFilter {
                    path: path.clone(),
                    qos: rumqttc::QoS::AtLeastOnce,
                });
                let mut subscribe = rumqttc::Subscribe::new_many(filters);
                subscribe.pkid = packet;
                self.put_3(&rumqttc::Packet::Subscribe(subscribe))
            }
            Version::V5 => {
                let filters = filters.iter().map(|path| p5::Filter::new(path.clone(), v5::QoS::AtLeastOnce));
                let mut subscribe = p5::Subscribe::new_many(filters, None);
                subscribe.pkid = packet;
                self.put_5(&p5::Packet::Subscribe(subscribe))
            }
        }
    }

    /// PUBLISH at QoS 1.
    pub(super) fn publish(&mut self, message: &Outgoing<'_>) -> Result<(), String> {
        let (pkid, dup, payload) = (message.packet, message.is_repeated, message.payload.clone());
        match self.version {
            Version::V3 => self.put_3(&rumqttc::Packet::Publish(rumqttc::Publish {
                dup,
                qos: rumqttc::QoS::AtLeastOnce,
                retain: false,
                topic: message.topic.to_owned(),
                pkid,
                payload,
            })),
            Version::V5 => self.put_5(&p5::Packet::Publish(p5::Publish {
                dup,
                qos: v5::QoS::AtLeastOnce,
                retain: false,
                topic: Bytes::copy_from_slice(message.topic.as_bytes()),
                pkid,
                payload,
                properties: None,
            })),
        }
    }

    /// PUBACK
    pub(super) fn taken(&mut self, packet: u16) -> Result<(), String> {
        match self.version {
            Version::V3 => self.put_3(&rumqttc::Packet::PubAck(rumqttc::PubAck::new(packet))),
            Version::V5 => self.put_5(&p5::Packet::PubAck(p5::PubAck::new(packet, None))),
        }
    }

    /// PINGREQ
    pub(super) fn ping(&mut self) {
        self.buffer.extend_from_slice(&[0xc0, 0]);
    }

    /// DISCONNECT, after which the broker keeps the session.
    pub(super) fn disconnect(&mut self) {
        self.buffer.extend_from_slice(&[0xe0, 0]);
    }

    fn put_3(&mut self, packet: &rumqttc::Packet) -> Result<(), String> {
        packet.write(&mut self.buffer, usize::MAX).map(drop).map_err(|error| error.to_string())
    }

    fn put_5(&mut self, packet: &p5::Packet) -> Result<(), String> {
        packet.write(&mut self.buffer, None).map(drop).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
