//! What the node sends to `https://` addresses: only to those whose certificate it can trust.

use dyad_tests::{Client, Node, Request, Sink, Store};
use serde_json::{Value, json};

use super::authority::{Authority, Issued};
use super::tunnel::Tunnel;
use super::{PATIENCE, logged, node};

/// A target over TLS that shows this certificate.
fn target(shown: &Issued) -> (Sink, Tunnel, String) {
    let sink = Sink::new();
    let plain = sink.url();
    let tunnel = Tunnel::before(plain.trim_start_matches("http://").parse().unwrap(), shown);
    let url = format!("https://localhost:{}", tunnel.address().port());
    (sink, tunnel, url)
}

/// A container with a subscription to a target.
fn subscribed(client: &Client, name: &str, url: &str) {
    let _ = client.send(&Request::create("cse-in", 3, json!({ "m2m:cnt": { "rn": name } }))).expect(2001);
    let subscription = json!({ "m2m:sub": { "rn": "s", "nu": [url], "enc": { "net": [3] } } });
    let _ = client.send(&Request::create(&format!("cse-in/{name}"), 23, subscription)).expect(2001);
}

fn add(client: &Client, name: &str) {
    let instance = json!({ "m2m:cin": { "con": name } });
    let _ = client.send(&Request::create(&format!("cse-in/{name}"), 4, instance)).expect(2001);
}

#[test]
fn a_target_by_the_configured_ca_is_notified() {
    let authority = Authority::new();
    let (sink, _tunnel, url) = target(&authority.issue("target", |_| {}));
    let node = Node::on(Store::Memory).set("tls.ca", authority.certificate()).start();
    let client = node.client();
    subscribed(&client, "c", &url);
    add(&client, "c");
    let received = sink.wait_for(2, PATIENCE);
    assert!(received[0].is_verification());
    assert_eq!(received[1].body.pointer("/m2m:sgn/nev/rep/m2m:cin/con"), Some(&Value::from("c")));
}

#[test]
fn others_are_refused_and_the_log_says_why() {
    let (authority, other) = (Authority::new(), Authority::new());
    let node = node(&authority).set("tls.ca", authority.certificate()).start();
    let client = node.client();
    for (name, shown, expected) in [
        ("unknown", other.issue("target", |_| {}), "put the certificate of its issuer into tls.ca"),
        ("expired", authority.expired("old"), "its certificate has expired"),
        (
            "elsewhere",
            authority.issue("elsewhere", |params| {
                params.subject_alt_names =
                    vec![rcgen::SanType::DnsName("elsewhere.example".try_into().unwrap())];
            }),
            "its certificate is for another host",
        ),
    ] {
        let (sink, _tunnel, url) = target(&shown);
        refused(&client, name, &url);
        logged(&node, expected);
        assert!(sink.received().is_empty(), "{:?}", sink.received());
    }
    // One that speaks no TLS at all.
    refused(&client, "plain", &format!("https://{}", node.address()));
    logged(&node, "does not speak TLS at this port");
}

/// A subscription whose target cannot be asked whether it agrees.
#[track_caller]
fn refused(client: &Client, name: &str, url: &str) {
    let _ = client.send(&Request::create("cse-in", 3, json!({ "m2m:cnt": { "rn": name } }))).expect(2001);
    let subscription = json!({ "m2m:sub": { "rn": "s", "nu": [url], "enc": { "net": [3] } } });
    let _ = client.send(&Request::create(&format!("cse-in/{name}"), 23, subscription)).expect(5204);
}
