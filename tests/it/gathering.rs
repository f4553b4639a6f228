//! Notifications that a group gathers for the subscriber of its members: in batches, by way of sub-groups, and kept
//! until they are delivered.

use dyad_tests::{Client, Node, Received, Reply, Request, Sink, Store};
use serde_json::{Value, json};

use crate::load::{PATIENCE, add};

fn containers(client: &Client, names: &[&str]) -> Vec<String> {
    for name in names {
        let _ = client.send(&Request::create("cse-in", 3, json!({"m2m:cnt": {"rn": name}}))).expect(2001);
    }
    names.iter().map(|name| format!("cse-in/{name}")).collect()
}

fn group(client: &Client, name: &str, members: &[&str], more: Value) {
    let mut attributes = json!({"rn": name, "mnm": 10, "mid": members});
    attributes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let _ = client.send(&Request::create("cse-in", 9, json!({"m2m:grp": attributes}))).expect(2001);
}

/// A subscription to all members whose notifications the group is to gather. Gives the statuses of the members.
fn subscribe(client: &Client, group: &str, name: &str, sink: &Sink) -> Vec<u64> {
    let subscription = json!({"rn": name, "nu": [sink.url()], "nfu": sink.url(), "enc": {"net": [3]}});
    let request = Request::create(&format!("cse-in/{group}/fopt"), 23, json!({"m2m:sub": subscription}));
    let answer = client.send(&request).expect(2000);
    let list = answer.body["m2m:agr"]["m2m:rsp"].as_array().unwrap();
    list.iter().map(|one| one["rsc"].as_u64().unwrap()).collect()
}

/// The contents of the instances that a gathered notification tells of.
fn contents(received: &Received) -> Vec<String> {
    let list = received.body["m2m:agn"]["m2m:sgn"].as_array().unwrap_or_else(|| panic!("{received:?}"));
    let content = |one: &Value| one["nev"]["rep"]["m2m:cin"]["con"].as_str().unwrap().to_owned();
    list.iter().map(content).collect()
}

fn sorted(mut list: Vec<String>) -> Vec<String> {
    list.sort_unstable();
    list
}

#[test]
fn so_many_are_one_notification_and_survive_a_kill() {
    for store in Store::lasting() {
        let mut node = Node::on(store).start();
        let sink = Sink::new();
        let client = node.client();
        let members = containers(&client, &["a", "b"]);
        group(&client, "g", &["cse-in/a", "cse-in/b"], json!({"nar": {"num": 4, "dur": "PT1H"}}));
        assert_eq!(subscribe(&client, "g", "s", &sink), [2001, 2001]);
        assert!(sink.take().iter().all(Received::is_verification));
        let subscription = client.send(&Request::retrieve("cse-in/a/s")).expect(2000).body;
        assert_ne!(subscription["m2m:sub"]["nu"], json!([sink.url()]), "the group is the target");
        for (number, member) in ["0", "1", "2"].iter().zip([&members[0], &members[1], &members[0]]) {
            let _ = add(&client, member, number);
        }
        node.kill();
        node.restart();
        let client = node.client();
        for number in ["3", "4", "5", "6", "7"] {
            let _ = add(&client, &members[1], number);
        }
        let received = sink.wait_for(2, PATIENCE);
        assert!(received.iter().all(|one| contents(one).len() == 4), "{received:?}");
        // One whose way to the group the kill interrupted may come twice.
        let mut told = sorted(received.iter().take(2).flat_map(contents).collect());
        told.dedup();
        assert!(told.starts_with(&["0", "1", "2", "3"].map(str::to_owned)), "{store:?}: {told:?}");
        for told in received[0].body["m2m:agn"]["m2m:sgn"].as_array().unwrap() {
            assert_eq!(told["nfu"], json!(sink.url()));
            assert!(told["sur"].as_str().unwrap().starts_with("/id-in/"), "{told}");
        }
        // What the group says later counts from then on.
        let _ =
            client.send(&Request::update("cse-in/g", json!({"m2m:grp": {"nar": {"num": 1}}}))).expect(2004);
        let _ = add(&client, &members[0], "last");
        let received = sink.wait_until(PATIENCE, |all| all.iter().any(|one| contents(one) == ["last"]));
        // Each of the three from before the kill that came twice has pushed another one out of the first two.
        assert!(received.len() <= 6, "{received:?}");
    }
}

#[test]
fn what_is_there_goes_when_it_is_time() {
    let node = Node::on(Store::Memory).set("notification.batch_duration", "1s").start();
    let (client, sink) = (node.client(), Sink::new());
    let members = containers(&client, &["a", "b", "c"]);
    group(&client, "g", &["cse-in/a", "cse-in/b", "cse-in/c"], json!({}));
    assert_eq!(subscribe(&client, "g", "s", &sink), [2001; 3]);
    let _ = sink.take();
    // Without notifyAggregation as many as there are members, or what has come by then.
    let _ = (add(&client, &members[0], "0"), add(&client, &members[1], "1"));
    assert_eq!(sorted(contents(&sink.wait_for(1, PATIENCE)[0])), ["0", "1"]);
    for (number, member) in members.iter().enumerate() {
        let _ = add(&client, member, &number.to_string());
    }
    assert_eq!(sorted(contents(&sink.wait_for(2, PATIENCE)[1])), ["0", "1", "2"]);
}

#[test]
fn sub_groups_hand_on_what_they_gathered() {
    let node = Node::on(Store::Memory).start();
    let (client, sink) = (node.client(), Sink::new());
    let members = containers(&client, &["a", "b", "c"]);
    group(&client, "inner", &["cse-in/b", "cse-in/c"], json!({"nar": {"num": 2, "dur": "PT1H"}}));
    group(&client, "outer", &["cse-in/a", "cse-in/inner/fopt"], json!({"nar": {"num": 3, "dur": "PT1H"}}));
    assert_eq!(subscribe(&client, "outer", "s", &sink), [2001; 3]);
    let _ = sink.take();
    for (number, member) in members.iter().enumerate() {
        let _ = add(&client, member, &number.to_string());
    }
    let received = sink.wait_for(1, PATIENCE);
    assert_eq!(sorted(contents(&received[0])), ["0", "1", "2"], "not nested: {received:?}");
}

#[test]
fn a_subscriber_is_asked_and_a_forwarder_is_made_once() {
    let node = Node::on(Store::Memory).start();
    let (client, sink) = (node.client(), Sink::new());
    let _ = containers(&client, &["a"]);
    group(&client, "g", &["cse-in/a"], json!({}));
    let below = || {
        let children = Request::retrieve("cse-in/g").with("rcn", 6).with("ty", 23);
        client.send(&children).expect(2000).body["m2m:rrl"]["rrf"].as_array().unwrap().len()
    };
    sink.answer_next(Reply { rsc: Some(4005), http: 405, ..Reply::default() });
    let refused = json!({"m2m:sub": {"nu": [sink.url()], "nfu": sink.url(), "enc": {"net": [3]}}});
    let _ = client.send(&Request::create("cse-in/g/fopt", 23, refused)).expect(5204);
    assert_eq!(below(), 0);
    assert_eq!(subscribe(&client, "g", "s", &sink), [2001]);
    assert_eq!(subscribe(&client, "g", "t", &sink), [2001]);
    assert_eq!(below(), 1);
    // Without notificationForwardingURI the members notify the subscriber themselves.
    let plain = json!({"m2m:sub": {"rn": "p", "nu": [sink.url()], "enc": {"net": [3]}}});
    let _ = client.send(&Request::create("cse-in/g/fopt", 23, plain)).expect(2000);
    let held = client.send(&Request::retrieve("cse-in/a/p")).expect(2000).body;
    assert_eq!((&held["m2m:sub"]["nu"], below()), (&json!([sink.url()]), 1));
}

#[test]
fn a_forwarder_takes_notifications_of_members_alone() {
    let node = Node::on(Store::Memory).start();
    let (client, sink) = (node.client(), Sink::new());
    let members = containers(&client, &["a", "b"]);
    group(&client, "g", &["cse-in/a"], json!({"nar": {"num": 1, "dur": "PT1H"}}));
    assert_eq!(subscribe(&client, "g", "s", &sink), [2001]);
    let _ = sink.take();
    let forwarder =
        client.send(&Request::retrieve("cse-in/a/s")).expect(2000).body["m2m:sub"]["nu"][0].clone();
    let forwarder = forwarder.as_str().unwrap();
    let other = json!({"m2m:sub": {"rn": "o", "nu": [sink.url()], "enc": {"net": [3]}}});
    let _ = client.send(&Request::create("cse-in/b", 23, other)).expect(2001);
    let _ = sink.take();
    let notice =
        |sur: &str, nfu: &str| json!({"m2m:sgn": {"sur": sur, "nfu": nfu, "nev": {"net": 3, "rep": {}}}});
    let tell = |from: &str, content: Value| client.send(&Request::notify(forwarder, content).from(from)).rsc;
    let (url, member) = (sink.url(), "/id-in/cse-in/a/s");
    assert_eq!(tell("Cstranger", notice(member, &url)), 4103);
    assert_eq!(tell("/id-elsewhere", notice(member, &url)), 4103);
    assert_eq!(tell("/id-in", notice("/id-in/cse-in/b/o", &url)), 4103, "no member");
    assert_eq!(tell("/id-in", notice("/id-in/cse-in/none", &url)), 4103);
    assert_eq!(tell("/id-in", notice(member, "http://127.0.0.1:1")), 4000, "for somebody else");
    assert_eq!(tell("/id-in", json!({"m2m:sgn": []})), 4000);
    assert_eq!(tell("/id-in", json!({"m2m:agn": {"m2m:sgn": []}})), 4000);
    let _ = add(&client, &members[0], "0");
    assert_eq!(contents(&sink.wait_for(1, PATIENCE)[0]), ["0"], "nothing else came before");
    // With the forwarder gone, what comes is refused.
    let _ = client.send(&Request::delete(forwarder)).expect(2002);
    assert_eq!(tell("/id-in", notice(member, &url)), 4004);
}
