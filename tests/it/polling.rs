//! Entities that come for their requests: nothing is lost on the way to them, whatever becomes of their connections
//! and of the node, and nobody waits longer than they said.

use std::io::Write;
use std::net::TcpStream;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use dyad_tests::{Answer, Client, Node, Request, Store};
use serde_json::{Value, json};

use crate::load::PATIENCE;

/// What no wait that is over at once takes, however busy the machine is.
const AT_ONCE: Duration = Duration::from_secs(4);

fn node() -> Node {
    Node::on(Store::Memory).start()
}

/// Registers `C<name>`, which polls, with a channel, a container and a subscription to its new instances.
fn register(node: &Node, name: &str, channel: Value) {
    let client = node.client();
    let from = format!("C{name}");
    let ae = json!({"m2m:ae": {"rn": name, "api": "N1", "rr": false, "srv": ["4"]}});
    let home = format!("cse-in/{name}");
    for (to, ty, content) in [
        ("cse-in".to_owned(), 2, ae),
        (home.clone(), 15, json!({ "m2m:pch": channel })),
        (home.clone(), 3, json!({"m2m:cnt": {"rn": "c"}})),
        (format!("{home}/c"), 23, json!({"m2m:sub": {"rn": "s", "nu": [from], "enc": {"net": [3]}}})),
    ] {
        let mut request = Request::create(&to, ty, content).from(&from);
        request.release = Some("4".into());
        let _ = client.send(&request).expect(2001);
    }
}

fn add(client: &Client, name: &str, con: &str) {
    let content = json!({"m2m:cin": {"con": con}});
    let _ = client.send(&Request::create(&format!("cse-in/{name}/c"), 4, content)).expect(2001);
}

fn uri(name: &str) -> String {
    format!("cse-in/{name}/p/pcu")
}

/// A poll that is held for so many milliseconds.
fn polls(name: &str, millis: u64) -> Request {
    Request::retrieve(&uri(name)).from(&format!("C{name}")).header("X-M2M-RET", &millis.to_string())
}

fn poll(client: &Client, name: &str) -> Value {
    client.send(&polls(name, 20_000)).expect(2000).body["m2m:rqp"].clone()
}

fn poll_beside(node: &Node, name: &str, millis: u64) -> JoinHandle<(Answer, Duration)> {
    let (client, request) = (node.client(), polls(name, millis));
    thread::spawn(move || {
        let began = Instant::now();
        (client.send(&request), began.elapsed())
    })
}

fn responds(name: &str, identifier: &str, rsc: u64) -> Request {
    let content = json!({"m2m:rsp": {"rsc": rsc, "rqi": identifier}});
    Request::notify(&uri(name), content).from(&format!("C{name}"))
}

fn respond(client: &Client, name: &str, request: &Value) {
    let _ = client.send(&responds(name, request["rqi"].as_str().unwrap(), 2000)).expect(2000);
}

fn content(request: &Value) -> &str {
    request.pointer("/pc/m2m:sgn/nev/rep/m2m:cin/con").and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn parallel_polls_share_what_comes() {
    let node = node();
    register(&node, "a", json!({"rn": "p"}));
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let client = node.client();
            thread::spawn(move || {
                let mut came = Vec::new();
                loop {
                    let request = poll(&client, "a");
                    respond(&client, "a", &request);
                    if content(&request) == "end" {
                        return came;
                    }
                    came.push(content(&request).to_owned());
                }
            })
        })
        .collect();
    let client = node.client();
    (0..40).for_each(|number| add(&client, "a", &number.to_string()));
    (0..workers.len()).for_each(|_| add(&client, "a", "end"));
    let mut came: Vec<u64> = Vec::new();
    for worker in workers {
        let own: Vec<u64> = worker.join().unwrap().iter().map(|content| content.parse().unwrap()).collect();
        assert!(own.is_sorted(), "each gets its share in order: {own:?}");
        came.extend(own);
    }
    came.sort_unstable();
    assert_eq!(came, (0..40).collect::<Vec<u64>>(), "each went to one of them");
}

#[test]
fn a_closed_connection_takes_nothing_along() {
    let node = Node::on(Store::Memory).set("notification.timeout", "60s").start();
    register(&node, "a", json!({"rn": "p"}));
    let client = node.client();
    for round in 0..10 {
        let message = "GET /cse-in/a/p/pcu HTTP/1.1\r\nHost: x\r\nX-M2M-Origin: Ca\r\nX-M2M-RI: gone\r\n\
                       X-M2M-RVI: 3\r\nX-M2M-RET: 600000\r\n\r\n";
        for _ in 0..3 {
            let mut connection = TcpStream::connect(node.address()).unwrap();
            connection.write_all(message.as_bytes()).unwrap();
            // The node may hold the poll by then or not have read it.
            if round % 2 == 0 {
                let _ = client.send(&Request::retrieve("cse-in")).expect(2000);
            }
        }
        let _ = client.send(&Request::retrieve("cse-in")).expect(2000);
        let began = Instant::now();
        add(&client, "a", &round.to_string());
        let request = poll(&client, "a");
        assert_eq!(content(&request), round.to_string());
        assert!(began.elapsed() < AT_ONCE, "round {round}: {:?}", began.elapsed());
        respond(&client, "a", &request);
    }
}

#[test]
fn what_is_owed_survives_kills_until_it_is_answered_on_sqlite() {
    what_is_owed_survives_kills(Store::Sqlite);
}

#[test]
fn what_is_owed_survives_kills_until_it_is_answered_on_postgres() {
    if Store::Postgres.is_available() {
        what_is_owed_survives_kills(Store::Postgres);
    }
}

fn what_is_owed_survives_kills(store: Store) {
    let mut node = Node::on(store).set("notification.queue", 3).start();
    register(&node, "a", json!({"rn": "p"}));
    (0..10).for_each(|number| add(&node.client(), "a", &number.to_string()));
    let mut came: Vec<String> = Vec::new();
    // What was answered just before a kill may come again; what comes for the first time comes in order.
    let mut note = |request: &Value| {
        if !came.iter().any(|known| known == content(request)) {
            came.push(content(request).to_owned());
        }
    };
    for _ in 0..4 {
        let client = node.client();
        // The last one of each round is fetched and never answered.
        for number in 0..3 {
            let request = poll(&client, "a");
            note(&request);
            if number < 2 {
                respond(&client, "a", &request);
            }
        }
        node.kill();
        node.restart();
    }
    let client = node.client();
    loop {
        let answer = client.send(&polls("a", 2_000));
        if answer.rsc != 2000 {
            assert_eq!(answer.rsc, 4008, "{answer:?}");
            break;
        }
        note(&answer.body["m2m:rqp"]);
        respond(&client, "a", &answer.body["m2m:rqp"]);
    }
    let expected: Vec<String> = (0..10).map(|number| number.to_string()).collect();
    assert_eq!(came, expected, "{store:?}");
}

#[test]
fn what_is_not_answered_comes_again_with_its_identifier() {
    let node = Node::on(Store::Memory).set("notification.timeout", "300ms").start();
    register(&node, "a", json!({"rn": "p"}));
    let client = node.client();
    add(&client, "a", "0");
    add(&client, "a", "1");
    let first = poll(&client, "a");
    let again = poll(&client, "a");
    assert_eq!((content(&again), &again["rqi"]), ("0", &first["rqi"]));
    // A failure of the entity's own is no answer either; a refusal is.
    let identifier = again["rqi"].as_str().unwrap();
    let _ = client.send(&responds("a", identifier, 5000)).expect(2000);
    let third = poll(&client, "a");
    assert_eq!(third["rqi"], first["rqi"]);
    let _ = client.send(&responds("a", identifier, 4005)).expect(2000);
    let next = poll(&client, "a");
    assert_eq!(content(&next), "1");
    respond(&client, "a", &next);
    // Nobody waits for it any more.
    let _ = client.send(&responds("a", identifier, 2000)).expect(4000);
    let _ = client.send(&polls("a", 100)).expect(4008);
}

#[test]
fn several_come_at_once_where_that_is_wanted() {
    let node =
        Node::on(Store::Memory).set("notification.timeout", "500ms").set("polling.aggregated", 4).start();
    register(&node, "a", json!({"rn": "p", "rqag": true}));
    let client = node.client();
    (0..6).for_each(|number| add(&client, "a", &number.to_string()));
    let fetch = || {
        let answer = client.send(&polls("a", 20_000)).expect(2000);
        answer.body["m2m:agrp"].as_array().unwrap().clone()
    };
    let contents =
        |requests: &[Value]| requests.iter().map(|one| content(one).to_owned()).collect::<Vec<_>>();
    // The first may come before the others wait.
    let mut came = Vec::new();
    let mut most = 0;
    while came.len() < 6 {
        let requests = fetch();
        most = most.max(requests.len());
        came.extend(contents(&requests));
        requests.iter().for_each(|request| respond(&client, "a", request));
    }
    assert_eq!(came, ["0", "1", "2", "3", "4", "5"]);
    assert!((2..=4).contains(&most), "at most {most} at once");
    (6..9).for_each(|number| add(&client, "a", &number.to_string()));
    let mut left = fetch();
    while left.len() < 3 {
        left.extend(fetch());
    }
    left.dedup_by(|one, other| one["rqi"] == other["rqi"]);
    respond(&client, "a", &left[0]);
    respond(&client, "a", &left[2]);
    let again = fetch();
    assert_eq!(contents(&again), ["7"], "those that were answered do not come again");
    respond(&client, "a", &again[0]);
}

#[test]
fn a_poll_is_held_for_as_long_as_it_says() {
    let node = Node::on(Store::Memory)
        .set("request.timeout", "500ms")
        .set("polling.wait", "1s")
        .set("polling.longest_wait", "2s")
        .start();
    register(&node, "a", json!({"rn": "p"}));
    let client = node.client();
    for (request, least) in [
        (polls("a", 200), 200),
        (polls("a", 1_500), 1_500),
        (polls("a", 60_000), 2_000),
        (Request::retrieve(&uri("a")).from("Ca"), 1_000),
    ] {
        let began = Instant::now();
        let _ = client.send(&request).expect(4008);
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(least), "{request:?} after {took:?}");
        assert!(took < Duration::from_millis(least) + AT_ONCE, "{request:?} after {took:?}");
    }
}

#[test]
fn polls_end_with_their_channel_and_with_the_node() {
    let mut node = node();
    register(&node, "a", json!({"rn": "p"}));
    register(&node, "b", json!({"rn": "p"}));
    register(&node, "c", json!({"rn": "p"}));
    let client = node.client();
    let [a, b, c] = ["a", "b", "c"].map(|name| poll_beside(&node, name, 30_000));
    // What is fetched shows that the polls are held; each is followed by another that is.
    for (name, held) in [("a", a), ("b", b), ("c", c)] {
        add(&client, name, "x");
        let (answer, _) = held.join().unwrap();
        respond(&client, name, &answer.expect(2000).body["m2m:rqp"]);
    }
    let [a, b, c] = ["a", "b", "c"].map(|name| poll_beside(&node, name, 30_000));
    let _ = client.send(&Request::delete("cse-in/a/p").from("Ca")).expect(2002);
    let _ = client.send(&Request::delete("cse-in/b").from("Cb")).expect(2002);
    for ended in [a, b] {
        let (answer, took) = ended.join().unwrap();
        assert!(answer.rsc == 4004 && took < AT_ONCE, "{took:?}: {answer:?}");
    }
    let began = Instant::now();
    node.stop();
    assert!(began.elapsed() < Duration::from_secs(2), "the stop took {:?}", began.elapsed());
    let (answer, _) = c.join().unwrap();
    assert_eq!(answer.rsc, 4008, "{answer:?}");
}

#[test]
fn a_channel_holds_no_more_than_it_may() {
    let node = Node::on(Store::Memory).set("polling.queue", 2).start();
    register(&node, "a", json!({"rn": "p"}));
    let notify = |number: usize| {
        let mut request = Request::notify("cse-in/a", json!({"m2m:sgn": {"sur": number.to_string()}}));
        request.identifier = Some(format!("n{number}"));
        request.header("X-M2M-RET", "20000")
    };
    let senders: Vec<_> = (0..4)
        .map(|number| {
            let (client, request) = (node.client(), notify(number));
            thread::spawn(move || client.send(&request).rsc)
        })
        .collect();
    let deadline = Instant::now() + PATIENCE;
    while senders.iter().filter(|sender| sender.is_finished()).count() < 2 {
        assert!(Instant::now() < deadline, "none is refused");
        thread::park_timeout(Duration::from_millis(10));
    }
    let client = node.client();
    for _ in 0..2 {
        let request = poll(&client, "a");
        respond(&client, "a", &request);
    }
    let mut codes: Vec<u64> = senders.into_iter().map(|sender| sender.join().unwrap()).collect();
    codes.sort_unstable();
    assert_eq!(codes, [2000, 2000, 5103, 5103]);
}

#[test]
fn responses_find_whoever_waits_though_identifiers_are_alike() {
    let node = node();
    register(&node, "a", json!({"rn": "p"}));
    let notifies = |sender: &'static str| {
        let content = json!({"m2m:sgn": {"sur": sender}});
        let mut request = Request::notify("cse-in/a", content).from(sender).header("X-M2M-RET", "20000");
        request.identifier = Some("alike".into());
        let client = node.client();
        (sender, thread::spawn(move || client.send(&request)))
    };
    let senders = ["CAdmin", "Ca"].map(notifies);
    let client = node.client();
    for _ in &senders {
        let request = poll(&client, "a");
        assert_eq!(request["rqi"], "alike");
        // No other with this identifier comes before this one is answered.
        let _ = client.send(&polls("a", 50)).expect(4008);
        let said = json!({"m2m:rsp": {"rsc": 2000, "rqi": "alike", "pc": request["pc"]}});
        let _ = client.send(&Request::notify(&uri("a"), said).from("Ca")).expect(2000);
    }
    for (sender, waiting) in senders {
        let answer = waiting.join().unwrap().expect(2000);
        assert_eq!(answer.text("/m2m:sgn/sur"), sender, "its own answer");
    }
}

#[test]
fn an_entity_that_can_be_called_again_is_called() {
    let node = node();
    register(&node, "a", json!({"rn": "p"}));
    let (client, sink) = (node.client(), dyad_tests::Sink::new());
    // Waits for the entity to come.
    add(&client, "a", "0");
    let reachable = json!({"m2m:ae": {"rr": true, "poa": [sink.url()]}});
    let _ = client.send(&Request::update("cse-in/a", reachable).from("Ca")).expect(2004);
    let received = sink.wait_for(1, PATIENCE);
    assert_eq!(received[0].body.pointer("/m2m:sgn/nev/rep/m2m:cin/con"), Some(&json!("0")));
    // And comes for them again.
    let unreachable = json!({"m2m:ae": {"rr": false, "poa": null}});
    let _ = client.send(&Request::update("cse-in/a", unreachable).from("Ca")).expect(2004);
    add(&client, "a", "1");
    let request = poll(&client, "a");
    assert_eq!(content(&request), "1");
    respond(&client, "a", &request);
    assert_eq!(sink.take().len(), 1);
}

#[test]
fn many_entities_are_waited_for_side_by_side() {
    // More than there are targets that may be served at a time: who does not come keeps no place.
    let node = Node::on(Store::Memory).set("notification.targets", 2).start();
    for name in ["a", "b", "c", "d", "e"] {
        register(&node, name, json!({"rn": "p"}));
    }
    let client = node.client();
    for name in ["a", "b", "c", "d", "e"] {
        add(&client, name, name);
    }
    let began = Instant::now();
    let request = poll(&client, "e");
    assert_eq!(content(&request), "e");
    respond(&client, "e", &request);
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
}
