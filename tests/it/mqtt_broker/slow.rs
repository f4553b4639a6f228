//! A subscriber that takes nothing keeps nobody waiting, and costs no more than it may.

use std::time::{Duration, Instant};

use dyad_tests::{Node, Store};

use super::raw::{Raw, packet, publish};

/// Memory of the node in bytes.
pub(super) fn resident(node: &Node) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<usize>().unwrap() * 1024
}

#[test]
fn a_slow_subscriber_keeps_nobody_waiting() {
    let node = Node::on(Store::Memory).set("mqtt.max_queued_bytes", "8MiB").start();
    let address = node.address_of("MQTT");
    let mut slow = Raw::open(address, 4, "slow");
    slow.subscribe(4, "flood", 0);
    let mut persistent = Raw::open(address, 5, "persistent");
    persistent.subscribe(5, "flood", 1);
    let mut quick = Raw::open(address, 4, "quick");
    quick.subscribe(4, "flood", 0);
    let mut publisher = Raw::open(address, 4, "publisher");
    let before = resident(&node);
    let payload = vec![b'x'; 64 * 1024];
    let begin = Instant::now();
    for pid in 1..=1000 {
        publisher.write(&publish(4, "flood", 1, pid, &payload));
        assert_eq!(publisher.packet(), Some((0x40, pid.to_be_bytes().to_vec())));
        assert_eq!(quick.packet().map(|one| one.1.len()), Some(payload.len() + 7), "{pid}");
    }
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
    let grown = resident(&node).saturating_sub(before);
    assert!(grown < 64 * 1024 * 1024, "grown by {grown} bytes");
    // Who lost a message that it was promised is told, behind what was on its way to it already.
    let mut last = None;
    while let Some(packet) = persistent.packet() {
        last = Some(packet);
    }
    let last = last.unwrap();
    assert!(last == (0xE0, vec![0x97]) || last.0 == 0x32, "{:x} {}", last.0, last.1.len());
    publisher.write(&packet(0xC0, b""));
    assert_eq!(publisher.packet(), Some((0xD0, vec![])));
}
