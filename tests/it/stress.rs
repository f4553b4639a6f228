//! Many clients on the same resources: nothing is lost, nothing counted twice, nothing fails.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use dyad_tests::{Answer, Client, Node, Request, Store};
use serde_json::json;

use crate::load::{held, subscribed};

/// Runs so many clients at once, each with its number.
fn together(node: &Node, clients: usize, work: impl Fn(usize, &Client) + Sync) {
    std::thread::scope(|scope| {
        for number in 0..clients {
            let work = &work;
            scope.spawn(move || work(number, &node.client()));
        }
    });
}

/// Whether a request succeeded with the first code; the others are the failures that may be.
#[track_caller]
fn succeeds(answer: &Answer, success: u64, failures: &[u64]) -> bool {
    assert!(answer.rsc == success || failures.contains(&answer.rsc), "{answer:?}");
    answer.rsc == success
}

#[test]
fn every_modification_counts_once() {
    for store in Store::lasting() {
        let node = Node::on(store).start();
        subscribed(&node.client(), "c", &[]);
        let (created, deleted, updated) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        together(&node, 6, |number, client| {
            for round in 0..30 {
                let content = "x".repeat(round % 7);
                let instance = Request::create("cse-in/c", 4, json!({"m2m:cin": {"con": content}}));
                let ri = client.send(&instance).expect(2001).text("/m2m:cin/ri");
                created.fetch_add(1, Ordering::Relaxed);
                // Own ones by their identifier, and whichever is the latest or the oldest just then.
                let victim = match (number + round) % 5 {
                    0 => ri,
                    1 => "cse-in/c/la".into(),
                    2 => "cse-in/c/ol".into(),
                    _ => {
                        let label = format!("{number}-{round}");
                        let update = Request::update("cse-in/c", json!({"m2m:cnt": {"lbl": [label]}}));
                        let _ = client.send(&update).expect(2004);
                        updated.fetch_add(1, Ordering::Relaxed);
                        continue;
                    }
                };
                if succeeds(&client.send(&Request::delete(&victim)), 2002, &[4004]) {
                    deleted.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let (created, deleted, updated) = (created.into_inner(), deleted.into_inner(), updated.into_inner());
        let container = held(&node.client(), "cse-in/c");
        assert_eq!(container.instances.len() as u64, created - deleted, "{store:?}");
        assert_eq!(container.attributes["st"], created + deleted + updated, "{store:?}");
    }
}

#[test]
fn a_bounded_container_stays_within_its_bounds() {
    for store in Store::lasting() {
        let node = Node::on(store).start();
        let client = node.client();
        let bounded = json!({"m2m:cnt": {"rn": "c", "mni": 7, "mbs": 100}});
        let _ = client.send(&Request::create("cse-in", 3, bounded)).expect(2001);
        together(&node, 6, |number, client| {
            for round in 0..30 {
                let content = "x".repeat((number * round) % 40);
                let _ = client
                    .send(&Request::create("cse-in/c", 4, json!({"m2m:cin": {"con": content}})))
                    .expect(2001);
                let seen = client.send(&Request::retrieve("cse-in/c")).expect(2000).body;
                assert!(seen["m2m:cnt"]["cni"].as_u64().unwrap() <= 7, "{seen}");
                assert!(seen["m2m:cnt"]["cbs"].as_u64().unwrap() <= 100, "{seen}");
            }
        });
        let container = held(&client, "cse-in/c");
        assert_eq!(container.attributes["st"], 180, "{store:?}");
        let latest = client.send(&Request::retrieve("cse-in/c/la")).expect(2000).text("/m2m:cin/ri");
        let oldest = client.send(&Request::retrieve("cse-in/c/ol")).expect(2000).text("/m2m:cin/ri");
        let mut numbers: Vec<u64> = container.instances.keys().map(|ri| crate::load::number(ri)).collect();
        numbers.sort_unstable();
        let ends = [crate::load::number(&oldest), crate::load::number(&latest)];
        assert_eq!(ends, [numbers[0], numbers[numbers.len() - 1]], "{store:?}");
    }
}

#[test]
fn updates_of_different_attributes_do_not_undo_each_other() {
    for store in Store::lasting() {
        let node = Node::on(store).start();
        subscribed(&node.client(), "c", &[]);
        together(&node, 3, |number, client| {
            let name = ["mni", "mbs", "mia"][number];
            for value in 1..=40 {
                let update = Request::update("cse-in/c", json!({"m2m:cnt": {name: value}}));
                let answer = client.send(&update).expect(2004);
                assert_eq!(answer.body["m2m:cnt"][name], value, "what was set is what is answered");
            }
        });
        let held = held(&node.client(), "cse-in/c").attributes;
        assert_eq!([&held["mni"], &held["mbs"], &held["mia"], &held["st"]], [40, 40, 40, 120], "{store:?}");
    }
}

#[test]
fn a_name_is_given_once() {
    for store in Store::lasting() {
        let node = Node::on(store).start();
        subscribed(&node.client(), "c", &[]);
        let winners: Vec<AtomicU64> = (0..25).map(|_| AtomicU64::new(0)).collect();
        together(&node, 6, |_, client| {
            for (name, won) in winners.iter().enumerate() {
                let named = Request::create("cse-in/c", 3, json!({"m2m:cnt": {"rn": format!("n{name}")}}));
                if succeeds(&client.send(&named), 2001, &[4105]) {
                    won.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        assert!(winners.iter().all(|won| won.load(Ordering::Relaxed) == 1), "{store:?}: {winners:?}");
    }
}

#[test]
fn a_name_comes_and_goes_as_often_as_it_was_answered() {
    let node = Node::on(Store::Sqlite).start();
    subscribed(&node.client(), "c", &[]);
    let (made, gone) = (AtomicU64::new(0), AtomicU64::new(0));
    together(&node, 6, |number, client| {
        for _ in 0..40 {
            if number % 2 == 0 {
                let named = Request::create("cse-in/c", 3, json!({"m2m:cnt": {"rn": "n"}}));
                made.fetch_add(succeeds(&client.send(&named), 2001, &[4105]).into(), Ordering::Relaxed);
            } else {
                let answer = client.send(&Request::delete("cse-in/c/n"));
                gone.fetch_add(succeeds(&answer, 2002, &[4004]).into(), Ordering::Relaxed);
            }
        }
    });
    let (made, gone) = (made.into_inner(), gone.into_inner());
    let is_there = node.client().send(&Request::retrieve("cse-in/c/n")).rsc == 2000;
    assert_eq!(made - gone, u64::from(is_there));
}

#[test]
fn a_tree_that_goes_takes_everything_along() {
    for store in Store::lasting() {
        let node = Node::on(store).start();
        subscribed(&node.client(), "c", &[]);
        together(&node, 6, |number, client| {
            for round in 0..25 {
                if number == 0 {
                    let _ = succeeds(&client.send(&Request::delete("cse-in/c/d")), 2002, &[4004]);
                    let again = Request::create("cse-in/c", 3, json!({"m2m:cnt": {"rn": "d"}}));
                    let _ = succeeds(&client.send(&again), 2001, &[4105]);
                    continue;
                }
                let below =
                    Request::create("cse-in/c/d", 3, json!({"m2m:cnt": {"rn": format!("{number}-{round}")}}));
                if succeeds(&client.send(&below), 2001, &[4004]) {
                    let deeper = format!("cse-in/c/d/{number}-{round}");
                    let instance =
                        Request::create(&deeper, 4, json!({"m2m:cin": {"con": "x", "lbl": ["leaf"]}}));
                    let _ = succeeds(&client.send(&instance), 2001, &[4004]);
                }
            }
        });
        check_reachable(&node.client());
        let _ = node.client().send(&Request::delete("cse-in/c")).expect(2002);
        assert_eq!(discovered(&node.client(), &[("lbl", "leaf")]), BTreeMap::new(), "{store:?}");
    }
}

/// What discovery finds can be retrieved, and the tree from its root holds the same.
fn check_reachable(client: &Client) {
    for path in discovered(client, &[]).keys() {
        let _ = client.send(&Request::retrieve(path)).expect(2000);
    }
    let found = discovered(client, &[("lbl", "leaf")]);
    let whole = client.send(&Request::retrieve("cse-in/c").with("rcn", 4)).expect(2000).body.to_string();
    assert_eq!(whole.matches("\"leaf\"").count(), found.len());
}

fn discovered(client: &Client, criteria: &[(&str, &str)]) -> BTreeMap<String, ()> {
    let mut request = Request::retrieve("cse-in").with("fu", 1);
    for (name, value) in criteria {
        request = request.with(name, value);
    }
    let answer = client.send(&request).expect(2000);
    let found = answer.body["m2m:uril"].as_array().cloned().unwrap_or_default();
    found.iter().map(|path| (path.as_str().unwrap().to_owned(), ())).collect()
}
