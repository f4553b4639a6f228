//! What was answered is there and what is owed is sent, however the node ends.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dyad_tests::{Node, Received, Reply, Request, Sink, Store};
use serde_json::json;

use crate::load::{Created, Load, PATIENCE, contents, held, instance, number, subscribed};

const CONTAINERS: [&str; 2] = ["cse-in/one", "cse-in/two"];

#[test]
fn a_kill_loses_nothing_on_sqlite() {
    a_kill_loses_nothing(Store::Sqlite);
}

#[test]
fn a_kill_loses_nothing_on_postgres() {
    if Store::Postgres.is_available() {
        a_kill_loses_nothing(Store::Postgres);
    }
}

fn a_kill_loses_nothing(store: Store) {
    // The small queue makes the outbox take part.
    let mut node = Node::on(store).set("notification.queue", 5).start();
    let sink = Sink::new();
    for name in ["one", "two"] {
        subscribed(&node.client(), name, &[&sink.url()]);
    }
    let mut seen: HashSet<String> = HashSet::new();
    let mut there: BTreeSet<u64> = BTreeSet::new();
    for round in 0..3 {
        let mut load = Load::start(&node, &format!("r{round}"), 4, &CONTAINERS);
        load.wait_for(120);
        node.kill();
        let created = load.finish();
        node.restart();
        for one in &created {
            assert!(seen.insert(one.ri.clone()), "{} was used before", one.ri);
        }
        there.extend(check_held(&node, &created));
    }
    // Everything that is stored was owed to the sink, answered or not: it came at least once, and in order.
    let received = sink.wait_until(PATIENCE, |received| {
        let came: BTreeSet<u64> =
            received.iter().filter_map(instance).map(|cin| number(cin["ri"].as_str().unwrap())).collect();
        there.is_subset(&came)
    });
    let mut first: Vec<u64> = Vec::new();
    for notified in received.iter().filter_map(instance).map(|cin| number(cin["ri"].as_str().unwrap())) {
        if !first.contains(&notified) {
            first.push(notified);
        }
    }
    let lacking: Vec<&u64> = there.iter().filter(|id| !first.contains(id)).collect();
    assert!(lacking.is_empty(), "never notified: {lacking:?}");
    assert!(first.is_sorted(), "notified out of order: {first:?}");
    check_identifiers(&received);
}

/// Whoever sorts out repetitions by the request identifier loses nothing, also over a restart.
fn check_identifiers(received: &[Received]) {
    let mut meant: HashMap<&str, &str> = HashMap::new();
    for (one, cin) in received.iter().filter_map(|one| Some((one, instance(one)?))) {
        let (identifier, ri) = (one.header("x-m2m-ri").unwrap(), cin["ri"].as_str().unwrap());
        let first = *meant.entry(identifier).or_insert(ri);
        assert_eq!(first, ri, "{identifier} stands for two notifications");
    }
}

/// Everything that was answered is held as it was answered; gives the numbers of all that is held.
fn check_held(node: &Node, created: &[Created]) -> Vec<u64> {
    let client = node.client();
    let held = CONTAINERS.map(|container| held(&client, container).instances);
    for one in created {
        let stored = held.iter().find_map(|instances| instances.get(&one.ri));
        assert_eq!(
            stored.and_then(|cin| cin["con"].as_str()),
            Some(one.con.as_str()),
            "{} was answered",
            one.ri
        );
    }
    held.iter().flat_map(|instances| instances.keys().map(|ri| number(ri))).collect()
}

#[test]
fn identifiers_of_what_was_deleted_are_not_used_again_after_a_kill() {
    let mut node = Node::on(Store::Sqlite).start();
    subscribed(&node.client(), "one", &[]);
    let mut seen = HashSet::new();
    for _ in 0..3 {
        let client = node.client();
        for _ in 0..5 {
            let ri = crate::load::add(&client, "cse-in/one", "x");
            assert!(seen.insert(ri.clone()), "{ri} was used before");
            let _ = client.send(&Request::delete(&ri)).expect(2002);
        }
        node.kill();
        node.restart();
    }
}

#[test]
fn identifiers_of_notifications_are_not_used_again_after_a_restart() {
    let mut node = Node::on(Store::Sqlite).start();
    let sink = Sink::new();
    subscribed(&node.client(), "one", &[&sink.url()]);
    let _ = sink.take();
    for round in 1..=3 {
        let _ = crate::load::add(&node.client(), "cse-in/one", "x");
        check_identifiers(&sink.wait_until(PATIENCE, |received| contents(received).len() >= round));
        // Nothing is owed now that would tell the next run where the last one was.
        node.restart();
    }
}

#[test]
fn a_stop_answers_what_it_has_carried_out_and_loses_nothing() {
    let mut node = Node::on(Store::Sqlite).start();
    let sink = Sink::new();
    for name in ["one", "two"] {
        subscribed(&node.client(), name, &[&sink.url()]);
    }
    let mut load = Load::start(&node, "s", 4, &CONTAINERS);
    load.wait_for(150);
    let began = Instant::now();
    node.stop();
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "the stop took {took:?}");
    let created = load.finish();
    node.restart();
    let held: BTreeSet<u64> = check_held(&node, &created).into_iter().collect();
    let answered: BTreeSet<u64> = created.iter().map(|one| number(&one.ri)).collect();
    let unanswered: Vec<&u64> = held.difference(&answered).collect();
    assert!(unanswered.is_empty(), "carried out and not answered: {unanswered:?}");
    let wanted: HashSet<&str> = created.iter().map(|one| one.con.as_str()).collect();
    let received = sink.wait_until(PATIENCE, |received| {
        contents(received).iter().filter(|con| wanted.contains(con.as_str())).collect::<HashSet<_>>().len()
            == wanted.len()
    });
    let came: HashSet<String> = contents(&received).into_iter().collect();
    assert_eq!(wanted.iter().find(|con| !came.contains(**con)), None, "owed and never sent");
}

#[test]
fn a_second_node_on_the_same_file_is_refused() {
    a_second_node_is_refused(Store::Sqlite);
}

#[test]
fn a_second_node_on_the_same_server_is_refused() {
    if Store::Postgres.is_available() {
        a_second_node_is_refused(Store::Postgres);
    }
}

#[test]
fn a_stop_lets_requests_in_flight_be_answered() {
    let mut node = Node::on(Store::Memory).start();
    let (client, sink) = (node.client(), Sink::new());
    subscribed(&client, "one", &[]);
    sink.answer_next(Reply { after: Duration::from_millis(500), ..Reply::default() });
    let subscription = json!({"m2m:sub": {"nu": [sink.url()], "enc": {"net": [3]}}});
    let request = Request::create("cse-in/one", 23, subscription);
    let asked = std::thread::spawn(move || client.send(&request).rsc);
    assert_eq!(sink.wait_for(1, PATIENCE).len(), 1);
    node.stop();
    assert_eq!(asked.join().unwrap(), 2001);
}

#[test]
fn a_stop_does_not_wait_for_ever() {
    let mut node =
        Node::on(Store::Memory).set("request.timeout", "1h").set("notification.timeout", "1h").start();
    let (client, sink) = (node.client(), Sink::new());
    subscribed(&client, "one", &[]);
    sink.answer(Reply { after: Duration::from_secs(3_600), ..Reply::default() });
    let subscription = json!({"m2m:sub": {"nu": [sink.url()], "enc": {"net": [3]}}});
    let request = Request::create("cse-in/one", 23, subscription);
    let asked = std::thread::spawn(move || client.try_send(&request).map_or(0, |answer| answer.rsc));
    assert_eq!(sink.wait_for(1, PATIENCE).len(), 1);
    let began = Instant::now();
    node.stop();
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "the stop took {took:?}");
    assert_ne!(asked.join().unwrap(), 2001);
}

fn a_second_node_is_refused(store: Store) {
    let node = Node::on(store).start();
    subscribed(&node.client(), "one", &[]);
    let url = format!("store.url={}", node.store_url());
    let mut second = Command::new(dyad_tests::binary());
    second
        .args([
            "serve",
            "--set",
            "http.listen=127.0.0.1:0",
            "--set",
            "coap.listen=127.0.0.1:0",
            "--set",
            "mqtt.listen=127.0.0.1:0",
            "--set",
            "ws.listen=127.0.0.1:0",
            "--set",
            &url,
        ])
        .current_dir(node.directory());
    let output = second.stdin(Stdio::null()).output().expect("the second node ends by itself");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("another node works on the database"), "not clear: {said}");
    assert!(!said.contains("panicked") && !said.to_lowercase().contains("backtrace"), "{said}");
    let _ = held(&node.client(), "cse-in/one");
    let _ = crate::load::add(&node.client(), "cse-in/one", "x");
}
