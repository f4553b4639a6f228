//! What comes from outside is refused where it is wrong, changes nothing, and tells nobody about the inside.

mod headers;
mod paths;
mod queries;
mod random;
mod representations;
mod wire;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use dyad_tests::{Answer, Client, Node, Request, Store};
use serde_json::{Value, json};

use crate::load::PATIENCE;

/// What an answer never tells.
const INTERNALS: [&str; 12] = [
    "panick",
    "diesel",
    "sqlite",
    "postgres",
    ".rs:",
    "SELECT ",
    "INSERT ",
    "/work/",
    "dyad.db",
    "RUST_BACKTRACE",
    "unwrap",
    "thread '",
];

/// A node with one of each in its tree.
fn node() -> Node {
    let node = Node::on(Store::Memory)
        .set("http.max_body", "64KiB")
        .set("http.header_timeout", "1s")
        .set("http.body_timeout", "1s")
        .start();
    let client = node.client();
    let everybody = json!({"acr": [{"acor": ["all"], "acop": 63}]});
    let made = |from: &str, to: &str, ty: u64, content: Value| {
        let _ = client.send(&Request::create(to, ty, content).from(from)).expect(2001);
    };
    let switch = json!({"rn": "f", "cnd": "org.onem2m.common.moduleclass.binarySwitch", "state": true});
    made("CAdmin", "cse-in", 1, json!({"m2m:acp": {"rn": "acp", "pv": everybody, "pvs": everybody}}));
    made("Cae", "cse-in", 2, json!({"m2m:ae": {"rn": "ae", "api": "N1", "rr": false, "srv": ["3"]}}));
    made("Cae", "cse-in/ae", 3, json!({"m2m:cnt": {"rn": "c", "lbl": ["a"], "mni": 100}}));
    made("Cae", "cse-in/ae/c", 4, json!({"m2m:cin": {"rn": "i", "con": "x"}}));
    made("Cae", "cse-in/ae", 28, json!({ "cod:binSh": switch }));
    made("Cae", "cse-in/ae/c", 23, json!({"m2m:sub": {"rn": "s", "nu": ["Cae"], "enc": {"net": [1]}}}));
    // The node lists the AEs that are referred to a moment later.
    let deadline = Instant::now() + PATIENCE;
    while !dump(&client).values().any(|body| body.pointer("/m2m:alpc/ail").is_some()) {
        assert!(Instant::now() < deadline, "nobody is listed: {:?}", dump(&client));
        std::thread::park_timeout(Duration::from_millis(10));
    }
    node
}

/// Everything there is, with all attributes, by address.
fn dump(client: &Client) -> BTreeMap<String, Value> {
    let found = client.send(&Request::retrieve("cse-in").with("fu", 1)).expect(2000);
    let mut paths: Vec<String> = serde_json::from_value(found.body["m2m:uril"].clone()).unwrap();
    paths.push("cse-in".into());
    let whole = |path: &String| {
        let mut body = client.send(&Request::retrieve(path)).expect(2000).body;
        // The CSEBase tells the time.
        let attributes = body.as_object_mut().unwrap().values_mut().next().unwrap();
        attributes.as_object_mut().unwrap().remove("ctm");
        body
    };
    paths.iter().map(|path| (path.clone(), whole(path))).collect()
}

/// A request and what it is refused with.
type Case = (&'static str, Request, u64);

/// Every case is refused with its code, none changes anything or shows what is inside.
#[track_caller]
fn all_refused(cases: Vec<Case>) {
    let node = node();
    let client = node.client();
    let before = dump(&client);
    let mut wrong = Vec::new();
    for (name, request, rsc) in cases {
        match client.try_send(&request) {
            Ok(answer) if answer.rsc == rsc => leaks(name, &answer, &mut wrong),
            Ok(answer) => wrong.push(format!("{name}: {rsc} was expected of {answer:?}")),
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
        let after = dump(&client);
        if after != before {
            wrong.push(format!("{name}: something has changed"));
            break;
        }
    }
    check_log(&node, &mut wrong);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Notes what an answer should not tell, and what it lacks.
fn leaks(name: &str, answer: &Answer, wrong: &mut Vec<String>) {
    let text = format!("{} {:?}", answer.body, answer.headers);
    if let Some(inside) = INTERNALS.iter().find(|inside| text.contains(**inside)) {
        wrong.push(format!("{name}: '{inside}' is shown by {answer:?}"));
    }
    if answer.rsc >= 4000 && answer.code < 400 {
        wrong.push(format!("{name}: HTTP status and code do not go together in {answer:?}"));
    }
}

fn check_log(node: &Node, wrong: &mut Vec<String>) {
    let log = node.log();
    let bad = log.lines().find(|line| line.contains("panicked") || line.contains("ERROR"));
    wrong.extend(bad.map(|line| format!("the node logged: {line}")));
}
