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

/// What a device that polls has got, when it has answered that.
fn poll(client: &Client) -> Value {
    let polls = Request::retrieve("cse-in/device/poll/pcu").from("Cdevice").header("X-M2M-RET", "20000");
    let request = client.send(&polls).expect(2000).body["m2m:rqp"].clone();
    let response = json!({ "m2m:rsp": { "rsc": 2000, "rqi": request["rqi"] } });
    let _ = client.send(&Request::notify("cse-in/device/poll/pcu", response).from("Cdevice")).expect(2000);
    request
}

#[test]
fn what_a_device_polls_is_cut_to_its_measure() {
    let node = Node::on(Store::Memory).start();
    let client = node.client();
    device(&client);
    let additions = json!([{ "nm": "vsi", "val": "short" }]);
    let dels = ["ct", "lt", "pi", "et"];
    let cut =
        json!({ "rn": "p", "idl": ["Cdevice"], "appl": [4], "rtys": [4], "adds": additions, "dels": dels });
    let _ = create(&client, "cse-in/device", 62, json!({ "m2m:prp": cut }));
    let _ = create(&client, "cse-in/device", 15, json!({ "m2m:pch": { "rn": "poll" } }));
    let _ = container(&client, "c");
    let subscription = json!({ "m2m:sub": { "rn": "s", "nu": ["Cdevice"], "enc": { "net": [3] } } });
    let _ = create(&client, "cse-in/device/c", 23, subscription);
    for number in 0..20 {
        let instance = json!({ "m2m:cin": { "con": number.to_string() } });
        let _ = create(&client, "cse-in/device/c", 4, instance);
    }
    for number in 0..20 {
        let request = poll(&client);
        let instance = &request["pc"]["m2m:sgn"]["nev"]["rep"]["m2m:cin"];
        assert_eq!((&request["vsi"], &instance["con"]), (&json!("short"), &json!(number.to_string())));
        let names = ["ct", "lt", "pi", "et"];
        assert!(
            instance["ri"].is_string() && names.iter().all(|name| instance[*name].is_null()),
            "{instance}"
        );
    }
}

#[test]
fn many_profiles_of_others_concern_nobody_else() {
    let node = Node::on(Store::Memory).start();
    let client = node.client();
    device(&client);
    let ae = json!({ "m2m:ae": { "rn": "other", "api": "N1", "rr": false, "srv": ["4"] } });
    let _ = client.send(&Request::create("cse-in", 2, ae).from("Cother")).expect(2001);
    for number in 0..80 {
        let mut profile = profile(&format!("p{number}"));
        profile["m2m:prp"]["idl"] = json!(["all"]);
        profile["m2m:prp"]["dels"] = json!(["ct", "lbl"]);
        let _ = client.send(&Request::create("cse-in", 62, profile).from("Cother")).expect(2001);
    }
    let _ = create(&client, "cse-in/device", 62, profile("p"));
    assert_eq!(container(&client, "a")["mni"], 5);
    let _ = client.send(&Request::delete("cse-in/device/p").from("Cdevice")).expect(2002);
    let made = container(&client, "b");
    assert!(made["mni"].is_null() && made["ct"].is_string());
}
