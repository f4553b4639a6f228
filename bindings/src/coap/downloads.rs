//! Answers that leave in blocks (Block2, RFC 7959 2.4). Sans-IO.
//!
//! Responsible for cutting an answer and for keeping the rest until it is fetched. An entity tag tells the originator
//! whether blocks belong to the same answer; answers without one get one. What is not kept any more has to be asked
//! for anew, which is left to others.

use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use coap_lite::{CoapOption, Packet};

use super::block::{self, Block};
use super::kept::{Kept, Room};
use super::resources::{RequestKey, Source};

/// What a request for a block gets.
#[derive(Debug)]
pub enum Cut {
    /// The block.
    Part(Box<Packet>),
    /// The answer has no such block: 4.00.
    NoSuchBlock,
    /// The answer is not kept, or is longer than what may be kept for one address.
    NotKept,
}

/// Answers that are fetched in blocks.
#[derive(Debug)]
pub struct Downloads {
    kept: Kept<Packet>,
    keys: RandomState,
    exponent: u8,
}

impl Downloads {
    /// For answers in blocks of at most the size `exponent` says.
    pub fn new(room: Room, exponent: u8) -> Self {
        Self { kept: Kept::new(room), keys: RandomState::new(), exponent }
    }

    /// Keeps an answer and gives the block of it that was asked for: the first one, unless `wanted` says otherwise.
    pub fn cut(
        &mut self,
        now: Instant,
        to: Source,
        key: RequestKey,
        mut answer: Packet,
        wanted: Option<Block>,
    ) -> Cut {
        if !self.kept.may_hold(answer.payload.len()) {
            return Cut::NotKept;
        }
        if answer.get_first_option(CoapOption::ETag).is_none() {
            let tag = self.keys.hash_one(&answer.payload);
            answer.add_option(CoapOption::ETag, tag.to_be_bytes().to_vec());
        }
        let block = self.block_for(wanted);
        let Some(part) = part(&answer, block) else { return Cut::NoSuchBlock };
        let bytes = answer.payload.len();
        self.kept.make_room(now, to, bytes);
        self.kept.put(now, (to, key), bytes, answer);
        Cut::Part(Box::new(part))
    }

    /// A further block of an answer that was cut before.
    pub fn next(&mut self, now: Instant, to: Source, key: RequestKey, wanted: Block) -> Cut {
        let block = self.block_for(Some(wanted));
        let Some(answer) = self.kept.get(now, &(to, key)) else { return Cut::NotKept };
        let Some(mut part) = part(answer, block) else { return Cut::NoSuchBlock };
        // A notification is its first block (RFC 7959 2.6).
        part.clear_option(CoapOption::Observe);
        Cut::Part(Box::new(part))
    }

    /// The wanted block; in the smaller size of this side, the one that begins where the wanted one does.
    fn block_for(&self, wanted: Option<Block>) -> Block {
        let exponent = size_for(wanted, self.exponent);
        Block::at(wanted.map_or(0, Block::offset), exponent)
    }
}

/// Whether an answer has to be cut for a request with this Block2, in blocks of at most the size `exponent` says.
pub fn is_long(answer: &Packet, wanted: Option<Block>, exponent: u8) -> bool {
    let size = Block::first(size_for(wanted, exponent)).size();
    answer.payload.len() > size || wanted.is_some_and(|block| block.number > 0)
}

fn size_for(wanted: Option<Block>, exponent: u8) -> u8 {
    wanted.map_or(exponent, |block| block.exponent.min(exponent))
}

/// One block of an answer as a message of its own.
fn part(answer: &Packet, block: Block) -> Option<Packet> {
    let (block, bytes) = block.cut(&answer.payload)?;
    let mut part = Packet::new();
    part.header.code = answer.header.code;
    for (number, values) in answer.options() {
        part.set_option(CoapOption::from(*number), values.clone());
    }
    part.payload = bytes.to_vec();
    block.put(&mut part, CoapOption::Block2);
    if block.number == 0 {
        block::put_number(&mut part, CoapOption::Size2, answer.payload.len());
    }
    Some(part)
}
