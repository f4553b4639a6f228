//! Location policies across restarts, and many of them at once.

use std::time::{Duration, Instant};

use dyad_tests::{Answer, Client, Node, Request, Store, everywhere};
use serde_json::{Value, json};

use crate::load::PATIENCE;

/// A resource, once it is as it should be.
fn wait_for(client: &Client, to: &str, enough: impl Fn(&Value) -> bool) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = client.send(&Request::retrieve(to));
        if enough(&answer.body) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{to} stays {}", answer.body);
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

fn register(client: &Client, name: &str) {
    let content = json!({ "m2m:ae": { "rn": name, "api": "Nlocation", "rr": false, "srv": ["3"] } });
    let _ = client.send(&Request::create("cse-in", 2, content).from(&format!("C{name}"))).expect(2001);
}

fn policy(client: &Client, owner: &str, attributes: Value) {
    let mut content = json!({ "rn": "where", "los": 2, "lon": "places" });
    for (name, value) in attributes.as_object().unwrap() {
        content[name] = value.clone();
    }
    let request = Request::create(&format!("cse-in/{owner}"), 10, json!({ "m2m:lcp": content }));
    let _ = client.send(&request.from(&format!("C{owner}"))).expect(2001);
}

fn move_to(client: &Client, owner: &str, longitude: u32) {
    let place = json!({ "typ": 1, "crd": format!("[{longitude},55]") });
    let request = Request::update(&format!("cse-in/{owner}"), json!({ "m2m:ae": { "loc": place } }));
    let _ = client.send(&request.from(&format!("C{owner}"))).expect(2004);
}

/// How many instances there are in the container of an AE.
fn kept(body: &Value) -> u64 {
    body["m2m:cnt"]["cni"].as_u64().unwrap_or(0)
}

const BETWEEN_10_AND_20: &str = "[[10,50],[20,50],[20,60],[10,60]]";

#[test]
fn fences_and_periods_outlive_a_kill() {
    everywhere(|store| {
        let mut node = Node::on(store).start();
        let client = node.client();
        for name in ["fenced", "periodic"] {
            register(&client, name);
            move_to(&client, name, 15);
        }
        policy(&client, "fenced", json!({ "lit": 2, "gec": 2, "gta": BETWEEN_10_AND_20 }));
        policy(&client, "periodic", json!({ "lou": ["PT1S"] }));
        // Inside; whether it left is decided by what was known before.
        move_to(&client, "fenced", 16);
        node.kill();
        node.restart();
        let client = node.client();
        move_to(&client, "fenced", 30);
        let event = wait_for(&client, "cse-in/fenced/places/la", |body| body["m2m:cin"]["con"] == "2");
        assert_eq!(event.body["m2m:cin"]["cnf"], "text/plain:0", "{store:?}");
        let periodic = "cse-in/periodic/places";
        let before = kept(&wait_for(&client, periodic, |body| kept(body) > 0).body);
        let _ = wait_for(&client, periodic, |body| kept(body) > before + 1);
    });
}

#[test]
fn no_event_is_lost_or_told_twice_by_a_kill() {
    everywhere(|store| {
        let mut node = Node::on(store).start();
        register(&node.client(), "walker");
        policy(&node.client(), "walker", json!({ "lit": 2, "gec": 1, "gta": BETWEEN_10_AND_20 }));
        move_to(&node.client(), "walker", 30);
        for round in 1..=5_u64 {
            let client = node.client();
            for longitude in [15, 30, 15, 30] {
                move_to(&client, "walker", longitude);
            }
            // Some are kept by now, the others after the restart.
            node.kill();
            node.restart();
            let client = node.client();
            let _ = wait_for(&client, "cse-in/walker/places", |body| kept(body) >= round * 2);
            assert_eq!(kept(&client.send(&Request::retrieve("cse-in/walker/places")).body), round * 2);
        }
    });
}

#[test]
fn an_entity_is_followed_by_a_hundred_fences() {
    let node = Node::on(Store::Sqlite).start();
    let client = node.client();
    register(&client, "popular");
    let one = json!({ "m2m:lcp": { "los": 2, "lit": 2, "gec": 1, "gta": BETWEEN_10_AND_20 } });
    let create = Request::create("cse-in/popular", 10, one).from("Cpopular");
    for _ in 0..100 {
        let _ = client.send(&create).expect(2001);
    }
    let _ = client.send(&create).expect(4005);
    // Positions are looked up when they are due, so those who want them are not counted.
    let plain = json!({ "m2m:lcp": { "los": 2, "rn": "plain" } });
    let _ = client.send(&Request::create("cse-in/popular", 10, plain).from("Cpopular")).expect(2001);
    let fence = json!({ "m2m:lcp": { "lit": 2 } });
    let _ = client.send(&Request::update("cse-in/popular/plain", fence).from("Cpopular")).expect(4005);
    move_to(&client, "popular", 30);
    move_to(&client, "popular", 15);
    let deadline = Instant::now() + PATIENCE;
    let found = || {
        let all = client.send(&Request::retrieve("cse-in/popular").with("fu", "1").with("ty", "4"));
        all.body["m2m:uril"].as_array().map_or(0, Vec::len)
    };
    while found() < 100 {
        assert!(Instant::now() < deadline);
        std::thread::park_timeout(Duration::from_millis(20));
    }
    assert_eq!(found(), 100);
}
