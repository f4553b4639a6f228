//! What a client writes to the embedded MQTT broker: a stream that begins with CONNECT, or packets of one version.
//!
//! Nothing must panic or read beyond a packet, and topics and filters that pass must be valid ones.
#![no_main]

use dyad_bindings::mqtt::broker::packet::{Packet, Version, connect, decode, frame};
use libfuzzer_sys::fuzz_target;

const MAX: usize = 4096;

fuzz_target!(|data: &[u8]| {
    stream(data);
    for version in [Version::V3, Version::V5] {
        packets(version, data);
    }
});

/// As a connection reads it.
fn stream(data: &[u8]) {
    let Ok(Some(first)) = frame(data, MAX) else { return };
    assert!(first.len <= data.len() && first.len <= MAX);
    let Ok(connect) = connect(first) else { return };
    assert!(!connect.id.contains('\0') && connect.receive_max > 0);
    if let Some(will) = &connect.will {
        assert!(is_topic(&will.topic));
    }
    packets(connect.version, &data[first.len..]);
}

fn packets(version: Version, mut data: &[u8]) {
    while let Ok(Some(one)) = frame(data, MAX) {
        assert!(one.len <= data.len() && one.body.len() < one.len);
        match decode(version, one) {
            Ok(Packet::Publish(publish)) => {
                assert!(is_topic(&publish.topic));
                assert_eq!(publish.pid == 0, publish.qos as u8 == 0);
            }
            Ok(Packet::Subscribe(pid, subscriptions)) => {
                assert!(pid != 0 && !subscriptions.is_empty());
                for one in subscriptions {
                    let levels: Vec<&str> = one.filter.split('/').collect();
                    let (last, before) = levels.split_last().unwrap();
                    assert!(before.iter().all(|level| *level == "+" || !level.contains(['+', '#'])));
                    assert!(matches!(*last, "+" | "#") || !last.contains(['+', '#']));
                }
            }
            Ok(_) => {}
            Err(_) => return,
        }
        data = &data[one.len..];
    }
}

fn is_topic(topic: &str) -> bool {
    !topic.is_empty() && !topic.contains(['+', '#', '\0'])
}
