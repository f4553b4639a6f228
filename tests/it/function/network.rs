//! What an underlying network brings by way of a service function: triggers, and positions of a location server. The
//! sample of `tests/sample` on a node, over a socket.

use std::time::Duration;

use dyad_tests::{Client, Node, Request, Sink, Store};
use serde_json::{Value, json};

use super::faults::until;

const PATIENCE: Duration = Duration::from_secs(60);

fn start() -> Node {
    let node = Node::on(Store::Memory).program("dyad-sample").start();
    let client = node.client();
    let ae = json!({ "m2m:ae": { "rn": "ae", "api": "N.x", "rr": false, "srv": ["3"] } });
    let _ = client.send(&Request::create("cse-in", 2, ae).from("Cdevice")).expect(2001);
    let radio = json!({ "m2m:cnt": { "rn": "radio", "lbl": ["radio"] } });
    let _ = client.send(&Request::create("cse-in", 3, radio)).expect(2001);
    node
}

fn trigger(client: &Client, payload: &Value) {
    let instance = json!({ "m2m:cin": { "con": payload.to_string() } });
    let _ = client.send(&Request::create("cse-in/radio", 4, instance)).expect(2001);
}

#[test]
fn an_ae_is_told_of_triggers_for_it() {
    let (node, sink) = (start(), Sink::new());
    let client = node.client();
    let subscription =
        |nct: u32| json!({ "m2m:sub": { "nu": [sink.url()], "enc": { "net": [6] }, "nct": nct } });
    let _ = client.send(&Request::create("cse-in/ae", 23, subscription(1)).from("Cdevice")).expect(4000);
    let without = json!({ "m2m:sub": { "nu": [sink.url()], "enc": { "net": [6] } } });
    let _ = client.send(&Request::create("cse-in/ae", 23, subscription(4)).from("Cdevice")).expect(2001);
    let made = client.send(&Request::create("cse-in/ae", 23, without).from("Cdevice")).expect(2001);
    assert_eq!(made.body.pointer("/m2m:sub/nct"), Some(&json!(4)), "the default of event type 6");
    let _ = sink.take();
    for (payload, complaint) in [
        (json!({ "tpe": 3, "tiae": "Cdevice" }), "tia of the trigger is missing"),
        (json!({ "tpe": 3, "tia": "x", "tio": 1, "tirt": 3 }), "names no AE"),
        (json!({ "tpe": 3, "tia": "x", "tio": 1, "tirt": 3, "tiae": "Cother" }), "is not registered"),
        (json!({ "tpe": 1 }), "of connections nothing is known"),
    ] {
        trigger(&client, &payload);
        until(complaint, || node.log().contains(complaint));
    }
    let payload = json!({ "tpe": 3, "tia": "/id-in/cnt7", "tio": 2, "tirt": 3, "tiae": "/id-in/Cdevice" });
    trigger(&client, &payload);
    let received = sink.wait_for(2, PATIENCE);
    assert_eq!(received.len(), 2, "none of the others: {received:?}");
    for notification in received {
        assert_eq!(notification.body.pointer("/m2m:sgn/nev/rep/m2m:tgp"), Some(&payload));
        assert_eq!(notification.body.pointer("/m2m:sgn/nev/net"), Some(&json!(6)));
    }
}

fn policy(client: &Client, name: &str, attributes: Value) -> u64 {
    let mut content =
        json!({ "rn": name, "los": 1, "lor": "radio://server", "lon": format!("{name}-places") });
    for (name, value) in attributes.as_object().unwrap() {
        content[name] = value.clone();
    }
    client.send(&Request::create("cse-in/ae", 10, json!({ "m2m:lcp": content })).from("Cdevice")).rsc
}

fn latest(client: &Client, name: &str) -> (u64, Value) {
    let answer = client.send(&Request::retrieve(&format!("cse-in/ae/{name}-places/la")).from("Cdevice"));
    (answer.rsc, answer.body.pointer("/m2m:cin/con").cloned().unwrap_or_default())
}

fn status(client: &Client, name: &str) -> String {
    let answer = client.send(&Request::retrieve(&format!("cse-in/ae/{name}")).from("Cdevice")).expect(2000);
    answer.text("/m2m:lcp/lost")
}

#[test]
fn a_location_server_is_asked_when_somebody_wants_to_know() {
    let node = start();
    let client = node.client();
    assert_eq!(policy(&client, "here", json!({ "lot": "13.4,52.5@radio" })), 2001);
    let position = json!(r#"{"typ":1,"crd":"[13.4,52.5]"}"#);
    assert_eq!(latest(&client, "here"), (2000, position));
    assert_eq!(status(&client, "here"), "2000");
    // A failure of the server is that of the request, and the policy knows it.
    assert_eq!(policy(&client, "lost", json!({ "lot": "somewhere" })), 2001);
    assert_eq!(latest(&client, "lost").0, 4004);
    assert_eq!(status(&client, "lost"), "4004");
    // The last known location will do.
    assert_eq!(policy(&client, "last", json!({ "lot": "somewhere", "rlkl": true })), 2001);
    assert_eq!(latest(&client, "last"), (2000, json!(r#"{"typ":1,"crd":"[1,2]"}"#)));
    // What is not reached, and what is not done.
    assert_eq!(policy(&client, "other", json!({ "lot": "x", "lor": "http://example.com" })), 5001);
    assert_eq!(policy(&client, "told", json!({ "lot": "x", "luec": 0 })), 5001);
    assert_eq!(policy(&client, "nobody", json!({})), 4000);
}

#[test]
fn a_location_server_is_asked_periodically() {
    let node = start();
    let client = node.client();
    assert_eq!(policy(&client, "here", json!({ "lot": "13.4,52.5@radio", "lou": ["PT1S"] })), 2001);
    assert_eq!(policy(&client, "lost", json!({ "lot": "somewhere", "lou": ["PT1S"] })), 2001);
    let kept = || {
        let container = client.send(&Request::retrieve("cse-in/ae/here-places").from("Cdevice")).expect(2000);
        container.body.pointer("/m2m:cnt/cni").and_then(Value::as_u64).unwrap_or(0)
    };
    until("positions are kept", || kept() >= 2);
    until("the failure is known", || status(&client, "lost") == "4004");
    // Inside of a fence, as often as it is asked.
    let square = json!([[13, 52], [14, 52], [14, 53], [13, 53]]);
    let fence = json!({ "lot": "13.4,52.5@radio", "lou": ["PT1S"], "lit": 2, "gta": square, "gec": 3 });
    assert_eq!(policy(&client, "fence", fence), 2001);
    until("the fence says so", || latest(&client, "fence") == (2000, json!("3")));
}
