//! Frames that break the protocol or the limits: the close code says so, and everybody else is served.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use dyad_tests::{Node, Store};
use serde_json::json;
use tungstenite::Message;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};

use super::client::{Connection, instance, json_connection, register, request, subscribe};

fn node() -> Node {
    Node::on(Store::Memory).set("ws.max_message", "16KiB").set("ws.keep_alive", "300ms").start()
}

/// A masked frame of a text; the mask is zero.
fn frame(head: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    assert!(length < 126);
    [&[head, 0x80 | length, 0, 0, 0, 0], payload].concat()
}

#[test]
fn broken_frames_close_their_connection_and_no_other() {
    let node = node();
    let mut bystander = json_connection(&node);
    let long = [&[0x81, 0xff, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff][..], &[0; 4]].concat();
    let cases: [(&str, Vec<u8>, u16); 11] = [
        ("unmasked", b"\x81\x02{}".to_vec(), 1002),
        ("reserved bit", frame(0xc1, b"{}"), 1002),
        ("reserved opcode", frame(0x83, b"{}"), 1002),
        ("continuation of nothing", frame(0x80, b"{}"), 1002),
        ("fragmented ping", frame(0x09, b""), 1002),
        ("new message among fragments", [frame(0x01, b"{"), frame(0x81, b"}")].concat(), 1002),
        ("not UTF-8", frame(0x81, b"{\"op\":\"\xff\"}"), 1007),
        ("not UTF-8 in fragments", [frame(0x01, b"\xe2\x82"), frame(0x80, b"\x28")].concat(), 1007),
        ("binary", frame(0x82, b"{}"), 1003),
        ("a length beyond the limit", [&[0x81, 0xfe, 0x40, 0x01][..], &[0; 4]].concat(), 1009),
        ("a huge length", long, 1009),
    ];
    for (name, bytes, code) in cases {
        let mut connection = json_connection(&node);
        connection.send_bytes(&bytes);
        assert_eq!(connection.closed(), Some(code), "{name}");
    }
    bystander.ask(&request(2, "cse-in", "CAdmin", "1", json!({})), 2000);
}

#[test]
fn fragments_are_put_together_up_to_the_limit() {
    let node = node();
    let mut connection = json_connection(&node);
    let text = request(2, "cse-in", "CAdmin", "1", json!({})).to_string();
    let (one, rest) = text.split_at(7);
    let (two, three) = rest.split_at(1);
    for (payload, kind, is_last) in
        [(one, Data::Text, false), (two, Data::Continue, false), (three, Data::Continue, true)]
    {
        let frame = Frame::message(payload.as_bytes().to_vec(), OpCode::Data(kind), is_last);
        connection.socket.send(Message::Frame(frame)).unwrap();
        // Control frames may come in between.
        connection.socket.send(Message::Ping("?".into())).unwrap();
    }
    assert_eq!(connection.response()["rsc"], 2000);
    for kind in [Data::Text, Data::Continue, Data::Continue] {
        let frame = Frame::message(vec![b' '; 8 * 1024], OpCode::Data(kind), false);
        // The node may have closed before the last.
        let _ = connection.socket.send(Message::Frame(frame));
    }
    assert_eq!(connection.closed(), Some(1009));
}

#[test]
fn pings_are_answered() {
    let node = node();
    let mut connection = json_connection(&node);
    connection.socket.send(Message::Ping("there?".into())).unwrap();
    loop {
        match connection.socket.read().unwrap() {
            Message::Pong(payload) => break assert_eq!(payload, "there?"),
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn who_gives_no_sign_of_life_is_closed_and_who_does_is_not() {
    let node = node();
    let mut alive = json_connection(&node);
    let mut silent = json_connection(&node);
    let began = Instant::now();
    // A client that reads frames answers pings; this one reads bytes.
    let waiting = thread::spawn(move || silent.is_closed_within(Duration::from_secs(20)));
    while !waiting.is_finished() {
        assert!(matches!(alive.socket.read().unwrap(), Message::Ping(_)));
    }
    assert!(waiting.join().unwrap());
    assert!(began.elapsed() >= Duration::from_millis(500), "{:?}", began.elapsed());
    alive.ask(&request(2, "cse-in", "CAdmin", "1", json!({})), 2000);
}

#[test]
fn half_a_close_is_a_close() {
    let node = node();
    let mut connection = json_connection(&node);
    connection.ask(&request(2, "cse-in", "CAdmin", "1", json!({})), 2000);
    connection.socket.get_mut().shutdown(Shutdown::Write).unwrap();
    assert!(connection.is_closed_within(Duration::from_secs(20)));
}

#[test]
fn a_proper_close_is_answered() {
    let node = node();
    let mut connection = json_connection(&node);
    connection.socket.close(None).unwrap();
    assert_eq!(connection.closed(), None);
}

#[test]
fn who_does_not_read_is_not_read_from_and_holds_up_nobody() {
    let node = Node::on(Store::Memory).set("ws.keep_alive", "1s").start();
    let mut bystander = json_connection(&node);
    register(&mut bystander, "a");
    subscribe(&mut bystander, "a");
    bystander.ask(&instance("a", &"x".repeat(100_000)), 2001);
    bystander.notified();
    let mut greedy = json_connection(&node);
    greedy.socket.get_mut().set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    let asked = request(2, "cse-in/a/c/la", "CAdmin", "1", json!({})).to_string();
    let greed = thread::spawn(move || {
        // More answers than all buffers between here and there hold, until the node has had enough.
        let sent = (0..100_000).take_while(|_| greedy.socket.send(Message::text(asked.clone())).is_ok());
        assert!(sent.count() < 100_000, "the node never stopped reading");
        greedy.is_closed_within(Duration::from_secs(20))
    });
    let mut served = 0;
    while !greed.is_finished() {
        let con = served.to_string();
        bystander.ask(&instance("a", &con), 2001);
        assert_eq!(bystander.contents(1), [con]);
        served += 1;
    }
    assert!(greed.join().unwrap());
}

#[test]
fn handshakes_that_do_not_end_are_ended() {
    let node = Node::on(Store::Memory).set("ws.handshake_timeout", "300ms").start();
    let mut slow = TcpStream::connect(node.address_of("WebSocket")).unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").unwrap();
    let socket = tungstenite::WebSocket::from_raw_socket(slow, tungstenite::protocol::Role::Client, None);
    assert!(Connection::new(socket).is_closed_within(Duration::from_secs(20)));
}
