//! Descriptors that several change at the same time, and across restarts; many queries at the same time.

use dyad_tests::{Client, Node, Request, Store};
use serde_json::json;

/// How many change it.
const AT_ONCE: usize = 8;

/// Changes of each.
const CHANGES: usize = 10;

fn count(client: &Client) -> String {
    let query = "SELECT (COUNT(?n) AS ?c) WHERE { ?s <http://example.org/n> ?n }";
    let request = Request::retrieve("cse-in/c").with("sqi", "true").with("smf", query);
    client.send(&request).expect(2000).text("/m2m:qres")
}

#[test]
fn changes_by_sparql_at_the_same_time_are_all_kept() {
    for store in Store::lasting() {
        let mut node = Node::on(store).start();
        let client = node.client();
        let _ = client.send(&Request::create("cse-in", 3, json!({ "m2m:cnt": { "rn": "c" } }))).expect(2001);
        let descriptor =
            json!({ "m2m:smd": { "rn": "s", "dcrp": 5, "dsp": "PGE6Yj4gPGE6Yz4gPGE6ZD4gLg==" } });
        let _ = client.send(&Request::create("cse-in/c", 24, descriptor)).expect(2001);
        std::thread::scope(|scope| {
            for who in 0..AT_ONCE {
                let client = node.client();
                scope.spawn(move || {
                    for change in 0..CHANGES {
                        let number = who * CHANGES + change;
                        let soe = format!(
                            "INSERT DATA {{ <http://example.org/x> <http://example.org/n> {number} }}"
                        );
                        let update = Request::update("cse-in/c/s", json!({ "m2m:smd": { "soe": soe } }));
                        let _ = client.send(&update).expect(2004);
                    }
                });
            }
        });
        let all = format!("\"value\":\"{}\"", AT_ONCE * CHANGES);
        assert!(count(&client).contains(&all), "{}", count(&client));
        node.kill();
        node.restart();
        let client = node.client();
        assert!(count(&client).contains(&all), "after a kill: {}", count(&client));
    }
}

/// A pattern without an end over the triples of [`crowded`].
const PRODUCT: &str = "?x <a:n> ?a . ?x <a:n> ?b . ?x <a:n> ?c . ?x <a:n> ?d . ?x <a:n> ?e . ?x <a:n> ?f . ?x <a:n> ?g \
                       FILTER (?a + ?b + ?c + ?d + ?e + ?f + ?g < 0)";

/// A node with descriptors of these names, which have forty triples each.
fn crowded(names: &[&str]) -> Node {
    let node = Node::on(Store::Memory).set("functions.time_limit", "6s").start();
    let client = node.client();
    let _ = client.send(&Request::create("cse-in", 3, json!({ "m2m:cnt": { "rn": "c" } }))).expect(2001);
    let numbers: Vec<_> = (0..40).map(|number| format!("<a:x> <a:n> {number} .")).collect();
    let soe = format!("INSERT DATA {{ {} }}", numbers.join(" "));
    for name in names {
        let descriptor =
            json!({ "m2m:smd": { "rn": name, "dcrp": 5, "dsp": "PGE6Yj4gPGE6Yz4gPGE6ZD4gLg==" } });
        let _ = client.send(&Request::create("cse-in/c", 24, descriptor)).expect(2001);
        let update = Request::update(&format!("cse-in/c/{name}"), json!({ "m2m:smd": { "soe": soe } }));
        let _ = client.send(&update).expect(2004);
    }
    node
}

/// All of these requests at the same time are refused because they take too long.
fn refuse_all(node: &Node, requests: impl Iterator<Item = Request>) {
    std::thread::scope(|scope| {
        for request in requests {
            let client = node.client();
            scope.spawn(move || {
                let _ = client.send(&request).expect(4008);
            });
        }
    });
}

/// More queries without an end than have their turn in time: each is refused, and the function stays on for others.
#[test]
fn a_crowd_of_queries_without_end_is_refused_and_no_more() {
    let node = crowded(&["s"]);
    let query = format!("SELECT ?a WHERE {{ {PRODUCT} }}");
    let request = || Request::retrieve("cse-in/c").with("sqi", "true").with("smf", &query);
    refuse_all(&node, (0..20).map(|_| request()));
    let asked = Request::retrieve("cse-in/c").with("sqi", "true").with("smf", "ASK { ?x <a:n> 7 }");
    assert!(node.client().send(&asked).expect(2000).text("/m2m:qres").contains("true"));
}

/// The same with changes, which wait for others of the same descriptor too.
#[test]
fn a_crowd_of_changes_without_end_is_refused_and_no_more() {
    let names = ["s", "t", "u"];
    let node = crowded(&names);
    let update = |name: &str, soe: String| {
        Request::update(&format!("cse-in/c/{name}"), json!({ "m2m:smd": { "soe": soe } }))
    };
    let without_end = format!("DELETE {{ ?x <a:n> ?a }} WHERE {{ {PRODUCT} }}");
    refuse_all(&node, (0..24).map(|number| update(names[number % 3], without_end.clone())));
    let change = update("s", "DELETE DATA { <a:x> <a:n> 7 }".to_owned());
    let _ = node.client().send(&change).expect(2004);
}
