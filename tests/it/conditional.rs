//! Entity tags and conditional requests over HTTP (TS-0009 6.4.6, RFC 7232), and the depth of contents.

use std::sync::atomic::{AtomicUsize, Ordering};

use dyad_tests::{Answer, Client, Node, Request, Store};
use serde_json::{Value, json};

fn container(client: &Client) {
    let _ = client.send(&Request::create("cse-in", 3, json!({ "m2m:cnt": { "rn": "c" } }))).expect(2001);
}

/// The tag of what a RETRIEVE finds.
fn tag(client: &Client, request: &Request) -> String {
    client.send(request).expect(2000).header("etag").unwrap().to_owned()
}

fn label(text: &str) -> Request {
    Request::update("cse-in/c", json!({ "m2m:cnt": { "lbl": [text] } }))
}

fn is(answer: &Answer, http: u16) {
    assert_eq!(answer.code, http, "{answer:?}");
}

#[test]
fn a_client_is_not_sent_what_it_has() {
    let node = Node::on(Store::Memory).start();
    let client = node.client();
    container(&client);
    let get = Request::retrieve("cse-in/c");
    let known = tag(&client, &get);
    assert!(known.starts_with('"') && known.ends_with('"') && known.len() == 18, "{known}");
    assert_eq!(tag(&client, &get), known, "the same representation has the same tag");
    for tags in [known.clone(), format!("\"other\", {known}"), format!("W/{known}"), "*".to_owned()] {
        let answer = client.send(&get.clone().header("If-None-Match", &tags));
        is(&answer, 304);
        assert_eq!((&answer.body, answer.header("etag")), (&Value::Null, Some(&*known)), "{tags}");
    }
    let _ = client.send(&label("x")).expect(2004);
    let changed = client.send(&get.clone().header("If-None-Match", &known)).expect(2000);
    assert_eq!(changed.body["m2m:cnt"]["lbl"], json!(["x"]));
    is(&client.send(&get.clone().header("If-Match", &known)), 412);
    // Each form of the answer has a tag of its own, and what fails has none.
    assert_ne!(tag(&client, &get), tag(&client, &get.clone().with("rcn", 12)));
    assert_eq!(client.send(&Request::retrieve("cse-in/none")).header("etag"), None);
    is(&client.send(&get.clone().header("If-Match", "no tag")), 400);
}

fn only_one_of_several_changes_what_all_have_seen(store: Store) {
    if !store.is_available() {
        return;
    }
    let node = Node::on(store).start();
    let client = node.client();
    container(&client);
    let get = Request::retrieve("cse-in/c");
    let seen = tag(&client, &get);
    let changed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (changed, seen, client) = (&changed, &seen, node.client());
            scope.spawn(move || {
                let answer = client.send(&label(&number.to_string()).header("If-Match", seen));
                match (answer.code, answer.rsc) {
                    (200, 2004) => drop(changed.fetch_add(1, Ordering::Relaxed)),
                    (412, 4105) => {}
                    _ => panic!("{answer:?}"),
                }
            });
        }
    });
    assert_eq!(changed.into_inner(), 1);
    is(&client.send(&Request::delete("cse-in/c").header("If-Match", &seen)), 412);
    let instance = Request::create("cse-in/c", 4, json!({ "m2m:cin": { "con": "1" } }));
    is(&client.send(&instance.clone().header("If-Match", &seen)), 412);
    let now = tag(&client, &get);
    is(&client.send(&label("y").header("If-None-Match", &now)), 412);
    is(&client.send(&instance.header("If-Match", &now)), 201);
    is(&client.send(&Request::delete("cse-in/c").header("If-Match", "*")), 200);
    // What would fail anyway fails for its own reason.
    is(&client.send(&Request::delete("cse-in/c").header("If-Match", "*")), 404);
}

#[test]
fn only_one_of_several_changes_what_all_have_seen_on_sqlite() {
    only_one_of_several_changes_what_all_have_seen(Store::Sqlite);
}

#[test]
fn only_one_of_several_changes_what_all_have_seen_on_postgres() {
    only_one_of_several_changes_what_all_have_seen(Store::Postgres);
}

#[test]
fn what_has_no_state_to_be_named_is_refused() {
    let node = Node::on(Store::Memory).start();
    let client = node.client();
    container(&client);
    let group = json!({ "m2m:grp": { "rn": "g", "mnm": 5, "mid": ["cse-in/c"] } });
    let _ = client.send(&Request::create("cse-in", 9, group)).expect(2001);
    let update = Request::update("cse-in/g/fopt", json!({ "m2m:cnt": { "lbl": ["x"] } }));
    is(&client.send(&update.header("If-Match", "*")), 412);
    let later = label("x").with("rt", 1).header("If-Match", "*");
    let _ = client.send(&later).expect(4000);
}

#[test]
fn contents_nest_as_deep_as_the_operator_lets_them() {
    let content = |levels: usize| {
        let text = format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        let mut request = Request::create("cse-in/c", 4, Value::Null);
        request.text = Some(format!("{{\"m2m:cin\":{{\"con\":{text}}}}}"));
        request
    };
    for (setting, deepest) in [(None, 127), (Some(10), 10)] {
        let node = match setting {
            Some(depth) => Node::on(Store::Memory).set("request.max_depth", depth).start(),
            None => Node::on(Store::Memory).start(),
        };
        let client = node.client();
        container(&client);
        let _ = client.send(&content(deepest - 2)).expect(2001);
        let _ = client.send(&content(deepest - 1)).expect(4000);
    }
}
