//! The embedded MQTT broker, seen by clients that others wrote and by bytes on a socket.
//!
//! What requests over MQTT do is left to other tests; here are sessions, deliveries, limits and rules.

mod endings;
mod idle;
mod mosquitto;
mod paho;
mod raw;
mod slow;
mod wrong;

use dyad_tests::{Node, Store};

/// A node with the broker on a free port.
fn node() -> Node {
    Node::on(Store::Memory).start()
}
