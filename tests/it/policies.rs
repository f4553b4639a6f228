//! Notification policies: what a subscription holds back, for how long, and that a crash changes nothing.

use std::time::{Duration, Instant};

use dyad_tests::{Client, Node, Received, Request, Sink, Store};
use serde_json::{Value, json};

use crate::load::{PATIENCE, add, contents, instance};

/// A container with one subscription for new instances, with further attributes.
fn subscribed(client: &Client, name: &str, target: &str, policy: Value) {
    let _ = client.send(&Request::create("cse-in", 3, json!({"m2m:cnt": {"rn": name}}))).expect(2001);
    let mut subscription = json!({"rn": "s", "nu": [target], "enc": {"net": [3], "chty": [4]}});
    subscription.as_object_mut().unwrap().extend(policy.as_object().unwrap().clone());
    let request = Request::create(&format!("cse-in/{name}"), 23, json!({"m2m:sub": subscription}));
    let _ = client.send(&request).expect(2001);
}

fn add_many(client: &Client, container: &str, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let _ = add(client, container, &number.to_string());
    }
}

fn numbers(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

/// The contents of the instances in each aggregated notification.
fn batches(received: &[Received]) -> Vec<Vec<String>> {
    let batch = |one: &Received| {
        let notifications = one.body.pointer("/m2m:agn/m2m:sgn")?.as_array()?;
        let content = |one: &Value| one.pointer("/nev/rep/m2m:cin/con").unwrap().as_str().unwrap().to_owned();
        Some(notifications.iter().map(content).collect())
    };
    received.iter().filter_map(batch).collect()
}

#[test]
fn a_batch_that_is_filling_survives_a_crash() {
    for store in Store::lasting() {
        let mut node = Node::on(store).start();
        let sink = Sink::new();
        subscribed(&node.client(), "c", &sink.url(), json!({"bn": {"num": 5, "dur": "PT1H"}}));
        add_many(&node.client(), "cse-in/c", 0..3);
        node.kill();
        node.restart();
        add_many(&node.client(), "cse-in/c", 3..12);
        let enough = |received: &[Received]| batches(received).len() >= 2;
        let got = batches(&sink.wait_until(PATIENCE, enough));
        assert_eq!(got, [numbers(0..5), numbers(5..10)], "{store:?}");
    }
}

#[test]
fn the_time_of_a_batch_goes_on_through_a_crash() {
    for store in Store::lasting() {
        let mut node = Node::on(store).start();
        let sink = Sink::new();
        subscribed(&node.client(), "c", &sink.url(), json!({"bn": {"dur": "PT2S"}}));
        let began = Instant::now();
        add_many(&node.client(), "cse-in/c", 0..3);
        node.kill();
        node.restart();
        let received = sink.wait_until(PATIENCE, |received| !batches(received).is_empty());
        assert_eq!(batches(&received), [numbers(0..3)], "{store:?}");
        assert!(received.last().unwrap().at - began >= Duration::from_secs(2));
    }
}

#[test]
fn a_rate_limit_spreads_notifications_over_windows() {
    for store in Store::lasting() {
        let mut node = Node::on(store).start();
        let sink = Sink::new();
        subscribed(&node.client(), "c", &sink.url(), json!({"rl": {"mnn": 2, "tww": "PT1S"}}));
        let _ = sink.take();
        let began = Instant::now();
        add_many(&node.client(), "cse-in/c", 0..7);
        node.kill();
        node.restart();
        let received =
            sink.wait_until(PATIENCE, |received| contents(received).last().is_some_and(|one| one == "6"));
        // What was on its way when the node ended may come again.
        let mut got = contents(&received);
        got.dedup();
        assert_eq!(got, numbers(0..7), "{store:?}");
        for one in &received {
            let number: u64 = instance(one).unwrap()["con"].as_str().unwrap().parse().unwrap();
            let window = Duration::from_secs(number / 2);
            assert!(one.at - began >= window, "{number} came after {:?}", one.at - began);
        }
    }
}

/// The notifications of instances, once the last of so many has come to a target that was dead meanwhile.
fn after_a_pause(policy: Value, restarts: bool) -> Vec<Received> {
    let mut node = Node::on(Store::Sqlite).set("notification.queue", 3).start();
    let mut sink = Sink::new();
    subscribed(&node.client(), "c", &sink.url(), policy);
    let _ = sink.take();
    sink.die();
    add_many(&node.client(), "cse-in/c", 0..20);
    if restarts {
        node.kill();
        node.restart();
    }
    sink.revive();
    let received =
        sink.wait_until(PATIENCE, |received| contents(received).last().is_some_and(|one| one == "19"));
    received.into_iter().filter(|one| instance(one).is_some()).collect()
}

#[test]
fn the_latest_is_enough_for_who_says_so() {
    for restarts in [false, true] {
        let received = after_a_pause(json!({"ln": true}), restarts);
        assert_eq!(contents(&received), ["19"], "restarts: {restarts}");
        assert_eq!(received[0].header("x-m2m-ec"), Some("4"));
    }
}

#[test]
fn what_was_missed_is_sent_as_the_subscription_says() {
    let received = after_a_pause(json!({"pn": 1}), false);
    assert_eq!(contents(&received), ["19"]);
    assert_eq!(received[0].header("x-m2m-ec"), Some("4"));
    for restarts in [false, true] {
        let received = after_a_pause(json!({"pn": 2}), restarts);
        assert_eq!(contents(&received), numbers(0..20), "restarts: {restarts}");
        assert_eq!(received[0].header("x-m2m-ec"), None);
    }
}

#[test]
fn what_is_worth_least_makes_room() {
    let node = Node::on(Store::Sqlite).set("notification.queue", 1).set("notification.stored", 30).start();
    let (client, mut sink) = (node.client(), Sink::new());
    let target = sink.url();
    subscribed(&client, "less", &target, json!({"nsp": 1}));
    subscribed(&client, "more", &target, json!({"nsp": 9}));
    let _ = sink.take();
    sink.die();
    for number in 0..60 {
        let _ = add(&client, "cse-in/less", &format!("less {number}"));
        let _ = add(&client, "cse-in/more", &format!("more {number}"));
    }
    sink.revive();
    let received = contents(
        &sink.wait_until(PATIENCE, |received| contents(received).last().is_some_and(|one| one == "more 59")),
    );
    let of = |kind: &str| received.iter().filter(|one| one.starts_with(kind)).count();
    assert!(received.len() <= 45, "{} of 120 were kept", received.len());
    assert!(of("more") >= 20 && of("more") > of("less"), "{received:?}");
    // The newest of those that count are there, in order.
    let newest: Vec<String> = (45..60).map(|number| format!("more {number}")).collect();
    let more: Vec<&String> = received.iter().filter(|one| one.starts_with("more")).collect();
    assert!(more.ends_with(&newest.iter().collect::<Vec<_>>()), "{received:?}");
}

#[test]
fn statistics_tell_requests_from_answers() {
    let node = Node::on(Store::Memory).start();
    let (client, mut sink) = (node.client(), Sink::new());
    subscribed(&client, "c", &sink.url(), json!({"nse": true}));
    let _ = sink.take();
    sink.die();
    let _ = add(&client, "cse-in/c", "0");
    let stats =
        || client.send(&Request::retrieve("cse-in/c/s")).expect(2000).body["m2m:sub"]["nsi"][0].clone();
    let until = |enough: &dyn Fn(&Value) -> bool| {
        let began = Instant::now();
        while !enough(&stats()) && began.elapsed() < PATIENCE {
            std::thread::yield_now();
        }
        stats()
    };
    // Asked more than once in vain.
    let tried = until(&|stats| stats["rqs"].as_u64() >= Some(2));
    assert_eq!((&tried["noec"], &tried["rsr"]), (&json!(1), &json!(0)));
    sink.revive();
    let taken = until(&|stats| stats["rsr"] == 1);
    assert_eq!(taken["noec"], 1);
    assert!(taken["rqs"].as_u64() > tried["rqs"].as_u64());
}

#[test]
fn updates_wait_for_the_one_that_is_blocked() {
    let node = Node::on(Store::Memory).start();
    let (client, sink) = (node.client(), Sink::new());
    let ae = json!({"m2m:ae": {"rn": "ae", "api": "N1", "rr": true, "srv": ["3"], "poa": [sink.url()]}});
    let _ = client.send(&Request::create("cse-in", 2, ae).from("Cae")).expect(2001);
    let _ = client
        .send(&Request::create("cse-in/ae", 3, json!({"m2m:cnt": {"rn": "c"}})).from("Cae"))
        .expect(2001);
    let subscription = json!({"m2m:sub": {"nu": ["Cae"], "enc": {"net": [7]}}});
    let _ = client.send(&Request::create("cse-in/ae/c", 23, subscription).from("Cae")).expect(2001);
    let pause = Duration::from_millis(300);
    sink.answer(dyad_tests::Reply { after: pause, ..dyad_tests::Reply::default() });
    let update = |label: &str| {
        let content = json!({"m2m:cnt": {"lbl": [label]}});
        node.client().send(&Request::update("cse-in/ae/c", content).from("Cae"))
    };
    std::thread::scope(|scope| {
        let first = scope.spawn(|| update("first"));
        let _ = sink.wait_for(1, PATIENCE);
        let second = scope.spawn(|| update("second"));
        let gone = scope.spawn(|| {
            let _ = sink.wait_for(2, PATIENCE);
            node.client().send(&Request::delete("cse-in/ae/c").from("Cae"))
        });
        let _ = first.join().unwrap().expect(2004);
        let second = second.join().unwrap().expect(2004);
        assert_eq!(second.body["m2m:cnt"]["lbl"], json!(["second"]));
        let _ = gone.join().unwrap().expect(2002);
    });
    let asked = sink.received();
    assert_eq!(asked.len(), 2);
    assert!(asked[1].at - asked[0].at >= pause, "the second was asked about during the first");
}

#[test]
fn a_notification_that_goes_in_circles_ends() {
    let node = Node::on(Store::Memory).set("notification.retry_longest", "200ms").start();
    let (client, sink) = (node.client(), Sink::new());
    let here = |path: &str| format!("http://{}/{path}", node.address());
    let rules = json!({"acr": [{"acor": ["all"], "acop": 63}]});
    let policy = json!({"m2m:acp": {"rn": "open", "pv": rules, "pvs": rules}});
    let _ = client.send(&Request::create("cse-in", 1, policy)).expect(2001);
    for (name, id, poa) in [("one", "Cone", here("cse-in/two")), ("two", "Ctwo", here("cse-in/one"))] {
        let ae = json!({"m2m:ae": {"rn": name, "api": "N1", "rr": true, "srv": ["3"], "poa": [poa],
            "acpi": ["cse-in/open"]}});
        let _ = client.send(&Request::create("cse-in", 2, ae).from(id)).expect(2001);
    }
    let circle = |rn: &str, nu: &str, from: &str| {
        let subscription = json!({"m2m:sub": {"rn": rn, "nu": [nu], "enc": {"net": [1]}}});
        client.send(&Request::create("cse-in/one", 23, subscription).from(from))
    };
    // Nobody asks the originator itself, so this one is there; the other is refused when it is verified.
    let _ = circle("own", "Cone", "Cone").expect(2001);
    let _ = circle("other", &here("cse-in/one"), "Cone").expect(5204);
    let _ = circle("well", &sink.url(), "Cone").expect(2001);
    // Notifications to the AE that are told of to the AE.
    let monitor = json!({"m2m:sub": {"rn": "om", "nu": ["Cone"], "enc": {"om": [{"ops": 16}]}}});
    let _ = client.send(&Request::create("cse-in/one", 23, monitor).from("Cone")).expect(2001);
    let label = |label: &str| {
        let content = json!({"m2m:ae": {"lbl": [label]}});
        let _ = client.send(&Request::update("cse-in/one", content).from("Cone")).expect(2004);
    };
    label("x");
    let notify = Request::notify("cse-in/one", json!({"m2m:sgn": {"sur": "/id-in/s"}})).from("Cone");
    let _ = client.send(&notify).expect(4000);
    label("y");
    let told = |received: &[Received]| {
        received.iter().filter(|one| one.body.pointer("/m2m:sgn/nev").is_some()).count() >= 2
    };
    assert!(told(&sink.wait_until(PATIENCE, told)));
    let began = Instant::now();
    // Two updates and an access, each once.
    let idle = || node.log().matches("refuses a notification").count() >= 3;
    while !idle() && began.elapsed() < PATIENCE {
        std::thread::yield_now();
    }
    assert!(idle(), "each of the two went round once:\n{}", node.log());
}

#[test]
fn a_group_that_is_a_target_stands_for_its_members() {
    let node = Node::on(Store::Memory).start();
    let (client, sinks) = (node.client(), [Sink::new(), Sink::new(), Sink::new()]);
    for (number, sink) in sinks.iter().enumerate() {
        let ae = json!({"m2m:ae": {"rn": format!("ae{number}"), "api": "N1", "rr": true, "srv": ["3"],
            "poa": [sink.url()]}});
        let _ = client.send(&Request::create("cse-in", 2, ae).from(&format!("Cae{number}"))).expect(2001);
    }
    let group = |name: &str, members: &[&str]| {
        let group = json!({"m2m:grp": {"rn": name, "mt": 0, "mnm": 10, "mid": members}});
        let _ = client.send(&Request::create("cse-in", 9, group)).expect(2001);
    };
    group("inner", &["cse-in/ae1", "cse-in/ae2"]);
    group("outer", &["cse-in/ae0", "cse-in/inner", "cse-in/ae1"]);
    subscribed(&client, "c", "cse-in/outer", json!({}));
    for sink in &sinks {
        assert!(sink.wait_for(1, PATIENCE)[0].is_verification());
    }
    let _ = add(&client, "cse-in/c", "0");
    for sink in &sinks {
        let received = sink.wait_until(PATIENCE, |received| !contents(received).is_empty());
        assert_eq!(contents(&received), ["0"]);
    }
    // Whoever is a member now is told.
    let members = json!({"m2m:grp": {"mid": ["cse-in/ae2"]}});
    let _ = client.send(&Request::update("cse-in/outer", members)).expect(2004);
    let _ = add(&client, "cse-in/c", "1");
    let received = sinks[2].wait_until(PATIENCE, |received| contents(received).len() >= 2);
    assert_eq!(contents(&received), ["0", "1"]);
    assert_eq!(contents(&sinks[0].received()), ["0"]);
}
