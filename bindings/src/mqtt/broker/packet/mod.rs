//! Packets: bytes to values that both versions of MQTT have in common, and back. Pure.
//!
//! `mqtt-proto` reads and writes the packets themselves. It was preferred to the codec of `rumqttc`, which is made for
//! clients: that takes wrong flags and trailing bytes, knows no AUTH, refuses the usual DISCONNECT of MQTT 5, and
//! miscounts a SUBSCRIBE with an identifier. What `mqtt-proto` does not look at is checked here: the length that was
//! promised against the length that was read, flags of CONNECT, NUL in strings, wildcards inside of levels.

mod connect;
mod decode;
mod encode;

use mqtt_proto::v5::{DisconnectReasonCode, ErrorV5};
use mqtt_proto::{Error, v3};

pub use connect::{Connect, ConnectError, WillMessage, connect};
pub use decode::{Packet, Publish, Subscription, decode};
pub(super) use encode::{
    abilities, connack, disconnect, pingresp, puback, pubcomp, publish, pubrec, pubrel, refuse, suback,
    unsuback,
};

/// User properties of one packet, at the most.
const MAX_USER_PROPERTIES: usize = 100;

/// The versions that are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// MQTT 3.1.1.
    V3,
    /// MQTT 5.
    V5,
}

/// Why a connection has to end, in the words of MQTT 5.
pub type Fault = DisconnectReasonCode;

/// A packet whose bytes are all there.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Type and flags.
    pub first: u8,
    /// Variable header and payload.
    pub body: &'a [u8],
    /// Length of the whole packet.
    pub len: usize,
}

/// Cuts the first packet out of what arrived; `None` if more has to come. A packet of more than `max` bytes fails as
/// soon as its length is known.
pub fn frame(bytes: &[u8], max: usize) -> Result<Option<Frame<'_>>, Fault> {
    let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
    let mut length = 0_usize;
    for index in 0..4_usize {
        let Some(&byte) = rest.get(index) else { return Ok(None) };
        length |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 != 0 {
            continue;
        }
        // The shortest form has no empty last byte (MQTT 5 clause 1.5.5).
        if byte == 0 && index > 0 {
            return Err(Fault::MalformedPacket);
        }
        let begin = index + 1;
        let len = 1 + begin + length;
        if len > max {
            return Err(Fault::PacketTooLarge);
        }
        let body = rest.get(begin..begin + length);
        return Ok(body.map(|body| Frame { first, body, len }));
    }
    Err(Fault::MalformedPacket)
}

/// What the other side did wrong, by what the codec says.
fn fault(error: &ErrorV5) -> Fault {
    match error {
        ErrorV5::Common(Error::InvalidTopicName(_)) | ErrorV5::InvalidResponseTopic => {
            Fault::TopicNameInvalid
        }
        ErrorV5::Common(Error::InvalidTopicFilter(_)) => Fault::TopicFilterInvalid,
        ErrorV5::Common(Error::EmptySubscription | Error::ZeroPid) => Fault::ProtocolError,
        ErrorV5::InvalidPayloadFormat => Fault::PayloadFormatInvalid,
        ErrorV5::DuplicatedProperty(_)
        | ErrorV5::InvalidByteProperty(..)
        | ErrorV5::InvalidSubscriptionOption(_) => Fault::ProtocolError,
        _ => Fault::MalformedPacket,
    }
}

/// A body that has to be read to its end.
struct Body<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Body<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// Reads all of it with a function of the codec.
    fn read<T, E: Into<ErrorV5>>(
        mut self,
        read: impl FnOnce(&'a [u8], &mut usize) -> Result<T, E>,
    ) -> Result<T, Fault> {
        let value = read(self.bytes, &mut self.offset).map_err(|error| fault(&error.into()))?;
        if self.offset == self.bytes.len() { Ok(value) } else { Err(Fault::MalformedPacket) }
    }
}

/// The header as MQTT 3.1.1 has it.
fn header_v3(frame: Frame<'_>) -> Result<v3::Header, Fault> {
    let (remaining, total) = lengths(frame)?;
    v3::Header::new_with(frame.first, remaining, total).map_err(|error| fault(&error.into()))
}

/// The header as MQTT 5 has it.
fn header_v5(frame: Frame<'_>) -> Result<mqtt_proto::v5::Header, Fault> {
    let (remaining, total) = lengths(frame)?;
    mqtt_proto::v5::Header::new_with(frame.first, remaining, total).map_err(|error| fault(&error))
}

fn lengths(frame: Frame<'_>) -> Result<(u32, u32), Fault> {
    let length = |length: usize| u32::try_from(length).map_err(|_| Fault::PacketTooLarge);
    Ok((length(frame.body.len())?, length(frame.len)?))
}

/// Whether a string has what MQTT forbids in strings (MQTT 5 clause 1.5.4).
fn has_nul(text: &str) -> bool {
    text.contains('\0')
}

#[cfg(test)]
mod tests;
