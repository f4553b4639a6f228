//! Subscriptions across resources: their windows through kills of the node, and many that hang together.

mod clock;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use dyad_tests::{Client, Node, Received, Request, Sink, Store, everywhere};
use serde_json::{Value, json};

use crate::load::{PATIENCE, add};

fn container(client: &Client, name: &str) {
    let _ = client.send(&Request::create("cse-in", 3, json!({"m2m:cnt": {"rn": name}}))).expect(2001);
}

/// A subscription across the containers `one` and `two`, which it makes.
fn across(client: &Client, target: &str, more: Value) {
    container(client, "one");
    container(client, "two");
    let mut attributes = json!({
        "rn": "x", "nu": [target], "twt": 2, "tws": "PT60S",
        "rrat": ["cse-in/one", "cse-in/two"], "encs": {"encn": [{"net": [3]}]},
    });
    attributes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let _ = client.send(&Request::create("cse-in", 48, json!({"m2m:crs": attributes}))).expect(2001);
}

/// How many notifications came. One comes again if the node was killed before it knew that it was taken.
fn told(received: &[Received]) -> usize {
    let notifications = received.iter().filter(|one| one.body["m2m:sgn"]["sur"].is_string());
    notifications.filter_map(|one| one.header("x-m2m-ri")).collect::<BTreeSet<_>>().len()
}

#[track_caller]
fn wait_until_gone(client: &Client, resource: &str) {
    let deadline = Instant::now() + PATIENCE;
    while client.send(&Request::retrieve(resource)).rsc != 4004 {
        assert!(Instant::now() < deadline, "{resource} is still there");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

#[test]
fn what_came_before_a_kill_counts() {
    everywhere(|store| {
        let mut node = Node::on(store).start();
        let sink = Sink::new();
        across(&node.client(), &sink.url(), json!({}));
        let _ = sink.take();
        for round in 1..=5 {
            let _ = add(&node.client(), "cse-in/one", "1");
            node.kill();
            node.restart();
            assert_eq!(told(&sink.received()), round - 1, "one event is not enough");
            let _ = add(&node.client(), "cse-in/two", "1");
            let received = sink.wait_until(PATIENCE, |received| told(received) >= round);
            assert_eq!(told(&received), round);
        }
    });
}

#[test]
fn the_end_of_a_window_is_told_after_a_kill() {
    everywhere(|store| {
        let mut node = Node::on(store).start();
        let sink = Sink::new();
        // It counts down, so that it would notify once at most.
        across(&node.client(), &sink.url(), json!({"eem": 5, "tws": "PT2S", "exc": 1}));
        let _ = sink.take();
        let _ = add(&node.client(), "cse-in/one", "1");
        node.kill();
        node.restart();
        let received = sink.wait_for(1, PATIENCE);
        assert_eq!(told(&received), 1);
        wait_until_gone(&node.client(), "cse-in/x");
        let left = node.client().send(&Request::retrieve("cse-in/two").with("rcn", 6)).expect(2000);
        assert_eq!(left.body["m2m:rrl"]["rrf"], json!([]), "its subscription went along");
    });
}

#[test]
fn a_kill_leaves_all_of_it_or_nothing() {
    everywhere(|store| {
        let mut node = Node::on(store).start();
        let sink = Sink::new();
        across(&node.client(), &sink.url(), json!({}));
        let client = node.client();
        let made = client.send(&Request::retrieve("cse-in/x")).expect(2000).body["m2m:crs"]["rrats"].clone();
        node.kill();
        node.restart();
        for subscription in made.as_array().unwrap() {
            let _ = node.client().send(&Request::retrieve(subscription.as_str().unwrap())).expect(2000);
        }
        let _ = node.client().send(&Request::delete("cse-in/one")).expect(2002);
        node.kill();
        node.restart();
        wait_until_gone(&node.client(), "cse-in/x");
        wait_until_gone(&node.client(), made[1].as_str().unwrap());
    });
}

#[test]
fn a_long_chain_comes_apart() {
    const LINKS: usize = 40;
    let node = Node::on(Store::Sqlite).start();
    let (client, sink) = (node.client(), Sink::new());
    container(&client, "one");
    let mut last: Option<String> = None;
    for link in 0..LINKS {
        let mut attributes = json!({
            "rn": format!("x{link}"), "nu": [sink.url()], "twt": 1, "tws": "PT60S",
            "rrat": ["cse-in/one"], "encs": {"encn": [{"net": [3]}]},
        });
        if let Some(last) = last {
            attributes["srat"] = json!([last]);
        }
        let made = client.send(&Request::create("cse-in", 48, json!({"m2m:crs": attributes}))).expect(2001);
        last = Some(made.text("/m2m:crs/rrats/0"));
    }
    let _ = client.send(&Request::delete("cse-in/x0")).expect(2002);
    for link in 1..LINKS {
        wait_until_gone(&client, &format!("cse-in/x{link}"));
    }
    let left = client.send(&Request::retrieve("cse-in/one").with("rcn", 6)).expect(2000);
    assert_eq!(left.body["m2m:rrl"]["rrf"], json!([]));
}
