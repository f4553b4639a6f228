//! Notifications over MQTT: to AEs behind a broker, and to plain topics.

use dyad_tests::{Node, Request, Store};
use serde_json::{Value, json};

use super::device::{Device, Mosquitto};
use super::{at, everywhere};

fn add(node: &Node, content: &str) {
    let instance = json!({ "m2m:cin": { "con": content } });
    let _ = node.client().send(&Request::create("cse-in/c", 4, instance)).expect(2001);
}

fn container(node: &Node) {
    let _ =
        node.client().send(&Request::create("cse-in", 3, json!({ "m2m:cnt": { "rn": "c" } }))).expect(2001);
}

fn subscribe(node: &Node, target: &str) -> dyad_tests::Answer {
    let subscription = json!({ "m2m:sub": { "rn": "s", "nu": [target], "enc": { "net": [3] }, "nct": 1 } });
    node.client().send(&Request::create("cse-in/c", 23, subscription))
}

fn content(request: &Value) -> &Value {
    &request["pc"]["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"]
}

/// Answers the verification of a subscription that another thread creates.
fn agree(node: &Node, device: &Device) {
    let target = device.id.as_str();
    std::thread::scope(|scope| {
        let creating = scope.spawn(move || subscribe(node, target));
        let (_, verification) = device.requested();
        assert_eq!(verification["pc"]["m2m:sgn"]["vrq"], true, "{verification}");
        device.answer(&verification, 2000);
        let _ = creating.join().unwrap().expect(2001);
    });
}

#[test]
fn an_application_is_notified_through_its_broker() {
    everywhere(|node, broker| {
        container(node);
        let device = Device::new(broker, "Cphone");
        device.register("phone", &[format!("mqtt://{broker}")]);
        agree(node, &device);
        add(node, "1");
        let (topic, request) = device.requested();
        assert_eq!(topic, "/oneM2M/req/id-in/Cphone/json");
        assert_eq!(content(&request), "1", "{request}");
        assert_eq!(
            (&request["op"], &request["fr"], &request["to"]),
            (&json!(5), &json!("/id-in"), &json!("Cphone"))
        );
        // One that is not taken comes again, and nothing overtakes it.
        add(node, "2");
        device.answer(&request, 5000);
        let (_, again) = device.requested();
        assert_eq!(content(&again), "1");
        device.answer(&again, 2000);
        let (_, next) = device.requested();
        assert_eq!(content(&next), "2");
        device.answer(&next, 2000);
    });
}

#[test]
fn another_broker_than_the_nodes_own_is_called_too() {
    let Some(mut broker) = Mosquitto::start() else { return };
    let node = Node::on(Store::Memory).set("notification.timeout", "2s").start();
    container(&node);
    let device = Device::with_topics(broker.address(), "Cphone", &["far/oneM2M/req/+/Cphone/#".into()]);
    let ae = json!({ "m2m:ae": { "rn": "phone", "api": "N1", "rr": true, "srv": ["3"],
        "poa": [format!("{}/far", broker.url())] } });
    let _ = node.client().send(&Request::create("cse-in", 2, ae).from("Cphone")).expect(2001);
    let requested = || device.wait_for(|message| message.topic == "far/oneM2M/req/id-in/Cphone/json").json();
    let answer = |request: &Value| {
        let response = json!({ "rsc": 2000, "rqi": request["rqi"] });
        device.publish("far/oneM2M/resp/id-in/Cphone/json", response.to_string());
    };
    std::thread::scope(|scope| {
        let creating = scope.spawn(|| subscribe(&node, "Cphone"));
        answer(&requested());
        let _ = creating.join().unwrap().expect(2001);
    });
    add(&node, "1");
    answer(&requested());
    // Owed while the broker is away, delivered once it is back.
    broker.stop();
    add(&node, "2");
    broker.up();
    loop {
        let request = requested();
        answer(&request);
        if content(&request) == "2" {
            break;
        }
    }
}

#[test]
fn a_topic_is_notified_and_need_not_answer() {
    everywhere(|node, broker| {
        container(node);
        let listener = Device::with_topics(broker, "Clistener", &["home/values/#".into()]);
        let _ = subscribe(node, &format!("mqtt://{broker}/home/values/c?ct=json")).expect(2001);
        let first = listener.wait_for(|_| true);
        assert_eq!(first.topic, "home/values/c");
        assert_eq!(first.json()["pc"]["m2m:sgn"]["vrq"], true, "{first:?}");
        for value in ["1", "2", "3"] {
            add(node, value);
            assert_eq!(content(&listener.wait_for(|_| true).json()), value);
        }
    });
}

#[test]
fn an_application_that_is_away_gets_it_later() {
    let Some(broker) = Mosquitto::start() else { return };
    let node = at(&broker).set("notification.timeout", "500ms").start();
    container(&node);
    let device = Device::new(broker.address(), "Cphone");
    device.register("phone", &[broker.url()]);
    agree(&node, &device);
    add(&node, "1");
    // It does not answer in time: the same is sent again, under the same identifier.
    let (_, first) = device.requested();
    let (_, second) = device.requested();
    assert_eq!((content(&first), &first["rqi"]), (content(&second), &second["rqi"]));
    device.answer(&second, 2000);
    add(&node, "2");
    loop {
        let (_, request) = device.requested();
        device.answer(&request, 2000);
        if content(&request) == "2" {
            break;
        }
        assert_eq!(content(&request), "1");
    }
}
