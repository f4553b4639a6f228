//! The message layer (RFC 7252 4): types, repetitions, and what is no message.

use std::process::{Command, Stdio};

use dyad_tests::{Node, Store, binary};
use serde_json::{Value, json};

use super::socket::{ACK, CON, Message, NON, RST, Socket};
use super::{content, create, instances, latest, node, socket};

#[test]
fn the_type_of_the_answer_follows_that_of_the_request() {
    let node = node();
    let mut socket = socket(&node);
    // A request whose answer is there at once.
    let missing = Message::request(1, &["nothing"]);
    let request = Message { id: socket.next_id(), ..missing.clone() };
    socket.send(&request);
    let answer = socket.receive();
    assert_eq!((answer.kind, answer.id, answer.status()), (ACK, request.id, 404));
    let request = Message { id: socket.next_id(), ..missing.kind(NON) };
    socket.send(&request);
    let answer = socket.receive();
    assert_eq!((answer.kind, answer.status(), &answer.token), (NON, 404, &request.token));
}

#[test]
fn a_repetition_is_answered_alike_and_carried_out_once() {
    let node = node();
    let mut socket = socket(&node);
    let request = Message { id: socket.next_id(), ..create("1") };
    socket.send(&request);
    assert_eq!(socket.answer_to(&request).status(), 201);
    let answers: Vec<Message> = (0..5)
        .map(|_| {
            socket.send(&request);
            socket.receive()
        })
        .collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let request = Message { id: socket.next_id(), ..create("2").kind(NON) };
    (0..5).for_each(|_| socket.send(&request));
    assert_eq!(socket.receive().status(), 201);
    assert_eq!(socket.drain(), []);
    assert_eq!(instances(&node), 2);
    // The same ID of another endpoint is another message.
    let other = super::socket(&node);
    other.send(&request);
    assert_eq!(other.receive().status(), 201);
    assert_eq!(instances(&node), 3);
}

#[test]
fn what_is_no_message_is_reset_or_ignored() {
    let node = node();
    let mut socket = socket(&node);
    let reset = [
        &b"\x49\x01\xaa\x01123456789"[..],
        b"\x4f\x01\xaa\x01123456789abcdef",
        b"\x44\x01\xaa\x01\x01",
        b"\x40\x00\xaa\x01\xff",
        b"\x41\x00\xaa\x01\x01",
        b"\x40\x01\xaa\x01\xb5cse",
        b"\x40\x01\xaa\x01\xd1",
        b"\x40\x01\xaa\x01\xf0",
        b"\x40\x01\xaa\x01\x0f",
        b"\x40\x01\xaa\x01\xff",
        b"\x40\x25\xaa\x01",
        b"\x40\x45\xaa\x01", // an answer that nobody asked for
    ];
    for datagram in reset {
        socket.send_bytes(datagram);
        assert_eq!(socket.drain(), [Message::empty(RST, 0xaa01)], "{datagram:?}");
    }
    let ignored = [
        &b""[..],
        b"\x40\x01",
        b"\x00\x01\xaa\x01",
        b"\xc0\x01\xaa\x01",
        b"\x60\x00\xaa\x01",
        b"\x70\x00\xaa\x01",
        b"\x60\x01\xaa\x01\xb6cse-in",
        b"\x70\x01\xaa\x01",
        b"\x50\x45\xaa\x01",
        b"\x50\x00\xaa\x01",
    ];
    for datagram in ignored {
        socket.send_bytes(datagram);
        assert_eq!(socket.drain(), [], "{datagram:?}");
    }
    // Every beginning of a request that is longer than its header.
    let whole = create("x").bytes();
    for length in 5..whole.len() {
        let mut cut = whole[..length].to_vec();
        cut[2..4].copy_from_slice(&(length as u16).to_be_bytes());
        socket.send_bytes(&cut);
        for answer in socket.drain() {
            assert!(answer.code == 0 || answer.code >= 0x80, "{length}: {answer:?}");
        }
    }
    assert_eq!(instances(&node), 0);
}

#[test]
fn options_that_cannot_be_meant_are_refused() {
    let node = node();
    let mut socket = socket(&node);
    let many = (0..200).fold(create("x"), |request, _| request.option(2000, b""));
    let refused = [
        (create("x").option(9, b"1"), 402),
        (create("x").option(65_001, b""), 402),
        (create("x").option(279, b"Cother"), 402),
        (create("x").option(17, b"\x32").option(17, b"\x32"), 402),
        (create("x").option(23, b"\0\0\0\x01"), 402),
        (create("x").option(11, &[b'x'; 256]), 402),
        (many, 402),
        (create("x").option(35, b"coap://example.com/"), 505),
        (create("x").option(39, b"coap"), 505),
        (create("x").option(23, b"\x07"), 400),
        (Message { code: 5, ..create("x") }, 405),
        (Message { code: 31, ..create("x") }, 405),
    ];
    for (request, status) in refused {
        let answer = socket.ask(request.clone());
        assert_eq!(answer.status(), status, "{request:?}: {answer:?}");
    }
    // One that is not confirmable is reset, as it may come in anybody's name.
    let request = Message { id: socket.next_id(), ..create("x").option(9, b"1").kind(NON) };
    socket.send(&request);
    assert_eq!(socket.drain(), [Message::empty(RST, request.id)]);
    // What is elective is ignored.
    assert_eq!(socket.ask(create("y").option(2000, &[0; 500])).status(), 201);
    assert_eq!((instances(&node), latest(&node)), (1, "y".to_owned()));
}

/// A poll for an AE that is registered here, with a channel.
fn poll(socket: &mut Socket) -> Message {
    let ae = br#"{"m2m:ae":{"rn":"poller","api":"N1","rr":false,"srv":["3"]}}"#;
    let by = |request: Message| request.without(279).option(279, b"Cpoller");
    let register = by(Message::request(2, &["cse-in"])).option(267, &[2]).option(12, &[50]).payload(ae);
    assert_eq!(socket.ask(register).status(), 201);
    let channel = by(Message::request(2, &["cse-in", "poller"])).option(267, &[15]).option(12, &[50]);
    assert_eq!(socket.ask(channel.payload(br#"{"m2m:pch":{"rn":"pch"}}"#)).status(), 201);
    Message { id: socket.next_id(), ..by(Message::request(1, &["cse-in", "poller", "pch", "pcu"])) }
}

#[test]
fn a_repetition_of_what_only_reads_may_read_again() {
    let node = node();
    let mut socket = socket(&node);
    let read = Message { id: socket.next_id(), ..Message::request(1, &["cse-in", "c"]) };
    let instances = |answer: &Message| content(answer)["m2m:cnt"]["cni"].clone();
    socket.send(&read);
    assert_eq!(instances(&socket.answer_to(&read)), 0);
    assert_eq!(socket.ask(create("1")).status(), 201);
    socket.send(&read);
    assert_eq!(instances(&socket.answer_to(&read)), 1);
}

#[test]
fn what_comes_out_of_a_polling_channel_comes_with_each_repetition() {
    let node = node();
    let mut socket = socket(&node);
    let poll = poll(&mut socket);
    let post = |path: &[&str], ty: u8, content: Value| {
        let request = Message::request(2, path).without(279).option(279, b"Cpoller").option(267, &[ty]);
        request.option(12, &[50]).payload(content.to_string().as_bytes())
    };
    let container = post(&["cse-in", "poller"], 3, json!({"m2m:cnt": {"rn": "c"}}));
    assert_eq!(socket.ask(container).status(), 201);
    let subscription = json!({"m2m:sub": {"rn": "s", "nu": ["Cpoller"], "enc": {"net": [3]}}});
    assert_eq!(socket.ask(post(&["cse-in", "poller", "c"], 23, subscription)).status(), 201);
    loop {
        let instance = post(&["cse-in", "poller", "c"], 4, json!({"m2m:cin": {"con": "1"}}));
        assert_eq!(socket.ask(instance).status(), 201);
        let poll = Message { id: socket.next_id(), ..poll.clone() };
        socket.send(&poll);
        let answer = socket.answer_to(&poll);
        assert_eq!(answer.status(), 205, "{answer:?}");
        socket.send(&poll);
        let again = socket.receive();
        // One that had to wait for the notification was acknowledged before.
        if answer.kind == ACK {
            assert_eq!(again, answer);
            break;
        }
        assert_eq!(again, Message::empty(ACK, poll.id));
    }
}

#[test]
fn an_answer_that_takes_long_is_a_message_of_its_own() {
    let node = Node::on(Store::Memory).set("polling.wait", "1s").start();
    let mut socket = socket(&node);
    let poll = poll(&mut socket);
    socket.send(&poll);
    assert_eq!(socket.receive(), Message::empty(ACK, poll.id));
    // Once more before the answer is there.
    socket.send(&poll);
    assert_eq!(socket.receive(), Message::empty(ACK, poll.id));
    let answer = socket.receive();
    assert_eq!((answer.kind, answer.status(), &answer.token), (CON, 504, &poll.token));
    // Until it is acknowledged.
    assert_eq!(socket.receive(), answer);
    socket.send(&Message::empty(ACK, answer.id));
    assert_eq!(socket.drain(), []);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let holder = std::net::UdpSocket::bind(taken).unwrap();
    let settings = ["http.listen=127.0.0.1:0", "store.url=sqlite::memory:", "operator.socket="];
    let mut command = Command::new(binary());
    command.arg("serve").args(["--set", &format!("coap.listen={taken}")]);
    for setting in settings {
        command.args(["--set", setting]);
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("coap.listen") && said.contains(&taken.to_string()),
        "{said}"
    );
    drop(holder);
}

#[test]
fn it_can_be_switched_off() {
    let node = Node::on(Store::Memory).set("coap.enabled", false).start();
    assert_eq!(node.listens("CoAP"), None);
}

#[test]
fn a_stop_answers_what_is_in_flight() {
    let mut node = node();
    let sockets: Vec<Socket> = (0..8).map(|_| socket(&node)).collect();
    for (number, socket) in sockets.iter().enumerate() {
        socket.send(&Message { id: number as u16, ..create("last") });
    }
    node.stop();
    for socket in sockets {
        let answer = socket.answer_to(&create("last"));
        assert!(matches!(answer.status(), 201 | 503), "{answer:?}");
    }
}
