//! What connections cost that do nothing.

use super::node;
use super::raw::{Raw, publish};
use super::slow::resident;

const CONNECTIONS: usize = 9000;

#[test]
fn an_idle_connection_takes_little_memory() {
    let node = node();
    let address = node.address_of("MQTT");
    // The first ones pay for what is there once.
    let mut connections: Vec<Raw> =
        (0..100).map(|number| Raw::open(address, 5, &format!("warm{number}"))).collect();
    let before = resident(&node);
    for number in 0..CONNECTIONS {
        let mut raw = Raw::open(address, 4 + u8::try_from(number % 2).unwrap(), &format!("idle{number}"));
        raw.subscribe(4 + u8::try_from(number % 2).unwrap(), &format!("/oneM2M/req/+/idle{number}/#"), 1);
        connections.push(raw);
    }
    let each = (resident(&node) - before) / CONNECTIONS;
    println!("{each} bytes for each of {CONNECTIONS} idle connections");
    assert!(each < 20_000, "{each} bytes each");
    // And each is served.
    let last = connections.last_mut().unwrap();
    last.write(&publish(5, &format!("/oneM2M/req/x/idle{}/json", CONNECTIONS - 1), 0, 0, b"{}"));
    assert_eq!(last.packet().map(|one| one.0), Some(0x30));
}
