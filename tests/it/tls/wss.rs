//! WebSocket over TLS: connections to the node, and those that it opens.

use dyad_tests::{Node, Request};
use serde_json::json;

use super::authority::Authority;
use super::tunnel::Tunnel;
use super::{logged, node, run, said};

fn listening(authority: &Authority) -> Node {
    node(authority).set("ws.listen", "127.0.0.1:0").set("ws.tls_listen", "127.0.0.1:0").start()
}

/// The opening handshake of a client that verifies the certificate: what curl says.
fn upgrade(node: &Node, ca: &str) -> String {
    let url = format!("https://localhost:{}/", node.address_of("WSS").port());
    let headers = [
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol: oneM2M.json",
        "X-M2M-Origin: CAdmin",
    ];
    let mut arguments = vec!["-sSi", "--http1.1", "--max-time", "2", "--cacert", ca];
    headers.iter().for_each(|header| arguments.extend(["-H", header]));
    arguments.push(&url);
    said(&run("curl", &arguments))
}

#[test]
fn who_trusts_the_certificate_gets_in() {
    let (authority, other) = (Authority::new(), Authority::new());
    let node = listening(&authority);
    let answer = upgrade(&node, &authority.certificate());
    assert!(answer.contains("101 Switching Protocols") && answer.contains("oneM2M.json"), "{answer}");
    let answer = upgrade(&node, &other.certificate());
    assert!(!answer.contains("101") && answer.contains("certificate"), "{answer}");
    let points = node.client().send(&Request::retrieve("cse-in")).expect(2000);
    let secure = format!("wss://{}", node.address_of("WSS"));
    assert!(points.body["m2m:cb"]["poa"].as_array().unwrap().contains(&json!(secure)), "{points:?}");
}

/// Two nodes: the one opens a connection to the other, which answers that there is nobody to notify.
#[test]
fn the_node_opens_connections() {
    let (authority, other) = (Authority::new(), Authority::new());
    let target = listening(&authority);
    let port = target.address_of("WSS").port();
    for (trusted, expected) in [
        (&authority, "does not accept the subscription"),
        (&other, "put the certificate of its issuer into tls.ca"),
    ] {
        let node = node(&authority).set("tls.ca", trusted.certificate()).start();
        let client = node.client();
        let _ = client.send(&Request::create("cse-in", 3, json!({ "m2m:cnt": { "rn": "c" } }))).expect(2001);
        let url = format!("wss://localhost:{port}/");
        let subscription = json!({ "m2m:sub": { "rn": "s", "nu": [url], "enc": { "net": [3] } } });
        let answer = client.send(&Request::create("cse-in/c", 23, subscription)).expect(5204);
        let told = format!("{answer:?}{}", node.log());
        assert!(told.contains(expected), "{told}");
    }
    logged(&target, "TLS connection");
}

#[test]
fn messages_travel_as_without() {
    use dyad_tests::{Client, Transport};
    let authority = Authority::new();
    let node = listening(&authority);
    let tunnel = Tunnel::to(node.address_of("WSS"), &authority);
    let client = Client::over(Transport::WebSocket, tunnel.address(), "/id-in");
    let long = "x".repeat(200_000);
    let _ = client.send(&Request::create("cse-in", 3, json!({ "m2m:cnt": { "rn": "c" } }))).expect(2001);
    let _ = client.send(&Request::create("cse-in/c", 4, json!({ "m2m:cin": { "con": long } }))).expect(2001);
    let latest = client.send(&Request::retrieve("cse-in/c/la")).expect(2000);
    assert_eq!(latest.body["m2m:cin"]["con"], json!(long));
}
