//! Many subscriptions on one resource: nobody waits for all of them, and all of them are told.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use dyad_tests::{Client, Node, Received, Request, Sink, Store};
use serde_json::json;

use crate::load::{PATIENCE, add, contents};

/// A container with so many subscriptions for new children, each with a target of its own at one sink.
fn crowded(client: &Client, name: &str, sink: &Sink, count: usize) {
    let _ =
        client.send(&Request::create("cse-in", 3, json!({"m2m:cnt": {"rn": name, "mni": 10}}))).expect(2001);
    std::thread::scope(|scope| {
        for part in 0..4 {
            scope.spawn(move || {
                for number in (part..count).step_by(4) {
                    let target = format!("{}/{number}", sink.url());
                    let events = json!({"net": [3], "chty": [4]});
                    let subscription = json!({"m2m:sub": {"nu": [target], "enc": events}});
                    let _ = client
                        .send(&Request::create(&format!("cse-in/{name}"), 23, subscription))
                        .expect(2001);
                }
            });
        }
    });
    let _ = sink.take();
}

/// The contents that each target got, in order.
fn by_target(received: &[Received]) -> BTreeMap<&str, Vec<String>> {
    let mut by_target: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for one in received {
        by_target.entry(&one.line).or_default().extend(contents(std::slice::from_ref(one)));
    }
    by_target
}

/// The middle one of how long creates take.
fn create_takes(client: &Client, container: &str) -> Duration {
    let mut took: Vec<Duration> = (0..20)
        .map(|number| {
            let began = Instant::now();
            let _ = add(client, container, &format!("{number}"));
            began.elapsed()
        })
        .collect();
    took.sort();
    took[took.len() / 2]
}

#[test]
fn a_thousand_subscribers_are_told_in_order() {
    const SUBSCRIBERS: usize = 1_000;
    for store in Store::lasting() {
        let node = Node::on(store).start();
        let (client, sink) = (node.client(), Sink::new());
        crowded(&client, "c", &sink, SUBSCRIBERS);
        let _ = client
            .send(&Request::create("cse-in", 3, json!({"m2m:cnt": {"rn": "d", "mni": 10}})))
            .expect(2001);
        let alone = create_takes(&client, "cse-in/d");
        let began = Instant::now();
        let _ = add(&client, "cse-in/c", "0");
        let answered = began.elapsed();
        let received = sink.wait_for(SUBSCRIBERS, PATIENCE);
        let told = began.elapsed();
        println!(
            "{store:?}: {alone:?} without subscribers, {answered:?} with {SUBSCRIBERS}, all told after {told:?}"
        );
        assert_eq!(received.len(), SUBSCRIBERS);
        for number in 1..5 {
            let _ = add(&client, "cse-in/c", &number.to_string());
        }
        let received = sink.wait_for(5 * SUBSCRIBERS, PATIENCE);
        let order: Vec<String> = (0..5).map(|number| number.to_string()).collect();
        let by_target = by_target(&received);
        assert_eq!(by_target.len(), SUBSCRIBERS);
        assert!(by_target.values().all(|got| *got == order), "{store:?}: lost, twice or out of order");
    }
}

#[test]
fn many_subscribers_are_told_although_the_node_is_killed() {
    const SUBSCRIBERS: usize = 600;
    for store in Store::lasting() {
        let mut node = Node::on(store).start();
        let sink = Sink::new();
        crowded(&node.client(), "c", &sink, SUBSCRIBERS);
        for number in 0..3 {
            let _ = add(&node.client(), "cse-in/c", &number.to_string());
            // At different points of the way from the event to the targets.
            let _ = sink.wait_for(number * 100, PATIENCE);
            node.kill();
            node.restart();
        }
        let all = |received: &[Received]| {
            let by_target = by_target(received);
            by_target.len() == SUBSCRIBERS
                && by_target.values().all(|got| got.last().is_some_and(|one| one == "2"))
        };
        let received = sink.wait_until(PATIENCE, all);
        for (target, mut got) in by_target(&received) {
            // What was on its way may come again, but in order.
            got.dedup();
            assert_eq!(got, ["0", "1", "2"], "{store:?} {target}");
        }
    }
}
