//! Instances that expire, on nodes that look for what has expired once a day: what counts them follows at once.

use std::time::{Duration, Instant};

use dyad_tests::{Client, Node, Request, Sink, Store, moment};
use serde_json::{Value, json};

/// Longest time to wait for what is certain.
const PATIENCE: Duration = Duration::from_secs(20);

/// A node that would notice only tomorrow.
fn node() -> Node {
    Node::on(Store::Sqlite).set("cse.check_expirations_every", "1d").start()
}

/// What a container says of its instances.
fn counted(client: &Client, to: &str) -> (Value, Value) {
    let body = client.send(&Request::retrieve(to)).expect(2000).body;
    let container = body.as_object().unwrap().values().next().unwrap();
    (container["cni"].clone(), container["cbs"].clone())
}

/// Waits until a container has so many instances of so many bytes.
#[track_caller]
fn comes_to(client: &Client, to: &str, count: u64, bytes: u64) {
    let end = Instant::now() + PATIENCE;
    loop {
        let now = counted(client, to);
        if now == (json!(count), json!(bytes)) {
            return;
        }
        assert!(Instant::now() < end, "{to} has {now:?}, not {count} of {bytes} bytes");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

fn add(client: &Client, to: &str, content: &str, et: Option<&str>) {
    let mut instance = json!({ "con": content });
    if let Some(et) = et {
        instance["et"] = json!(et);
    }
    let _ = client.send(&Request::create(to, 4, json!({ "m2m:cin": instance }))).expect(2001);
}

#[test]
fn what_has_expired_is_counted_no_more() {
    let node = node();
    let client = node.client();
    for (ty, container) in [
        (3, json!({ "m2m:cnt": { "rn": "cnt" } })),
        (29, json!({ "m2m:ts": { "rn": "ts" } })),
        (
            28,
            json!({ "cod:tempe": {
            "rn": "fcnt", "cnd": "org.onem2m.common.moduleclass.temperature", "curT0": 1, "mia": 1 } }),
        ),
    ] {
        let _ = client.send(&Request::create("cse-in", ty, container)).expect(2001);
    }
    let soon = moment::from_now(2);
    add(&client, "cse-in/cnt", "keep", None);
    add(&client, "cse-in/cnt", "gone!", Some(&soon));
    let data = json!({ "m2m:tsi": { "dgt": moment::from_now(-60), "con": "123", "et": soon } });
    let _ = client.send(&Request::create("cse-in/ts", 30, data)).expect(2001);
    comes_to(&client, "cse-in/cnt", 1, 4);
    comes_to(&client, "cse-in/ts", 0, 0);
    comes_to(&client, "cse-in/fcnt", 0, 0);
    let latest = client.send(&Request::retrieve("cse-in/cnt/la")).expect(2000);
    assert_eq!(latest.text("/m2m:cin/con"), "keep");
}

/// TS-0004 7.4.7.2.1: the oldest goes when there are too many, and an expired one is none of them.
#[test]
fn what_has_expired_pushes_nothing_out() {
    let node = node();
    let client = node.client();
    let container = json!({ "m2m:cnt": { "rn": "c", "mni": 2, "mbs": 10 } });
    let _ = client.send(&Request::create("cse-in", 3, container)).expect(2001);
    add(&client, "cse-in/c", "old", None);
    add(&client, "cse-in/c", "gone!!!", Some(&moment::from_now(2)));
    comes_to(&client, "cse-in/c", 1, 3);
    add(&client, "cse-in/c", "new", None);
    assert_eq!(counted(&client, "cse-in/c"), (json!(2), json!(6)));
    let oldest = client.send(&Request::retrieve("cse-in/c/ol")).expect(2000);
    assert_eq!(oldest.text("/m2m:cin/con"), "old");
}

#[test]
fn a_shorter_age_is_noticed_too() {
    let node = node();
    let client = node.client();
    let _ = client.send(&Request::create("cse-in", 3, json!({ "m2m:cnt": { "rn": "c" } }))).expect(2001);
    add(&client, "cse-in/c", "one", None);
    add(&client, "cse-in/c", "three", None);
    assert_eq!(counted(&client, "cse-in/c"), (json!(2), json!(8)));
    let _ = client.send(&Request::update("cse-in/c", json!({ "m2m:cnt": { "mia": 1 } }))).expect(2004);
    comes_to(&client, "cse-in/c", 0, 0);
}

#[test]
fn what_expires_while_the_node_is_down_goes_with_its_start() {
    let mut node = node();
    let client = node.client();
    let _ = client.send(&Request::create("cse-in", 3, json!({ "m2m:cnt": { "rn": "c" } }))).expect(2001);
    let soon = moment::from_now(2);
    add(&client, "cse-in/c", "gone", Some(&soon));
    add(&client, "cse-in/c", "going", Some(&moment::from_now(4)));
    add(&client, "cse-in/c", "stays", None);
    node.kill();
    while moment::from_now(0) <= soon {
        std::thread::park_timeout(Duration::from_millis(20));
    }
    node.restart();
    comes_to(&node.client(), "cse-in/c", 1, 5);
}

/// TS-0004 7.4.8.2.4: what waits goes with its subscription; who asked to be told of its end is told.
#[test]
fn a_subscription_that_has_expired_owes_nothing() {
    let node = node();
    let client = node.client();
    let (mut dead, live) = (Sink::new(), Sink::new());
    let _ = client.send(&Request::create("cse-in", 3, json!({ "m2m:cnt": { "rn": "c" } }))).expect(2001);
    let target = dead.url();
    let subscribe = |more: Value| {
        let mut subscription = json!({ "nu": [target], "enc": { "net": [3] }, "nct": 1 });
        subscription.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Request::create("cse-in/c", 23, json!({ "m2m:sub": subscription }))
    };
    let short = subscribe(json!({ "et": moment::from_now(3), "su": live.url() }));
    let _ = client.send(&short).expect(2001);
    dead.die();
    add(&client, "cse-in/c", "before", None);
    let ended =
        |received: &[dyad_tests::Received]| received.iter().any(|one| one.body["m2m:sgn"]["sud"] == true);
    assert!(ended(&live.wait_until(PATIENCE, ended)));
    dead.revive();
    let _ = dead.take();
    let _ = client.send(&subscribe(json!({}))).expect(2001);
    add(&client, "cse-in/c", "after", None);
    let content = |one: &dyad_tests::Received| one.body["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"].clone();
    let heard = dead.wait_until(PATIENCE, |received| received.iter().any(|one| content(one) == "after"));
    let heard: Vec<Value> = heard.iter().map(content).filter(|content| !content.is_null()).collect();
    assert_eq!(heard, ["after"]);
}
