//! Requests over WebSockets: what is answered, in which form, and in which order.

use std::net::TcpStream;
use std::process::Command;

use dyad_tests::{Node, Request, Sink, Store, binary};
use serde_json::json;
use tungstenite::Message;

use super::client::{connect, connect_with, create, instance, json_connection, register, request};
use crate::load::PATIENCE;

fn node() -> Node {
    Node::on(Store::Memory).start()
}

#[test]
fn the_operations() {
    let node = node();
    let mut connection = json_connection(&node);
    register(&mut connection, "a");
    let made = connection.ask(&instance("a", "12.8"), 2001);
    assert_eq!(made["pc"]["m2m:cin"]["con"], "12.8");
    let latest = connection.ask(&request(2, "cse-in/a/c/la", "Ca", "r", json!({})), 2000);
    assert_eq!(latest["pc"], made["pc"]);
    let change = json!({"pc": {"m2m:cnt": {"lbl": ["x"]}}});
    connection.ask(&request(3, "cse-in/a/c", "Ca", "u", change), 2004);
    let found =
        connection.ask(&request(2, "cse-in", "Ca", "f", json!({"fc": {"fu": 1, "lbl": ["x"]}})), 2000);
    assert_eq!(found["pc"], json!({"m2m:uril": ["cse-in/a/c"]}));
    // The same tree as over HTTP.
    let _ = node.client().send(&Request::retrieve("cse-in/a/c/la")).expect(2000);
    connection.ask(&request(4, "cse-in/a", "Ca", "d", json!({})), 2002);
    connection.ask(&request(2, "cse-in/a", "Ca", "g", json!({})), 4004);
}

#[test]
fn an_identifier_is_assigned() {
    let node = node();
    let mut connection = json_connection(&node);
    let ae = json!({"m2m:ae": {"rn": "a", "api": "N1", "rr": false, "srv": ["3"]}});
    let made = connection.ask(&create("cse-in", "S", "1", 2, ae), 2001);
    let own = made["pc"]["m2m:ae"]["aei"].as_str().unwrap().to_owned();
    let content = json!({"m2m:cnt": {"rn": "c"}});
    connection.ask(&create("cse-in/a", &own, "2", 3, content), 2001);
    // It is known by the registration alone.
    let subscription = json!({"m2m:sub": {"nu": [own], "enc": {"net": [3]}}});
    connection.ask(&create("cse-in/a/c", &own, "3", 23, subscription), 2001);
    let content = json!({"m2m:cin": {"con": "1"}});
    connection.ask(&create("cse-in/a/c", &own, "4", 4, content), 2001);
    assert_eq!(connection.contents(1), ["1"]);
}

#[test]
fn answers_come_as_they_are_done() {
    let node = node();
    let mut connection = json_connection(&node);
    register(&mut connection, "a");
    let slow = dyad_tests::Sink::new();
    slow.answer(dyad_tests::Reply { after: PATIENCE, ..dyad_tests::Reply::default() });
    // The target of this subscription is asked and takes its time.
    let subscription = json!({"m2m:sub": {"rn": "s", "nu": [slow.url()], "enc": {"net": [3]}}});
    connection.send(&create("cse-in/a/c", "Ca", "slow", 23, subscription));
    slow.wait_for(1, PATIENCE);
    for number in 0..200 {
        connection.send(&request(2, "cse-in/a", "Ca", &number.to_string(), json!({})));
    }
    let answered: Vec<String> =
        (0..200).map(|_| connection.response()["rqi"].as_str().unwrap().to_owned()).collect();
    assert_eq!(answered, (0..200).map(|number: u32| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn no_more_than_so_many_are_in_progress() {
    let node = Node::on(Store::Memory).set("ws.max_in_progress", 2).start();
    let mut connection = json_connection(&node);
    register(&mut connection, "a");
    let slow = Sink::new();
    slow.answer(dyad_tests::Reply { after: PATIENCE, ..dyad_tests::Reply::default() });
    for number in ["1", "2"] {
        let subscription = json!({"m2m:sub": {"rn": number, "nu": [slow.url()], "enc": {"net": [3]}}});
        connection.send(&create("cse-in/a/c", "Ca", number, 23, subscription));
    }
    slow.wait_for(2, PATIENCE);
    connection.send(&instance("a", "late"));
    // Other connections do not wait.
    json_connection(&node).ask(&instance("a", "at once"), 2001);
    let held = node.client().send(&Request::retrieve("cse-in/a/c")).expect(2000);
    assert_eq!(held.body["m2m:cnt"]["cni"], 1, "the third has not been read");
}

#[test]
fn root_elements_are_answered_in_kind() {
    let node = node();
    let mut connection = json_connection(&node);
    let wrapped = json!({"m2m:rqp": request(2, "cse-in", "CAdmin", "1", json!({}))});
    connection.send(&wrapped);
    let answer = connection.next();
    assert_eq!(answer["m2m:rsp"]["rsc"], 2000, "{answer}");
    connection.ask(&request(2, "cse-in", "CAdmin", "2", json!({})), 2000);
    connection.send(&json!({"m2m:rqp": 5}));
    assert_eq!(connection.next()["m2m:rsp"]["rsc"], 4000);
}

#[test]
fn cbor_travels_in_binary_frames() {
    let node = node();
    let mut connection = connect(&node, "oneM2M.cbor").unwrap();
    // {"op": 2, "to": "cse-in", "fr": "CAdmin", "rqi": "1", "rvi": "3"}
    let message = b"\xa5\x62op\x02\x62to\x66cse-in\x62fr\x66CAdmin\x63rqi\x611\x63rvi\x613";
    connection.socket.send(Message::binary(&message[..])).unwrap();
    let answer = connection.socket.read().unwrap();
    let Message::Binary(answer) = answer else { panic!("{answer:?}") };
    // "rsc": 2000
    assert!(answer.windows(7).any(|window| window == b"\x63rsc\x19\x07\xd0"), "{answer:x?}");
    connection.socket.send(Message::text("{}")).unwrap();
    assert_eq!(connection.closed(), Some(1003));
}

#[test]
fn a_request_without_response_has_none() {
    let node = node();
    let mut connection = json_connection(&node);
    connection.send(&request(2, "cse-in", "CAdmin", "1", json!({"rt": {"rtv": 5}})));
    connection.ask(&request(2, "cse-in", "CAdmin", "2", json!({})), 2000);
}

#[test]
fn what_is_no_request_is_answered_and_changes_nothing() {
    let node = node();
    let mut connection = json_connection(&node);
    for (message, rqi) in [
        ("", ""),
        ("nonsense", ""),
        ("[]", ""),
        ("{\"op\":2,\"op\":2}", ""),
        (r#"{"op":9,"to":"cse-in","rqi":"7"}"#, "7"),
        (r#"{"op":1,"to":"cse-in","rqi":"8","fr":"CAdmin","rvi":"3","ty":3,"pc":{"m2m:cnt":{"rn":1}}}"#, "8"),
    ] {
        connection.socket.send(Message::text(message)).unwrap();
        let answer = connection.response();
        assert_eq!((&answer["rsc"], &answer["rqi"]), (&json!(4000), &json!(rqi)), "{message}: {answer}");
    }
    // Responses that nobody waits for, and what is none, are no reason to answer.
    for message in [r#"{"rsc":2000,"rqi":"nobody"}"#, r#"{"rsc":"x"}"#] {
        connection.socket.send(Message::text(message)).unwrap();
    }
    connection.ask(&request(2, "cse-in", "CAdmin", "2", json!({})), 2000);
}

#[test]
fn handshakes() {
    let node = Node::on(Store::Memory)
        .set("ws.root", "/m2m")
        .set("ws.origins", "https://console.example.com")
        .start();
    let with = |headers: &[(&'static str, &str)], path: &str| {
        connect_with(&node, headers, path).map(|_| ()).map_err(|(status, _)| status)
    };
    let json = ("Sec-WebSocket-Protocol", "oneM2M.json");
    assert_eq!(with(&[json], "/m2m/"), Ok(()));
    assert_eq!(with(&[json], "/m2m"), Ok(()));
    assert_eq!(with(&[("Sec-WebSocket-Protocol", "oneM2M.yaml, oneM2M.json")], "/m2m"), Ok(()));
    assert_eq!(with(&[json], "/"), Err(404));
    assert_eq!(with(&[json, ("Origin", "https://console.example.com")], "/m2m"), Ok(()));
    assert_eq!(with(&[json, ("Origin", "https://evil.example.com")], "/m2m"), Err(403));
    assert_eq!(with(&[], "/m2m"), Err(400));
    let refused = connect_with(&node, &[("Sec-WebSocket-Protocol", "mqtt")], "/m2m").map(|_| ()).unwrap_err();
    assert!(refused.0 == 400 && refused.1.contains("oneM2M.json"), "{refused:?}");
    // The node names itself so.
    let base = node.client().send(&Request::retrieve("cse-in")).expect(2000);
    let points = base.body["m2m:cb"]["poa"].to_string();
    assert!(points.contains(&format!("ws://{}/m2m", node.address_of("WebSocket"))), "{points}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let node = node();
    let taken = format!("ws.listen={}", node.address_of("WebSocket"));
    let directory = tempfile::tempdir().unwrap();
    let mut second = Command::new(binary());
    second.args([
        "serve",
        "--set",
        "http.listen=127.0.0.1:0",
        "--set",
        "coap.listen=127.0.0.1:0",
        "--set",
        "mqtt.listen=127.0.0.1:0",
        "--set",
        &taken,
    ]);
    let output = second.current_dir(directory.path()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("set ws.listen to a free address"), "{said}");
}

#[test]
fn switched_off_nothing_listens() {
    let node = Node::on(Store::Memory).set("ws.enabled", false).start();
    assert!(node.listens("WebSocket").is_none());
    let base = node.client().send(&Request::retrieve("cse-in")).expect(2000);
    assert!(!base.body["m2m:cb"]["poa"].to_string().contains("ws://"));
}

#[test]
fn a_stop_answers_what_is_in_flight_and_says_goodbye() {
    let mut node = node();
    let mut idle = json_connection(&node);
    let mut busy = json_connection(&node);
    register(&mut busy, "a");
    let slow = Sink::new();
    slow.answer(dyad_tests::Reply {
        after: std::time::Duration::from_secs(1),
        ..dyad_tests::Reply::default()
    });
    let subscription = json!({"m2m:sub": {"rn": "s", "nu": [slow.url()], "enc": {"net": [3]}}});
    busy.send(&create("cse-in/a/c", "Ca", "slow", 23, subscription));
    slow.wait_for(1, PATIENCE);
    let address = node.address_of("WebSocket");
    node.stop();
    let answer = busy.response();
    assert_eq!(answer["rqi"], "slow");
    assert_eq!(busy.closed(), Some(1001));
    assert_eq!(idle.closed(), Some(1001));
    assert!(TcpStream::connect(address).is_err());
}
