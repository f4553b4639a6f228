//! What becomes of a node with a service function that panics, hangs, or fails in the background: the sample of
//! `tests/sample` on a node of its own, over a socket.

use std::time::{Duration, Instant};

use dyad_tests::{Answer, Client, Node, Request, Sink, Store};
use serde_json::json;

/// How long a node may take to show what it is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

fn node(max_faults: u32) -> Node {
    limited(max_faults, "200ms")
}

/// A node whose functions may take so long.
fn limited(max_faults: u32, time_limit: &str) -> Node {
    let builder = Node::on(Store::Memory).program("dyad-sample");
    builder.set("functions.max_faults", max_faults).set("functions.time_limit", time_limit).start()
}

/// Creates a trap that does what its label says.
fn trap(client: &Client, label: &str) -> Answer {
    client.send(&Request::create("cse-in", 20_102, json!({ "ex:trp": { "lbl": [label] } })))
}

/// Asks until it is so.
#[track_caller]
pub(super) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

fn goes_on(client: &Client) {
    let container = Request::create("cse-in", 3, json!({ "m2m:cnt": {} }));
    let made = client.send(&container).expect(2001).text("/m2m:cnt/ri");
    let _ = client.send(&Request::create(&made, 4, json!({ "m2m:cin": { "con": "1" } }))).expect(2001);
    let _ = client.send(&Request::retrieve(&format!("{made}/la"))).expect(2000);
}

#[test]
fn a_panic_fails_the_request_in_which_it_happens_and_too_many_switch_the_function_off() {
    // A panic that is written with all its frames may take longer than the time in which a thread counts as blocked.
    let node = limited(5, "30s");
    let client = node.client();
    let made = trap(&client, "none").expect(2001).text("/ex:trp/ri");
    for hook in ["takes_part", "intercept", "prepare", "apply"] {
        let _ = trap(&client, &format!("panic:{hook}")).expect(5000);
        let fault = format!("hook=\"{hook}\"");
        assert!(node.log().lines().any(|line| line.contains("faulty") && line.contains(&fault)), "{hook}");
        goes_on(&client);
    }
    let _ = trap(&client, "none").expect(2001);
    // What is committed is answered, and the fault noted beside it. It is the fifth.
    let _ = trap(&client, "panic:committed").expect(2001);
    until("the function is switched off", || trap(&client, "none").rsc == 5001);
    let log = node.log();
    let line = log.lines().find(|line| line.contains("switched off after repeated faults")).unwrap();
    assert!(line.contains("committed") && line.contains("dyad functions on faulty"), "{line}");
    // Its resources can be read and removed, and not changed.
    let _ = client.send(&Request::update(&made, json!({ "ex:trp": { "lbl": ["none"] } }))).expect(5001);
    let _ = client.send(&Request::retrieve(&made)).expect(2000);
    let _ = client.send(&Request::delete(&made)).expect(2002);
    goes_on(&client);
}

#[test]
fn a_panic_on_the_way_to_an_ae_keeps_what_it_is_owed() {
    let node = node(100);
    let (client, sink) = (node.client(), Sink::new());
    let ae =
        json!({ "m2m:ae": { "rn": "ae", "api": "N.x", "rr": false, "srv": ["3"], "poa": [sink.url()] } });
    let _ = client.send(&Request::create("cse-in", 2, ae).from("Cowed")).expect(2001);
    let _ = client.send(&Request::create("cse-in", 3, json!({ "m2m:cnt": { "rn": "c" } }))).expect(2001);
    let subscription = json!({ "m2m:sub": { "nu": ["Cowed"], "enc": { "net": [3] }, "nct": 1 } });
    let _ = client.send(&Request::create("cse-in/c", 23, subscription)).expect(2001);
    let _ = sink.take();
    let label = |label: &str| {
        let content = json!({ "m2m:ae": { "lbl": [label] } });
        let _ = client.send(&Request::update("cse-in/ae", content).from("Cowed")).expect(2004);
    };
    label("panic:reach");
    let _ = client.send(&Request::create("cse-in/c", 4, json!({ "m2m:cin": { "con": "1" } }))).expect(2001);
    until("the fault is noted", || node.log().contains("hook=\"reach\""));
    goes_on(&client);
    label("none");
    let received = sink.wait_for(1, PATIENCE);
    assert_eq!(received[0].body.pointer("/m2m:sgn/nev/rep/m2m:cin/con"), Some(&json!("1")), "{received:?}");
}

#[test]
fn a_hook_that_hangs_is_given_up_and_late_calls_in_a_row_switch_the_function_off() {
    let node = node(2);
    let client = node.client();
    let _ = trap(&client, "hang:intercept").expect(4008);
    let _ = trap(&client, "none").expect(2001);
    let _ = trap(&client, "hang:prepare").expect(4008);
    let _ = trap(&client, "none").expect(2001);
    // What it does after the commit holds nobody up.
    let _ = trap(&client, "hang:committed").expect(2001);
    until("the fault is noted", || node.log().contains("hook=\"committed\""));
    let _ = trap(&client, "hang:intercept").expect(4008);
    let _ = trap(&client, "none").expect(5001);
    goes_on(&client);
}

#[test]
fn a_hook_that_keeps_its_thread_is_given_up_and_its_function_switched_off() {
    let mut node = node(100);
    let client = node.client();
    // Asynchronous hooks have threads of their own: the originator is answered in time, whatever becomes of the thread.
    let _ = trap(&client, "block:intercept").expect(4008);
    until("the function is switched off", || trap(&client, "none").rsc == 5001);
    let log = node.log();
    let line = log.lines().find(|line| line.contains("keeps the thread")).unwrap();
    assert!(line.contains("faulty") && line.contains("intercept"), "{line}");
    goes_on(&client);
    // The others are called where the request is, and make it wait.
    assert!(super::operator::run(&node, &["functions", "on", "faulty"]).status.success());
    let _ = trap(&client, "block:takes_part").expect(5001);
    assert!(node.log().lines().any(|line| line.contains("keeps the thread") && line.contains("takes_part")));
    goes_on(&client);
    // A thread that is lost does not keep the node from ending.
    node.stop();
}

#[test]
fn a_function_that_keeps_the_writer_ends_the_node() {
    let builder = Node::on(Store::Memory).program("dyad-sample");
    let mut node = builder.set("functions.time_limit", "1s").start();
    let client = node.client();
    let made = trap(&client, "none").expect(2001).text("/ex:trp/ri");
    let blocked = std::thread::spawn(move || trap(&client, "block:apply").rsc);
    until("the function is named", || {
        node.log().lines().any(|line| line.contains("nothing can be written") && line.contains("faulty"))
    });
    let _ = node.client().send(&Request::retrieve(&made)).expect(2000);
    assert_eq!(node.wait(), Some(1), "{}", node.log());
    drop(blocked);
}

#[test]
fn background_work_that_fails_begins_again() {
    let node = node(2);
    let client = node.client();
    let _ = trap(&client, "panic:run").expect(2001);
    until("the fault is noted", || node.log().contains("hook=\"run\""));
    // The second is noticed by the work that has begun again.
    let _ = trap(&client, "panic:run").expect(2001);
    until("the function is switched off", || trap(&client, "none").rsc == 5001);
    goes_on(&client);
}

#[test]
fn functions_are_never_switched_off_if_the_operator_does_not_want_it() {
    let node = node(0);
    let client = node.client();
    for _ in 0..10 {
        let _ = trap(&client, "panic:apply").expect(5000);
    }
    let _ = trap(&client, "none").expect(2001);
}
