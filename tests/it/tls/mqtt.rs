//! MQTT over TLS: clients of the broker in the node, and the node as a client of a broker elsewhere.

use dyad_tests::{Client, Node, Request, Store, Transport};
use serde_json::{Value, json};

use super::authority::Authority;
use super::{logged, node, run, said};

/// A node whose broker takes connections over TLS.
fn broker(authority: &Authority) -> Node {
    node(authority).set("mqtt.tls_listen", "127.0.0.1:0").start()
}

#[test]
fn mosquittos_clients_come_over_tls() {
    let authority = Authority::new();
    let node = broker(&authority);
    let port = node.address_of("MQTTS").port().to_string();
    let request = json!({ "op": 2, "to": "cse-in", "fr": "CAdmin", "rqi": "1", "rvi": "3" }).to_string();
    let ask = |ca: &str| {
        let topics = ["-t", "/oneM2M/req/CAdmin/id-in/json", "-e", "/oneM2M/resp/CAdmin/id-in/json"];
        let place =
            ["-h", "localhost", "-p", &port, "-q", "1", "-W", "20", "-i", "A::CAdmin", "--cafile", ca];
        run("mosquitto_rr", &[&place[..], &topics[..], &["-m", &request]].concat())
    };
    let output = ask(&authority.certificate());
    let answer: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
    assert_eq!(answer["rsc"], 2000, "{answer}");
    let base = node.client().send(&Request::retrieve("cse-in")).expect(2000).body;
    assert!(base["m2m:cb"]["poa"].to_string().contains(&format!("mqtts://127.0.0.1:{port}")), "{base}");

    let output = ask(&Authority::new().certificate());
    assert!(!output.status.success(), "a client does not trust whom it does not know: {}", said(&output));
}

#[test]
fn the_node_goes_to_a_broker_over_tls_that_it_trusts() {
    let authority = Authority::new();
    let home = broker(&authority);
    let url = format!("mqtts://localhost:{}", home.address_of("MQTTS").port());
    let away = || Node::on(Store::Memory).set("cse.id", "/id-away").set("mqtt.broker", &url);
    let node = away().set("tls.ca", authority.certificate()).start();
    logged(&node, "connected with the MQTT broker");
    let client = Client::over(Transport::Mqtt, home.address_of("MQTT"), "/id-away");
    let _ = client.send(&Request::retrieve("cse-in").from("CAdmin")).expect(2000);

    let distrustful = away().set("tls.ca", Authority::new().certificate()).start();
    logged(&distrustful, "no connection with the MQTT broker");
}
