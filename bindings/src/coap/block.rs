//! The Block options (RFC 7959 2.1, 2.2): reading, writing, and cutting a payload.
//!
//! Responsible for their arithmetic. Which block is due when is left to `uploads`, `downloads` and the client.

use coap_lite::option_value::OptionValueU32;
use coap_lite::{CoapOption, Packet};

/// The largest size exponent: 1024 bytes.
pub const LARGEST: u8 = 6;

/// A block of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// NUM, 20 bits.
    pub number: u32,
    /// M
    pub more: bool,
    /// SZX, 0 to 6: the size is 16 bytes shifted by it.
    pub exponent: u8,
}

impl Block {
    /// The first one in a size.
    pub const fn first(exponent: u8) -> Self {
        Self { number: 0, more: false, exponent }
    }

    /// Reads the value of an option. `None` if it is longer than three bytes or has the reserved size.
    pub fn read(value: &[u8]) -> Option<Self> {
        if value.len() > 3 {
            return None;
        }
        let bits = value.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let exponent = (bits & 7) as u8;
        (exponent <= LARGEST).then_some(Self { number: bits >> 4, more: bits & 8 != 0, exponent })
    }

    /// The block that an option of a message names, `Some(None)` if it names none that there can be.
    pub fn of(packet: &Packet, option: CoapOption) -> Option<Option<Self>> {
        packet.get_first_option(option).map(|value| Self::read(value))
    }

    /// Puts it into a message, in place of what is there.
    pub fn put(self, packet: &mut Packet, option: CoapOption) {
        let bits = self.number << 4 | u32::from(self.more) << 3 | u32::from(self.exponent);
        packet.clear_option(option);
        packet.add_option_as(option, OptionValueU32(bits));
    }

    /// Bytes of a whole block of this size.
    pub const fn size(self) -> usize {
        16 << self.exponent
    }

    /// Where it begins in the payload.
    pub const fn offset(self) -> usize {
        (self.number as usize) << (self.exponent + 4)
    }

    /// The one at this offset, or the one that it is in.
    pub fn at(offset: usize, exponent: u8) -> Self {
        let number = u32::try_from(offset >> (exponent + 4)).unwrap_or(u32::MAX);
        Self { number, more: false, exponent }
    }

    /// The bytes of a payload that are in it, and it with M set if there are more. `None` if it begins behind the
    /// end; an empty payload has one empty block.
    pub fn cut(self, payload: &[u8]) -> Option<(Self, &[u8])> {
        let offset = self.offset();
        if offset >= payload.len() && self.number > 0 {
            return None;
        }
        let end = payload.len().min(offset.saturating_add(self.size()));
        Some((Self { more: end < payload.len(), ..self }, payload.get(offset..end)?))
    }
}

/// The largest exponent whose blocks have at most so many bytes. `None` if not even the smallest one.
pub fn exponent_within(bytes: usize) -> Option<u8> {
    (0..=LARGEST).rev().find(|exponent| 16 << exponent <= bytes)
}

/// A number as an option has it (RFC 7252 3.2), in place of what is there.
pub fn put_number(packet: &mut Packet, option: CoapOption, number: usize) {
    packet.clear_option(option);
    packet.add_option_as(option, OptionValueU32(u32::try_from(number).unwrap_or(u32::MAX)));
}

/// The number that an option has, if it has one of at most four bytes.
pub fn number(packet: &Packet, option: CoapOption) -> Option<usize> {
    let value = packet.get_first_option(option)?;
    if value.len() > 4 {
        return None;
    }
    Some(value.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}
