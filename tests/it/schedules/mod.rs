//! Schedules of subscriptions and nodes: when notifications come, through kills and jumps of the clock.

mod clock;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use dyad_tests::{Client, Node, Received, Request, Sink, Store, everywhere, moment};
use serde_json::{Value, json};

use crate::load::{PATIENCE, add, contents, instance};

/// No moment and every moment.
const NEVER: &str = "* * * * * * 2000";
const ALWAYS: &str = "* * * * * * *";

fn schedule(entry: &str) -> Value {
    json!({"m2m:sch": {"rn": "n", "se": {"sce": [entry]}}})
}

/// A container with a subscription for new instances, with further attributes.
fn subscribed(client: &Client, target: &str, policy: Value, from: &str) {
    let _ = client.send(&Request::create("cse-in", 3, json!({"m2m:cnt": {"rn": "c"}}))).expect(2001);
    let mut subscription = json!({"rn": "s", "nu": [target], "enc": {"net": [3], "chty": [4]}});
    subscription.as_object_mut().unwrap().extend(policy.as_object().unwrap().clone());
    let request = Request::create("cse-in/c", 23, json!({"m2m:sub": subscription}));
    let _ = client.send(&request.from(from)).expect(2001);
}

/// The same with a schedule of the subscription, and a sink as its target.
fn scheduled(client: &Client, policy: Value, entry: &str) -> Sink {
    let sink = Sink::new();
    subscribed(client, &sink.url(), policy, "CAdmin");
    let _ = sink.take();
    let _ = client.send(&Request::create("cse-in/c/s", 18, schedule(entry))).expect(2001);
    sink
}

/// The same with a schedule of the node that the target is on.
fn on_a_node(client: &Client, policy: Value, entry: &str) -> Sink {
    let sink = Sink::new();
    let node = json!({"m2m:nod": {"rn": "nod", "ni": "node"}});
    let _ = client.send(&Request::create("cse-in", 14, node)).expect(2001);
    let ae = json!({"m2m:ae": {"rn": "ae", "api": "N1", "rr": true, "srv": ["3"], "poa": [sink.url()],
        "nl": "cse-in/nod"}});
    let _ = client.send(&Request::create("cse-in", 2, ae).from("Cae")).expect(2001);
    subscribed(client, "Cae", policy, "CAdmin");
    let _ = sink.take();
    let _ = client.send(&Request::create("cse-in/nod", 18, schedule(entry))).expect(2001);
    sink
}

fn add_many(client: &Client, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let _ = add(client, "cse-in/c", &number.to_string());
    }
}

fn numbers(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

fn change(client: &Client, schedule_of: &str, entry: &str) {
    let changed = json!({"m2m:sch": {"se": {"sce": [entry]}}});
    let _ = client.send(&Request::update(&format!("{schedule_of}/n"), changed)).expect(2004);
}

/// What came of instances until the last of them, each once: one that was on its way at a kill may come twice.
fn until(sink: &Sink, last: &str) -> Vec<Received> {
    let received =
        sink.wait_until(PATIENCE, |received| contents(received).last().is_some_and(|one| one == last));
    let mut seen = BTreeSet::new();
    let is_first = |one: &Received| seen.insert(one.header("x-m2m-ri").map(str::to_owned));
    received.into_iter().filter(|one| instance(one).is_some()).filter(is_first).collect()
}

#[test]
fn notifications_come_when_the_schedule_says_so() {
    everywhere(|store| {
        let mut node = Node::on(store).start();
        // One second in three.
        let sink = scheduled(&node.client(), json!({"pn": 2}), "0-59/3 * * * * * *");
        let (began, start) = (Instant::now(), moment::millis());
        let mut kills = BTreeSet::new();
        let mut made = 0;
        while moment::millis() < start + 7_000 {
            add_many(&node.client(), made..made + 1);
            made += 1;
            std::thread::park_timeout(Duration::from_millis(20));
            // While it is closed and what was let through has come: that would come again after the kill.
            let now = moment::millis();
            if now.rem_euclid(3_000) > 1_700 && kills.insert(now / 3_000) {
                node.kill();
                node.restart();
            }
        }
        let received = until(&sink, &(made - 1).to_string());
        assert_eq!(contents(&received), numbers(0..made), "{store:?}");
        for one in &received {
            let at = start + i64::try_from((one.at - began).as_millis()).unwrap();
            // What was let through within the second may be on its way for a while.
            assert!(at.rem_euclid(3_000) < 1_700, "{store:?}: came at {at} ms");
        }
    });
}

#[test]
fn what_a_schedule_holds_back_survives_a_kill() {
    everywhere(|store| {
        for (policy, wanted) in [(json!({"pn": 2}), numbers(0..30)), (json!({"pn": 1}), numbers(29..30))] {
            let mut node = Node::on(store).start();
            let sink = scheduled(&node.client(), policy, NEVER);
            add_many(&node.client(), 0..20);
            node.kill();
            node.restart();
            add_many(&node.client(), 20..30);
            change(&node.client(), "cse-in/c/s", ALWAYS);
            assert_eq!(contents(&until(&sink, "29")), wanted, "{store:?}");
        }
    });
}

#[test]
fn what_a_node_could_not_get_survives_a_kill() {
    everywhere(|store| {
        for (policy, wanted) in [(json!({"pn": 2}), numbers(0..150)), (json!({"pn": 1}), numbers(149..150))] {
            // More than is in memory, and more than is read at a time.
            let mut node = Node::on(store).set("notification.queue", 20).start();
            let sink = on_a_node(&node.client(), policy, NEVER);
            add_many(&node.client(), 0..140);
            node.kill();
            node.restart();
            add_many(&node.client(), 140..150);
            change(&node.client(), "cse-in/nod", ALWAYS);
            let received = until(&sink, "149");
            assert_eq!(contents(&received), wanted, "{store:?}");
            let category = (wanted.len() == 1).then_some("4");
            assert_eq!(received[0].header("x-m2m-ec"), category, "{store:?}");
        }
    });
}

#[test]
fn a_node_that_opens_while_the_cse_is_down_gets_what_it_missed() {
    everywhere(|store| {
        let mut node = Node::on(store).start();
        // Every other second, so that it opens and closes during the restarts.
        let sink = on_a_node(&node.client(), json!({"pn": 2}), "0-59/2 * * * * * *");
        for round in 0..4 {
            add_many(&node.client(), round * 5..round * 5 + 5);
            node.kill();
            node.restart();
        }
        assert_eq!(contents(&until(&sink, "19")), numbers(0..20), "{store:?}");
    });
}

#[test]
fn a_schedule_of_one_target_holds_up_no_other() {
    let node = Node::on(Store::Memory).start();
    let client = node.client();
    let closed = on_a_node(&client, json!({"pn": 2}), NEVER);
    let open = Sink::new();
    let beside = json!({"m2m:sub": {"nu": [open.url(), "Cae"], "enc": {"net": [3]}, "pn": 2}});
    // Verification reaches nobody on that node.
    let _ = client.send(&Request::create("cse-in/c", 23, beside.clone())).expect(5204);
    let _ = client.send(&Request::delete("cse-in/nod/n")).expect(2002);
    let _ = client.send(&Request::create("cse-in/c", 23, beside)).expect(2001);
    let _ = client.send(&Request::create("cse-in/nod", 18, schedule(NEVER))).expect(2001);
    let _ = (open.take(), closed.take());
    add_many(&client, 0..10);
    assert_eq!(contents(&until(&open, "9")), numbers(0..10));
    let _ = client.send(&Request::delete("cse-in/nod/n")).expect(2002);
    let both = closed.wait_until(PATIENCE, |received| contents(received).len() == 20);
    let mut both = contents(&both);
    both.dedup();
    assert_eq!(both, numbers(0..10), "nothing came before, and each subscription in order");
}
