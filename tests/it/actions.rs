//! Actions and processes across restarts: what was set off is carried out once, and what was watched still is.

use std::time::{Duration, Instant};

use dyad_tests::{Answer, Client, Node, Request, everywhere};
use serde_json::{Value, json};

use crate::load::PATIENCE;

fn container(client: &Client, name: &str) {
    let content = json!({ "m2m:cnt": { "rn": name, "mni": 1_000_000 } });
    let _ = client.send(&Request::create("cse-in", 3, content)).expect(2001);
}

/// A resource, once it is as it should be.
fn wait_for(client: &Client, to: &str, enough: impl Fn(&Value) -> bool) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = client.send(&Request::retrieve(to));
        if enough(&answer.body) || Instant::now() > deadline {
            return answer;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

fn count(client: &Client, name: &str, at_least: u64) -> u64 {
    let number = |body: &Value| body["m2m:cnt"]["cni"].as_u64().unwrap_or(0);
    number(&wait_for(client, &format!("cse-in/{name}"), |body| number(body) >= at_least).body)
}

/// An action that writes into `log` when an instance of `values` is more than 30.
fn action(client: &Client, name: &str, mode: Value) -> String {
    let mut action = json!({
        "rn": name, "sri": "cse-in/values/la", "evc": { "sbjt": "con", "optr": 3, "thld": "30" },
        "orc": "cse-in/log",
        "apv": { "op": 1, "to": "x", "fr": "CAdmin", "rqi": name, "ty": 4, "pc": { "m2m:cin": { "con": name } } },
    });
    for (member, value) in mode.as_object().unwrap() {
        action[member] = value.clone();
    }
    let _ = client.send(&Request::create("cse-in", 65, json!({ "m2m:actr": action }))).expect(2001);
    format!("cse-in/{name}")
}

fn value(client: &Client, value: &str) {
    let content = json!({ "m2m:cin": { "con": value } });
    let _ = client.send(&Request::create("cse-in/values", 4, content)).expect(2001);
}

#[test]
fn what_is_watched_is_watched_after_a_kill() {
    everywhere(|store| {
        let mut node = Node::on(store).start();
        let client = node.client();
        container(&client, "values");
        container(&client, "log");
        let once = action(&client, "once", json!({ "evm": 1 }));
        action(&client, "twice", json!({ "evm": 3, "ecp": 2 }));
        value(&client, "20");
        node.kill();
        node.restart();
        let client = node.client();
        value(&client, "31");
        assert_eq!(count(&client, "log", 2), 2, "{store:?}");
        node.kill();
        node.restart();
        let client = node.client();
        value(&client, "32");
        value(&client, "33");
        assert_eq!(count(&client, "log", 3), 3, "{store:?}: once is over, the other has one left");
        let once = wait_for(&client, &once, |body| body["m2m:actr"]["air"]["rsc"] == 2001);
        assert_eq!(once.body["m2m:actr"]["air"]["rsc"], 2001, "{store:?}");
        let twice = client.send(&Request::retrieve("cse-in/twice")).expect(2000);
        assert_eq!(twice.body["m2m:actr"]["evm"], 0, "{store:?}");
    });
}

#[test]
fn a_period_goes_on_after_a_kill() {
    everywhere(|store| {
        let mut node = Node::on(store).start();
        let client = node.client();
        container(&client, "values");
        container(&client, "log");
        action(&client, "periodic", json!({ "evm": 2, "ecp": 100 }));
        value(&client, "31");
        let before = count(&client, "log", 2);
        node.kill();
        node.restart();
        assert!(count(&node.client(), "log", before + 2) >= before + 2, "{store:?}");
    });
}

#[test]
fn what_was_set_off_is_carried_out_once() {
    everywhere(|store| {
        let mut node = Node::on(store).start();
        let client = node.client();
        container(&client, "values");
        container(&client, "log");
        action(&client, "each", json!({ "evm": 3 }));
        let mut sent = 0;
        for _ in 0..3 {
            let client = node.client();
            for _ in 0..40 {
                value(&client, "31");
                sent += 1;
            }
            node.kill();
            node.restart();
        }
        let client = node.client();
        value(&client, "31");
        sent += 1;
        // Each answered value set the action off in its own transaction: none is missing, none is there twice.
        assert_eq!(count(&client, "log", sent), sent, "{store:?}");
        let left = client.send(&Request::retrieve("cse-in").with("fu", 1).with("ty", 17)).expect(2000);
        assert_eq!(left.body["m2m:uril"].as_array().map_or(0, Vec::len), 0, "{store:?}: {left:?}");
    });
}

#[test]
fn a_process_goes_on_after_a_kill() {
    everywhere(|store| {
        let mut node = Node::on(store).start();
        let client = node.client();
        container(&client, "values");
        let _ =
            client.send(&Request::create("cse-in", 63, json!({ "m2m:prmr": { "rn": "p" } }))).expect(2001);
        let hot = json!({
            "sri": "cse-in/values/la", "evc": { "sbjt": "con", "optr": 3, "thld": "30" }, "nxst": "cse-in/p/hot",
        });
        for state in [json!({ "rn": "hot" }), json!({ "rn": "cold", "sttrs": [hot] })] {
            let _ = client.send(&Request::create("cse-in/p", 64, json!({ "m2m:stte": state }))).expect(2001);
        }
        let enable = json!({ "m2m:prmr": { "inst": "cse-in/p/cold", "prct": 1 } });
        let _ = client.send(&Request::update("cse-in/p", enable)).expect(2004);
        node.kill();
        node.restart();
        let client = node.client();
        value(&client, "31");
        let hot = client.send(&Request::retrieve("cse-in/p/hot")).expect(2000);
        assert_eq!(hot.body["m2m:stte"]["sact"], true, "{store:?}");
        let process = client.send(&Request::retrieve("cse-in/p")).expect(2000);
        assert_eq!(process.body["m2m:prmr"]["cust"], hot.body["m2m:stte"]["ri"], "{store:?}");
    });
}
