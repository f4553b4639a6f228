//! Notifications arrive: in order, at the right place, as often as owed, and nobody waits for anybody else.

use std::time::{Duration, Instant};

use dyad_tests::{Client, Node, Received, Reply, Request, Sink, Store};
use serde_json::{Value, json};

use crate::load::{PATIENCE, add, contents, instance, number, subscribed};

fn node() -> Node {
    Node::on(Store::Memory)
        .set("notification.retry_first", "50ms")
        .set("notification.retry_longest", "200ms")
        .start()
}

/// Contents `0`, `1`, …
fn add_many(client: &Client, container: &str, from: usize, to: usize) {
    for number in from..to {
        let _ = add(client, container, &number.to_string());
    }
}

fn numbers(to: usize) -> Vec<String> {
    (0..to).map(|number| number.to_string()).collect()
}

#[test]
fn a_target_hears_in_the_order_of_the_commits() {
    let node = node();
    let sink = Sink::new();
    subscribed(&node.client(), "c", &[&sink.url()]);
    let _ = sink.take();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| add_many(&node.client(), "cse-in/c", 0, 40));
        }
    });
    let received = sink.wait_for(160, PATIENCE);
    let order: Vec<u64> =
        received.iter().filter_map(instance).map(|cin| number(cin["ri"].as_str().unwrap())).collect();
    assert_eq!(order.len(), 160);
    assert!(order.is_sorted_by(|one, next| one < next), "{order:?}");
}

#[test]
fn nobody_waits_for_a_target_that_is_dead_or_slow() {
    let node = Node::on(Store::Memory).set("notification.timeout", "60s").start();
    let (live, mut slow, mut dead) = (Sink::new(), Sink::new(), Sink::new());
    subscribed(&node.client(), "c", &[&dead.url(), &slow.url(), &live.url()]);
    let verified = [&live, &slow, &dead].map(|sink| sink.take().len());
    assert_eq!(verified, [1, 1, 1]);
    dead.die();
    slow.answer(Reply { after: Duration::from_secs(3_600), ..Reply::default() });
    add_many(&node.client(), "cse-in/c", 0, 50);
    assert_eq!(contents(&live.wait_for(50, PATIENCE)), numbers(50));
    // All the while the slow one holds the first.
    assert_eq!(contents(&slow.wait_for(1, PATIENCE)), ["0"]);
    slow.die();
    slow.answer(Reply::default());
    let _ = slow.take();
    slow.revive();
    dead.revive();
    assert_eq!(contents(&slow.wait_for(50, PATIENCE)), numbers(50));
    assert_eq!(contents(&dead.wait_for(50, PATIENCE)), numbers(50));
}

#[test]
fn what_the_queue_does_not_hold_waits_in_the_outbox_and_comes_in_order() {
    for store in [Store::Memory, Store::Sqlite, Store::Postgres] {
        if !store.is_available() {
            continue;
        }
        let node =
            Node::on(store).set("notification.queue", 10).set("notification.retry_longest", "100ms").start();
        let mut sink = Sink::new();
        subscribed(&node.client(), "c", &[&sink.url()]);
        let _ = sink.take();
        sink.die();
        add_many(&node.client(), "cse-in/c", 0, 400);
        sink.revive();
        // More is committed while the outbox is read.
        add_many(&node.client(), "cse-in/c", 400, 500);
        assert_eq!(contents(&sink.wait_for(500, PATIENCE)), numbers(500), "{store:?}");
    }
}

#[test]
fn the_pauses_before_repetitions_grow_to_the_longest() {
    let node = node();
    let sink = Sink::new();
    subscribed(&node.client(), "c", &[&sink.url()]);
    let _ = sink.take();
    for _ in 0..5 {
        sink.answer_next(Reply { http: 500, rsc: Some(5000), ..Reply::default() });
    }
    add_many(&node.client(), "cse-in/c", 0, 2);
    let received = sink.wait_for(7, PATIENCE);
    assert_eq!(contents(&received), ["0", "0", "0", "0", "0", "0", "1"]);
    let pauses: Vec<u128> = received.windows(2).map(|pair| (pair[1].at - pair[0].at).as_millis()).collect();
    for (pause, least) in pauses.iter().zip([50, 100, 200, 200, 200]) {
        assert!(*pause >= least, "{pauses:?}");
    }
    // A repetition is recognisable.
    let identifiers: Vec<_> = received.iter().take(6).map(|one| one.header("x-m2m-ri")).collect();
    assert!(identifiers.windows(2).all(|pair| pair[0] == pair[1] && pair[0].is_some()), "{identifiers:?}");
}

#[test]
fn a_target_that_takes_too_long_is_asked_again() {
    let node = Node::on(Store::Memory)
        .set("notification.timeout", "200ms")
        .set("notification.retry_first", "50ms")
        .start();
    let sink = Sink::new();
    subscribed(&node.client(), "c", &[&sink.url()]);
    let _ = sink.take();
    sink.answer_next(Reply { after: Duration::from_secs(3_600), ..Reply::default() });
    add_many(&node.client(), "cse-in/c", 0, 2);
    assert_eq!(contents(&sink.wait_for(3, PATIENCE)), ["0", "0", "1"]);
}

#[test]
fn a_refusal_is_final() {
    let node = node();
    let sink = Sink::new();
    subscribed(&node.client(), "c", &[&sink.url()]);
    let _ = sink.take();
    sink.answer_next(Reply { http: 403, rsc: Some(4103), ..Reply::default() });
    sink.answer_next(Reply { http: 404, rsc: None, ..Reply::default() });
    add_many(&node.client(), "cse-in/c", 0, 4);
    assert_eq!(contents(&sink.wait_for(4, PATIENCE)), numbers(4));
}

#[test]
fn the_expiration_counter_ends_a_subscription() {
    let node = node();
    let (client, sink, subscriber) = (node.client(), Sink::new(), Sink::new());
    let _ = client.send(&Request::create("cse-in", 3, json!({"m2m:cnt": {"rn": "c"}}))).expect(2001);
    let events = json!({"net": [3], "chty": [4]});
    let subscription =
        json!({"m2m:sub": {"rn": "s", "nu": [sink.url()], "exc": 3, "su": subscriber.url(), "enc": events}});
    let made = client.send(&Request::create("cse-in/c", 23, subscription)).expect(2001);
    let (_, ri) = (sink.take(), made.text("/m2m:sub/ri"));
    add_many(&client, "cse-in/c", 0, 6);
    let notices = subscriber.wait_for(1, PATIENCE);
    assert_eq!(deletion_of(&notices), [format!("/id-in/{ri}")]);
    let _ = client.send(&Request::retrieve("cse-in/c/s")).expect(4004);
    assert_eq!(contents(&sink.received()), numbers(3));
    // What comes later is told to nobody.
    add_many(&client, "cse-in/c", 6, 8);
    subscribed(&client, "d", &[&sink.url()]);
    add_many(&client, "cse-in/d", 8, 9);
    assert_eq!(contents(&sink.wait_for(5, PATIENCE)), ["0", "1", "2", "8"]);
}

/// The subscriptions whose deletion is told.
fn deletion_of(notices: &[Received]) -> Vec<String> {
    let told = notices.iter().filter(|one| one.body.pointer("/m2m:sgn/sud") == Some(&Value::Bool(true)));
    told.map(|one| one.body.pointer("/m2m:sgn/sur").and_then(Value::as_str).unwrap().to_owned()).collect()
}

#[test]
fn the_subscriber_hears_of_the_end_of_its_subscription() {
    let node = node();
    let (client, sink, subscriber) = (node.client(), Sink::new(), Sink::new());
    let mut gone = Vec::new();
    for (name, doomed) in [("c", "cse-in/c/s"), ("d", "cse-in/d")] {
        let _ = client.send(&Request::create("cse-in", 3, json!({"m2m:cnt": {"rn": name}}))).expect(2001);
        let events = json!({"net": [2]});
        let subscription =
            json!({"m2m:sub": {"rn": "s", "nu": [sink.url()], "su": subscriber.url(), "enc": events}});
        let made = client.send(&Request::create(&format!("cse-in/{name}"), 23, subscription)).expect(2001);
        gone.push(format!("/id-in/{}", made.text("/m2m:sub/ri")));
        let _ = client.send(&Request::delete(doomed)).expect(2002);
    }
    assert_eq!(deletion_of(&subscriber.wait_for(2, PATIENCE)), gone);
    // The end of the container itself was asked for too.
    let ended = sink.wait_until(PATIENCE, |received| {
        received.iter().any(|one| one.body.pointer("/m2m:sgn/nev").is_some())
    });
    let event = ended.iter().find_map(|one| one.body.pointer("/m2m:sgn/nev")).unwrap();
    assert_eq!(event["net"], 2);
    assert_eq!(event["rep"]["m2m:cnt"]["rn"], "d");
}

#[test]
fn an_ae_is_notified_where_it_is_now() {
    let node = node();
    let client = node.client();
    let (mut before, now) = (Sink::new(), Sink::new());
    let ae = json!({"m2m:ae": {"rn": "ae", "api": "N1", "rr": true, "srv": ["3"], "poa": [before.url()]}});
    let _ = client.send(&Request::create("cse-in", 2, ae).from("Cae")).expect(2001);
    let _ = client
        .send(&Request::create("cse-in/ae", 3, json!({"m2m:cnt": {"rn": "c"}})).from("Cae"))
        .expect(2001);
    for (name, target) in [("a", "Cae"), ("b", "/id-in/Cae"), ("c", "//dyad.example.com/id-in/Cae")] {
        let subscription = json!({"m2m:sub": {"rn": name, "nu": [target], "enc": {"net": [3], "chty": [4]}}});
        let _ = client.send(&Request::create("cse-in/ae/c", 23, subscription).from("Cae")).expect(2001);
    }
    let add = |con: &str| {
        let _ = client
            .send(&Request::create("cse-in/ae/c", 4, json!({"m2m:cin": {"con": con}})).from("Cae"))
            .expect(2001);
    };
    add("at the first");
    assert_eq!(
        contents(&before.wait_for(3, PATIENCE)),
        ["at the first"; 3],
        "one for each form of the AE-ID"
    );
    before.die();
    // Owed to an AE that cannot be reached, then the AE says where it is.
    add("on the way");
    let moved = json!({"m2m:ae": {"poa": ["http://127.0.0.1:9/", now.url()]}});
    let _ = client.send(&Request::update("cse-in/ae", moved).from("Cae")).expect(2004);
    add("at the second");
    // The last of before may come again: the sink may have died before its answer arrived.
    let later = |received: &[Received]| {
        let mut came = contents(received);
        came.retain(|con| con != "at the first");
        came.sort();
        came
    };
    let received = now.wait_until(PATIENCE, |received| later(received).len() >= 6);
    let (second, way) = ("at the second", "on the way");
    assert_eq!(later(&received), [second, second, second, way, way, way]);
}

#[test]
fn a_target_that_does_not_agree_is_not_subscribed_for() {
    let node = node();
    let (client, mut sink) = (node.client(), Sink::new());
    let _ = client.send(&Request::create("cse-in", 3, json!({"m2m:cnt": {"rn": "c"}}))).expect(2001);
    let subscribe =
        || client.send(&Request::create("cse-in/c", 23, json!({"m2m:sub": {"nu": [sink.url()]}})));
    sink.answer_next(Reply { http: 403, rsc: Some(4103), ..Reply::default() });
    let _ = subscribe().expect(5204);
    let _ = subscribe().expect(2001);
    let asked = sink.take();
    assert!(asked.len() == 2 && asked.iter().all(Received::is_verification), "{asked:?}");
    sink.die();
    let _ =
        client.send(&Request::create("cse-in/c", 23, json!({"m2m:sub": {"nu": [sink.url()]}}))).expect(5204);
}

#[test]
fn a_notification_is_prompt() {
    let node = node();
    let (client, sink) = (node.client(), Sink::new());
    subscribed(&client, "c", &[&sink.url()]);
    let _ = sink.take();
    let mut took: Vec<Duration> = (0..40)
        .map(|number| {
            let began = Instant::now();
            let _ = add(&client, "cse-in/c", "x");
            let received = sink.wait_for(number + 1, PATIENCE);
            received.last().unwrap().at - began
        })
        .collect();
    took.sort();
    // Generous: other tests run beside it. What waits for a timer would take longer.
    assert!(took[20] < Duration::from_millis(100), "{took:?}");
}
