//! Datagrams, each behind a byte of its length, through the checks of the CoAP endpoint and its block-wise transfers.
//!
//! No panic; what is a message is written back and read the same; a request that is put together of blocks is no longer
//! than a request may be, and the blocks of an answer put together are the answer.
#![no_main]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use coap_lite::{CoapOption, Packet};
use dyad_bindings::coap::block::Block;
use dyad_bindings::coap::downloads::{Cut, Downloads};
use dyad_bindings::coap::uploads::{Received, Uploads};
use dyad_bindings::coap::wire::{self, Datagram, Token};
use dyad_bindings::coap::{RequestKey, Room, Source};
use libfuzzer_sys::fuzz_target;

const LONGEST: usize = 2_000;
const ROOM: Room = Room { bytes: 8_000, bytes_per_address: 8_000, lifetime: Duration::from_secs(93) };

/// Critical options that are known here, beside those of RFC 7252.
fn is_known(number: u16) -> bool {
    number % 4 == 3
}

fuzz_target!(|data: &[u8]| {
    let source = Source { address: SocketAddr::from(([192, 0, 2, 1], 5683)), link: 0 };
    let (now, mut uploads) = (Instant::now(), Uploads::new(ROOM, LONGEST, 6));
    let mut rest = data;
    while let Some((&length, after)) = rest.split_first() {
        let (datagram, after) = after.split_at(after.len().min(usize::from(length)));
        rest = after;
        let Datagram::Message(head, packet) = wire::read(datagram, is_known) else { continue };
        let written = wire::write(&packet, head.kind, head.id, Token::new(head.token));
        let Datagram::Message(again, read) = wire::read(&written, is_known) else {
            panic!("{packet:?} is not read back")
        };
        assert_eq!((again, &read), (head, &packet));
        if !head.is_request() {
            continue;
        }
        let wanted = Block::of(&packet, CoapOption::Block2).flatten();
        if let Received::Whole(whole, _) = uploads.receive(now, source, packet) {
            assert!(whole.payload.len() <= LONGEST);
            cut(source, *whole, wanted);
        }
    }
});

/// Sends the payload of a request back in blocks, beginning with the one that is wanted.
fn cut(source: Source, request: Packet, wanted: Option<Block>) {
    let (now, key, mut downloads) = (Instant::now(), RequestKey::of(&request), Downloads::new(ROOM, 6));
    let payload = request.payload.clone();
    let mut block = wanted.unwrap_or(Block::first(6));
    let mut sent = downloads.cut(now, source, key.clone(), request, Some(block));
    let from = block.offset();
    let mut together = Vec::new();
    loop {
        let part = match sent {
            Cut::Part(part) => part,
            Cut::NoSuchBlock => return assert!(from >= payload.len() && from > 0),
            Cut::NotKept => panic!("what fits is kept"),
        };
        together.extend_from_slice(&part.payload);
        let said = Block::of(&part, CoapOption::Block2).flatten().expect("a part names its block");
        assert!(part.payload.len() <= said.size() && part.payload.len() == said.size() || !said.more);
        if !said.more {
            break;
        }
        block = Block { number: said.number + 1, more: false, exponent: said.exponent };
        sent = downloads.next(now, source, key.clone(), block);
    }
    assert_eq!(together, payload.get(from..).unwrap_or_default());
}
