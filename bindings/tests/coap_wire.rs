//! Datagrams as messages: what is refused before it is looked at.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs, reason = "tests")]

use coap_lite::{CoapOption, Packet};
use dyad_bindings::coap::wire::{self, Datagram, Kind, MAX_OPTIONS, Objection, Token};
use proptest::prelude::*;

fn read(datagram: &[u8]) -> Datagram<'_> {
    wire::read(datagram, |number| number == 279)
}

#[test]
fn noise_is_no_message() {
    let noise: [&[u8]; 5] = [b"", b"\x40", b"\x40\x01\x00", b"\x00\x01\x00\x01", b"\x80\x01\x00\x01"];
    for datagram in noise {
        assert!(matches!(read(datagram), Datagram::Noise), "{datagram:?}");
    }
}

#[test]
fn malformed_messages_keep_their_head() {
    let malformed: [&[u8]; 13] = [
        b"\x49\x01\x12\x34123456789",                // a token of nine bytes
        b"\x4f\x01\x12\x34123456789abcdef",          // of fifteen
        b"\x44\x01\x12\x34\x01",                     // cut off in the token
        b"\x40\x00\x12\x34\xff",                     // empty, with more
        b"\x41\x00\x12\x34\x01",                     // empty, with a token
        b"\x40\x01\x12\x34\xb5cse",                  // cut off in an option
        b"\x40\x01\x12\x34\xd1",                     // cut off in a delta
        b"\x40\x01\x12\x34\xe1\x00",                 // the same, of two bytes
        b"\x40\x01\x12\x34\xf0",                     // a reserved delta
        b"\x40\x01\x12\x34\x0f",                     // a reserved length
        b"\x40\x01\x12\x34\xff",                     // a marker without a payload
        b"\x40\x25\x12\x34",                         // a reserved class
        b"\x40\x01\x12\x34\xe0\xff\xff\xe0\xff\xff", // a number beyond 16 bits
    ];
    for datagram in malformed {
        let Datagram::Malformed(head) = read(datagram) else { panic!("{datagram:?}: {:?}", read(datagram)) };
        assert_eq!((head.kind, head.id), (Kind::Confirmable, 0x1234), "{datagram:?}");
    }
    // An acknowledgement with a request, a reset with anything.
    assert!(matches!(read(b"\x60\x01\x12\x34"), Datagram::Malformed(_)));
    assert!(matches!(read(b"\x70\x45\x12\x34"), Datagram::Malformed(_)));
}

#[test]
fn empty_messages_are_told_apart() {
    for (first, kind) in [(0x40, Kind::Confirmable), (0x60, Kind::Acknowledgement), (0x70, Kind::Reset)] {
        let datagram = [first, 0, 0xab, 0xcd];
        let Datagram::Empty(head) = read(&datagram) else { panic!("{kind:?}") };
        assert_eq!((head.kind, head.id), (kind, 0xabcd));
        assert_eq!(wire::empty(kind, 0xabcd), datagram);
    }
}

fn with(options: &[(u16, usize)]) -> Vec<u8> {
    let mut packet = Packet::new();
    for (number, length) in options {
        packet.add_option(CoapOption::from(*number), vec![b'x'; *length]);
    }
    wire::write(&packet, Kind::Confirmable, 7, Token::default()).to_vec()
}

#[test]
fn critical_options_have_to_be_known_and_come_once() {
    let objections: [(&[(u16, usize)], Objection); 8] = [
        (&[(9, 1)], Objection::Option(9)),
        (&[(65_001, 0)], Objection::Option(65_001)),
        (&[(279, 3), (279, 3)], Objection::Option(279)),
        (&[(17, 1), (17, 1)], Objection::Option(17)),
        (&[(23, 4)], Objection::Option(23)),
        (&[(11, 256)], Objection::Option(11)),
        (&[(35, 5)], Objection::Proxy),
        (&[(39, 4)], Objection::Proxy),
    ];
    for (options, expected) in objections {
        let datagram = with(options);
        let Datagram::Objectionable(_, objection) = read(&datagram) else { panic!("{options:?}") };
        assert_eq!(objection, expected);
    }
    for options in [&[(11, 3), (11, 3), (15, 4), (15, 4), (279, 5)][..], &[(12, 1), (2000, 70), (2000, 3)]] {
        assert!(matches!(read(&with(options)), Datagram::Message(..)), "{options:?}");
    }
    // What this node asked for it takes as it is.
    let mut answer = with(&[(65_001, 0)]);
    answer[1] = 0x45;
    assert!(matches!(read(&answer), Datagram::Message(..)));
}

#[test]
fn too_many_options_are_a_flood() {
    let most = vec![(11, 1); MAX_OPTIONS];
    assert!(matches!(read(&with(&most)), Datagram::Message(..)));
    let more = vec![(2000, 0); MAX_OPTIONS + 1];
    assert!(matches!(read(&with(&more)), Datagram::Objectionable(_, Objection::Flood)));
}

proptest! {
    #[test]
    fn whatever_comes_is_told_apart(datagram in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(read(&datagram));
        let mut message = vec![0x40, 1, 0, 1];
        message.extend(datagram);
        drop(read(&message));
    }

    #[test]
    fn what_is_written_is_read(
        options in prop::collection::vec((any::<u16>(), prop::collection::vec(any::<u8>(), 0..300)), 0..12),
        token in prop::collection::vec(any::<u8>(), 0..=8),
        payload in prop::collection::vec(any::<u8>(), 0..100),
        id in any::<u16>(),
    ) {
        let mut packet = Packet::new();
        for (number, value) in options {
            packet.add_option(CoapOption::from(number), value);
        }
        packet.payload = payload;
        packet.header.code = 0x45.into();
        let written = wire::write(&packet, Kind::NonConfirmable, id, Token::new(&token));
        let Datagram::Message(head, read) = wire::read(&written, |_| true) else {
            return Err(TestCaseError::fail("not read"));
        };
        prop_assert_eq!((head.kind, head.id, head.token), (Kind::NonConfirmable, id, &token[..]));
        prop_assert_eq!(&read.payload, &packet.payload);
        prop_assert!(read.options().eq(packet.options()));
    }
}
