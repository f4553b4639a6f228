//! Requests that come in blocks (Block1, RFC 7959 2.3, 2.5, 2.9). Sans-IO.
//!
//! Responsible for putting them together in order and within bounds. The answer to the whole request is left to
//! whoever gets it.

use std::time::Instant;

use coap_lite::{CoapOption, Packet};

use super::block::{self, Block};
use super::kept::{Kept, Room};
use super::resources::{RequestKey, Source};

/// What a request with or without Block1 is.
#[derive(Debug)]
pub enum Received {
    /// Whole, with the block that the final answer has to name, if it came in blocks.
    Whole(Box<Packet>, Option<Block>),
    /// A part; to be answered with 2.31 (Continue) and this block.
    Part(Block),
    /// To be answered with an error.
    Refused(Refusal),
}

/// Why a part of a request is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The option or the length of the payload is wrong: 4.00 (RFC 7959 2.2).
    Malformed(&'static str),
    /// It is not the block that follows the last one: 4.08 (RFC 7959 2.9.2).
    Incomplete,
    /// The request is, or will be, longer than so many bytes: 4.13 with Size1 (RFC 7959 2.9.3).
    TooLarge(usize),
    /// There is no room at the moment: 5.03.
    Busy,
}

/// Whether a request is whole by itself and not too long, so that nothing has to be kept of it.
pub fn is_whole(packet: &Packet, longest: usize) -> bool {
    packet.payload.len() <= longest && packet.get_first_option(CoapOption::Block1).is_none()
}

/// Requests of which parts came.
#[derive(Debug)]
pub struct Uploads {
    kept: Kept<Vec<u8>>,
    longest: usize,
    exponent: u8,
}

impl Uploads {
    /// For requests of at most `longest` bytes, in blocks of at most the size `exponent` says.
    pub fn new(room: Room, longest: usize, exponent: u8) -> Self {
        Self { kept: Kept::new(room), longest, exponent }
    }

    /// Takes a request.
    pub fn receive(&mut self, now: Instant, from: Source, mut packet: Box<Packet>) -> Received {
        let Some(block) = Block::of(&packet, CoapOption::Block1) else {
            return match packet.payload.len() > self.longest {
                true => Received::Refused(Refusal::TooLarge(self.longest)),
                false => Received::Whole(packet, None),
            };
        };
        let Some(block) = block else {
            return Received::Refused(Refusal::Malformed("Block1 names a size that there is not"));
        };
        if block.more && packet.payload.len() != block.size() || packet.payload.len() > block.size() {
            return Received::Refused(Refusal::Malformed("the payload has another length than Block1 says"));
        }
        let announced = block::number(&packet, CoapOption::Size1).unwrap_or(0);
        if announced > self.longest || block.offset() + packet.payload.len() > self.longest {
            self.kept.remove(&(from, RequestKey::of(&packet)));
            return Received::Refused(Refusal::TooLarge(self.longest));
        }
        if block.number == 0 && !block.more {
            packet.clear_option(CoapOption::Block1);
            return Received::Whole(packet, Some(block));
        }
        let whose = (from, RequestKey::of(&packet));
        match block.number {
            0 => self.begin(now, whose, block, packet.payload),
            _ => self.go_on(now, &whose, block, packet),
        }
    }

    fn begin(
        &mut self,
        now: Instant,
        whose: (Source, RequestKey),
        block: Block,
        payload: Vec<u8>,
    ) -> Received {
        // A new transfer takes the place of one that was not finished.
        self.kept.remove(&whose);
        if !self.kept.has_room(now, whose.0, payload.len()) {
            return Received::Refused(Refusal::Busy);
        }
        self.kept.put(now, whose, payload.len(), payload);
        Received::Part(self.taken(block))
    }

    fn go_on(
        &mut self,
        now: Instant,
        whose: &(Source, RequestKey),
        block: Block,
        mut packet: Box<Packet>,
    ) -> Received {
        let length = packet.payload.len();
        let room = self.kept.has_room(now, whose.0, length);
        let Some(parts) = self.kept.get(now, whose) else {
            return Received::Refused(Refusal::Incomplete);
        };
        if parts.len() != block.offset() {
            // The last block once more, with another message ID: its acknowledgement was lost.
            let again = parts.len() == block.offset() + length && parts.ends_with(&packet.payload);
            if again && block.more {
                return Received::Part(self.taken(block));
            }
            self.kept.remove(whose);
            return Received::Refused(Refusal::Incomplete);
        }
        if !room {
            self.kept.remove(whose);
            return Received::Refused(Refusal::Busy);
        }
        parts.append(&mut packet.payload);
        if block.more {
            self.kept.grew(whose, length);
            return Received::Part(self.taken(block));
        }
        packet.payload = self.kept.remove(whose).unwrap_or_default();
        packet.clear_option(CoapOption::Block1);
        packet.clear_option(CoapOption::Size1);
        Received::Whole(packet, Some(block))
    }

    /// The block that says that one was taken: in the size in which the next ones are wanted (RFC 7959 2.3).
    fn taken(&self, block: Block) -> Block {
        match block.number {
            0 => Block { exponent: block.exponent.min(self.exponent), ..block },
            _ => block,
        }
    }
}
