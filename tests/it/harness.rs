//! The tools of these tests, tested on a node: whoever writes tests can start here.

use std::time::Duration;

use dyad_tests::{Node, Received, Reply, Request, Sink, Store};
use serde_json::json;

#[test]
fn a_node_keeps_what_it_answered_through_a_stop_and_a_kill() {
    let mut node = Node::on(Store::Sqlite).start();
    let container = |name: &str| Request::create("cse-in", 3, json!({ "m2m:cnt": { "rn": name } }));
    let _ = node.client().send(&container("one")).expect(2001);
    node.restart();
    let _ = node.client().send(&Request::retrieve("cse-in/one")).expect(2000);
    let _ = node.client().send(&container("two")).expect(2001);
    node.kill();
    node.restart();
    let _ = node.client().send(&Request::retrieve("cse-in/two")).expect(2000);
}

#[test]
fn a_sink_gets_notifications_also_after_it_was_dead() {
    let node = Node::on(Store::Memory).start();
    let (client, mut sink) = (node.client(), Sink::new());
    let _ = client.send(&Request::create("cse-in", 3, json!({ "m2m:cnt": { "rn": "c" } }))).expect(2001);
    let subscription = json!({ "m2m:sub": { "nu": [sink.url()], "enc": { "net": [3] }, "nct": 1 } });
    let _ = client.send(&Request::create("cse-in/c", 23, subscription)).expect(2001);
    let _ = sink.take();
    let add = |content: &str| {
        let _ = client
            .send(&Request::create("cse-in/c", 4, json!({ "m2m:cin": { "con": content } })))
            .expect(2001);
    };
    sink.answer_next(Reply { after: Duration::from_millis(20), ..Reply::default() });
    add("1");
    assert_eq!(sink.wait_for(1, Duration::from_secs(10)).len(), 1);
    sink.die();
    add("2");
    sink.revive();
    let has = |received: &[Received], content: &str| {
        received.iter().any(|one| one.body.pointer("/m2m:sgn/nev/rep/m2m:cin/con") == Some(&json!(content)))
    };
    // The first may come twice: the sink died before it had answered.
    let received = sink.wait_until(Duration::from_secs(10), |received| has(received, "2"));
    assert!(has(&received, "1") && has(&received, "2"), "{received:?}");
}

#[test]
fn a_client_can_send_what_is_no_http() {
    let node = Node::on(Store::Memory).start();
    let answer = node.client().send_bytes(b"GET\r\n\r\n").unwrap();
    assert!(answer.is_none_or(|answer| answer.code == 400));
}
