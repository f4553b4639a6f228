//! Requests of the node over CoAP: notifications to a target that loses some, answers late, or wants small blocks.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use dyad_tests::{Node, Request, Store};
use serde_json::{Value, json};

use super::socket::{ACK, CON, Message};

/// A target of notifications: a socket that says what it is told to.
struct Target {
    socket: UdpSocket,
    node: Option<SocketAddr>,
}

impl Target {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { socket, node: None }
    }

    fn url(&self) -> String {
        format!("coap://{}/notify?a=b", self.socket.local_addr().unwrap())
    }

    #[track_caller]
    fn receive(&mut self) -> Message {
        let mut buffer = vec![0; 65_535];
        let (length, from) = self.socket.recv_from(&mut buffer).expect("a message");
        self.node = Some(from);
        Message::read(&buffer[..length])
    }

    fn say(&self, message: &Message) {
        self.socket.send_to(&message.bytes(), self.node.unwrap()).unwrap();
    }

    /// The answer to a request: with its acknowledgement.
    fn answer(&self, request: &Message, code: u8) -> Message {
        Message { kind: ACK, code, id: request.id, token: request.token.clone(), ..Message::default() }
    }
}

/// A node with a container `cse-in/c` and a subscription to its instances, to which the target agreed.
fn subscribed(target: &mut Target) -> Node {
    let node = Node::on(Store::Memory).start();
    let client = node.client();
    let _ = client.send(&Request::create("cse-in", 3, json!({"m2m:cnt": {"rn": "c"}}))).expect(2001);
    let notify = json!({"rn": "s", "nu": [target.url()], "enc": {"net": [3]}, "nct": 1});
    let subscription = Request::create("cse-in/c", 23, json!({ "m2m:sub": notify }));
    std::thread::scope(|scope| {
        let creating = scope.spawn(|| client.send(&subscription));
        let verification = target.receive();
        target.say(&target.answer(&verification, 0x44));
        let _ = creating.join().unwrap().expect(2001);
    });
    node
}

fn add(node: &Node, con: &str) {
    let instance = json!({"m2m:cin": {"con": con}});
    let _ = node.client().send(&Request::create("cse-in/c", 4, instance)).expect(2001);
}

fn value(payload: &[u8]) -> String {
    let content: Value = serde_json::from_slice(payload).unwrap();
    content["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"].as_str().unwrap().to_owned()
}

#[test]
fn a_notification_arrives_however_it_is_answered() {
    let mut target = Target::new();
    let node = subscribed(&mut target);
    // With the acknowledgement.
    add(&node, "1");
    let request = target.receive();
    assert_eq!((request.kind, request.code, request.token.len()), (CON, 2, 8));
    let path: Vec<_> = request.options.iter().filter(|(number, _)| *number == 11).collect();
    assert_eq!(path, [&(11, b"notify".to_vec())]);
    assert_eq!(value(&request.payload), "1");
    target.say(&target.answer(&request, 0x44));
    // Lost at first, then apart from the acknowledgement, twice.
    add(&node, "2");
    let request = target.receive();
    assert_eq!(target.receive(), request);
    target.say(&Message::empty(ACK, request.id));
    let apart = Message { kind: CON, id: 77, ..target.answer(&request, 0x44) };
    target.say(&apart);
    assert_eq!(target.receive(), Message::empty(ACK, 77));
    target.say(&apart);
    assert_eq!(target.receive(), Message::empty(ACK, 77));
    // Refused with an Echo, as by a server that does not know the node (RFC 9175 2.3).
    add(&node, "3");
    let request = target.receive();
    target.say(&target.answer(&request, 0x81).option(252, b"prove it"));
    let again = target.receive();
    assert_eq!((again.value(252), value(&again.payload)), (Some(&b"prove it"[..]), "3".to_owned()));
    assert_ne!(again.token, request.token);
    target.say(&target.answer(&again, 0x44));
    // One that is not for the node is reset, and the right one still counts.
    add(&node, "4");
    let request = target.receive();
    target.say(&Message { kind: CON, id: 78, token: b"another".to_vec(), ..target.answer(&request, 0x44) });
    assert_eq!(target.receive(), Message::empty(super::socket::RST, 78));
    target.say(&target.answer(&request, 0x44));
    add(&node, "5");
    assert_eq!(value(&target.receive().payload), "5");
}

#[test]
fn a_long_notification_comes_in_the_blocks_that_the_target_wants() {
    let mut target = Target::new();
    let node = subscribed(&mut target);
    let con = "0123456789".repeat(500);
    add(&node, &con);
    let (mut payload, mut count) = (Vec::new(), 0);
    loop {
        let request = target.receive();
        let (number, more, exponent) = request.block_of(27).unwrap();
        assert_eq!((number as usize) << (exponent + 4), payload.len());
        assert_eq!(exponent, if count == 0 { 6 } else { 2 });
        payload.extend(&request.payload);
        count += 1;
        let code = if more { 0x5f } else { 0x44 };
        target.say(&target.answer(&request, code).block(27, number, more, 2));
        if !more {
            break;
        }
    }
    assert_eq!(value(&payload), con);
}
