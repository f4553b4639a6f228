//! MQTT (TS-0010), with the broker in the node and with Mosquitto: requests, notifications, and what goes wrong.

mod device;
mod faults;
mod notifications;
mod peers;

use std::net::SocketAddr;

use dyad_tests::{Node, Request, Store};
use serde_json::{Value, json};

use device::{Device, Mosquitto};

/// Runs a test on a node with its own broker, and on one with a Mosquitto.
#[track_caller]
fn everywhere(test: impl Fn(&Node, SocketAddr)) {
    let node = Node::on(Store::Memory).start();
    test(&node, node.address_of("MQTT"));
    for version in ["3.1.1", "5"] {
        let Some(broker) = Mosquitto::start() else { return };
        let node = at(&broker).set("mqtt.version", version).start();
        test(&node, broker.address());
    }
}

/// A node with a broker elsewhere.
fn at(broker: &Mosquitto) -> dyad_tests::Builder {
    Node::on(Store::Memory).set("mqtt.broker", broker.url())
}

fn instances(node: &Node, container: &str) -> u64 {
    let answer = node.client().send(&Request::retrieve(container));
    answer.expect(2000).body["m2m:cnt"]["cni"].as_u64().expect("a number of instances")
}

#[test]
fn an_application_registers_and_keeps_data() {
    everywhere(|node, broker| {
        let device = Device::new(broker, "Cgarden");
        device.register("garden", &[]);
        let container = json!({ "ty": 3, "pc": { "m2m:cnt": { "rn": "temperature" } } });
        let created = device.ask(&device.request(1, "cse-in/garden", "2", container));
        assert_eq!(created["rsc"], 2001, "{created}");
        assert_eq!((&created["fr"], &created["to"]), (&json!("/id-in"), &json!("Cgarden")));
        let instance = json!({ "ty": 4, "pc": { "m2m:cin": { "con": "12.8" } } });
        let created = device.ask(&device.request(1, "cse-in/garden/temperature", "3", instance));
        assert_eq!(created["rsc"], 2001, "{created}");
        let latest = device.ask(&device.request(2, "/id-in/cse-in/garden/temperature/la", "4", json!({})));
        assert_eq!(latest["pc"]["m2m:cin"]["con"], "12.8", "{latest}");
        let change = json!({ "pc": { "m2m:cnt": { "mni": 10 } } });
        let updated = device.ask(&device.request(3, "cse-in/garden/temperature", "5", change));
        assert_eq!(updated["rsc"], 2004, "{updated}");
        let found = json!({ "fc": { "fu": 1, "ty": [4] } });
        let found = device.ask(&device.request(2, "cse-in/garden", "6", found));
        assert_eq!(found["pc"]["m2m:uril"].as_array().map(Vec::len), Some(1), "{found}");
        let gone = device.ask(&device.request(4, "cse-in/garden/temperature", "7", json!({})));
        assert_eq!(gone["rsc"], 2002, "{gone}");
        let missing = device.ask(&device.request(2, "cse-in/garden/temperature", "8", json!({})));
        assert_eq!(missing["rsc"], 4004, "{missing}");
        let _ = node.client().send(&Request::retrieve("cse-in/garden")).expect(2000);
    });
}

#[test]
fn who_has_no_identifier_registers_with_a_credential() {
    everywhere(|_, broker| {
        let device = Device::new(broker, "key-1");
        let ae = json!({ "m2m:ae": { "rn": "new", "api": "Ntest", "rr": false, "srv": ["3"] } });
        let mut request =
            json!({ "op": 1, "to": "cse-in", "fr": "C", "rqi": "r1", "rvi": "3", "ty": 2, "pc": ae });
        device.publish("/oneM2M/reg_req/key-1/id-in/json", request.to_string());
        let answer = device.wait_for(|message| message.topic == "/oneM2M/reg_resp/key-1/id-in/json").json();
        assert_eq!(answer["rsc"], 2001, "{answer}");
        let assigned = answer["pc"]["m2m:ae"]["aei"].as_str().expect("an AE-ID").to_owned();
        assert!(assigned.len() > 1 && assigned.starts_with('C'), "{assigned}");

        // Whoever has a credential alone is nobody yet, whatever he says.
        request = json!({ "op": 4, "to": "cse-in/new", "fr": assigned, "rqi": "r2", "rvi": "3" });
        device.publish("/oneM2M/reg_req/key-1/id-in/json", request.to_string());
        assert_eq!(device.response("r2")["rsc"], 4103);

        let device = Device::new(broker, &assigned);
        let own = device.ask(&device.request(2, "cse-in/new", "1", json!({})));
        assert_eq!(own["rsc"], 2000, "{own}");
    });
}

#[test]
fn topics_have_more_than_one_form() {
    everywhere(|_, broker| {
        let device = Device::with_topics(
            broker,
            "Cforms",
            &[
                "/oneM2M/resp/Cforms/#".into(),
                "oneM2M/resp/Cforms/#".into(),
                "/oneM2M/resp/id-in:Cforms/#".into(),
            ],
        );
        device.register("forms", &[]);
        for (number, topic, answered) in [
            (0, "/oneM2M/req/id-in:Cforms/id-in/json", "/oneM2M/resp/id-in:Cforms/id-in/json"),
            (1, "oneM2M/req/Cforms/id-in/json", "oneM2M/resp/Cforms/id-in/json"),
            (2, "/oneM2M/req/Cforms/id-in", "/oneM2M/resp/Cforms/id-in"),
            (
                3,
                "/oneM2M/req/Cforms/:dyad.example.com:id-in/json",
                "/oneM2M/resp/Cforms/:dyad.example.com:id-in/json",
            ),
        ] {
            let identifier = format!("f{number}");
            device.publish(topic, device.request(2, "cse-in/forms", &identifier, json!({})).to_string());
            let is_it = |it: Value| it["rqi"] == identifier.as_str();
            let answer = device.wait_for(|message| serde_json::from_slice(&message.payload).is_ok_and(is_it));
            assert_eq!((answer.topic.as_str(), &answer.json()["rsc"]), (answered, &json!(2000)), "{topic}");
        }
        // JSON primitives have no root; one that has is answered in kind.
        let rooted = json!({ "m2m:rqp": device.request(2, "cse-in/forms", "root", json!({})) });
        device.publish("/oneM2M/req/Cforms/id-in/json", rooted.to_string());
        let answer = device.wait_for(|message| message.payload.starts_with(b"{\"m2m:rsp\"")).json();
        assert_eq!((&answer["m2m:rsp"]["rsc"], &answer["m2m:rsp"]["rqi"]), (&json!(2000), &json!("root")));
    });
}

#[test]
fn a_prefix_precedes_all_topics() {
    let node = Node::on(Store::Memory).set("mqtt.prefix", "site/a").start();
    let broker = node.address_of("MQTT");
    let device = Device::with_topics(broker, "Csite", &["site/a/oneM2M/resp/Csite/#".into()]);
    let ae = json!({ "ty": 2, "pc": { "m2m:ae": { "rn": "site", "api": "N1", "rr": false, "srv": ["3"] } } });
    // One without the prefix is not for this node.
    device.publish("/oneM2M/req/Csite/id-in/json", device.request(2, "cse-in", "0", json!({})).to_string());
    device.publish("site/a/oneM2M/req/Csite/id-in/json", device.request(1, "cse-in", "1", ae).to_string());
    let first = device.wait_for(|_| true);
    assert_eq!((&first.json()["rqi"], &first.json()["rsc"]), (&json!("1"), &json!(2001)));
    let base = node.client().send(&Request::retrieve("cse-in")).expect(2000).body;
    let poa = base["m2m:cb"]["poa"].as_array().cloned().unwrap_or_default();
    assert!(poa.contains(&json!(format!("mqtt://{broker}/site/a"))), "{poa:?}");
}

#[test]
fn a_node_without_a_broker_starts() {
    let node = Node::on(Store::Memory).set("mqtt.broker", "off").start();
    let _ = node.client().send(&Request::retrieve("cse-in")).expect(2000);
    let node = Node::on(Store::Memory).set("mqtt.enabled", false).start();
    let _ = node.client().send(&Request::retrieve("cse-in")).expect(2000);
}
