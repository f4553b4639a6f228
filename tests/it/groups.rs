//! Requests to all members of a group: at the same time, within a time, for many, in circles, and while members change.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dyad_tests::{Answer, Client, Node, Reply, Request, Sink, Store};
use serde_json::{Value, json};

/// A group at `cse-in/NAME`.
fn group(client: &Client, name: &str, members: &[String]) {
    let content = json!({"m2m:grp": {"rn": name, "mnm": members.len().max(10), "mid": members}});
    let _ = client.send(&Request::create("cse-in", 9, content)).expect(2001);
}

/// Containers at `cse-in/PREFIX0` and so on.
fn containers(client: &Client, prefix: &str, count: usize) -> Vec<String> {
    let made = (0..count).map(|number| {
        let name = format!("{prefix}{number}");
        let _ = client.send(&Request::create("cse-in", 3, json!({"m2m:cnt": {"rn": name}}))).expect(2001);
        format!("cse-in/{name}")
    });
    made.collect()
}

/// AEs that take what comes at a sink each.
fn listeners(client: &Client, count: usize) -> (Vec<String>, Vec<Sink>) {
    let made = (0..count).map(|number| {
        let (sink, name) = (Sink::new(), format!("l{number}"));
        let ae = json!({"m2m:ae": {"rn": name, "api": "N1", "rr": true, "srv": ["3"], "poa": [sink.url()]}});
        let _ = client.send(&Request::create("cse-in", 2, ae).from(&format!("C{name}"))).expect(2001);
        (format!("cse-in/{name}"), sink)
    });
    made.unzip()
}

/// The answers of members, as status and member ID.
fn answers(answer: &Answer) -> Vec<(u64, String)> {
    let list = answer.body["m2m:agr"]["m2m:rsp"].as_array().unwrap();
    let pair = |one: &Value| (one["rsc"].as_u64().unwrap(), one["fr"].as_str().unwrap().to_owned());
    list.iter().map(pair).collect()
}

fn notice() -> Value {
    json!({"m2m:sgn": {"sur": "x"}})
}

#[test]
fn members_are_asked_at_the_same_time_and_no_more_than_allowed() {
    const PAUSE: Duration = Duration::from_millis(400);
    for (parallel, least, most) in [(64, 1, 8), (3, 4, 24)] {
        let node = Node::on(Store::Memory).set("group.parallel", parallel).start();
        let client = node.client();
        let (members, sinks) = listeners(&client, 12);
        sinks.iter().for_each(|sink| sink.answer(Reply { after: PAUSE, ..Reply::default() }));
        group(&client, "g", &members);
        let began = Instant::now();
        let answer = client.send(&Request::notify("cse-in/g/fopt", notice())).expect(2000);
        let took = began.elapsed();
        assert_eq!(answers(&answer), members.iter().map(|id| (2000, id.clone())).collect::<Vec<_>>());
        assert!(took >= PAUSE * least && took < PAUSE * most, "{parallel} at a time: {took:?}");
    }
}

#[test]
fn who_answers_too_late_is_left_out() {
    let node = Node::on(Store::Memory).set("group.answer_within", "2s").start();
    let client = node.client();
    let (members, sinks) = listeners(&client, 4);
    group(&client, "g", &members);
    let never = Reply { after: Duration::from_secs(3_600), ..Reply::default() };
    sinks[2].answer(never.clone());
    let answer = client.send(&Request::notify("cse-in/g/fopt", notice())).expect(2000);
    let expected = [0, 1, 3].map(|number| (2000, members[number].clone()));
    assert_eq!(answers(&answer), expected);
    assert_eq!(answer.header("x-m2m-cts"), Some("1"), "it is partial");
    // The time that the originator gives counts in place of that of the node, in both directions.
    let within = |time: &str| Request::notify("cse-in/g/fopt", notice()).header("x-m2m-rst", time);
    let began = Instant::now();
    let _ = client.send(&within("700")).expect(2000);
    assert!(began.elapsed() < Duration::from_millis(1_990), "{:?}", began.elapsed());
    sinks[2].answer(Reply { after: Duration::from_millis(2_500), ..Reply::default() });
    assert_eq!(answers(&client.send(&within("20000")).expect(2000)).len(), 4);
    let _ = client.send(&within("20000").header("x-m2m-ret", "900")).expect(2000);
    // Nobody at all.
    sinks.iter().for_each(|sink| sink.answer(never.clone()));
    let _ = client.send(&Request::notify("cse-in/g/fopt", notice())).expect(5209);
}

#[test]
fn who_asks_for_no_response_gets_none_and_members_are_asked() {
    let node = Node::on(Store::Memory).start();
    let client = node.client();
    let members = containers(&client, "c", 3);
    group(&client, "g", &members);
    let silent = Request::update("cse-in/g/fopt", json!({"m2m:cnt": {"lbl": ["x"]}})).with("rt", 5);
    let answer = client.send(&silent);
    assert_eq!((answer.code, answer.header("x-m2m-rsc")), (204, None));
    for member in members {
        assert_eq!(
            client.send(&Request::retrieve(&member)).expect(2000).body["m2m:cnt"]["lbl"],
            json!(["x"])
        );
    }
}

/// Bytes of memory that a process holds.
fn resident(node: &Node) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn a_hundred_thousand_members() {
    const MEMBERS: usize = 100_000;
    let node = Node::on(Store::Sqlite)
        .set("http.max_body", "16MiB")
        .set("group.answer_within", "5min")
        .set("request.timeout", "5min")
        .set("group.max_answer", "1MiB")
        .start();
    let client = node.client();
    let mut members = containers(&client, "c", 200);
    members.extend((members.len()..MEMBERS).map(|number| format!("cse-in/none{number}")));
    let before = resident(&node);
    group(&client, "g", &members);
    let held = client.send(&Request::retrieve("cse-in/g").with("mid", "-/c7")).expect(2000).body;
    assert_eq!(held["m2m:grp"]["cnm"], MEMBERS);
    let answer = client.send(&Request::retrieve("cse-in/g/fopt")).expect(2000);
    let answered = answers(&answer);
    assert_eq!(answered.len(), MEMBERS);
    assert!(answered.iter().zip(&members).all(|((_, from), member)| from == member), "in their order");
    assert_eq!(answered.iter().filter(|(status, _)| *status == 2000).count(), 200);
    // Contents end with the limit, statuses do not.
    assert_eq!(answer.header("x-m2m-cts"), Some("1"));
    let used = resident(&node) - before;
    assert!(used < 300 << 20, "{} MiB for one group", used >> 20);
    // One more than the node allows.
    members.push("cse-in/one-more".into());
    let update = json!({"m2m:grp": {"mnm": members.len(), "mid": members}});
    let _ = client.send(&Request::update("cse-in/g", update)).expect(6010);
}

#[test]
fn the_groups_of_a_member_are_found_in_a_large_tree() {
    for store in [Store::Memory, Store::Postgres] {
        if !store.is_available() {
            continue;
        }
        let node = Node::on(store).start();
        let client = node.client();
        let members = containers(&client, "c", 2_500);
        for (number, some) in members.chunks(250).enumerate() {
            group(&client, &format!("g{number}"), some);
        }
        group(&client, "odd", &[members[0].clone(), members[2_400].clone()]);
        let found = |member: &str| {
            let search = Request::retrieve("cse-in").with("fu", 1).with("mid", member);
            client.send(&search).expect(2000).body["m2m:uril"].clone()
        };
        assert_eq!(found(&members[0]), json!(["cse-in/g0", "cse-in/odd"]), "{store:?}");
        assert_eq!(found("/id-in/-/c2400"), json!(["cse-in/g9", "cse-in/odd"]), "{store:?}");
        assert_eq!(found("cse-in/g0"), json!([]), "{store:?}");
    }
}

#[test]
fn groups_that_contain_each_other_end() {
    for store in [Store::Memory, Store::Postgres] {
        if !store.is_available() {
            continue;
        }
        let node = Node::on(store).start();
        let client = node.client();
        let leaves = containers(&client, "c", 12);
        // Every group has all groups, itself too, and all members.
        let circle: Vec<String> = (0..12).map(|number| format!("cse-in/g{number}/fopt")).collect();
        let members = [leaves.clone(), circle.clone()].concat();
        (0..12).for_each(|number| group(&client, &format!("g{number}"), &members));
        for round in 1..=2 {
            let instance = json!({"m2m:cin": {"con": "1"}});
            let answer = client.send(&Request::create("cse-in/g5/fopt", 4, instance)).expect(2000);
            let answered = answers(&answer);
            for leaf in &leaves {
                let created =
                    answered.iter().filter(|(status, from)| *status == 2001 && from == leaf).count();
                let cni = client.send(&Request::retrieve(leaf)).expect(2000).body["m2m:cnt"]["cni"].clone();
                assert_eq!((created, cni), (1, json!(round)), "{store:?}");
            }
            let repeated = answered.iter().filter(|(status, _)| *status == 4104).count();
            assert_eq!(repeated, answered.len() - leaves.len());
        }
    }
}

#[test]
fn groups_may_be_nested_deeply_and_not_without_end() {
    let node = Node::on(Store::Memory).set("group.answer_within", "10s").start();
    let client = node.client();
    let leaf = containers(&client, "c", 1);
    group(&client, "g0", &leaf);
    for number in 1..1_000 {
        group(&client, &format!("g{number}"), &[format!("cse-in/g{}/fopt", number - 1)]);
    }
    let answer = client.send(&Request::retrieve("cse-in/g60/fopt")).expect(2000);
    assert_eq!(answers(&answer), [(2000, leaf[0].clone())]);
    // The time for the answer is over on the way: the node says so, and is there.
    let answer = client.send(&Request::retrieve("cse-in/g999/fopt"));
    let inner = if answer.rsc == 2000 { answers(&answer)[0].0 } else { answer.rsc };
    assert!([4008, 5209].contains(&inner), "{answer:?}");
    let _ = client.send(&Request::retrieve("cse-in/g0/fopt")).expect(2000);
}

#[test]
fn members_change_while_requests_go_to_them() {
    for store in [Store::Memory, Store::Postgres] {
        if !store.is_available() {
            continue;
        }
        let node = Node::on(store).start();
        let client = node.client();
        let (one, other) = (containers(&client, "a", 20), containers(&client, "b", 30));
        group(&client, "g", &one);
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..60 {
                    let members = if round % 2 == 0 { &other } else { &one };
                    let update = json!({"m2m:grp": {"mnm": 30, "mid": members}});
                    let _ = client.send(&Request::update("cse-in/g", update)).expect(2004);
                    // What was answered counts from now on.
                    let answer = client.send(&Request::retrieve("cse-in/g/fopt")).expect(2000);
                    assert_eq!(answers(&answer).len(), members.len());
                }
                is_over.store(true, Ordering::Relaxed);
            });
            for _ in 0..2 {
                scope.spawn(|| {
                    let client = node.client();
                    while !is_over.load(Ordering::Relaxed) {
                        let answer = client.send(&Request::retrieve("cse-in/g/fopt")).expect(2000);
                        let asked: Vec<String> = answers(&answer).into_iter().map(|(_, from)| from).collect();
                        assert!(asked == one || asked == other, "one version of the list: {asked:?}");
                    }
                });
            }
        });
    }
}

#[test]
fn what_a_request_to_the_group_deleted_is_gone_from_it_for_good() {
    for store in Store::lasting() {
        let mut node = Node::on(store).start();
        let members = containers(&node.client(), "c", 50);
        group(&node.client(), "g", &members);
        let some = members[..30].join("+");
        let delete = Request::delete("cse-in/g/fopt").with("grtm", some);
        assert_eq!(answers(&node.client().send(&delete).expect(2000)).len(), 30);
        node.kill();
        node.restart();
        let held = node.client().send(&Request::retrieve("cse-in/g")).expect(2000).body;
        assert_eq!((&held["m2m:grp"]["mid"], &held["m2m:grp"]["cnm"]), (&json!(members[30..]), &json!(20)));
        let answer = node.client().send(&Request::delete("cse-in/g/fopt")).expect(2000);
        let gone: BTreeSet<(u64, String)> = answers(&answer).into_iter().collect();
        assert_eq!(gone, members[30..].iter().map(|id| (2002, id.clone())).collect());
        let _ = node.client().send(&Request::retrieve("cse-in/g/fopt")).expect(4109);
    }
}
