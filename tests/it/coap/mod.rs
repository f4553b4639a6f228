//! CoAP from outside: datagrams as an endpoint would send them, as one would not, and other implementations.

mod blocks;
mod echo;
pub(crate) mod libcoap;
mod messages;
mod notifications;
mod peers;
mod socket;

use dyad_tests::{Node, Request, Store};
use serde_json::{Value, json};

use socket::{Message, Socket};

/// A node with a container `cse-in/c`.
fn node() -> Node {
    let node = Node::on(Store::Memory).set("coap.max_body", "200kB").start();
    let container = json!({"m2m:cnt": {"rn": "c"}});
    let _ = node.client().send(&Request::create("cse-in", 3, container)).expect(2001);
    node
}

fn socket(node: &Node) -> Socket {
    Socket::to(node.address_of("CoAP"))
}

/// A CREATE of an instance in `cse-in/c`.
fn create(con: &str) -> Message {
    let content = json!({"m2m:cin": {"con": con}}).to_string();
    Message::request(2, &["cse-in", "c"]).option(267, &[4]).option(12, &[50]).payload(content.as_bytes())
}

/// How many instances there are.
fn instances(node: &Node) -> u64 {
    let answer = node.client().send(&Request::retrieve("cse-in/c")).expect(2000);
    answer.body["m2m:cnt"]["cni"].as_u64().unwrap()
}

/// The value of the latest instance.
fn latest(node: &Node) -> String {
    node.client().send(&Request::retrieve("cse-in/c/la")).expect(2000).text("/m2m:cin/con")
}

/// The payload of an answer.
fn content(message: &Message) -> Value {
    serde_json::from_slice(&message.payload).unwrap()
}
