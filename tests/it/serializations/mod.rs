//! The same node in every serialisation (TS-0004 8): requests, answers, notifications, what is refused.

mod peer;
mod xsd;

use std::time::Duration;

use dyad_protocol::Serialization;
use dyad_tests::{Node, Received, Request, Sink, Store};
use serde_json::{Value, json};

use peer::{Peer, codec};

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn every_operation_in_every_serialization() {
    let node = Node::on(Store::Memory).start();
    for serialization in Serialization::ALL {
        let name = serialization.name();
        let peer = Peer::new(&node, serialization);
        let json = Peer::new(&node, Serialization::Json);
        let container = json!({ "m2m:cnt": { "rn": name, "lbl": ["a", "b"], "mni": 5, "mbs": 100_000 } });
        let created = peer.create("/cse-in", 3, &container).expect(2001);
        assert_eq!(created.media, format!("application/{name}"));
        assert_eq!(created.body["m2m:cnt"]["mni"], 5);
        let path = format!("/cse-in/{name}");
        for content in [json!("12.8"), json!(""), json!(" <&> \"é\" ]]> "), json!(1.5), json!(true)] {
            let created = peer.create(&path, 4, &json!({ "m2m:cin": { "con": content } })).expect(2001);
            assert_eq!(created.body["m2m:cin"]["con"], content, "{name}");
        }
        // Whoever asks for JSON sees the same.
        for query in [
            "",
            "/la",
            "/ol",
            "?rcn=4",
            "?rcn=5",
            "?rcn=6",
            "?rcn=8",
            "?fu=1",
            "?fu=1&lbl=none",
            "?atrl=mni+lbl",
        ] {
            let address = format!("{path}{query}");
            assert_eq!(peer.retrieve(&address).expect(2000).body, json.retrieve(&address).expect(2000).body);
        }
        let _ = peer.update(&path, &json!({ "m2m:cnt": { "lbl": null, "mni": 7 } })).expect(2004);
        let now = json.retrieve(&path).expect(2000).body;
        assert_eq!((&now["m2m:cnt"]["mni"], now["m2m:cnt"].get("lbl")), (&json!(7), None));
        let refused = peer.retrieve("/cse-in/none").expect(4004);
        assert!(refused.body["m2m:dbg"].is_string(), "{name}: {refused:?}");
        let _ = peer.update(&path, &json!({ "m2m:cnt": { "mni": "many" } })).expect(4000);
        let _ = peer.delete(&path).expect(2002);
    }
}

/// The answer to who accepts anything is in the serialisation of the request; oneM2M's own names mean the same.
#[test]
fn the_originator_chooses_what_it_is_answered_in() {
    let node = Node::on(Store::Memory).start();
    let body = codec().write_content(Serialization::Xml, &json!({ "m2m:cnt": {} }).into());
    for (accept, media) in [
        ("*/*", "application/xml"),
        ("application/cbor", "application/cbor"),
        (
            "text/html, application/vnd.onem2m-res+cbor;q=0.9, application/json;q=0.3",
            "application/vnd.onem2m-res+cbor",
        ),
    ] {
        let headers = [("Accept", accept), ("Content-Type", "application/vnd.onem2m-res+xml;ty=3")];
        assert_eq!(peer::exchange(&node, "POST", "/cse-in", &headers, &body).expect(2001).media, media);
    }
    let refused = peer::exchange(&node, "GET", "/cse-in", &[("Accept", "application/yaml")], b"");
    assert_eq!((refused.status, refused.rsc), (406, 5207));
    let refused =
        peer::exchange(&node, "POST", "/cse-in", &[("Content-Type", "application/yaml;ty=3")], b"a: b");
    assert_eq!((refused.status, refused.rsc), (415, 4015));
}

#[test]
fn what_is_malformed_is_refused_and_changes_nothing() {
    let node = Node::on(Store::Memory).start();
    let many = "<a>".repeat(10_000);
    let bomb = r#"<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><m2m:cnt rn="&b;"/>"#;
    let file = r#"<!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/hostname">]><m2m:cnt><lbl>&a;</lbl></m2m:cnt>"#;
    let cases: [(&str, &[u8]); 16] = [
        ("xml", b"<m2m:cnt>"),
        ("xml", b"\xff\xfe<\0"),
        ("xml", b"{\"m2m:cnt\":{}}"),
        ("xml", many.as_bytes()),
        ("xml", bomb.as_bytes()),
        ("xml", file.as_bytes()),
        ("xml", b"<?xml version='1.0' encoding='latin1'?><m2m:cnt/>"),
        ("xml", b"<m2m:cnt rn='a' rn='b'/>"),
        ("cbor", b"{\"m2m:cnt\":{}}"),
        ("cbor", b"\xa1"),
        ("cbor", b"\xa1\x67m2m:cnt\xbb\xff\xff\xff\xff\xff\xff\xff\xff"),
        ("cbor", b"\xa1\x67m2m:cnt\x9b\x00\x00\x00\xff\xff\xff\xff\xff"),
        ("cbor", b"\xa1\x67m2m:cnt\xbf"),
        ("cbor", b"\xa1\x67m2m:cnt\xa1\x63mni\xf9\x7e\x00"),
        ("cbor", b"\xa1\x67m2m:cnt\xa2\x63mni\x01\x63mni\x01"),
        ("cbor", &[0x9f; 5_000]),
    ];
    for (name, body) in cases {
        let headers = [("Content-Type", format!("application/{name};ty=3"))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = peer::exchange(&node, "POST", "/cse-in", &headers, body);
        assert_eq!((answer.status, answer.rsc), (400, 4000), "{name} {}", String::from_utf8_lossy(body));
        assert_eq!(answer.media, format!("application/{name}"));
        assert!(answer.body["m2m:dbg"].is_string());
    }
    let found = node.client().send(&Request::retrieve("cse-in").with("fu", 1).with("ty", 3)).expect(2000);
    assert_eq!(found.body, json!({ "m2m:uril": [] }));
}

/// A notification read by what it says it is.
fn notified(received: &Received) -> (String, Value) {
    let media = received.header("content-type").unwrap_or_default().to_owned();
    let serialization = media.strip_prefix("application/").and_then(Serialization::from_name).unwrap();
    let content = codec().read_content(serialization, received.bytes.clone().into());
    (serialization.name().to_owned(), content.unwrap().into_value())
}

/// `ct` of a URL, otherwise `csz` of an AE, decides what notifications are written in (TS-0004 7.5.1.2).
#[test]
fn targets_are_notified_in_their_serialization() {
    let node = Node::on(Store::Memory).start();
    let client = node.client();
    let sink = Sink::new();
    let _ = client.send(&Request::create("cse-in", 3, json!({ "m2m:cnt": { "rn": "c" } }))).expect(2001);
    let ae = |name: &str, csz: &[&str], point: String| {
        let ae = json!({ "m2m:ae": { "rn": name, "api": "Nx", "rr": true, "srv": ["3"], "csz": csz, "poa": [point] } });
        let _ = client.send(&Request::create("cse-in", 2, ae).from(&format!("C{name}"))).expect(2001);
        format!("cse-in/{name}")
    };
    let targets = [
        ("json", sink.url()),
        ("cbor", format!("{}?ct=cbor", sink.url())),
        ("xml", format!("{}/?a=b&ct=xml", sink.url())),
        ("cbor", ae("one", &["application/cbor", "application/json"], sink.url())),
        ("xml", ae("two", &["xml"], sink.url())),
        ("json", ae("three", &["application/xml"], format!("{}?ct=json", sink.url()))),
    ];
    for (name, target) in targets {
        let sub = json!({ "m2m:sub": { "rn": "s", "nu": [target], "enc": { "net": [3] }, "nct": 1 } });
        let _ = client.send(&Request::create("cse-in/c", 23, sub)).expect(2001);
        for received in sink.take() {
            let (written, content) = notified(&received);
            assert_eq!((written.as_str(), &content["m2m:sgn"]["vrq"]), (name, &json!(true)), "{target}");
        }
        let _ =
            client.send(&Request::create("cse-in/c", 4, json!({ "m2m:cin": { "con": "<1>" } }))).expect(2001);
        let all = sink.wait_for(1, PATIENCE);
        let (written, content) = notified(&all[0]);
        assert_eq!(written, name, "{target}");
        assert_eq!(content["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"], "<1>");
        assert!(!all[0].line.contains("ct="), "{}", all[0].line);
        let _ = client.send(&Request::delete("cse-in/c/s")).expect(2002);
        let _ = sink.take();
    }
}
