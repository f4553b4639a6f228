//! What must not do harm: originators that speak for others, topics and payloads that are none, requests that come
//! again, brokers that are away.

use std::process::Command;
use std::time::{Duration, Instant};

use dyad_tests::{Node, Request, Store, binary};
use serde_json::json;

use super::device::{Device, Mosquitto, PATIENCE};
use super::{at, everywhere, instances};

#[test]
fn nobody_speaks_for_another() {
    everywhere(|node, broker| {
        let thief = Device::new(broker, "Cthief");
        thief.register("thief", &[]);
        let mut request = thief.request(4, "cse-in/thief", "1", json!({}));
        for foreign in ["CAdmin", "/id-in/CAdmin", "/id-mn/Cthief", "//other.example.com/id-in/Cthief", ""] {
            request["fr"] = json!(foreign);
            let answer = thief.ask(&request);
            assert_eq!(answer["rsc"], 4103, "{foreign}: {answer}");
        }
        let _ = node.client().send(&Request::retrieve("cse-in/thief")).expect(2000);
        for own in ["Cthief", "/id-in/Cthief", "//dyad.example.com/id-in/Cthief"] {
            let mut request = thief.request(2, "cse-in/thief", "2", json!({}));
            request["fr"] = json!(own);
            assert_eq!(thief.ask(&request)["rsc"], 2000, "{own}");
        }
    });
}

#[test]
fn topics_that_are_none_are_ignored() {
    everywhere(|node, broker| {
        let device = Device::new(broker, "Ca");
        device.register("a", &[]);
        let create = |name: &str| {
            device
                .request(1, "cse-in/a", name, json!({ "ty": 3, "pc": { "m2m:cnt": { "rn": name } } }))
                .to_string()
        };
        for topic in [
            "/oneM2M/req/Ca/id-in/json/x",
            "/oneM2M/req/Ca//json",
            "/oneM2M/req/Ca/id-mn/json",
            "/oneM2M/reg_resp/Ca/id-in/json",
            "/oneM2M/resp/Ca/id-in/json",
            "/onem2m/req/Ca/id-in/json",
        ] {
            device.publish(topic, create("wrong"));
        }
        let right = device.ask(&serde_json::from_str(&create("right")).unwrap());
        assert_eq!(right["rsc"], 2001, "{right}");
        let _ = node.client().send(&Request::retrieve("cse-in/a/wrong")).expect(4004);
    });
}

#[test]
fn payloads_that_are_none_are_refused() {
    everywhere(|node, broker| {
        let device = Device::new(broker, "Ca");
        device.register("a", &[]);
        let deep = format!("{{\"rqi\":\"x\",\"pc\":{}1{}}}", "[".repeat(500), "]".repeat(500));
        let long = format!("{{\"rqi\":\"{}\"}}", "x".repeat((1 << 20) + 10));
        let cases: [(&str, Vec<u8>, u16); 9] = [
            ("json", b"<?xml version=\"1.0\"?><m2m:rqp/>".to_vec(), 4000),
            ("json", vec![0xa1, 0x62, b'o', b'p', 1], 4000),
            ("json", b"{\"op\":1".to_vec(), 4000),
            ("json", Vec::new(), 4000),
            ("json", b"[]".to_vec(), 4000),
            ("cbor", b"{\"op\":2,\"rqi\":\"1\"}".to_vec(), 4000),
            ("json", deep.into_bytes(), 4000),
            ("json", long.into_bytes(), 4000),
            ("yaml", device.request(2, "cse-in/a", "1", json!({})).to_string().into_bytes(), 4015),
        ];
        for (format, payload, expected) in cases {
            let shown = String::from_utf8_lossy(payload.get(..20).unwrap_or(&payload)).into_owned();
            device.publish(&format!("/oneM2M/req/Ca/id-in/{format}"), payload);
            let answered = if format == "cbor" { "cbor" } else { "json" };
            let answer =
                device.wait_for(|message| message.topic == format!("/oneM2M/resp/Ca/id-in/{answered}"));
            if answered == "json" {
                assert_eq!(answer.json()["rsc"], expected, "{format} {shown}");
            }
        }
        assert_eq!(device.ask(&device.request(2, "cse-in/a", "2", json!({})))["rsc"], 2000);
        let _ = node.client().send(&Request::retrieve("cse-in/a")).expect(2000);
    });
}

#[test]
fn requests_that_come_again_are_answered_again_and_carried_out_once() {
    everywhere(|node, broker| {
        let device = Device::new(broker, "Ca");
        device.register("a", &[]);
        let container = json!({ "ty": 3, "pc": { "m2m:cnt": { "rn": "c" } } });
        assert_eq!(device.ask(&device.request(1, "cse-in/a", "1", container))["rsc"], 2001);
        let add =
            device.request(1, "cse-in/a/c", "2", json!({ "ty": 4, "pc": { "m2m:cin": { "con": "x" } } }));
        let (first, again) = (device.ask(&add), device.ask(&add));
        assert_eq!(first["rsc"], 2001);
        assert_eq!(first, again);
        let mut later = add.clone();
        later["ot"] = json!("20260101T000000");
        assert_eq!(device.ask(&later), first, "other parameters make no other request");
        assert_eq!(instances(node, "cse-in/a/c"), 1);
        let mut other = add;
        other["pc"]["m2m:cin"]["con"] = json!("y");
        assert_ne!(device.ask(&other), first);
        assert_eq!(instances(node, "cse-in/a/c"), 2);
    });
}

#[test]
fn retained_requests_are_not_carried_out() {
    let Some(broker) = Mosquitto::start() else { return };
    let device = Device::new(broker.address(), "Ca");
    let container = json!({ "ty": 3, "pc": { "m2m:cnt": { "rn": "retained" } }, "fr": "CAdmin" });
    device.retain("/oneM2M/req/CAdmin/id-in/json", device.request(1, "cse-in", "1", container).to_string());
    // In the order of the connection: the first is there once the second is answered.
    let node = at(&broker).start();
    device.register("a", &[]);
    let _ = node.client().send(&Request::retrieve("cse-in/retained")).expect(4004);
}

#[test]
fn requests_outlive_a_broker_and_a_node_that_are_away() {
    let Some(mut broker) = Mosquitto::down() else { return };
    // The node starts without it, and says so.
    let mut node = at(&broker).start();
    assert!(node.log().contains("no connection with the MQTT broker"), "{}", node.log());
    broker.up();
    let deadline = Instant::now() + PATIENCE;
    while !node.log().contains("connected with the MQTT broker") {
        assert!(Instant::now() < deadline, "{}", node.log());
        std::thread::park_timeout(Duration::from_millis(20));
    }
    let device = Device::new(broker.address(), "Ca");
    device.register("a", &[]);
    let container = json!({ "ty": 3, "pc": { "m2m:cnt": { "rn": "c" } } });
    assert_eq!(device.ask(&device.request(1, "cse-in/a", "c", container))["rsc"], 2001);
    let add = |identifier: &str| {
        let instance = json!({ "ty": 4, "pc": { "m2m:cin": { "con": identifier } } });
        device.request(1, "cse-in/a/c", identifier, instance)
    };
    let publish = |identifier: &str| device.publish("/oneM2M/req/Ca/id-in/json", add(identifier).to_string());

    // What is published while the broker restarts is answered once it is back.
    publish("before");
    broker.stop();
    publish("between");
    broker.up();
    publish("after");
    for identifier in ["before", "between", "after"] {
        assert_eq!(device.response(identifier)["rsc"], 2001, "{identifier}");
    }
    assert_eq!(instances(&node, "cse-in/a/c"), 3);

    // What is published while the node is away waits for it with the broker.
    node.stop();
    publish("away");
    node.restart();
    // The store was in memory: what matters is that the request is answered.
    let answer = device.response("away");
    assert!(answer["rsc"].as_u64().is_some_and(|rsc| rsc >= 2000), "{answer}");
}

#[test]
fn requests_in_flight_are_answered_before_the_stop() {
    let mut node = Node::on(Store::Sqlite).start();
    let device = Device::new(node.address_of("MQTT"), "Ca");
    device.register("a", &[]);
    let create = json!({ "ty": 3, "pc": { "m2m:cnt": { "rn": "c" } } });
    device.publish("/oneM2M/req/Ca/id-in/json", device.request(1, "cse-in/a", "last", create).to_string());
    assert_eq!(device.response("last")["rsc"], 2001);
    node.stop();
}

#[test]
fn an_address_that_is_taken_is_named_with_the_remedy() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let listen = format!("mqtt.listen={}", taken.local_addr().unwrap());
    let output = Command::new(binary())
        .args([
            "serve",
            "--set",
            "http.listen=127.0.0.1:0",
            "--set",
            "store.url=sqlite::memory:",
            "--set",
            &listen,
        ])
        .current_dir(directory.path())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    for part in ["mqtt.listen", "mqtt.broker=mqtt://127.0.0.1", "mqtt.enabled=false"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn too_many_requests_at_once_are_answered_all() {
    let node = Node::on(Store::Memory).set("mqtt.in_progress", 2).set("mqtt.waiting", 10).start();
    let device = Device::new(node.address_of("MQTT"), "Ca");
    device.register("a", &[]);
    for number in 0..200 {
        let request = device.request(2, "cse-in/a", &format!("n{number}"), json!({}));
        device.publish("/oneM2M/req/Ca/id-in/json", request.to_string());
    }
    let answers = (0..200).map(|number| device.response(&format!("n{number}"))["rsc"].clone());
    let (done, refused): (Vec<_>, Vec<_>) = answers.partition(|rsc| *rsc == json!(2000));
    assert!(refused.iter().all(|rsc| *rsc == json!(5000)), "{refused:?}");
    assert!(done.len() >= 10, "{} were carried out", done.len());
    let after = device.ask(&device.request(2, "cse-in/a", "after", json!({})));
    assert_eq!(after["rsc"], 2000);
}
