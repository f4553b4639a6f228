//! Packets in pieces, too long, refused, and random bytes.

use bytes::Bytes;
use proptest::prelude::*;

use super::{Frame, Outgoing, Reader, Writer};
use crate::mqtt::link::{Heard, LinkError};
use crate::mqtt::settings::{LinkSettings, Version};

fn settings(version: Version) -> LinkSettings {
    LinkSettings { version, max_payload: 100, ..LinkSettings::new("C::id-in") }
}

/// What a broker that passes on a message writes is what a client writes.
fn message(version: Version, length: usize) -> Vec<u8> {
    let mut writer = Writer::new(version);
    let payload = Bytes::from(vec![b'x'; length]);
    writer.publish(&Outgoing { packet: 7, is_repeated: false, topic: "a/b", payload: &payload }).unwrap();
    writer.buffer.to_vec()
}

#[test]
fn messages_come_in_pieces_and_together() {
    for version in [Version::V3, Version::V5] {
        let mut bytes = message(version, 5);
        // PINGRESP in between.
        bytes.extend_from_slice(&[0xd0, 0]);
        bytes.extend(message(version, 100));
        let mut reader = Reader::new(&settings(version));
        let mut frames = Vec::new();
        for byte in bytes {
            reader.buffer.extend_from_slice(&[byte]);
            frames.extend(reader.frame().unwrap());
        }
        let lengths: Vec<_> = frames
            .iter()
            .map(|frame| match frame {
                Frame::Message { topic, payload, packet: 7, .. } if topic == "a/b" => {
                    payload.as_ref().map(Bytes::len)
                }
                Frame::Other => None,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(lengths, [Some(5), None, Some(100)]);
    }
}

#[test]
fn what_is_too_long_is_skipped() {
    for length in [101, 1_000_000] {
        let mut reader = Reader::new(&settings(Version::V3));
        let mut frames = Vec::new();
        let bytes = [message(Version::V3, length), message(Version::V3, 3)].concat();
        for piece in bytes.chunks(1_000) {
            reader.buffer.extend_from_slice(piece);
            while let Some(frame) = reader.frame().unwrap() {
                frames.push(frame);
            }
            assert!(reader.buffer.len() < 300_000);
        }
        let lengths = frames.iter().map(|frame| match frame {
            Frame::Message { topic, payload, packet: 7, .. } if topic == "a/b" => {
                payload.as_ref().map(Bytes::len)
            }
            other => panic!("{other:?}"),
        });
        assert_eq!(lengths.collect::<Vec<_>>(), [None, Some(3)]);
    }
}

#[test]
fn refusals_are_told() {
    let mut reader = Reader::new(&settings(Version::V3));
    reader.buffer.extend_from_slice(&[0x20, 2, 0, 5]);
    assert_eq!(reader.frame().unwrap(), Some(Frame::Refused("NotAuthorized".into())));
    reader.buffer.extend_from_slice(&[0x90, 3, 0, 9, 0x80]);
    let Some(Frame::Subscribed { packet: 9, refusal: Some(_) }) = reader.frame().unwrap() else { panic!() };
    let mut reader = Reader::new(&settings(Version::V5));
    reader.buffer.extend_from_slice(&[0x40, 4, 0, 9, 0x87, 0]);
    let taken = reader.frame().unwrap();
    let refused = Err(LinkError::Refused("NotAuthorized".into()));
    assert_eq!(taken, Some(Frame::Taken { packet: 9, outcome: refused }));
    reader.buffer.extend_from_slice(&[0x40, 4, 0, 9, 0x10, 0]);
    let taken = reader.frame().unwrap();
    assert_eq!(taken, Some(Frame::Taken { packet: 9, outcome: Ok(Heard::ByNobody) }));
}

#[test]
fn what_is_no_mqtt_is_refused() {
    let mut reader = Reader::new(&settings(Version::V3));
    reader.buffer.extend_from_slice(&[0x30, 0xff, 0xff, 0xff, 0xff, 1]);
    assert!(reader.frame().is_err());
    let mut reader = Reader::new(&settings(Version::V3));
    reader.buffer.extend_from_slice(&[0x40, 0xff, 0xff, 0xff, 1]);
    assert!(reader.frame().is_err());
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), is_five: bool) {
        let version = if is_five { Version::V5 } else { Version::V3 };
        let mut reader = Reader::new(&settings(version));
        reader.buffer.extend_from_slice(&bytes);
        while let Ok(Some(_)) = reader.frame() {}
    }
}
