//! CONNECT (MQTT 3.1.1 and MQTT 5 clause 3.1), the packet that says which version is spoken.

use std::sync::Arc;

use bytes::Bytes;
use mqtt_proto::v5::{ConnectReasonCode, PublishProperties};
use mqtt_proto::{Error, Protocol, TopicName, v3, v5};

use super::{Body, Fault, Frame, MAX_USER_PROPERTIES, Version, has_nul, header_v5};
use crate::mqtt::broker::message::Qos;
use crate::mqtt::broker::topic;

/// The longest client ID in bytes.
const MAX_CLIENT_ID: usize = 1024;

/// What a client says of itself.
#[derive(Debug)]
pub struct Connect {
    /// The version that it speaks.
    pub version: Version,
    /// Whether it wants no session that it had before.
    pub clean: bool,
    /// Seconds within which it sends something; zero for no promise.
    pub keep_alive: u16,
    /// Its ID; empty if it wants one.
    pub id: Arc<str>,
    /// Its user name.
    pub user_name: Option<Arc<str>>,
    /// What is published if it goes without a good-bye.
    pub will: Option<WillMessage>,
    /// For how many seconds its session stays after the connection; `u32::MAX` for ever.
    pub expiry: u32,
    /// Messages in flight that it takes.
    pub receive_max: u16,
    /// The longest packet that it takes.
    pub max_packet: usize,
}

/// A will, as it is said.
#[derive(Debug)]
pub struct WillMessage {
    /// Where it is published.
    pub topic: TopicName,
    /// What is.
    pub payload: Bytes,
    /// With which QoS.
    pub qos: Qos,
    /// Whether it is retained.
    pub retain: bool,
    /// What goes with it.
    pub properties: Option<Box<PublishProperties>>,
    /// For how many seconds it is wanted.
    pub expiry: Option<u32>,
    /// For how many seconds it waits.
    pub delay: u32,
}

/// Why a first packet does not open a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// It is no CONNECT, or not one that can be answered.
    Unanswerable,
    /// It is one of a version that is not spoken.
    Version(u8),
    /// It is one of this version with a fault.
    Refused(Version, ConnectReasonCode),
}

/// Reads the first packet of a connection.
pub fn connect(frame: Frame<'_>) -> Result<Connect, ConnectError> {
    if frame.first != 0x10 {
        return Err(ConnectError::Unanswerable);
    }
    let mut offset = 0;
    match Protocol::decode(frame.body, &mut offset) {
        Ok(Protocol::V311) => connect_v3(frame, offset),
        Ok(Protocol::V500) => connect_v5(frame, offset),
        Ok(Protocol::V310) => Err(ConnectError::Version(3)),
        Err(Error::InvalidProtocol(name, level)) if matches!(&*name, "MQTT" | "MQIsdp") => {
            Err(ConnectError::Version(level))
        }
        Err(_) => Err(ConnectError::Unanswerable),
    }
}

fn connect_v3(frame: Frame<'_>, offset: usize) -> Result<Connect, ConnectError> {
    // A malformed CONNECT is not answered (MQTT 3.1.1 clause 4.8).
    let malformed = |_: Fault| ConnectError::Unanswerable;
    let flags = frame.body.get(offset).copied().unwrap_or_default();
    let body = Body { bytes: frame.body, offset };
    let connect = body
        .read(|bytes, offset| v3::Connect::decode_buffer_with_protocol(bytes, offset, Protocol::V311))
        .map_err(malformed)?;
    let is_malformed = connect.last_will.is_none() && flags & 0b10_0000 != 0
        || connect.password.is_some() && connect.username.is_none()
        || has_nul(&connect.client_id)
        || connect.username.as_deref().is_some_and(has_nul)
        || connect.last_will.as_ref().is_some_and(|will| !topic::is_name(&will.topic_name));
    if is_malformed {
        return Err(ConnectError::Unanswerable);
    }
    let is_rejected =
        connect.client_id.is_empty() && !connect.clean_session || connect.client_id.len() > MAX_CLIENT_ID;
    if is_rejected {
        return Err(ConnectError::Refused(Version::V3, ConnectReasonCode::ClientIdentifierNotValid));
    }
    Ok(Connect {
        version: Version::V3,
        clean: connect.clean_session,
        keep_alive: connect.keep_alive,
        id: connect.client_id,
        user_name: connect.username,
        will: connect.last_will.map(|will| WillMessage {
            topic: will.topic_name,
            payload: will.message,
            qos: will.qos.into(),
            retain: will.retain,
            properties: None,
            expiry: None,
            delay: 0,
        }),
        expiry: if connect.clean_session { 0 } else { u32::MAX },
        receive_max: u16::MAX,
        max_packet: usize::MAX,
    })
}

fn connect_v5(frame: Frame<'_>, offset: usize) -> Result<Connect, ConnectError> {
    let refused = |code| ConnectError::Refused(Version::V5, code);
    let of_fault = |fault: Fault| refused(refusal(fault));
    let header = header_v5(frame).map_err(of_fault)?;
    let flags = frame.body.get(offset).copied().unwrap_or_default();
    let body = Body { bytes: frame.body, offset };
    let connect = body
        .read(|bytes, offset| v5::Connect::decode_buffer_with_protocol(bytes, offset, header, Protocol::V500))
        .map_err(of_fault)?;
    let properties = &connect.properties;
    let is_malformed = connect.last_will.is_none() && flags & 0b10_0000 != 0
        || has_nul(&connect.client_id)
        || connect.username.as_deref().is_some_and(has_nul);
    if is_malformed {
        return Err(refused(ConnectReasonCode::MalformedPacket));
    }
    let is_wrong = properties.receive_max == Some(0)
        || properties.max_packet_size == Some(0)
        || properties.auth_data.is_some() && properties.auth_method.is_none();
    if is_wrong {
        return Err(refused(ConnectReasonCode::ProtocolError));
    }
    if properties.auth_method.is_some() {
        return Err(refused(ConnectReasonCode::BadAuthMethod));
    }
    if connect.client_id.len() > MAX_CLIENT_ID {
        return Err(refused(ConnectReasonCode::ClientIdentifierNotValid));
    }
    let will = connect.last_will.map(will_v5).transpose().map_err(refused)?;
    Ok(Connect {
        version: Version::V5,
        clean: connect.clean_start,
        keep_alive: connect.keep_alive,
        id: connect.client_id,
        user_name: connect.username,
        will,
        expiry: properties.session_expiry_interval.unwrap_or_default(),
        receive_max: properties.receive_max.unwrap_or(u16::MAX),
        max_packet: properties
            .max_packet_size
            .and_then(|max| usize::try_from(max).ok())
            .unwrap_or(usize::MAX),
    })
}

fn will_v5(will: v5::LastWill) -> Result<WillMessage, ConnectReasonCode> {
    if !topic::is_name(&will.topic_name) {
        return Err(ConnectReasonCode::TopicNameInvalid);
    }
    let said = will.properties;
    if said.user_properties.len() > MAX_USER_PROPERTIES {
        return Err(ConnectReasonCode::QuotaExceeded);
    }
    let properties = PublishProperties {
        payload_is_utf8: said.payload_is_utf8,
        content_type: said.content_type,
        response_topic: said.response_topic,
        correlation_data: said.correlation_data,
        user_properties: said.user_properties,
        ..PublishProperties::default()
    };
    Ok(WillMessage {
        topic: will.topic_name,
        payload: will.payload,
        qos: will.qos.into(),
        retain: will.retain,
        properties: (properties != PublishProperties::default()).then(|| Box::new(properties)),
        expiry: said.message_expiry_interval,
        delay: said.delay_interval.unwrap_or_default(),
    })
}

/// The reason of a refusal, by the fault that was found.
fn refusal(fault: Fault) -> ConnectReasonCode {
    match fault {
        Fault::ProtocolError => ConnectReasonCode::ProtocolError,
        Fault::TopicNameInvalid => ConnectReasonCode::TopicNameInvalid,
        Fault::PacketTooLarge => ConnectReasonCode::PacketTooLarge,
        Fault::PayloadFormatInvalid => ConnectReasonCode::PayloadFormatInvalid,
        _ => ConnectReasonCode::MalformedPacket,
    }
}
