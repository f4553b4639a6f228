//! A request under way, and the messages that the endpoint answers by itself.
//!
//! Responsible for what has to be known of a request until its answer has left. What is done with it is left to
//! `serving`.

use std::borrow::Cow;

use coap_lite::{CoapOption, MessageClass, Packet};

use super::block::{self, Block};
use super::resources::{RequestKey, Source};
use super::uploads::Refusal;
use super::wire::{Head, Kind, Objection, Token};

/// 2.31
pub(super) const CONTINUE: u8 = 0x5f;
/// 4.00
pub(super) const BAD_REQUEST: u8 = 0x80;
/// 4.01
pub(super) const UNAUTHORIZED: u8 = 0x81;
/// 4.02
pub(super) const BAD_OPTION: u8 = 0x82;
/// 4.08
pub(super) const INCOMPLETE: u8 = 0x88;
/// 4.13
pub(super) const TOO_LARGE: u8 = 0x8d;
/// 4.29
pub(super) const TOO_MANY_REQUESTS: u8 = 0x9d;
/// 5.00
pub(super) const INTERNAL: u8 = 0xa0;
/// 5.03
pub(super) const UNAVAILABLE: u8 = 0xa3;
/// 5.05
pub(super) const NO_PROXY: u8 = 0xa5;

/// The option of RFC 9175 2.2.
pub(super) const ECHO: CoapOption = CoapOption::Unknown(252);

/// Seconds after which somebody who was turned away may try again.
const AGAIN_AFTER: usize = 1;

/// A request whose answer has not left.
#[derive(Clone, Debug)]
pub(super) struct Call<'a> {
    pub(super) source: Source,
    pub(super) multicast: bool,
    pub(super) is_confirmable: bool,
    pub(super) is_get: bool,
    /// Whether a repetition of it is told from a new request.
    pub(super) is_noted: bool,
    pub(super) id: u16,
    pub(super) token: Token,
    /// As it came; the last one if it came in blocks.
    pub(super) datagram: Cow<'a, [u8]>,
    /// The last block of the request, which the answer names.
    pub(super) block1: Option<Block>,
    /// The block of the answer that is wanted.
    pub(super) block2: Option<Block>,
    /// Whether the answer is that block already.
    pub(super) is_cut: bool,
    /// Classes of answers that are not wanted (RFC 7967).
    pub(super) unwanted: u8,
    /// Whether an empty acknowledgement was sent: the answer is a message of its own.
    pub(super) is_acknowledged: bool,
}

impl<'a> Call<'a> {
    /// Of a request that came.
    pub(super) fn new(head: &Head<'_>, source: Source, multicast: bool, datagram: &'a [u8]) -> Self {
        Self {
            source,
            multicast,
            is_confirmable: head.kind == Kind::Confirmable,
            is_get: head.code == 1,
            is_noted: true,
            id: head.id,
            token: Token::new(head.token),
            datagram: Cow::Borrowed(datagram),
            block1: None,
            block2: None,
            is_cut: false,
            unwanted: 0,
            is_acknowledged: false,
        }
    }

    /// The same with a datagram of its own.
    pub(super) fn into_owned(self) -> Call<'static> {
        Call { datagram: Cow::Owned(self.datagram.into_owned()), ..self }
    }

    /// Notes what the request says about its answer. Fails if Block2 is malformed.
    pub(super) fn read(&mut self, request: &Packet) -> Result<(), Refusal> {
        self.block2 = match Block::of(request, CoapOption::Block2) {
            Some(None) => return Err(Refusal::Malformed("Block2 names a size that there is not")),
            Some(block) => block,
            None => None,
        };
        let unwanted = request.get_first_option(CoapOption::NoResponse);
        self.unwanted = unwanted.and_then(|value| value.first().copied()).unwrap_or(0);
        Ok(())
    }

    /// What makes this request and the one for the next block the same.
    pub(super) fn key(&self) -> RequestKey {
        // Only answers that are long need it, so it is not made before.
        Packet::from_bytes(&self.datagram).as_ref().map(RequestKey::of).unwrap_or_default()
    }

    /// Whether the originator does not want an answer of this class (RFC 7967 2.1).
    pub(super) fn is_unwanted(&self, answer: &Packet) -> bool {
        let class = u8::from(answer.header.code) >> 5;
        class > 0 && self.unwanted & 1 << (class - 1) != 0
    }
}

/// A message with a code and, for people, a text (RFC 7252 5.5.2).
pub(super) fn plain(code: u8, text: &str) -> Packet {
    let mut packet = Packet::new();
    packet.header.code = MessageClass::from(code);
    packet.payload = text.as_bytes().to_vec();
    packet
}

/// The same, with when to try again.
pub(super) fn later(code: u8, text: &str) -> Packet {
    let mut packet = plain(code, text);
    block::put_number(&mut packet, CoapOption::MaxAge, AGAIN_AFTER);
    packet
}

/// The answer to a request that is not looked at.
pub(super) fn objection(objection: Objection) -> Packet {
    match objection {
        Objection::Option(number) => {
            plain(BAD_OPTION, &format!("option {number} is unknown, repeated or too long"))
        }
        Objection::Flood => plain(BAD_OPTION, "too many options"),
        Objection::Proxy => plain(NO_PROXY, "this is no proxy"),
    }
}

/// The answer to a part of a request that is not taken.
pub(super) fn refusal(refusal: Refusal) -> Packet {
    match refusal {
        Refusal::Malformed(why) => plain(BAD_REQUEST, why),
        Refusal::Incomplete => plain(INCOMPLETE, "this block does not follow the last one; begin again"),
        Refusal::TooLarge(longest) => {
            let mut packet = plain(TOO_LARGE, "the request is too long");
            block::put_number(&mut packet, CoapOption::Size1, longest);
            packet
        }
        Refusal::Busy => later(UNAVAILABLE, "no room for more blocks"),
    }
}
