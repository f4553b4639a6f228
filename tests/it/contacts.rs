//! Lists of contacts: what other CSEs tell, and what is left after a restart.

use std::time::{Duration, Instant};

use dyad_tests::{Client, Node, Request, Store, everywhere};
use serde_json::{Value, json};

use crate::load::PATIENCE;

/// Nobody registers as a CSE yet, so the administrator has the identifier of one.
const CSE: &str = "/Smiddle";

fn node(store: Store) -> dyad_tests::Builder {
    Node::on(store).set("cse.admin", "Smiddle")
}

/// A RETRIEVE by who may see everything.
fn seen(to: &str) -> Request {
    Request::retrieve(to).from(CSE)
}

/// The addresses of all resources of a type.
fn all(client: &Client, ty: u32) -> Vec<String> {
    let answer = client.send(&seen("cse-in").with("fu", 1).with("ty", ty)).expect(2000);
    let list = answer.body["m2m:uril"].as_array().unwrap().iter();
    list.map(|address| address.as_str().unwrap().to_owned()).collect()
}

/// The AEs that a CSE refers to.
fn listed(client: &Client, cse: &str) -> Vec<String> {
    let per_cse = all(client, 44).into_iter().map(|to| client.send(&seen(&to)).body);
    let own = per_cse.map(|body| body["m2m:alpc"].clone()).find(|list| list["csi"] == cse);
    let entities = own.and_then(|list| list["ail"].as_array().cloned()).unwrap_or_default();
    entities.iter().map(|entity| entity.as_str().unwrap().to_owned()).collect()
}

fn wait_for(client: &Client, cse: &str, expected: &[&str]) {
    let deadline = Instant::now() + PATIENCE;
    while listed(client, cse) != expected {
        assert!(Instant::now() < deadline, "{cse}: {:?} in place of {expected:?}", listed(client, cse));
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

fn impacted(client: &Client) -> Value {
    client.send(&seen(&all(client, 43)[0])).expect(2000).body["m2m:alst"]["nic"].clone()
}

fn policy(client: &Client, name: &str, who: &[&str]) {
    let rules = json!({ "acr": [{ "acor": who, "acop": 63 }] });
    let content = json!({ "m2m:acp": { "rn": name, "pv": rules, "pvs": rules } });
    let _ = client.send(&Request::create("cse-in", 1, content).from(CSE)).expect(2001);
}

fn tell(client: &Client, gone: Value, new: Value, rsc: u64) {
    let content = json!({ "m2m:sgn": { "aerid": true, "tid1": gone, "tid2": new } });
    let _ = client.send(&Request::notify("cse-in", content).from(CSE)).expect(rsc);
}

#[test]
fn other_cses_tell_of_their_references() {
    everywhere(|store| {
        let mut node = node(store).start();
        let client = node.client();
        let none = || Value::Null;
        tell(&client, none(), json!("/id-in/C1"), 2000);
        tell(&client, none(), json!("/id-in/C1"), 2000);
        tell(&client, none(), json!("/S2"), 2000);
        wait_for(&client, CSE, &["/S2", "/id-in/C1"]);
        // An AE is referred to until nothing refers to it.
        tell(&client, json!("/id-in/C1"), none(), 2000);
        tell(&client, json!("/S2"), json!("/id-mn/C3"), 2000);
        wait_for(&client, CSE, &["/id-in/C1", "/id-mn/C3"]);
        assert_eq!((impacted(&client), listed(&client, "/id-in")), (json!(1), vec![]));
        node.kill();
        node.restart();
        let client = node.client();
        tell(&client, json!("/id-in/C1"), none(), 2000);
        wait_for(&client, CSE, &["/id-mn/C3"]);
        for (gone, new) in
            [(none(), none()), (json!("C1"), none()), (none(), json!("/id-in/cnt1")), (json!(1), none())]
        {
            tell(&client, gone, new, 4000);
        }
        tell(&client, json!("/id-mn/C3"), none(), 2000);
        wait_for(&client, CSE, &[]);
        assert_eq!((impacted(&client), all(&client, 44).len()), (json!(0), 2));
    });
}

#[test]
fn references_are_counted_across_kills() {
    everywhere(|store| {
        let mut node = node(store).start();
        for round in 0..4 {
            let client = node.client();
            policy(&client, &format!("one{round}"), &["C1", "C2"]);
            policy(&client, &format!("two{round}"), &["/id-in/C1"]);
            // The list may not have followed yet.
            node.kill();
            node.restart();
        }
        wait_for(&node.client(), "/id-in", &["/id-in/C1", "/id-in/C2"]);
        for round in 0..4 {
            let client = node.client();
            let _ = client.send(&Request::delete(&format!("cse-in/one{round}")).from(CSE)).expect(2002);
            node.kill();
            node.restart();
        }
        wait_for(&node.client(), "/id-in", &["/id-in/C1"]);
        assert_eq!(impacted(&node.client()), json!(1));
    });
}

#[test]
fn a_list_is_made_of_what_is_there() {
    let mut node = node(Store::Sqlite).set("functions.off", "contact-list").start();
    policy(&node.client(), "one", &["C1", "Sother"]);
    assert!(all(&node.client(), 43).is_empty());
    node.stop();
    node.set("functions.off", "");
    node.restart();
    wait_for(&node.client(), "/id-in", &["/Sother", "/id-in/C1"]);
    let _ = node.client().send(&Request::delete("cse-in/one").from(CSE)).expect(2002);
    wait_for(&node.client(), "/id-in", &[]);
}

#[test]
fn other_nodes_have_none() {
    let node = node(Store::Memory).set("cse.type", "MN").start();
    policy(&node.client(), "one", &["C1"]);
    assert!(all(&node.client(), 43).is_empty() && all(&node.client(), 44).is_empty());
    let base = node.client().send(&seen("cse-in")).expect(2000);
    let types = base.body["m2m:cb"]["srt"].as_array().unwrap().clone();
    assert!(!types.contains(&json!(43)) && types.contains(&json!(10)));
}
