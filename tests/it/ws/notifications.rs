//! Notifications over the connections of those who are notified: at once, after they come back, and elsewhere if they
//! do not take them.

use std::thread;

use dyad_tests::{Node, Request, Sink, Store};
use serde_json::json;

use super::client::{Connection, Target, create, instance, json_connection, register, request, subscribe};
use crate::load::{PATIENCE, add, contents};

/// What waits is sent again after this at the earliest, unless somebody comes: nothing here waits for it.
const NEVER: &str = "1h";

fn node() -> Node {
    node_on(Store::Memory)
}

fn node_on(store: Store) -> Node {
    Node::on(store).set("notification.retry_first", NEVER).set("notification.retry_longest", NEVER).start()
}

fn subscribed(node: &Node, name: &str) -> Connection {
    let mut connection = json_connection(node);
    register(&mut connection, name);
    subscribe(&mut connection, name);
    connection
}

fn numbers(to: usize) -> Vec<String> {
    (0..to).map(|number| number.to_string()).collect()
}

#[test]
fn over_the_same_connection_in_order() {
    let node = node();
    let mut connection = subscribed(&node, "a");
    for number in 0..50 {
        connection.send(&instance("a", &number.to_string()));
    }
    for _ in 0..50 {
        assert_eq!(connection.response()["rsc"], 2001);
    }
    assert_eq!(connection.contents(50), numbers(50));
}

#[test]
fn the_notification_says_what_it_should() {
    let node = node();
    let mut connection = subscribed(&node, "a");
    connection.ask(&instance("a", "1"), 2001);
    let notification = connection.notified();
    assert_eq!(notification["to"], "Ca", "{notification}");
    assert_eq!(notification["fr"], "/id-in", "{notification}");
    assert!(notification["rqi"].is_string() && notification["rvi"].is_string(), "{notification}");
    let subscription = notification["pc"]["m2m:sgn"]["sur"].as_str().unwrap();
    assert!(subscription.starts_with("/id-in/sub"), "{notification}");
}

#[test]
fn what_is_owed_comes_after_a_reconnect() {
    let node = node();
    let mut connection = subscribed(&node, "a");
    let client = node.client();
    connection.ask(&instance("a", "0"), 2001);
    assert_eq!(connection.contents(1), ["0"]);
    drop(connection);
    for number in 1..10 {
        add(&client, "cse-in/a/c", &number.to_string());
    }
    // Whose connection it is shows with the first request.
    let mut connection = json_connection(&node);
    connection.ask(&request(2, "cse-in/a", "Ca", "back", json!({})), 2000);
    assert_eq!(connection.contents(9), numbers(10)[1..]);
}

#[test]
fn nothing_is_lost_by_a_restart() {
    let mut node = node_on(Store::Sqlite);
    let mut connection = subscribed(&node, "a");
    let client = node.client();
    add(&client, "cse-in/a/c", "0");
    // Seen and not answered.
    let seen = connection.requested();
    node.kill();
    node.restart();
    let mut connection = json_connection(&node);
    connection.ask(&request(2, "cse-in/a", "Ca", "back", json!({})), 2000);
    let again = connection.notified();
    assert_eq!((&again["rqi"], &again["pc"]), (&seen["rqi"], &seen["pc"]));
}

#[test]
fn a_closed_connection_fails_at_once_and_the_one_before_takes_over() {
    let node = Node::on(Store::Memory).set("notification.timeout", "1h").start();
    let mut first = subscribed(&node, "a");
    let mut second = json_connection(&node);
    second.ask(&request(2, "cse-in/a", "/id-in/Ca", "1", json!({})), 2000);
    first.ask(&instance("a", "0"), 2001);
    let seen = second.requested();
    drop(second);
    assert_eq!(first.requested()["rqi"], seen["rqi"], "the latest is gone");
}

#[test]
fn one_connection_carries_several() {
    let node = node();
    let mut connection = json_connection(&node);
    for name in ["a", "b"] {
        register(&mut connection, name);
        subscribe(&mut connection, name);
    }
    let client = node.client();
    add(&client, "cse-in/a/c", "to a");
    assert_eq!(connection.contents(1), ["to a"]);
    add(&client, "cse-in/b/c", "to b");
    assert_eq!(connection.contents(1), ["to b"]);
}

#[test]
fn who_was_refused_does_not_take_a_connection_over() {
    let node = node();
    let mut own = subscribed(&node, "a");
    let mut other = json_connection(&node);
    other.ask(&request(2, "cse-in/nothing", "Ca", "1", json!({})), 4004);
    let ae = json!({"m2m:ae": {"rn": "other", "api": "N1", "rr": false, "srv": ["3"]}});
    other.ask(&create("cse-in", "Ca", "2", 2, ae), 4117);
    own.ask(&instance("a", "0"), 2001);
    assert_eq!(own.contents(1), ["0"]);
}

#[test]
fn verification_comes_over_the_connection() {
    let node = node();
    let mut owner = json_connection(&node);
    register(&mut owner, "a");
    let mut target = json_connection(&node);
    register(&mut target, "b");
    // Whoever is to be notified by another is asked first (TS-0004 7.4.8.2.1).
    let subscription = json!({"m2m:sub": {"rn": "s", "nu": ["Cb"], "enc": {"net": [3]}}});
    owner.send(&create("cse-in/a/c", "Ca", "sub", 23, subscription));
    let asked = target.requested();
    assert_eq!(asked["pc"]["m2m:sgn"]["vrq"], true, "{asked}");
    target.send(&json!({"rsc": 2000, "rqi": asked["rqi"], "rvi": "3"}));
    assert_eq!(owner.response()["rsc"], 2001);
    owner.ask(&instance("a", "0"), 2001);
    assert_eq!(target.contents(1), ["0"]);
}

#[test]
fn a_notify_of_another_is_forwarded_and_answered() {
    let node = node();
    let mut target = json_connection(&node);
    register(&mut target, "a");
    let client = node.client();
    let asking = thread::spawn(move || {
        let request = Request::notify("cse-in/a", json!({"m2m:sgn": {"sur": "x"}}));
        client.send(&request)
    });
    let asked = target.requested();
    assert_eq!(asked["fr"], "/id-in/CAdmin", "{asked}");
    target.send(&json!({"rsc": 4005, "rqi": asked["rqi"], "rvi": "3"}));
    assert_eq!(asking.join().unwrap().rsc, 4005);
}

#[test]
fn points_of_access_come_first_for_who_has_them() {
    let node = Node::on(Store::Memory).start();
    let mut sink = Sink::new();
    let mut connection = json_connection(&node);
    let ae = json!({"m2m:ae": {"rn": "a", "api": "N1", "rr": true, "srv": ["3"], "poa": [sink.url()]}});
    connection.ask(&create("cse-in", "Ca", "ae", 2, ae), 2001);
    connection.ask(&create("cse-in/a", "Ca", "cnt", 3, json!({"m2m:cnt": {"rn": "c"}})), 2001);
    subscribe(&mut connection, "a");
    connection.ask(&instance("a", "0"), 2001);
    assert_eq!(contents(&sink.wait_for(1, PATIENCE)), ["0"]);
    // When nobody answers there, the connection is left.
    sink.die();
    connection.ask(&instance("a", "1"), 2001);
    // The sink may have died before it had answered the first.
    while connection.contents(1) != ["1"] {}
}

#[test]
fn who_takes_no_requests_is_called_elsewhere() {
    let node = Node::on(Store::Memory).start();
    let sink = Sink::new();
    let mut connection = json_connection(&node);
    let ae = json!({"m2m:ae": {"rn": "a", "api": "N1", "rr": false, "srv": ["3"], "poa": [sink.url()]}});
    connection.ask(&create("cse-in", "Ca", "ae", 2, ae), 2001);
    connection.ask(&create("cse-in/a", "Ca", "cnt", 3, json!({"m2m:cnt": {"rn": "c"}})), 2001);
    subscribe(&mut connection, "a");
    connection.ask(&instance("a", "0"), 2001);
    let asked = connection.requested();
    connection.send(&json!({"rsc": 5103, "rqi": asked["rqi"], "rvi": "3"}));
    assert_eq!(contents(&sink.wait_for(1, PATIENCE)), ["0"]);
}

#[test]
fn who_polls_gets_it_over_a_connection_once_there_is_one() {
    let node = node();
    let mut connection = subscribed(&node, "a");
    connection.ask(&create("cse-in/a", "Ca", "pch", 15, json!({"m2m:pch": {"rn": "p"}})), 2001);
    drop(connection);
    add(&node.client(), "cse-in/a/c", "0");
    let mut connection = json_connection(&node);
    connection.ask(&request(2, "cse-in/a", "Ca", "back", json!({})), 2000);
    assert_eq!(connection.contents(1), ["0"]);
}

#[test]
fn an_unanswered_one_comes_again() {
    let node = Node::on(Store::Memory).set("notification.timeout", "200ms").start();
    let mut connection = subscribed(&node, "a");
    connection.ask(&instance("a", "0"), 2001);
    let first = connection.requested();
    let again = connection.notified();
    assert_eq!(first["rqi"], again["rqi"]);
    // The late answer to the first is nobody's; the next comes in its turn.
    connection.send(&json!({"rsc": 2000, "rqi": first["rqi"], "rvi": "3"}));
    connection.ask(&instance("a", "1"), 2001);
    assert_eq!(connection.contents(1), ["1"]);
}

#[test]
fn a_url_is_connected_to_once_and_again_when_it_was_closed() {
    let node = Node::on(Store::Memory).start();
    let client = node.client();
    let mut target = Target::new();
    let _ = client.send(&Request::create("cse-in", 3, json!({"m2m:cnt": {"rn": "c"}}))).expect(2001);
    let subscription = json!({"m2m:sub": {"rn": "s", "nu": [target.url()], "enc": {"net": [3]}}});
    let asking = {
        let client = node.client();
        thread::spawn(move || client.send(&Request::create("cse-in/c", 23, subscription)))
    };
    let mut connection = target.accept();
    assert_eq!(connection.notified()["pc"]["m2m:sgn"]["vrq"], true);
    let _ = asking.join().unwrap().expect(2001);
    for number in 0..10 {
        add(&client, "cse-in/c", &number.to_string());
    }
    assert_eq!(connection.contents(10), numbers(10));
    // Requests go the other way too.
    connection.ask(&request(2, "cse-in", "CAdmin", "1", json!({})), 2000);
    connection.socket.close(None).unwrap();
    let _ = connection.closed();
    add(&client, "cse-in/c", "again");
    assert_eq!(target.accept().contents(1), ["again"]);
}

#[test]
fn a_url_where_nobody_answers_is_no_target() {
    let node = Node::on(Store::Memory).start();
    let client = node.client();
    let _ = client.send(&Request::create("cse-in", 3, json!({"m2m:cnt": {"rn": "c"}}))).expect(2001);
    for url in ["ws://127.0.0.1:1/", "ws:///"] {
        let subscription = json!({"m2m:sub": {"nu": [url], "enc": {"net": [3]}}});
        let refused = client.send(&Request::create("cse-in/c", 23, subscription));
        assert!(refused.rsc >= 4000, "{refused:?}");
    }
}
