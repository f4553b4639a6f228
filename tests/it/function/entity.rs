//! A service function as an entity of its own, and its section of the settings: the sample on a node, over a socket.

use dyad_tests::{Client, Node, Request, Store};
use serde_json::{Value, json};

fn ceiling(client: &Client, container: &str) -> Value {
    let _ =
        client.send(&Request::create("cse-in", 3, json!({ "m2m:cnt": { "rn": container } }))).expect(2001);
    let ceiling = json!({ "ex:clg": { "max": 100 } });
    let made = client.send(&Request::create(&format!("cse-in/{container}"), 20_101, ceiling)).expect(2001);
    made.body["ex:clg"]["warn"].clone()
}

fn say(client: &Client, container: &str, number: &str) {
    let instance = json!({ "m2m:cin": { "con": number } });
    let _ = client.send(&Request::create(&format!("cse-in/{container}"), 4, instance)).expect(2001);
}

/// The latest warning, once there are so many.
fn warning(client: &Client, count: u64) -> Value {
    let container = Request::retrieve("cse-in/ceilings/warnings");
    let has_come = || client.send(&container).body["m2m:cnt"]["cni"] == json!(count);
    super::faults::until("the warning comes", has_come);
    client.send(&Request::retrieve("cse-in/ceilings/warnings/la")).expect(2000).body["m2m:cin"].clone()
}

fn acts_in_its_own_name(store: Store) {
    if !store.is_available() {
        return;
    }
    let mut node =
        Node::on(store).program("dyad-sample").set("registration.allowed_originators", "C*").start();
    let client = node.client();
    // It has an AE without being listed, and what it creates names it.
    let entity = client.send(&Request::retrieve("cse-in/ceilings")).expect(2000).body["m2m:ae"].clone();
    assert_eq!((&entity["aei"], &entity["ri"]), (&json!("Sceilings"), &json!("Sceilings")));
    assert_eq!(ceiling(&client, "one"), json!(90));
    say(&client, "one", "95");
    let told = warning(&client, 1);
    assert!(told["con"].as_str().unwrap().ends_with("says 95") && told["cr"] == "Sceilings", "{told}");
    // It has the rights of this AE and no others.
    let made = client.send(&Request::retrieve("cse-in/ceilings/warnings").from("Cother"));
    assert_eq!(made.rsc, 4103);
    // Nobody from outside speaks in its name, whatever form the name has.
    for from in ["Sceilings", "/id-in/Sceilings", "//dyad.example.com/id-in/Sceilings"] {
        let container = json!({ "m2m:cnt": {} });
        let _ = client.send(&Request::create("cse-in", 3, container).from(from)).expect(4103);
        let _ = client.send(&Request::retrieve("cse-in/ceilings").from(from)).expect(4103);
    }
    let entity = json!({ "m2m:ae": { "api": "N.test", "rr": false, "srv": ["3"] } });
    let _ = client.send(&Request::create("cse-in", 2, entity).from("Sceilings")).expect(4103);
    // After a kill it is the same entity, with what it has made.
    node.kill();
    node.set("ceilings.warn_at", 50);
    node.restart();
    let client = node.client();
    assert_eq!(ceiling(&client, "two"), json!(50));
    say(&client, "two", "60");
    assert!(warning(&client, 2)["con"].as_str().unwrap().ends_with("says 60"));
}

#[test]
fn a_function_acts_in_its_own_name_on_sqlite() {
    acts_in_its_own_name(Store::Sqlite);
}

#[test]
fn a_function_acts_in_its_own_name_on_postgres() {
    acts_in_its_own_name(Store::Postgres);
}
