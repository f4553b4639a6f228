//! What an operator on the same machine sees of service functions and may do about them: `dyad status`, `dyad functions`.

use std::process::{Command, Output};

use dyad_tests::{Node, Request, Store, program};
use serde_json::{Value, json};

/// Runs the program of the node in its directory.
pub(super) fn run(node: &Node, arguments: &[&str]) -> Output {
    let mut command = Command::new(program("dyad-sample"));
    command.args(arguments).current_dir(node.directory()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What `dyad status --json` says of a function.
fn function(node: &Node, name: &str) -> Value {
    let output = run(node, &["status", "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(status["cse"], "/id-in");
    let functions = status["functions"].as_array().unwrap();
    functions.iter().find(|function| function["name"] == name).unwrap().clone()
}

fn start() -> Node {
    Node::on(Store::Memory).program("dyad-sample").set("functions.max_faults", 1).start()
}

#[test]
fn reports_can_be_read_while_the_node_runs() {
    let node = start();
    let client = node.client();
    let registered = |node: &Node| function(node, "registration")["figures"]["registered"].as_u64().unwrap();
    let before = registered(&node);
    let entity = json!({ "m2m:ae": { "api": "N.test", "rr": false, "srv": ["3"] } });
    let _ = client.send(&Request::create("cse-in", 2, entity).from("Cone")).expect(2001);
    assert_eq!(registered(&node), before + 1);
    let shown = text(&run(&node, &["status"]).stdout);
    assert!(shown.starts_with("IN node /id-in (cse-in), dyad "), "{shown}");
    assert!(shown.contains("\nfaulty               on   waits for traps\n"), "{shown}");
}

#[test]
fn a_function_that_was_switched_off_is_switched_on_again() {
    let node = start();
    let client = node.client();
    let trap = |label: &str| {
        client.send(&Request::create("cse-in", 20_102, json!({ "ex:trp": { "lbl": [label] } }))).rsc
    };
    assert_eq!(trap("panic:apply"), 5000);
    assert_eq!(trap("none"), 5001);
    let off = function(&node, "faulty");
    assert_eq!((&off["state"], &off["faults"]), (&json!("off"), &json!(1)));
    assert_eq!(off["last_fault"], "apply panicked: a trap was sprung");
    let output = run(&node, &["functions", "on", "faulty"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "faulty is on\n".to_owned()));
    assert_eq!(trap("none"), 2001);
    let again = run(&node, &["functions", "on", "faulty"]);
    assert_eq!(text(&again.stdout), "faulty is already on\n");
    // Its background work has begun again.
    assert_eq!(trap("panic:run"), 2001);
    super::faults::until("it is off", || function(&node, "faulty")["state"] == "off");
}

#[test]
fn an_operator_switches_functions_off() {
    let node = start();
    let client = node.client();
    assert_eq!(run(&node, &["functions", "off", "group"]).status.code(), Some(0));
    let group = json!({ "m2m:grp": { "mt": 3, "mnm": 10, "mid": [] } });
    let made = Request::create("cse-in", 9, group);
    let _ = client.send(&made).expect(5001);
    assert_eq!(run(&node, &["functions", "on", "group"]).status.code(), Some(0));
    let _ = client.send(&made).expect(2001);
    let unknown = run(&node, &["functions", "off", "p2p"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("there is no service function p2p; there are "));
    assert!(text(&unknown.stderr).contains(", group, "), "the names are said");
}

#[test]
fn an_operator_learns_why_a_function_is_not_there() {
    let node = Node::on(Store::Memory)
        .program("dyad-sample")
        .set("functions.off", "group, location")
        .set("cse.type", "MN")
        .start();
    let absent = [
        ("group", "the setting functions.off switches group off; take its name out and start the node anew"),
        ("contact-list", "contact-list needs the setting cse.type = IN"),
    ];
    for (name, why) in absent {
        let listed = function(&node, name);
        assert_eq!((&listed["state"], &listed["off_since"]), (&json!("off"), &Value::Null), "{name}");
        assert!(listed["off_because"].as_str().unwrap().contains(why), "{listed}");
        assert!(text(&run(&node, &["status"]).stdout).contains(&format!("\n{name:<20} off  ")), "{name}");
        for switch in ["on", "off"] {
            let output = run(&node, &["functions", switch, name]);
            assert_eq!(output.status.code(), Some(1), "{switch} {name}");
            assert!(text(&output.stderr).contains(why), "{switch} {name}: {}", text(&output.stderr));
        }
    }
}

#[test]
fn what_an_operator_switches_off_stays_off_over_new_starts() {
    let mut node = Node::on(Store::Sqlite).program("dyad-sample").start();
    let group = Request::create("cse-in", 9, json!({ "m2m:grp": { "mt": 3, "mnm": 10, "mid": [] } }));
    assert_eq!(run(&node, &["functions", "off", "group"]).status.code(), Some(0));
    for _ in 0..2 {
        node.restart();
        let _ = node.client().send(&group).expect(5001);
        let off = function(&node, "group");
        assert_eq!((&off["state"], &off["off_because"]), (&json!("off"), &json!("by the operator")));
        assert!(node.log().contains("stays switched off"), "the start says so");
    }
    assert_eq!(run(&node, &["functions", "on", "group"]).status.code(), Some(0));
    let _ = node.client().send(&group).expect(2001);
    node.restart();
    let _ = node.client().send(&group).expect(2001);
}

#[test]
fn without_a_node_there_is_no_answer() {
    let mut node = start();
    node.stop();
    let output = run(&node, &["status"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no node answers at data/dyad.sock"), "{}", text(&output.stderr));
}

#[test]
fn settings_of_functions_are_listed_and_checked() {
    let node = start();
    let shown = text(&run(&node, &["settings"]).stdout);
    assert!(
        shown.contains("[ceilings]  The service function ceilings.\n  ceilings.warn_at = 90\n"),
        "{shown}"
    );
    assert!(shown.contains("\n  group.parallel = 64\n"), "{shown}");
    let wrong = run(&node, &["settings", "--set", "ceilings.warn_att=1", "--set", "ceilings.warn_at=101"]);
    let error = text(&wrong.stderr);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        error.contains("there is no setting ceilings.warn_att; did you mean ceilings.warn_at?"),
        "{error}"
    );
    assert!(error.contains("ceilings.warn_at cannot be \"101\"; allowed: a whole number from 1 to 100"));
}
