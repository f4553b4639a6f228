//! Requests whose result comes later: nothing that was acknowledged is lost or done twice, whatever happens to the node.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use dyad_tests::{Answer, Client, Node, Received, Reply, Request, Sink, Store, everywhere};
use serde_json::{Value, json};

use crate::load::PATIENCE;

/// A CREATE of a container that is acknowledged and carried out later; gives the address of its `<request>`.
fn ask(client: &Client, name: &str, more: impl Fn(Request) -> Request) -> String {
    client.send(&more(container(name).with("rt", 1))).expect(1001).text("/m2m:uri")
}

fn container(name: &str) -> Request {
    Request::create("cse-in", 3, json!({ "m2m:cnt": { "rn": name } }))
}

/// A request as it is once a condition holds.
fn wait_for(client: &Client, to: &str, enough: impl Fn(&Answer) -> bool) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = client.send(&Request::retrieve(to));
        if enough(&answer) || Instant::now() > deadline {
            return answer;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// A `<request>` once it has its result.
fn concluded(client: &Client, to: &str) -> Value {
    let answer = wait_for(client, to, |answer| answer.body["m2m:req"]["rs"] != 3);
    answer.expect(2000).body["m2m:req"].clone()
}

fn is_there(client: &Client, to: &str) -> bool {
    client.send(&Request::retrieve(to)).rsc == 2000
}

fn results(received: &[Received]) -> Vec<&Value> {
    received.iter().filter_map(|one| one.body.get("m2m:rsp")).collect()
}

#[test]
fn what_waits_for_its_time_survives_a_kill() {
    everywhere(|store| {
        let mut node = Node::on(store).start();
        let sink = Sink::new();
        let client = node.client();
        let soon = ask(&client, "soon", |request| request.header("X-M2M-OET", "1500"));
        let late = ask(&client, "late", |request| request.header("X-M2M-OET", "3600000"));
        let told = container("told").with("rt", 2).header("X-M2M-OET", "1500");
        let _ = client.send(&told.header("X-M2M-RTU", &sink.url())).expect(1002);
        node.kill();
        node.restart();
        let client = node.client();
        assert_eq!(concluded(&client, &soon)["ors"]["rsc"], 2001, "{store:?}");
        let received = sink.wait_for(1, PATIENCE);
        assert_eq!(results(&received)[0]["pc"]["m2m:cnt"]["rn"], "told", "{store:?}");
        assert!(is_there(&client, "cse-in/soon") && is_there(&client, "cse-in/told"));
        let late = client.send(&Request::retrieve(&late)).expect(2000);
        assert_eq!(late.body["m2m:req"]["rs"], 3, "its time has not come: {late:?}");
        assert!(!is_there(&client, "cse-in/late"));
    });
}

#[test]
fn what_was_acknowledged_is_carried_out_once() {
    everywhere(|store| {
        let mut node = Node::on(store).start();
        let mut asked: Vec<(String, String)> = Vec::new();
        for round in 0..4 {
            let client = node.client();
            for number in 0..25 {
                let name = format!("r{round}n{number}");
                asked.push((ask(&client, &name, |request| request), name));
            }
            // Some of them are carried out now, others are not.
            node.kill();
            node.restart();
        }
        let client = node.client();
        for (request, name) in &asked {
            let request = concluded(&client, request);
            // A second attempt would have found the name taken.
            assert_eq!(request["ors"]["rsc"], 2001, "{store:?} {name}: {request}");
            assert!(is_there(&client, &format!("cse-in/{name}")), "{store:?} {name}");
        }
    });
}

#[test]
fn a_result_is_owed_through_a_kill() {
    everywhere(|store| {
        let mut node = Node::on(store).start();
        let mut sink = Sink::new();
        sink.die();
        let client = node.client();
        let mut requests = Vec::new();
        for number in 0..10 {
            let request = container(&format!("n{number}")).with("rt", 2).header("X-M2M-RTU", &sink.url());
            requests.push(client.send(&request).expect(1002).text("/m2m:uri"));
        }
        for request in &requests {
            assert_eq!(concluded(&client, request)["rs"], 1);
        }
        node.kill();
        sink.revive();
        node.restart();
        let came = |received: &[Received]| -> HashSet<String> {
            results(received).into_iter().map(|rsp| rsp["pc"]["m2m:cnt"]["rn"].to_string()).collect()
        };
        let received = sink.wait_until(PATIENCE, |received| came(received).len() == 10);
        assert_eq!(came(&received).len(), 10, "{store:?}: {received:?}");
    });
}

#[test]
fn a_request_that_expires_while_the_node_is_down_fails() {
    everywhere(|store| {
        let mut node = Node::on(store).start();
        let sink = Sink::new();
        let client = node.client();
        let expire = |request: Request| request.header("X-M2M-OET", "800").header("X-M2M-RET", "900");
        let kept = ask(&client, "kept", |request| expire(request).with("rp", "PT1H"));
        // Of this one nothing is left but the notification.
        let gone = expire(container("gone")).with("rt", 2).with("rp", "0").header("X-M2M-RTU", &sink.url());
        let began = Instant::now();
        let gone = client.send(&gone).expect(1002).text("/m2m:uri");
        node.kill();
        while began.elapsed() < Duration::from_millis(1_000) {
            std::thread::park_timeout(Duration::from_millis(50));
        }
        node.restart();
        let client = node.client();
        let kept = concluded(&client, &kept);
        assert_eq!((&kept["rs"], &kept["ors"]["rsc"]), (&json!(2), &json!(4008)), "{store:?}: {kept}");
        let received = sink.wait_for(1, PATIENCE);
        assert_eq!(results(&received)[0]["rsc"], 4008, "{store:?}");
        assert_eq!(wait_for(&client, &gone, |answer| answer.rsc == 4004).rsc, 4004);
        assert!(!is_there(&client, "cse-in/kept") && !is_there(&client, "cse-in/gone"));
    });
}

#[test]
fn no_more_requests_are_pending_than_allowed() {
    let node = Node::on(Store::Memory).set("request.pending", 2).start();
    let client = node.client();
    let later = |request: Request| request.header("X-M2M-OET", "3600000");
    let first = ask(&client, "a", later);
    let _ = ask(&client, "b", later);
    let refused = client.send(&later(container("c")).with("rt", 1)).expect(5000);
    assert!(refused.text("/m2m:dbg").contains("too many"), "{refused:?}");
    // What can be waited for is.
    let _ = client.send(&container("flexible").with("rt", 4)).expect(2001);
    let _ = client.send(&Request::delete(&first)).expect(2002);
    let freed = || client.send(&later(container("c")).with("rt", 1)).rsc == 1001;
    let deadline = Instant::now() + PATIENCE;
    while !freed() {
        assert!(Instant::now() < deadline, "a recalled request keeps its place");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

#[test]
fn a_flexible_request_that_is_slow_survives_a_kill() {
    everywhere(|store| {
        let mut node = Node::on(store).set("request.flex_wait", "200ms").start();
        let sink = Sink::new();
        sink.answer_next(Reply { after: Duration::from_secs(3_600), ..Reply::default() });
        let client = node.client();
        let ae = json!({ "m2m:ae": { "rn": "ae", "api": "N.test", "rr": true, "srv": ["3"], "poa": [sink.url()] } });
        let _ = client.send(&Request::create("cse-in", 2, ae).from("Cae")).expect(2001);
        let notify = Request::notify("cse-in/ae", json!({ "m2m:sgn": { "sur": "x" } })).with("rt", 4);
        let request = client.send(&notify).expect(1001).text("/m2m:uri");
        assert_eq!(sink.wait_for(1, PATIENCE).len(), 1);
        node.kill();
        node.restart();
        let client = node.client();
        assert_eq!(concluded(&client, &request)["ors"]["rsc"], 2000, "{store:?}");
        assert!(sink.wait_for(2, PATIENCE).len() >= 2, "{store:?}: it is sent again");
    });
}

#[test]
fn a_flexible_write_is_carried_out_once_whatever_the_answer() {
    let node = Node::on(Store::Sqlite).set("request.flex_wait", "0s").start();
    let client = node.client();
    for number in 0..50 {
        let name = format!("n{number}");
        let answer = client.send(&container(&name).with("rt", 4));
        if answer.rsc == 1001 {
            let request = concluded(&client, &answer.text("/m2m:uri"));
            assert_eq!(request["ors"]["rsc"], 2001, "{request}");
        } else {
            let _ = answer.expect(2001);
        }
        assert!(is_there(&client, &format!("cse-in/{name}")));
    }
}

#[test]
fn a_result_that_has_expired_is_not_sent() {
    let node = Node::on(Store::Memory).start();
    let mut sink = Sink::new();
    sink.die();
    let client = node.client();
    let request = |name: &str| container(name).with("rt", 2).header("X-M2M-RTU", &sink.url());
    let began = Instant::now();
    let _ = client.send(&request("expired").header("X-M2M-RST", "700")).expect(1002);
    let _ = client.send(&request("lasting")).expect(1002);
    while began.elapsed() < Duration::from_millis(800) {
        std::thread::park_timeout(Duration::from_millis(50));
    }
    sink.revive();
    let received = sink.wait_for(1, PATIENCE);
    let names: Vec<_> = results(&received).into_iter().map(|rsp| &rsp["pc"]["m2m:cnt"]["rn"]).collect();
    assert_eq!(names, ["lasting"]);
}

#[test]
fn without_the_function_requests_are_blocking() {
    let node = Node::on(Store::Memory).set("functions.off", "request").start();
    let client = node.client();
    let _ = client.send(&container("a").with("rt", 1)).expect(5206);
    let _ = client.send(&container("b").with("rt", 2)).expect(5001);
    let _ = client.send(&container("c").with("rt", 4)).expect(2001);
    let base = client.send(&Request::retrieve("cse-in")).expect(2000);
    assert!(!base.body["m2m:cb"]["srt"].as_array().unwrap().contains(&json!(17)), "{base:?}");
}

#[test]
fn who_wants_no_response_gets_none() {
    let node = Node::on(Store::Memory).start();
    let client = node.client();
    let answer = client.send(&container("n").with("rt", 5));
    assert_eq!((answer.code, answer.rsc, answer.body), (204, 0, Value::Null));
    assert!(is_there(&client, "cse-in/n"));
    let failed = client.send(&container("n").with("rt", 5));
    assert_eq!((failed.code, failed.rsc), (204, 0), "a failure is a response too");
    // What is no request is told.
    let _ = client.send(&container("m").with("rt", 5).with("rcn", 1)).expect(4000);
}

#[test]
fn tests_can_shorten_the_life_of_requests() {
    let node = Node::on(Store::Memory).start();
    let client = node.client();
    let door = |command: &str| {
        let head = format!("POST /__ut__ HTTP/1.1\r\nHost: x\r\nX-M2M-UTCMD: {command}\r\n");
        let answer =
            client.send_bytes(format!("{head}Content-Length: 0\r\n\r\n").as_bytes()).unwrap().unwrap();
        assert_eq!(answer.code, 200, "{answer:?}");
    };
    door("enableShortRequestExpiration 1");
    let short = ask(&client, "short", |request| request);
    assert_eq!(wait_for(&client, &short, |answer| answer.rsc == 4004).rsc, 4004);
    door("disableShortRequestExpiration");
    door("enableShortResourceExpiration 1");
    let short = ask(&client, "short as a resource", |request| request);
    assert_eq!(wait_for(&client, &short, |answer| answer.rsc == 4004).rsc, 4004);
    door("disableShortResourceExpiration");
    let long = ask(&client, "long", |request| request);
    assert_eq!(concluded(&client, &long)["rs"], 1);
}
