//! Block-wise transfer both ways on simulated time, and what guards against misuse.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs, reason = "tests")]

use std::time::{Duration, Instant};

use coap_lite::{CoapOption, Packet};
use dyad_bindings::coap::block::{self, Block, LARGEST};
use dyad_bindings::coap::downloads::{Cut, Downloads, is_long};
use dyad_bindings::coap::guard::{Admission, Rates, Shown, allowance};
use dyad_bindings::coap::uploads::{Received, Refusal, Uploads};
use dyad_bindings::coap::{RequestKey, Room, Source};
use proptest::prelude::*;

const LONGEST: usize = 4000;
const ROOM: Room = Room { bytes: 20_000, bytes_per_address: 10_000, lifetime: Duration::from_secs(93) };

fn source(last: u8) -> Source {
    Source { address: ([192, 0, 2, last], 5683).into(), link: 0 }
}

fn request(path: &str, query: &str, payload: &[u8], block: Option<Block>) -> Box<Packet> {
    let mut packet = Packet::new();
    packet.header.code = 2.into();
    packet.add_option(CoapOption::UriPath, path.into());
    packet.add_option(CoapOption::UriQuery, query.into());
    packet.payload = payload.to_vec();
    if let Some(block) = block {
        block.put(&mut packet, CoapOption::Block1);
    }
    Box::new(packet)
}

fn refused(received: Received) -> Refusal {
    match received {
        Received::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

fn uploads() -> Uploads {
    Uploads::new(ROOM, LONGEST, LARGEST)
}

#[test]
fn options_are_read_as_they_are_written() {
    assert_eq!(Block::read(&[]), Some(Block::first(0)));
    assert_eq!(Block::read(&[0x0e]), Some(Block { number: 0, more: true, exponent: 6 }));
    assert_eq!(Block::read(&[0xff, 0xff, 0xf0]), Some(Block { number: 0xfffff, more: false, exponent: 0 }));
    assert_eq!(Block::read(&[0x07]), None);
    assert_eq!(Block::read(&[0, 0, 0, 1]), None);
    assert_eq!(block::exponent_within(15), None);
    assert_eq!(block::exponent_within(200), Some(3));
}

#[test]
fn wrong_blocks_are_refused_and_change_nothing() {
    let now = Instant::now();
    let more = |number| Some(Block { number, more: true, exponent: 0 });
    let mut uploads = uploads();
    // The middle without a beginning, another size than said, a size that there is not.
    assert_eq!(
        refused(uploads.receive(now, source(1), request("a", "", &[0; 16], more(3)))),
        Refusal::Incomplete
    );
    for payload in [&[0; 15][..], &[0; 17]] {
        let received = uploads.receive(now, source(1), request("a", "", payload, more(0)));
        assert!(matches!(refused(received), Refusal::Malformed(_)));
    }
    let mut reserved = request("a", "", &[], None);
    reserved.add_option(CoapOption::Block1, vec![7]);
    assert!(matches!(refused(uploads.receive(now, source(1), reserved)), Refusal::Malformed(_)));
    // A gap ends the transfer.
    assert!(matches!(
        uploads.receive(now, source(1), request("a", "", &[0; 16], more(0))),
        Received::Part(_)
    ));
    assert_eq!(
        refused(uploads.receive(now, source(1), request("a", "", &[0; 16], more(2)))),
        Refusal::Incomplete
    );
    assert_eq!(
        refused(uploads.receive(now, source(1), request("a", "", &[0; 16], more(1)))),
        Refusal::Incomplete
    );
}

#[test]
fn transfers_are_told_apart_by_source_path_and_query() {
    let now = Instant::now();
    let mut uploads = uploads();
    let which = [(1, "a", "x=1"), (1, "a", "x=2"), (1, "b", "x=1"), (2, "a", "x=1")];
    for (number, more) in [(0, true), (1, false)] {
        for (index, (from, path, query)) in which.into_iter().enumerate() {
            let payload = [index as u8; 16];
            let part = request(path, query, &payload, Some(Block { number, more, exponent: 0 }));
            match uploads.receive(now, source(from), part) {
                Received::Part(_) => assert!(more),
                Received::Whole(packet, Some(_)) => assert_eq!(packet.payload, [index as u8; 32]),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn too_much_is_refused() {
    let now = Instant::now();
    let mut uploads = uploads();
    let first = Some(Block { number: 0, more: true, exponent: 6 });
    let mut announced = request("a", "", &[0; 1024], first);
    block::put_number(&mut announced, CoapOption::Size1, LONGEST + 1);
    assert_eq!(refused(uploads.receive(now, source(1), announced)), Refusal::TooLarge(LONGEST));
    for number in 0..3 {
        let part = request("a", "", &[0; 1024], Some(Block { number, more: true, exponent: 6 }));
        assert!(matches!(uploads.receive(now, source(1), part), Received::Part(_)), "{number}");
    }
    let fourth = request("a", "", &[0; 1024], Some(Block { number: 3, more: true, exponent: 6 }));
    assert_eq!(refused(uploads.receive(now, source(1), fourth)), Refusal::TooLarge(LONGEST));
    let whole = request("a", "", &[0; LONGEST + 1], None);
    assert_eq!(refused(uploads.receive(now, source(1), whole)), Refusal::TooLarge(LONGEST));
    // Many at once, of one address and of all.
    let begin = |uploads: &mut Uploads, from: u8, path: usize| {
        let part = request(&path.to_string(), "", &[0; 1024], first);
        matches!(uploads.receive(now, source(from), part), Received::Part(_))
    };
    assert_eq!((0..20).filter(|path| begin(&mut uploads, 1, *path)).count(), 6);
    assert_eq!((0..20).filter(|path| begin(&mut uploads, 2, *path)).count(), 6);
    assert!(!begin(&mut uploads, 3, 0) || !begin(&mut uploads, 3, 1));
    // Until they are too old.
    let later = now + Duration::from_secs(100);
    let part = request("z", "", &[0; 1024], first);
    assert!(matches!(uploads.receive(later, source(1), part), Received::Part(_)));
}

#[test]
fn a_server_asks_for_its_own_size() {
    let now = Instant::now();
    let mut uploads = Uploads::new(ROOM, LONGEST, 2);
    let first = request("a", "", &[1; 256], Some(Block { number: 0, more: true, exponent: 4 }));
    let Received::Part(taken) = uploads.receive(now, source(1), first) else { panic!() };
    assert_eq!(taken, Block { number: 0, more: true, exponent: 2 });
    let next = request("a", "", &[2; 64], Some(Block { number: 4, more: false, exponent: 2 }));
    let Received::Whole(whole, Some(_)) = uploads.receive(now, source(1), next) else { panic!() };
    assert_eq!(whole.payload.len(), 320);
}

proptest! {
    /// Every payload in every size arrives as it was, also if blocks come twice.
    #[test]
    fn uploads_arrive(length in 0_usize..LONGEST, exponent in 0_u8..=LARGEST, again in any::<u32>()) {
        let (now, mut uploads) = (Instant::now(), uploads());
        let payload: Vec<u8> = (0..length).map(|index| index as u8).collect();
        let mut number = 0;
        let whole = loop {
            let wanted = Block { number, more: false, exponent };
            let (block, bytes) = wanted.cut(&payload).unwrap();
            let part = request("a", "", bytes, Some(block));
            match uploads.receive(now, source(1), part.clone()) {
                Received::Part(taken) => prop_assert_eq!(taken, block),
                Received::Whole(packet, _) => break packet,
                Received::Refused(refusal) => return Err(TestCaseError::fail(format!("{refusal:?}"))),
            }
            if again >> (number % 32) & 1 == 1 {
                prop_assert!(matches!(uploads.receive(now, source(1), part), Received::Part(_)));
            }
            number += 1;
        };
        prop_assert_eq!(&whole.payload, &payload);
        prop_assert!(whole.get_first_option(CoapOption::Block1).is_none());
    }

    /// Every answer can be fetched, in the smaller of both sizes.
    #[test]
    fn downloads_arrive(length in 0_usize..6000, own in 0_u8..=LARGEST, wanted in prop::option::of(0_u8..=LARGEST)) {
        let (now, mut downloads) = (Instant::now(), Downloads::new(ROOM, own));
        let payload: Vec<u8> = (0..length).map(|index| (index * 7) as u8).collect();
        let mut answer = Packet::new();
        answer.header.code = 0x45.into();
        answer.payload = payload.clone();
        let key = RequestKey::of(&request("a", "", &[], None));
        let first = wanted.map(Block::first);
        if !is_long(&answer, first, own) {
            prop_assert!(length <= 16 << own.min(wanted.unwrap_or(LARGEST)));
            return Ok(());
        }
        let Cut::Part(mut part) = downloads.cut(now, source(1), key.clone(), answer, first) else {
            return Err(TestCaseError::fail("not cut"));
        };
        prop_assert_eq!(block::number(&part, CoapOption::Size2), Some(length));
        let (mut fetched, tag) = (Vec::new(), part.get_first_option(CoapOption::ETag).cloned());
        loop {
            let block = Block::of(&part, CoapOption::Block2).unwrap().unwrap();
            prop_assert_eq!(block.offset(), fetched.len());
            prop_assert!(block.exponent <= own.min(wanted.unwrap_or(LARGEST)));
            prop_assert_eq!(part.get_first_option(CoapOption::ETag).cloned(), tag.clone());
            fetched.extend_from_slice(&part.payload);
            if !block.more {
                break;
            }
            let next = Block { number: block.number + 1, more: false, exponent: block.exponent };
            let Cut::Part(further) = downloads.next(now, source(1), key.clone(), next) else {
                return Err(TestCaseError::fail("no such block"));
            };
            part = further;
        }
        prop_assert_eq!(fetched, payload);
        let behind = Block { number: 1 << 19, more: false, exponent: 0 };
        prop_assert!(matches!(downloads.next(now, source(1), key.clone(), behind), Cut::NoSuchBlock));
        prop_assert!(matches!(downloads.next(now, source(2), key, Block::first(0)), Cut::NotKept));
    }
}

#[test]
fn answers_make_room_for_others() {
    let (mut now, mut downloads) = (Instant::now(), Downloads::new(ROOM, LARGEST));
    let answer = |length| {
        let mut answer = Packet::new();
        answer.payload = vec![0; length];
        answer
    };
    let key = |path: usize| RequestKey::of(&request(&path.to_string(), "", &[], None));
    for path in 0..100 {
        now += Duration::from_millis(1);
        let cut = downloads.cut(now, source(1), key(path), answer(3000), None);
        assert!(matches!(cut, Cut::Part(_)));
    }
    let second = Block { number: 1, more: false, exponent: LARGEST };
    assert!(matches!(downloads.next(now, source(1), key(99), second), Cut::Part(_)));
    assert!(matches!(downloads.next(now, source(1), key(0), second), Cut::NotKept));
    assert!(matches!(downloads.cut(now, source(1), key(0), answer(20_000), None), Cut::NotKept));
}

#[test]
fn networks_have_a_rate() {
    let now = Instant::now();
    let mut rates = Rates::new(now, 10);
    let (one, other) = ("192.0.2.1".parse().unwrap(), "198.51.100.1".parse().unwrap());
    let said: Vec<_> = (0..100).map(|_| rates.admit(now, one)).collect();
    let count = |admission| said.iter().filter(|said| **said == admission).count();
    assert_eq!(count(Admission::Granted), 20);
    assert_eq!(count(Admission::TooMany), 20);
    assert_eq!(rates.admit(now, other), Admission::Granted);
    assert_eq!(rates.admit(now + Duration::from_secs(4), one), Admission::Granted);
    let loopback = "127.0.0.1".parse().unwrap();
    assert!((0..100).all(|_| rates.admit(now, loopback) == Admission::Granted));
    // Addresses of one network of 64 bits share theirs.
    let of = |last: u16| std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last).into();
    assert_eq!((0..100).filter(|last| rates.admit(now, of(*last)) == Admission::Granted).count(), 20);
    let mut off = Rates::new(now, 0);
    assert!((0..1000).all(|_| off.admit(now, one) == Admission::Granted));
}

#[test]
fn an_address_shows_itself_with_its_own_echo() {
    let now = Instant::now();
    let mut shown = Shown::new(now, 2);
    let echo = shown.echo(now, source(1));
    assert!(!shown.take_echo(now, source(2), &echo));
    assert!(!shown.take_echo(now, source(1), &echo[1..]));
    assert!(!shown.take_echo(now + Duration::from_secs(61), source(1), &echo));
    assert!(!shown.is_shown(now, source(1)));
    assert!(shown.take_echo(now + Duration::from_secs(60), source(1), &echo));
    assert!(shown.is_shown(now, source(1)));
    shown.show(now, source(2));
    shown.show(now, source(3));
    assert!(!shown.is_shown(now, source(1)) && shown.is_shown(now, source(3)));
    assert!(!shown.is_shown(now + Duration::from_secs(660), source(3)));
    assert_eq!(allowance(40), 248);
}
