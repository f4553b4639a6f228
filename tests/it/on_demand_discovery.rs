//! Discoveries that make an AE search: what it makes and names while it is asked is the answer (TS-0004 7.5.1.2.8).

use std::thread;

use dyad_tests::{Client, Node, Request, Store};
use serde_json::{Value, json};

fn create(client: &Client, from: &str, to: &str, ty: u64, content: Value) {
    let _ = client.send(&Request::create(to, ty, content).from(from)).expect(2001);
}

/// The next request to the interworking proxy.
fn poll(client: &Client) -> Value {
    let polls = Request::retrieve("cse-in/ipe/p/pcu").from("Cipe").header("X-M2M-RET", "20000");
    client.send(&polls).expect(2000).body["m2m:rqp"].clone()
}

fn respond(client: &Client, request: &Value, content: Value) {
    let response = json!({ "m2m:rsp": { "rsc": 2000, "rqi": request["rqi"], "pc": content } });
    let _ = client.send(&Request::notify("cse-in/ipe/p/pcu", response).from("Cipe")).expect(2000);
}

#[test]
fn what_an_ae_makes_while_it_is_asked_is_found() {
    let node = Node::on(Store::Memory).start();
    let client = node.client();
    let ae = |name: &str| json!({ "m2m:ae": { "rn": name, "api": "N1", "rr": false, "srv": ["4"] } });
    create(&client, "Cipe", "cse-in", 2, ae("ipe"));
    create(&client, "Capp", "cse-in", 2, ae("app"));
    create(&client, "Cipe", "cse-in/ipe", 15, json!({ "m2m:pch": { "rn": "p" } }));
    let policy = |name: &str, rights: u64| {
        let rule = |who: &str, rights: u64| json!({ "acor": [who], "acop": rights });
        let rules = json!({ "acr": [rule("Capp", rights), rule("Cipe", 63)] });
        json!({ "m2m:acp": { "rn": name, "pv": rules, "pvs": rules } })
    };
    create(&client, "Cipe", "cse-in/ipe", 1, policy("seen", 32));
    create(&client, "Cipe", "cse-in/ipe", 1, policy("hidden", 2));
    let seen = Request::update("cse-in/ipe", json!({ "m2m:ae": { "acpi": ["cse-in/ipe/seen"] } }));
    let _ = client.send(&seen.from("Cipe")).expect(2004);

    let asker = node.client();
    let asking = thread::spawn(move || {
        let discovery = Request::retrieve("cse-in/ipe").from("Capp").with("fu", 3).with("lbl", "lamp");
        asker.send(&discovery).expect(2000).body["m2m:uril"].clone()
    });
    let request = poll(&client);
    let asked = &request["pc"]["m2m:sgn"]["idr"];
    assert_eq!(asked["or"], "Capp");
    assert_eq!(asked["fc"]["lbl"], json!(["lamp"]));
    // One that is named, one that is not, one that the originator may not discover, one that does not match.
    for (name, policy, label) in
        [("l1", "seen", "lamp"), ("l2", "seen", "lamp"), ("l3", "hidden", "lamp"), ("l4", "seen", "door")]
    {
        let policies = [format!("cse-in/ipe/{policy}")];
        let container = json!({ "m2m:cnt": { "rn": name, "lbl": [label], "acpi": policies } });
        create(&client, "Cipe", "cse-in/ipe", 3, container);
    }
    let named = ["/id-in/cse-in/ipe/l1", "cse-in/ipe/l3", "cse-in/ipe/l4"];
    respond(&client, &request, json!({ "m2m:uril": named }));
    assert_eq!(asking.join().unwrap(), json!(["cse-in/ipe/l1"]));
}
