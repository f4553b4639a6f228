//! DNS-SD: what a browser of the network sees of the node, and that it goes.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use dyad_tests::{Node, Store};
use serde_json::Value;

use super::Cable;
use crate::tls::authority::Authority;

/// A browser.
const BROWSE: &str = include_str!("browse.py");

/// All kinds of services.
const KINDS: [&str; 5] = [
    "_onem2m._tcp.local",
    "_coap._udp.local",
    "_coaps._udp.local",
    "_mqtt._tcp.local",
    "_secure-mqtt._tcp.local",
];

/// What is announced: the name of the instance, its line in the banner, its scheme, and the path that it says.
const SERVICES: [(&str, &str, &str, Option<&str>); 8] = [
    ("cse-in id-in._onem2m._tcp.local", "HTTP", "http", Some("/m2m/cse-in")),
    ("cse-in id-in (https)._onem2m._tcp.local", "HTTPS", "https", Some("/m2m/cse-in")),
    ("cse-in id-in (ws)._onem2m._tcp.local", "WebSocket", "ws", Some("/")),
    ("cse-in id-in (wss)._onem2m._tcp.local", "WSS", "wss", Some("/")),
    ("cse-in id-in._coap._udp.local", "CoAP", "coap", Some("/cse-in")),
    ("cse-in id-in._coaps._udp.local", "CoAPS", "coaps", Some("/cse-in")),
    ("cse-in id-in._mqtt._tcp.local", "MQTT", "mqtt", None),
    ("cse-in id-in._secure-mqtt._tcp.local", "MQTTS", "mqtts", None),
];

#[test]
fn the_node_is_announced_and_says_goodbye() {
    let Some(cable) = Cable::lay("dyadmd", "203.0.113") else { return };
    let authority = Authority::new();
    let own = authority.issue("node", |_| {});
    let mut builder = Node::on(Store::Memory)
        .set("http.root", "/m2m")
        .set("tls.certificate", own.certificate())
        .set("tls.key", own.key())
        // What can erase everything listens on this machine alone.
        .set("testing.enabled", false);
    for binding in ["http", "coap", "mqtt", "ws"] {
        for listener in ["listen", "tls_listen"] {
            let listener =
                if (binding, listener) == ("coap", "tls_listen") { "dtls_listen" } else { listener };
            builder = builder.set(&format!("{binding}.{listener}"), format!("{}:0", cable.here()));
        }
    }
    let mut node = builder.start();
    let number = SERVICES.len().to_string();
    let browse = |mode| cable.program(BROWSE, &[&[mode, &*number], &KINDS[..]].concat());
    let output = browse("there").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}\n{}", String::from_utf8_lossy(&output.stderr), node.log());
    let found: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    for (name, line, scheme, path) in SERVICES {
        let service = &found[name];
        assert_eq!(service["scheme"], scheme, "{found:#}");
        assert_eq!(service["port"], node.address_of(line).port(), "{found:#}");
        assert_eq!(service["path"].as_str(), path, "{found:#}");
        assert_eq!((&service["cse-id"], &service["cse-name"]), (&"/id-in".into(), &"cse-in".into()));
        assert_eq!((&service["cse-type"], &service["txtvers"]), (&"IN".into(), &"1".into()));
    }
    let mut farewell = browse("gone").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(farewell.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert_eq!(lines.next().as_deref(), Some("ready"));
    node.stop();
    let said = lines.next().unwrap_or_default();
    assert!(farewell.wait().unwrap().success(), "no farewell: {said}\n{}", node.log());
    let gone: Vec<String> = serde_json::from_str(&said).unwrap();
    assert!(SERVICES.iter().all(|(name, ..)| gone.iter().any(|gone| gone == name)), "{gone:?}");
}

#[test]
fn a_node_for_this_machine_alone_is_not_announced() {
    let node = Node::on(Store::Memory).start();
    assert!(!node.log().contains("announced"), "{}", node.log());
}
