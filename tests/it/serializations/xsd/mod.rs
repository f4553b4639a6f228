//! What the node sends as XML conforms to the schemas of release 2, for the types that it has: xmllint says so.
//!
//! `DYAD_TEST_XSD` names the directory with the files of oneM2M (`CDT-container-v2_7_0.xsd`), which are not part of this
//! repository; without it there is nothing to test.

mod lint;
mod resources;
mod samples;

use std::collections::BTreeSet;
use std::path::PathBuf;

use dyad_protocol::Serialization;
use dyad_tests::{Node, Request, Sink, Store, variable};
use regex_lite::Regex;
use serde_json::json;

use super::peer::{Peer, codec};
use lint::{Whole, Xsd};
use resources::{communication, management, resources};

fn with_xsd() -> Option<Xsd> {
    variable("DYAD_TEST_XSD").map(|directory| Xsd::new(&PathBuf::from(directory)))
}

/// A node with an AE that polls, `cse-in/poll`.
fn polled() -> Node {
    let node = Node::on(Store::Memory).start();
    let client = node.client();
    let poll = json!({ "m2m:ae": { "rn": "poll", "api": "Ny", "rr": false, "srv": ["3"] } });
    let _ = client.send(&Request::create("cse-in", 2, poll).from("Cpoll")).expect(2001);
    let _ = client
        .send(&Request::create("cse-in/poll", 15, json!({ "m2m:pch": { "rn": "pch" } })).from("Cpoll"))
        .expect(2001);
    node
}

#[test]
fn what_is_sent_conforms_to_the_schemas_of_release_2() {
    let Some(xsd) = with_xsd() else { return };
    let node = polled();
    let peer = Peer::new(&node, Serialization::Xml);
    let sink = Sink::new();
    let mut types = BTreeSet::new();
    let mut paths = vec!["/cse-in".to_owned(), "/cse-in/poll/pch".to_owned()];
    for (parent, ty, content) in resources(&sink.url()).into_iter().chain(management()).chain(communication())
    {
        let created = peer.create(parent, ty, &content);
        assert_eq!(created.rsc, 2001, "{content}: {created:?}");
        let rn = content.as_object().unwrap().values().next().unwrap()["rn"].as_str().unwrap();
        paths.push(format!("{parent}/{rn}"));
    }
    let numbers = Regex::new("<srt>[^<]*</srt>").unwrap();
    for path in &paths {
        let mut peer = Peer::new(&node, Serialization::Xml);
        peer.originator = if path.ends_with("pch") { "Cpoll" } else { "CAdmin" };
        let answer = peer.retrieve(path).expect(2000);
        let document = xsd.of_release_2(&String::from_utf8(answer.bytes).unwrap());
        // Later types have no numbers there, and the form of a descriptor was no number.
        let document = numbers.replace(&document, "<srt>1 2 3 4</srt>");
        let document = document.replace("<dcrp>4<", "<dcrp>application/rdf+xml:1<");
        xsd.check(path, &document);
        types.insert(answer.body.as_object().unwrap().keys().next().unwrap().clone());
    }
    assert_eq!(types.len(), 33, "{types:?}");
    for query in
        ["?fu=1", "/ae?rcn=6", "/ae/cnt?rcn=5", "/ae/cnt?rcn=4", "/ae/cnt?rcn=8", "/ae/cnt?atrl=mni", "/none"]
    {
        let answer = peer.retrieve(&format!("/cse-in{query}"));
        let document = String::from_utf8(answer.bytes).unwrap();
        let is_partial = query.contains("rcn=8") || query.contains("atrl");
        xsd.check_as(if is_partial { Whole::Partial } else { Whole::Yes }, query, &document);
        assert!(document.starts_with("<?xml"));
    }
    xsd.finish();
}

#[test]
fn primitives_conform_to_the_schemas_of_release_2() {
    let Some(xsd) = with_xsd() else { return };
    let later = Regex::new("<(rvi|vsi)>[^<]*</(rvi|vsi)>").unwrap();
    let check = |what: &str, document: &str| xsd.check(what, &later.replace_all(document, ""));
    let node = polled();
    let client = node.client();
    let _ = client
        .send(&Request::create("cse-in/poll", 3, json!({ "m2m:cnt": { "rn": "c", "mni": 3 } })).from("Cpoll"))
        .expect(2001);
    let group = json!({ "m2m:grp": { "rn": "g", "mt": 3, "mnm": 5, "mid": ["cse-in/poll/c"] } });
    let _ = client.send(&Request::create("cse-in/poll", 9, group).from("Cpoll")).expect(2001);
    let sub = json!({ "m2m:sub": { "rn": "s", "nu": ["Cpoll"], "enc": { "net": [3] }, "nct": 1 } });
    let _ = client.send(&Request::create("cse-in/poll/c", 23, sub).from("Cpoll")).expect(2001);
    let _ = client
        .send(&Request::create("cse-in/poll/c", 4, json!({ "m2m:cin": { "con": "1" } })).from("Cpoll"))
        .expect(2001);
    let mut peer = Peer::new(&node, Serialization::Xml);
    peer.originator = "Cpoll";
    let polled = peer.retrieve("/cse-in/poll/pch/pcu").expect(2000);
    let document = String::from_utf8(polled.bytes).unwrap();
    assert!(document.contains("<m2m:rqp ") && document.contains("<m2m:sgn>"), "{document}");
    check("a request that carries a notification", &document);
    let notification = json!({ "m2m:sgn": polled.body["m2m:rqp"]["pc"]["m2m:sgn"] });
    let document = codec().write_content(Serialization::Xml, &notification.into());
    check("a notification", std::str::from_utf8(&document).unwrap());
    let answers = peer.retrieve("/cse-in/poll/g/fopt").expect(2000);
    check("answers of a group", &String::from_utf8(answers.bytes).unwrap());
    let wrapped = peer.create("/cse-in/poll?rcn=3", 3, &json!({ "m2m:cnt": {} })).expect(2001);
    check("a resource with its address", &String::from_utf8(wrapped.bytes).unwrap());
    let address = peer.create("/cse-in/poll?rcn=2", 3, &json!({ "m2m:cnt": {} })).expect(2001);
    check("an address", &String::from_utf8(address.bytes).unwrap());
    let mut response =
        dyad_protocol::Response::to(&dyad_protocol::Request::default(), dyad_protocol::StatusCode::Ok);
    response.request_identifier = "r1".into();
    response.content = Some(json!({ "m2m:uril": ["cse-in/a", "cse-in/b"] }).into());
    let document = codec().write_response(Serialization::Xml, &response);
    check("a response", std::str::from_utf8(&document).unwrap());
    xsd.finish();
}
