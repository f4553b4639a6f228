//! Tests of reading and writing packets: what is refused, and that nothing makes the decoder panic.

use proptest::prelude::*;

use super::*;
use mqtt_proto::v5::ConnectReasonCode;

const MAX: usize = 1000;

fn read(version: Version, bytes: &[u8]) -> Result<Packet, Fault> {
    decode(version, frame(bytes, MAX)?.expect("a whole packet"))
}

fn open(bytes: &[u8]) -> Result<Connect, ConnectError> {
    connect(frame(bytes, MAX).unwrap().expect("a whole packet"))
}

/// CONNECT with these bytes for the level, the flags, and behind the keep-alive.
fn connect_bytes(level: u8, flags: u8, rest: &[u8]) -> Vec<u8> {
    let mut bytes =
        vec![0x10, u8::try_from(10 + rest.len()).unwrap(), 0, 4, b'M', b'Q', b'T', b'T', level, flags, 0, 60];
    bytes.extend_from_slice(rest);
    bytes
}

#[test]
fn packets_are_cut_out_when_they_are_whole() {
    assert!(frame(&[], MAX).unwrap().is_none());
    assert!(frame(&[0x30], MAX).unwrap().is_none());
    assert!(frame(&[0x30, 0x80], MAX).unwrap().is_none());
    assert!(frame(&[0x30, 2, 0], MAX).unwrap().is_none());
    let whole = frame(&[0xC0, 0, 0xC0], MAX).unwrap().unwrap();
    assert_eq!((whole.first, whole.body, whole.len), (0xC0, &[][..], 2));
    assert_eq!(frame(&[0x30, 0xE8, 0x07], 1003).unwrap().map(|whole| whole.len), None);
    for (bytes, fault) in [
        (&[0x30, 0xE8, 0x07][..], Fault::PacketTooLarge),
        (&[0x30, 0xFF, 0xFF, 0xFF, 0x7F], Fault::PacketTooLarge),
        (&[0x30, 0xFF, 0xFF, 0xFF, 0xFF], Fault::MalformedPacket),
        (&[0x30, 0x80, 0x80, 0x80, 0x80, 0x01], Fault::MalformedPacket),
        (&[0x30, 0x80, 0x00], Fault::MalformedPacket),
    ] {
        assert_eq!(frame(bytes, MAX).unwrap_err(), fault, "{bytes:x?}");
    }
}

#[test]
fn a_connect_says_the_version() {
    let three = open(&connect_bytes(4, 2, &[0, 1, b'a'])).unwrap();
    assert_eq!((three.version, three.clean, three.expiry, &*three.id), (Version::V3, true, 0, "a"));
    let kept = open(&connect_bytes(4, 0, &[0, 1, b'a'])).unwrap();
    assert_eq!((kept.clean, kept.expiry, kept.keep_alive), (false, u32::MAX, 60));
    let five = open(&connect_bytes(5, 0, &[5, 0x11, 0, 0, 0, 9, 0, 1, b'a'])).unwrap();
    assert_eq!((five.version, five.clean, five.expiry), (Version::V5, false, 9));
    for level in [0, 3, 6, 255] {
        assert_eq!(open(&connect_bytes(level, 2, &[0, 1, b'a'])).unwrap_err(), ConnectError::Version(level));
    }
}

#[test]
fn a_connect_with_a_fault_is_refused() {
    use ConnectError::{Refused, Unanswerable};
    use ConnectReasonCode as Reason;
    for (bytes, expected) in [
        (connect_bytes(4, 3, &[0, 1, b'a']), Unanswerable),
        (connect_bytes(4, 2, &[0, 2, b'a']), Unanswerable),
        (connect_bytes(4, 2, &[0, 1, b'a', 0]), Unanswerable),
        (connect_bytes(4, 2, &[0, 1, 0]), Unanswerable),
        (connect_bytes(4, 2, &[0, 1, 0xFF]), Unanswerable),
        (connect_bytes(4, 0x42, &[0, 1, b'a', 0, 1, b'p']), Unanswerable),
        (connect_bytes(4, 0x22, &[0, 1, b'a']), Unanswerable),
        (connect_bytes(4, 0x0A, &[0, 1, b'a']), Unanswerable),
        (connect_bytes(4, 0x1E, &[0, 1, b'a', 0, 1, b't', 0, 0]), Unanswerable),
        (connect_bytes(4, 0x06, &[0, 1, b'a', 0, 1, b'#', 0, 0]), Unanswerable),
        (connect_bytes(4, 0, &[0, 0]), Refused(Version::V3, Reason::ClientIdentifierNotValid)),
        (connect_bytes(5, 2, &[3, 0x21, 0, 0, 0, 1, b'a']), Refused(Version::V5, Reason::ProtocolError)),
        (
            connect_bytes(5, 2, &[4, 0x15, 0, 1, b'x', 0, 1, b'a']),
            Refused(Version::V5, Reason::BadAuthMethod),
        ),
        (
            connect_bytes(5, 2, &[4, 0x16, 0, 1, b'x', 0, 1, b'a']),
            Refused(Version::V5, Reason::ProtocolError),
        ),
        (connect_bytes(5, 2, &[2, 0x7F, 0, 0, 1, b'a']), Refused(Version::V5, Reason::MalformedPacket)),
        (connect_bytes(5, 2, &[0, 0, 9, b'a']), Refused(Version::V5, Reason::MalformedPacket)),
        (
            connect_bytes(5, 6, &[0, 0, 1, b'a', 0, 0, 1, b'+', 0, 0]),
            Refused(Version::V5, Reason::TopicNameInvalid),
        ),
        (vec![0x10, 0], Unanswerable),
        (vec![0x10, 4, 0, 2, b'X', b'Y'], Unanswerable),
        (vec![0xC0, 0], Unanswerable),
    ] {
        assert_eq!(open(&bytes).unwrap_err(), expected, "{bytes:x?}");
    }
}

#[test]
fn packets_with_faults_end_the_connection() {
    use Fault as F;
    use Version::{V3, V5};
    for (version, bytes, fault) in [
        (V3, &[0x30, 3, 0, 1, b'#'][..], F::TopicNameInvalid),
        (V3, &[0x30, 2, 0, 0], F::TopicNameInvalid),
        (V3, &[0x30, 3, 0, 1, 0xFF], F::MalformedPacket),
        (V3, &[0x30, 3, 0, 1, 0], F::TopicNameInvalid),
        (V3, &[0x30, 3, 0, 9, b'a'], F::MalformedPacket),
        (V3, &[0x36, 3, 0, 1, b'a'], F::MalformedPacket),
        (V3, &[0x38, 3, 0, 1, b'a'], F::MalformedPacket),
        (V3, &[0x32, 5, 0, 1, b'a', 0, 0], F::ProtocolError),
        (V3, &[0x32, 4, 0, 1, b'a', 0], F::MalformedPacket),
        (V3, &[0x40, 2, 0, 0], F::ProtocolError),
        (V3, &[0x40, 3, 0, 1, 0], F::MalformedPacket),
        (V3, &[0x60, 2, 0, 1], F::MalformedPacket),
        (V3, &[0x82, 2, 0, 1], F::ProtocolError),
        (V3, &[0x80, 6, 0, 1, 0, 1, b'a', 0], F::MalformedPacket),
        (V3, &[0x82, 6, 0, 1, 0, 1, b'a', 3], F::MalformedPacket),
        (V3, &[0x82, 7, 0, 1, 0, 2, b'+', b'a', 0], F::TopicFilterInvalid),
        (V3, &[0x10, 2, 0, 1], F::ProtocolError),
        (V3, &[0xD0, 0], F::ProtocolError),
        (V3, &[0xE0, 1, 0], F::MalformedPacket),
        (V3, &[0xF0, 0], F::MalformedPacket),
        (V5, &[0x30, 3, 0, 0, 0], F::ProtocolError),
        (V5, &[0x30, 7, 0, 1, b'a', 3, 0x23, 0, 1], F::TopicAliasInvalid),
        (V5, &[0x30, 6, 0, 1, b'a', 2, 0x0B, 1], F::ProtocolError),
        (V5, &[0x30, 7, 0, 1, b'a', 2, 0x01, 1, 0xFF], F::PayloadFormatInvalid),
        (V5, &[0x30, 8, 0, 1, b'a', 4, 0x01, 1, 0x01, 1], F::ProtocolError),
        (V5, &[0x30, 8, 0, 1, b'a', 4, 0x08, 0, 1, b'+'], F::TopicNameInvalid),
        (V5, &[0x30, 5, 0, 1, b'a', 9, 0x01], F::MalformedPacket),
        (V5, &[0x82, 9, 0, 1, 2, 0x0B, 0, 0, 1, b'a', 0], F::ProtocolError),
        (V5, &[0x82, 7, 0, 1, 0, 0, 1, b'a', 0xC0], F::ProtocolError),
        (V5, &[0xF0, 2, 0x19, 0], F::ProtocolError),
        (V5, &[0xE0, 1, 0x55], F::MalformedPacket),
    ] {
        assert_eq!(read(version, bytes).err(), Some(fault), "{version:?} {bytes:x?}");
    }
}

#[test]
fn what_is_well_formed_is_read() {
    let Ok(Packet::Publish(publish)) = read(Version::V3, &[0x3D, 6, 0, 1, b'a', 1, 2, b'x']) else {
        panic!()
    };
    assert!(publish.dup && publish.retain);
    assert_eq!((publish.pid, &*publish.topic, publish.payload.as_ref()), (258, "a", &b"x"[..]));
    let Ok(Packet::Publish(publish)) = read(Version::V5, &[0x30, 9, 0, 1, b'a', 5, 0x02, 0, 0, 0, 9]) else {
        panic!()
    };
    assert!(publish.expiry == Some(9) && publish.properties.is_none());
    assert!(matches!(
        read(Version::V5, &[0xE0, 0]),
        Ok(Packet::Disconnect { with_will: false, expiry: None })
    ));
    assert!(matches!(
        read(Version::V5, &[0xE0, 1, 4]),
        Ok(Packet::Disconnect { with_will: true, expiry: None })
    ));
    assert!(matches!(read(Version::V5, &[0x40, 2, 0, 7]), Ok(Packet::Puback(7))));
    assert!(matches!(read(Version::V5, &[0x50, 3, 0, 7, 0x97]), Ok(Packet::Pubrec(7, true))));
    // An identifier beside a user property.
    let bytes = [0x82, 16, 0, 1, 9, 0x0B, 5, 0x26, 0, 1, b'k', 0, 1, b'v', 0, 1, b'a', 1];
    let Ok(Packet::Subscribe(1, subscriptions)) = read(Version::V5, &bytes) else { panic!() };
    assert_eq!((&*subscriptions[0].filter, subscriptions[0].options.identifier), ("a", Some(5)));
}

#[test]
fn too_many_user_properties_are_refused() {
    let property = [0x26, 0, 0, 0, 0];
    let with = |count: usize| {
        let properties = property.repeat(count);
        let mut body = vec![
            0,
            1,
            b'a',
            u8::try_from(properties.len() % 128).unwrap() | 0x80,
            u8::try_from(properties.len() / 128).unwrap(),
        ];
        body.extend_from_slice(&properties);
        decode(Version::V5, Frame { first: 0x30, body: &body, len: body.len() + 3 }).err()
    };
    assert_eq!(with(MAX_USER_PROPERTIES), None);
    assert_eq!(with(MAX_USER_PROPERTIES + 1), Some(Fault::QuotaExceeded));
}

#[test]
fn refusals_are_said_in_the_words_of_the_version() {
    for (version, reason, expected) in [
        (Version::V3, ConnectReasonCode::UnsupportedProtocolVersion, &[0x20, 2, 0, 1][..]),
        (Version::V3, ConnectReasonCode::ClientIdentifierNotValid, &[0x20, 2, 0, 2]),
        (Version::V3, ConnectReasonCode::QuotaExceeded, &[0x20, 2, 0, 3]),
        (Version::V3, ConnectReasonCode::NotAuthorized, &[0x20, 2, 0, 5]),
        (Version::V5, ConnectReasonCode::UnsupportedProtocolVersion, &[0x20, 3, 0, 0x84, 0]),
    ] {
        let mut out = Vec::new();
        refuse(&mut out, version, reason);
        assert_eq!(out, expected);
    }
    let mut out = Vec::new();
    puback(&mut out, Version::V3, 7, mqtt_proto::v5::PubackReasonCode::NotAuthorized);
    puback(&mut out, Version::V5, 7, mqtt_proto::v5::PubackReasonCode::NotAuthorized);
    pubrel(&mut out, Version::V5, 7, false);
    disconnect(&mut out, Version::V3, Fault::ServerShuttingDown);
    disconnect(&mut out, Version::V5, Fault::ServerShuttingDown);
    assert_eq!(out, [0x40, 2, 0, 7, 0x40, 3, 0, 7, 0x87, 0x62, 3, 0, 7, 0x92, 0xE0, 1, 0x8B]);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..60), first in any::<u8>(), five in any::<bool>()) {
        let version = if five { Version::V5 } else { Version::V3 };
        if let Ok(Some(frame)) = frame(&bytes, MAX) {
            drop(decode(version, frame));
        }
        drop(decode(version, Frame { first, body: &bytes, len: bytes.len() + 2 }));
        drop(connect(Frame { first: 0x10, body: &bytes, len: bytes.len() + 2 }));
        let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', if five { 5 } else { 4 }];
        body.append(&mut bytes);
        drop(connect(Frame { first: 0x10, body: &body, len: body.len() + 2 }));
    }
}
