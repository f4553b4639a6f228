//! What the node sends as XML conforms to the schemas of release 2, for the types that it has: xmllint says so.
//!
//! `DYAD_TEST_XSD` names the directory with the files of oneM2M (`CDT-container-v2_7_0.xsd`), which are not part of this
//! repository; without it there is nothing to test. They have long names where documents have short ones
//! (TS-0004 8.3.1), so copies with short names are made, from the names in the tables.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dyad_protocol::Serialization;
use dyad_protocol::schema::{DataType, Schemas};
use dyad_tests::{Node, Request, Sink, Store, variable};
use regex_lite::Regex;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::peer::{Peer, codec};

/// Names that the tables do not have, or have more than once.
const NAMES: [(&str, &str); 12] = [
    ("resourceID", "ri"),
    ("originator", "or"),
    ("childResource", "ch"),
    ("aggregatedNotification", "agn"),
    ("aggregatedResponse", "agr"),
    ("attributeList", "atrl"),
    ("debugInfo", "dbg"),
    ("requestPrimitive", "rqp"),
    ("responsePrimitive", "rsp"),
    ("resource", "rce"),
    ("resourceRefList", "rrl"),
    ("URIList", "uril"),
];

/// Elements that need not be there, by file: what later releases have taken out, and what is written by who manages a
/// device.
const OPTIONAL: [(&str, &str); 7] = [
    ("timeSeries", "stateTag"),
    ("timeSeries", "latest"),
    ("timeSeries", "oldest"),
    ("firmware", "updateStatus"),
    ("software", "install"),
    ("software", "uninstall"),
    ("software", "installStatus"),
];

/// The schemas with short names.
struct Xsd {
    directory: TempDir,
    schemas: Schemas,
    /// The text of each file as it was, by the type that it is about.
    files: BTreeMap<String, String>,
    /// What does not conform, and why.
    wrong: RefCell<Vec<String>>,
}

impl Xsd {
    fn new(source: &Path) -> Self {
        let schemas = Schemas::builtin().unwrap();
        let names = short_names(&schemas);
        let directory = tempfile::tempdir().unwrap();
        let declared = Regex::new(r#"(<(?:xs:)?(?:element|attribute)\s[^>]*?\bname=")([^"]+)""#).unwrap();
        let referred = Regex::new(r#"(\bref="m2m:)([^"]+)""#).unwrap();
        let mut files = BTreeMap::new();
        let mut all = String::from(
            r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="http://www.onem2m.org/xml/protocols">"#,
        );
        for file in fs::read_dir(source).unwrap() {
            let path = file.unwrap().path();
            let file = path.file_name().unwrap().to_str().unwrap().to_owned();
            let Some(name) = file.strip_prefix("CDT-").and_then(|rest| rest.split('-').next()) else {
                continue;
            };
            let original = fs::read_to_string(&path).unwrap();
            let mut text = original.clone();
            for (_, element) in OPTIONAL.iter().filter(|(file, _)| *file == name) {
                let required = Regex::new(&format!(r#"(name="{element}" type="[^"]*") ?/>"#)).unwrap();
                text = required.replace_all(&text, r#"$1 minOccurs="0"/>"#).into_owned();
            }
            // One includes itself, and another has escapes that regular expressions of XSD have not.
            text = text.replace(&format!(r#"<xs:include schemaLocation="{file}" />"#), "");
            text = text.replace(&format!(r#"<xs:include schemaLocation="{file}"/>"#), "");
            text = text.replace(r"\/", "/").replace(r"\:", ":");
            let short = |long: &str| match (name, long) {
                ("responsePrimitive", "childResource") => "rrf".to_owned(),
                _ => names.get(long).cloned().unwrap_or_else(|| long.to_owned()),
            };
            for pattern in [&declared, &referred] {
                text = pattern
                    .replace_all(&text, |found: &regex_lite::Captures<'_>| {
                        format!("{}{}\"", &found[1], short(&found[2]))
                    })
                    .into_owned();
            }
            fs::write(directory.path().join(&file), text).unwrap();
            all.push_str(&format!(r#"<xs:include schemaLocation="{file}"/>"#));
            files.insert(name.to_owned(), original);
        }
        fs::write(directory.path().join("all.xsd"), all + "</xs:schema>").unwrap();
        Self { directory, schemas, files, wrong: RefCell::default() }
    }

    /// Lets xmllint look at a document.
    fn check(&self, what: &str, document: &str) {
        let path = self.directory.path().join("document.xml");
        fs::write(&path, document).unwrap();
        let schema = self.directory.path().join("all.xsd");
        let lint = Command::new("xmllint").args(["--noout", "--schema"]).arg(schema).arg(&path).output();
        let lint = lint.expect("xmllint, of the Debian package libxml2-utils");
        if !lint.status.success() {
            let said = String::from_utf8_lossy(&lint.stderr);
            self.wrong.borrow_mut().push(format!("{what}: {document}\n{said}"));
        }
    }

    /// Panics unless all documents conform.
    #[track_caller]
    fn finish(&self) {
        let wrong = self.wrong.borrow();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// A representation without the attributes that came after release 2.
    fn of_release_2(&self, document: &str) -> String {
        let root = Regex::new(r"<(m2m:[A-Za-z]+)[ >]").unwrap().captures(document).unwrap()[1].to_owned();
        let table = self.schemas.by_root(&root).unwrap();
        let mut text = document.to_owned();
        let known = format!("{}{}", self.files[table.name.as_str()], self.files["commonTypes"]);
        for attribute in
            table.attributes().filter(|attribute| !known.contains(&format!(r#"name="{}""#, attribute.name)))
        {
            let short = &attribute.short;
            let element = Regex::new(&format!("<{short}(/>|[ >].*?</{short}>)")).unwrap();
            text = element.replace_all(&text, "").into_owned();
        }
        text
    }
}

/// Short names by long ones.
fn short_names(schemas: &Schemas) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for table in schemas.iter().filter(|table| table.root.starts_with("m2m:")) {
        names.insert(table.name.to_string(), table.root.trim_start_matches("m2m:").to_owned());
        for attribute in table.attributes() {
            names.entry(attribute.name.to_string()).or_insert_with(|| attribute.short.to_string());
            members(&attribute.data_type, &mut names);
        }
    }
    for root in ["m2m:rqp", "m2m:rsp", "m2m:sgn", "m2m:rrl", "m2m:agr", "m2m:agn", "m2m:tqf", "m2m:rce"] {
        members(schemas.content(root).unwrap(), &mut names);
    }
    names.extend(NAMES.map(|(long, short)| (long.to_owned(), short.to_owned())));
    names
}

fn members(data_type: &DataType, names: &mut BTreeMap<String, String>) {
    match data_type {
        DataType::List(list) => members(&list.element, names),
        DataType::Complex(all) => {
            for member in all.iter() {
                let short = member.short.rsplit(':').next().unwrap().to_owned();
                names.entry(member.name.to_string()).or_insert(short);
                members(&member.data_type, names);
            }
        }
        _ => {}
    }
}

/// Resources of the types of release 2, in the order of their making: parent, type, content. `target`: of notifications.
fn resources(target: &str) -> Vec<(&'static str, u32, Value)> {
    let dsp = "PHJkZjpSREYgeG1sbnM6cmRmPSJodHRwOi8vd3d3LnczLm9yZy8xOTk5LzAyLzIyLXJkZi1zeW50YXgtbnMjIi8+";
    let rule = json!({ "acor": ["CAdmin", "all"], "acop": 63, "acco": [{
        "actw": ["* * * * * * *", "0 0 * * * * *"], "acip": { "ipv4": ["127.0.0.1"] } }] });
    vec![
        (
            "/cse-in",
            1,
            json!({ "m2m:acp": { "rn": "acp", "lbl": ["x"], "pv": { "acr": [rule] }, "pvs": { "acr": [{ "acor": ["CAdmin"], "acop": 63 }] } } }),
        ),
        ("/cse-in", 14, json!({ "m2m:nod": { "rn": "nod", "ni": "urn-n" } })),
        (
            "/cse-in",
            2,
            json!({ "m2m:ae": { "rn": "ae", "api": "Nx", "apn": "a name", "rr": true, "lbl": ["a", "k:v"], "poa": ["http://127.0.0.1:9"], "csz": ["application/xml", "application/json"], "nl": "cse-in/nod" } }),
        ),
        (
            "/cse-in/ae",
            3,
            json!({ "m2m:cnt": { "rn": "cnt", "cr": null, "mni": 10, "mbs": 1000, "mia": 3600, "or": "http://example.com/o", "acpi": ["cse-in/acp"] } }),
        ),
        (
            "/cse-in/ae/cnt",
            4,
            json!({ "m2m:cin": { "rn": "cin", "cnf": "text/plain:0", "con": "<a> & b", "lbl": ["x"], "cr": null } }),
        ),
        ("/cse-in/ae/cnt", 4, json!({ "m2m:cin": { "rn": "number", "con": 1.5 } })),
        (
            "/cse-in/ae/cnt",
            23,
            json!({ "m2m:sub": { "rn": "sub", "cr": null, "nu": [target], "exc": 100, "nct": 1, "pn": 1, "ln": false,
            "enc": { "net": [1, 3], "crb": "20990101T000000", "sza": 0 }, "bn": { "num": 1, "dur": "PT1S" } } }),
        ),
        (
            "/cse-in",
            9,
            json!({ "m2m:grp": { "rn": "grp", "cr": null, "mt": 3, "mnm": 5, "mid": ["cse-in/ae/cnt"], "csy": 1, "gn": "group" } }),
        ),
        (
            "/cse-in/ae",
            29,
            json!({ "m2m:ts": { "rn": "ts", "cr": null, "pei": 1000, "mdd": false, "mni": 5 } }),
        ),
        (
            "/cse-in/ae/ts",
            30,
            json!({ "m2m:tsi": { "rn": "tsi", "dgt": "20260101T000000", "con": "1", "snr": 3 } }),
        ),
        ("/cse-in/ae", 24, json!({ "m2m:smd": { "rn": "smd", "cr": null, "dcrp": 4, "dsp": dsp } })),
        (
            "/cse-in/nod",
            18,
            json!({ "m2m:sch": { "rn": "sch", "se": { "sce": ["* * * * * * *", "0 0 1 1 * * *"] } } }),
        ),
        ("/cse-in", 10, json!({ "m2m:lcp": { "rn": "lcp", "los": 2, "lou": ["PT1M"], "lon": "places" } })),
    ]
}

/// Objects of management, below a node.
fn management() -> Vec<(&'static str, u32, Value)> {
    vec![
        (
            "/cse-in/nod",
            13,
            json!({ "m2m:fwr": { "rn": "fwr", "mgd": 1001, "dc": "it", "vr": "1", "fwn": "f", "url": "http://a/b", "ud": false } }),
        ),
        (
            "/cse-in/nod",
            13,
            json!({ "m2m:swr": { "rn": "swr", "mgd": 1002, "vr": "1", "swn": "s", "url": "http://a/b" } }),
        ),
        ("/cse-in/nod", 13, json!({ "m2m:mem": { "rn": "mem", "mgd": 1003, "mma": 10, "mmt": 20 } })),
        (
            "/cse-in/nod",
            13,
            json!({ "m2m:ani": { "rn": "ani", "mgd": 1004, "ant": "x", "ldv": ["a", "b"] } }),
        ),
        ("/cse-in/nod", 13, json!({ "m2m:bat": { "rn": "bat", "mgd": 1006, "btl": 50, "bts": 1 } })),
        ("/cse-in/nod", 13, json!({ "m2m:rbo": { "rn": "rbo", "mgd": 1009, "rbo": false, "far": false } })),
    ]
}

fn with_xsd() -> Option<Xsd> {
    variable("DYAD_TEST_XSD").map(|directory| Xsd::new(&PathBuf::from(directory)))
}

#[test]
fn what_is_sent_conforms_to_the_schemas_of_release_2() {
    let Some(xsd) = with_xsd() else { return };
    let node = Node::on(Store::Memory).start();
    let client = node.client();
    let poll = json!({ "m2m:ae": { "rn": "poll", "api": "Ny", "rr": false, "srv": ["3"] } });
    let _ = client.send(&Request::create("cse-in", 2, poll).from("Cpoll")).expect(2001);
    let _ = client
        .send(&Request::create("cse-in/poll", 15, json!({ "m2m:pch": { "rn": "pch" } })).from("Cpoll"))
        .expect(2001);
    let peer = Peer::new(&node, Serialization::Xml);
    let sink = Sink::new();
    let mut types = BTreeSet::new();
    let mut paths = vec!["/cse-in".to_owned(), "/cse-in/poll/pch".to_owned()];
    for (parent, ty, content) in resources(&sink.url()).into_iter().chain(management()) {
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
    assert_eq!(types.len(), 20, "{types:?}");
    for query in
        ["?fu=1", "/ae?rcn=6", "/ae/cnt?rcn=5", "/ae/cnt?rcn=4", "/ae/cnt?rcn=8", "/ae/cnt?atrl=mni", "/none"]
    {
        let answer = peer.retrieve(&format!("/cse-in{query}"));
        let document = String::from_utf8(answer.bytes).unwrap();
        if !query.contains("rcn=8") && !query.contains("atrl") {
            xsd.check(query, &document);
        }
        assert!(document.starts_with("<?xml"));
    }
    xsd.finish();
}

#[test]
fn primitives_conform_to_the_schemas_of_release_2() {
    let Some(xsd) = with_xsd() else { return };
    let later = Regex::new("<(rvi|vsi)>[^<]*</(rvi|vsi)>").unwrap();
    let check = |what: &str, document: &str| xsd.check(what, &later.replace_all(document, ""));
    let node = Node::on(Store::Memory).start();
    let client = node.client();
    let poll = json!({ "m2m:ae": { "rn": "poll", "api": "Ny", "rr": false, "srv": ["3"] } });
    let _ = client.send(&Request::create("cse-in", 2, poll).from("Cpoll")).expect(2001);
    let _ = client
        .send(&Request::create("cse-in/poll", 15, json!({ "m2m:pch": { "rn": "pch" } })).from("Cpoll"))
        .expect(2001);
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
