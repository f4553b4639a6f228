//! What cases over the bindings cannot say about primitive profiles: restarts, and a node that does not apply them.

use dyad_tests::{Client, Node, Request, Store};
use serde_json::{Value, json};

fn create(client: &Client, to: &str, ty: u64, content: Value) -> Value {
    client.send(&Request::create(to, ty, content).from("Cdevice")).expect(2001).body
}

fn device(client: &Client) {
    let ae = json!({ "m2m:ae": { "rn": "device", "api": "N1", "rr": false, "srv": ["4"] } });
    let _ = create(client, "cse-in", 2, ae);
}

fn container(client: &Client, name: &str) -> Value {
    create(client, "cse-in/device", 3, json!({ "m2m:cnt": { "rn": name } }))["m2m:cnt"].clone()
}

fn profile(name: &str) -> Value {
    let additions = json!([{ "nm": "mni", "val": 5 }]);
    json!({ "m2m:prp": { "rn": name, "idl": ["Cdevice"], "rtys": [3], "adds": additions, "dels": ["ct"] } })
}

#[test]
fn profiles_outlive_a_restart() {
    let mut node = Node::on(Store::Sqlite).start();
    let client = node.client();
    device(&client);
    let _ = create(&client, "cse-in/device", 62, profile("p"));
    assert_eq!(container(&client, "a")["mni"], 5);
    node.restart();
    let client = node.client();
    let made = container(&client, "b");
    assert_eq!((&made["mni"], &made["ct"]), (&json!(5), &Value::Null));
    let device = Request::delete("cse-in/device").from("Cdevice");
    let _ = client.send(&device).expect(2002);
    self::device(&client);
    let made = container(&client, "c");
    assert!(made["mni"].is_null() && made["ct"].is_string());
}

#[test]
fn an_expired_profile_has_no_effect() {
    let node = Node::on(Store::Memory).start();
    let client = node.client();
    device(&client);
    let mut profile = profile("p");
    profile["m2m:prp"]["et"] = dyad_tests::moment::from_now(1).into();
    let _ = create(&client, "cse-in/device", 62, profile);
    let profile = Request::retrieve("cse-in/device/p").from("Cdevice");
    while client.send(&profile).rsc == 2000 {
        std::thread::yield_now();
    }
    let made = container(&client, "a");
    assert!(made["mni"].is_null() && made["ct"].is_string());
}

#[test]
fn a_node_without_the_function_applies_no_profile() {
    let mut node = Node::on(Store::Sqlite).start();
    let client = node.client();
    device(&client);
    let _ = create(&client, "cse-in/device", 62, profile("p"));
    node.set("functions.off", "primitive-profile");
    node.restart();
    let client = node.client();
    let made = container(&client, "a");
    assert!(made["mni"].is_null() && made["ct"].is_string());
    let named = Request::retrieve("cse-in/device").from("Cdevice").header("X-M2M-PRPI", "cse-in/device/p");
    let _ = client.send(&named).expect(5001);
    let another = Request::create("cse-in/device", 62, profile("q")).from("Cdevice");
    let _ = client.send(&another).expect(5001);
}
