//! Connections that the broker ends: clients that speak MQTT 5 are told why, after what waited for them.

use super::node;
use super::raw::{Raw, packet, publish};

#[test]
fn who_is_replaced_is_told() {
    let node = node();
    let address = node.address_of("MQTT");
    for flags in [0, 2] {
        // A session that is taken over as it is, and one that begins anew.
        let open = |level: u8| {
            let mut raw = Raw::new(address);
            let (version, properties) =
                if level == 5 { (5, &b"\x05\x11\x00\x00\x00\x3c"[..]) } else { (4, &[][..]) };
            let head =
                [&[0, 4, b'M', b'Q', b'T', b'T', version, flags, 0, 0], properties, b"\x00\x04same"].concat();
            raw.write(&packet(0x10, &head));
            assert_eq!(raw.packet().unwrap().0, 0x20);
            raw
        };
        let mut first = open(5);
        let mut second = open(4);
        assert_eq!(first.packet(), Some((0xE0, vec![0x8E])));
        assert_eq!(first.packet(), None);
        let mut third = open(5);
        assert_eq!(second.packet(), None);
        // The one that is left is woken for what comes.
        third.subscribe(5, "a", 0);
        let mut publisher = Raw::open(address, 4, "publisher");
        publisher.write(&publish(4, "a", 0, 0, b"x"));
        assert_eq!(third.packet().unwrap().0, 0x30);
    }
}

#[test]
fn who_is_there_is_told_that_the_broker_stops() {
    let mut node = node();
    let address = node.address_of("MQTT");
    let mut five = Raw::open(address, 5, "five");
    five.subscribe(5, "a", 1);
    let mut three = Raw::open(address, 4, "three");
    let mut publisher = Raw::open(address, 4, "publisher");
    for pid in 1..=10 {
        publisher.write(&publish(4, "a", 1, pid, b"x"));
        assert_eq!(publisher.packet().unwrap().0, 0x40);
    }
    node.stop();
    for _ in 1..=10 {
        assert_eq!(five.packet().unwrap().0, 0x32);
    }
    assert_eq!(five.packet(), Some((0xE0, vec![0x8B])));
    assert_eq!(five.packet(), None);
    assert_eq!(three.packet(), None);
}
