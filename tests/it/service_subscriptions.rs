//! Who may register under the profile of a service subscription (TS-0001 9.6.29, TS-0004 7.3.2.7).

use dyad_tests::{Client, Node, Request, Store};
use serde_json::json;

/// The status code of a registration, and the AE-ID that came of it.
fn register(client: &Client, originator: &str, app_id: &str) -> (u64, String) {
    let ae = json!({ "m2m:ae": { "api": app_id, "rr": false, "srv": ["3"] } });
    let answer = client.send(&Request::create("cse-in", 2, ae).from(originator));
    let id = answer.body["m2m:ae"]["aei"].as_str().unwrap_or_default().to_owned();
    (answer.rsc, id)
}

/// The rules and the node of a profile, made by an originator.
fn subscribe(client: &Client, originator: &str, name: &str, rules: &[serde_json::Value]) {
    let create = |to: &str, ty, content| {
        let _ = client.send(&Request::create(to, ty, content).from(originator)).expect(2001);
    };
    let mut links = Vec::new();
    for (number, rule) in rules.iter().enumerate() {
        let mut rule = rule.clone();
        rule["rn"] = json!(format!("{name}{number}"));
        links.push(format!("cse-in/{name}{number}"));
        create("cse-in", 19, json!({ "m2m:asar": rule }));
    }
    create("cse-in", 11, json!({ "m2m:mssp": { "rn": name } }));
    let node = json!({ "m2m:svsn": { "rn": "node", "ni": "n1", "csi": "/id-in", "rlk": links } });
    create(&format!("cse-in/{name}"), 20, node);
}

/// TC_CSE_REG_CRE_004, TC_CSE_REG_CRE_005, TC_CSE_REG_CRE_016
#[test]
fn rules_admit_combinations_of_app_ids_and_ae_ids() {
    let node = Node::on(Store::Memory).start();
    let client = node.client();
    let rules = [
        json!({ "aai": ["Nmeter", "Rfarm*"], "aae": ["Cmeter*", "S*"] }),
        json!({ "aai": ["Npump"], "aae": ["Cpump"], "apci": ["*"] }),
        json!({ "aai": ["*"], "aae": ["*"], "apci": ["Csomebody"] }),
    ];
    subscribe(&client, "CAdmin", "contract", &rules);
    for (originator, app_id, rsc) in [
        ("Cmeter1", "Nmeter", 2001),
        ("Cpump", "Npump", 2001),
        ("Cpump2", "Npump", 4126),
        ("Cpump", "Nmeter", 4126),
        ("Cother", "Nmeter", 4126),
        ("Cmeter2", "Nother", 4126),
        ("Sgiven", "Rfarm.cows", 2001),
        ("C", "Nmeter", 4126),
        ("CAdmin", "Nother", 2001),
    ] {
        assert_eq!(register(&client, originator, app_id).0, rsc, "{originator} with {app_id}");
    }
    // Who does not ask for a kind of AE-ID gets the one that a rule allows.
    for originator in ["S", ""] {
        let (rsc, id) = register(&client, originator, "Nmeter");
        assert!(rsc == 2001 && id.starts_with('S'), "{originator}: {rsc}, {id}");
    }
    // Changes count from the next registration on.
    let update = |to: &str, content| client.send(&Request::update(to, content)).expect(2004);
    let _ = update("cse-in/contract0", json!({ "m2m:asar": { "aae": ["Cother"] } }));
    assert_eq!(register(&client, "Cother", "Nmeter").0, 2001);
    assert_eq!(register(&client, "Sanother", "Nmeter").0, 4126);
    let _ = update("cse-in/contract/node", json!({ "m2m:svsn": { "rlk": [] } }));
    assert_eq!(register(&client, "Cpump2", "Npump").0, 4126);
    let _ = client.send(&Request::delete("cse-in/contract")).expect(2002);
    assert_eq!(register(&client, "Cpump2", "Nwhatever").0, 2001);
}

#[test]
fn profiles_of_others_lock_nobody_out() {
    let mut node = Node::on(Store::Sqlite).start();
    assert_eq!(register(&node.client(), "Csomebody", "Nx").0, 2001);
    subscribe(&node.client(), "Csomebody", "trap", &[json!({ "aae": ["Csomebody"] })]);
    assert_eq!(register(&node.client(), "Cone", "Nx").0, 2001);
    // Nor does the profile of another CSE.
    let client = node.client();
    let create = |to: &str, ty, content| client.send(&Request::create(to, ty, content));
    let _ = create("cse-in", 11, json!({ "m2m:mssp": { "rn": "m" } })).expect(2001);
    let _ =
        create("cse-in/m", 20, json!({ "m2m:svsn": { "ni": "n", "csi": "/id-mn", "rlk": [] } })).expect(2001);
    assert_eq!(register(&client, "Ctwo", "Nx").0, 2001);
    let refused = create("cse-in/m", 20, json!({ "m2m:svsn": { "ni": "n", "rlk": [] } }));
    assert_eq!(refused.rsc, 4000, "rules without a CSE");
    // One that is in force is found again after a start.
    subscribe(&client, "CAdmin", "contract", &[json!({ "aai": ["Nx"], "aae": ["Cthree"] })]);
    node.restart();
    assert_eq!(register(&node.client(), "Cfour", "Nx").0, 4126);
    assert_eq!(register(&node.client(), "Cthree", "Nx").0, 2001);
}

#[test]
fn profiles_are_kept_by_an_in_cse_alone() {
    let node = Node::on(Store::Memory).set("cse.type", "MN").start();
    let profile = Request::create("cse-in", 11, json!({ "m2m:mssp": {} }));
    assert_eq!(node.client().send(&profile).rsc, 4005);
}
