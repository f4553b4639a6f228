//! Wrong packets: each is answered as the version says and ends its connection, and the broker lives on.

use std::net::SocketAddr;

use dyad_tests::{Node, Store};

use super::node;
use super::raw::{Raw, connect, packet, publish};

/// That the broker still serves who behaves.
fn is_well(address: SocketAddr) {
    let mut raw = Raw::open(address, 4, "");
    raw.subscribe(4, "well", 0);
    raw.write(&publish(4, "well", 0, 0, b"yes"));
    assert_eq!(raw.packet(), Some((0x30, b"\x00\x04wellyes".to_vec())));
}

#[test]
fn versions_that_are_not_spoken_are_refused() {
    let node = node();
    let address = node.address_of("MQTT");
    for (bytes, expected) in [
        (connect(3, "a"), vec![0, 1]),
        (connect(6, "a"), vec![0, 0x84, 0]),
        (packet(0x10, b"\x00\x06MQIsdp\x03\x02\x00\x00\x00\x01a"), vec![0, 1]),
        // An ID may only be left out by who begins anew.
        (packet(0x10, b"\x00\x04MQTT\x04\x00\x00\x00\x00\x00"), vec![0, 2]),
    ] {
        let mut raw = Raw::new(address);
        raw.write(&bytes);
        assert_eq!(raw.packet(), Some((0x20, expected)), "{bytes:x?}");
        assert_eq!(raw.packet(), None);
    }
    is_well(address);
}

#[test]
fn what_is_no_connect_is_closed_without_a_word() {
    let node = node();
    let address = node.address_of("MQTT");
    for bytes in [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        packet(0x30, b"\x00\x01ax"),
        packet(0xC0, b""),
        packet(0x10, b"\x00\x04MQTX\x04\x02\x00\x00\x00\x01a"),
        packet(0x10, b"\x00\x04MQTT\x04\x03\x00\x00\x00\x01a"),
        packet(0x10, b"\x00\x04MQTT\x04\x02\x00\x00\x00\x09a"),
        packet(0x10, b"\x00\x04MQTT\x04\x02\x00\x00\x00\x01\xff"),
        vec![0x10, 0xFF, 0xFF, 0xFF, 0x7F],
        vec![0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        vec![0x11, 0],
    ] {
        let mut raw = Raw::new(address);
        raw.write(&bytes);
        assert_eq!(raw.packet(), None, "{bytes:x?}");
    }
    is_well(address);
}

#[test]
fn faults_end_the_connection() {
    let node = node();
    let address = node.address_of("MQTT");
    let large = packet(0x30, &vec![b'x'; 4_000_000])[..5].to_vec();
    for (what, bytes, reason) in [
        ("a second CONNECT", connect(4, "b"), 0x82),
        ("a wildcard in a topic", publish(5, "a/#", 0, 0, b"x"), 0x90),
        ("an empty topic", publish(5, "", 0, 0, b"x"), 0x82),
        ("a topic that is no UTF-8", packet(0x30, b"\x00\x02\xc3\x28\x00"), 0x81),
        ("a bad remaining length", vec![0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], 0x81),
        ("a packet that is too large", large, 0x95),
        ("QoS 3", packet(0x36, b"\x00\x01a\x00\x01\x00"), 0x81),
        ("packet identifier 0", publish(5, "a", 1, 0, b"x"), 0x82),
        ("SUBSCRIBE without filters", packet(0x82, b"\x00\x01\x00"), 0x82),
        ("SUBSCRIBE with wrong flags", packet(0x80, b"\x00\x01\x00\x00\x01a\x00"), 0x81),
        ("a filter with a wildcard inside of a level", packet(0x82, b"\x00\x01\x00\x00\x02+a\x00"), 0x8F),
        ("a topic alias that was not offered", packet(0x30, b"\x00\x01a\x03\x23\x00\x01"), 0x94),
        ("what only brokers send", packet(0xD0, b""), 0x82),
        ("type 0", packet(0x00, b""), 0x81),
        ("AUTH that nobody asked for", packet(0xF0, b"\x19\x00"), 0x82),
        ("a DISCONNECT that keeps what was to end", packet(0xE0, b"\x00\x05\x11\x00\x00\x00\x09"), 0x82),
    ] {
        let mut five = Raw::open(address, 5, "wrong5");
        five.write(&bytes);
        let answer = five.packet();
        assert_eq!(answer.as_ref().map(|one| (one.0, one.1[0])), Some((0xE0, reason)), "{what}: {answer:x?}");
        assert_eq!(five.packet(), None, "{what}");
        if what.contains("DISCONNECT") || what.contains("QoS 3") {
            continue;
        }
        let mut three = Raw::open(address, 4, "wrong3");
        three.write(&bytes);
        assert_eq!(three.packet(), None, "{what}");
    }
    is_well(address);
}

#[test]
fn truncated_packets_are_waited_for_and_forgotten() {
    let node = node();
    let address = node.address_of("MQTT");
    let whole = publish(5, "a/b", 2, 7, b"payload");
    for length in 1..whole.len() {
        let mut raw = Raw::open(address, 5, "");
        raw.write(&whole[..length]);
        // The rest never comes.
        drop(raw);
    }
    // Byte by byte it is as good as at once.
    let mut raw = Raw::open(address, 5, "slowly");
    raw.subscribe(5, "a/b", 0);
    for byte in &whole {
        raw.write(&[*byte]);
    }
    assert_eq!(raw.packet(), Some((0x50, vec![0, 7])));
    assert_eq!(raw.packet(), Some((0x30, b"\x00\x03a/b\x00payload".to_vec())));
    is_well(address);
}

#[test]
fn a_message_with_qos_2_that_comes_again_is_delivered_once() {
    let node = node();
    let mut raw = Raw::open(node.address_of("MQTT"), 4, "");
    raw.subscribe(4, "a", 0);
    let once = publish(4, "a", 2, 7, b"x");
    raw.write(&once);
    let mut again = once.clone();
    again[0] |= 0x08;
    raw.write(&again);
    raw.write(&packet(0x62, &[0, 7]));
    raw.write(&packet(0x62, &[0, 7]));
    raw.write(&packet(0xC0, b""));
    let mut packets = Vec::new();
    while packets.last() != Some(&(0xD0, vec![])) {
        packets.push(raw.packet().unwrap());
    }
    packets.retain(|one| one.0 != 0xD0);
    packets.push(raw.packet().unwrap_or_default());
    let count = |first: u8| packets.iter().filter(|one| one.0 == first).count();
    assert_eq!((count(0x50), count(0x70), count(0x30)), (2, 2, 1), "{packets:?}");
}

#[test]
fn what_the_rules_refuse_is_said_where_it_can_be() {
    let node = node();
    let address = node.address_of("MQTT");
    let mut five = Raw::open(address, 5, "A::Cgarden");
    let mut three = Raw::open(address, 4, "A::Cporch");
    for (qos, answer) in [(1, 0x40), (2, 0x50)] {
        five.write(&publish(5, "/oneM2M/req/Cother/id-in/json", qos, 7, b"{}"));
        assert_eq!(five.packet(), Some((answer, vec![0, 7, 0x87])));
        three.write(&publish(4, "/oneM2M/req/Cother/id-in/json", qos, 7, b"{}"));
        assert_eq!(three.packet(), Some((answer, vec![0, 7])));
    }
}

#[test]
fn the_rules_can_be_strict_or_off() {
    for (rules, id, originator, is_allowed) in [
        ("strict", "anybody", "Cgarden", false),
        ("strict", "anybody", "C", true),
        ("names", "anybody", "Cgarden", true),
        ("names", "anybody", "id-in", false),
        ("off", "A::Cgarden", "Cother", true),
        ("off", "anybody", "id-in", true),
    ] {
        let node = Node::on(Store::Memory).set("mqtt.rules", rules).start();
        let mut raw = Raw::open(node.address_of("MQTT"), 5, id);
        raw.write(&publish(5, &format!("/oneM2M/req/{originator}/elsewhere/json"), 1, 7, b"{}"));
        let refused = raw.packet().unwrap().1.get(2) == Some(&0x87);
        assert_eq!(!refused, is_allowed, "{rules} {id} {originator}");
    }
}

#[test]
fn more_unreleased_messages_than_agreed_end_the_connection() {
    let node = node();
    let mut raw = Raw::open(node.address_of("MQTT"), 5, "");
    for pid in 1..=101 {
        raw.write(&publish(5, "a", 2, pid, b"x"));
    }
    for _ in 1..=100 {
        assert_eq!(raw.packet().unwrap().0, 0x50);
    }
    assert_eq!(raw.packet(), Some((0xE0, vec![0x93])));
    assert_eq!(raw.packet(), None);
}

#[test]
fn who_says_nothing_is_closed() {
    let node = node();
    let address = node.address_of("MQTT");
    let mut silent = Raw::new(address);
    assert_eq!(silent.packet(), None);
    let mut halfway = Raw::new(address);
    halfway.write(&connect(4, "a")[..5]);
    assert_eq!(halfway.packet(), None);
    is_well(address);
}

#[test]
fn connections_beyond_the_bound_are_closed() {
    let node = Node::on(Store::Memory).set("mqtt.max_connections", 2).start();
    let address = node.address_of("MQTT");
    let (one, _two) = (Raw::open(address, 4, "1"), Raw::open(address, 4, "2"));
    let mut three = Raw::new(address);
    three.write(&connect(4, "3"));
    assert_eq!(three.packet(), None);
    drop(one);
    let is_let_in = || {
        let mut raw = Raw::new(address);
        raw.write(&connect(4, "3"));
        raw.packet().is_some()
    };
    assert!((0..10_000).any(|_| is_let_in()));
}
