//! Settings as clients of the node see them.

use dyad_tests::{Answer, Client, Node, Request, Store, moment};
use serde_json::{Value, json};

fn register(client: &Client, originator: &str) -> Answer {
    let ae = json!({ "m2m:ae": { "api": "N.test", "rr": false, "srv": ["3"] } });
    client.send(&Request::create("cse-in", 2, ae).from(originator))
}

/// TC_CSE_REG_CRE_004, TC_CSE_REG_CRE_016
#[test]
fn who_is_not_listed_does_not_register() {
    let node = Node::on(Store::Memory).set("registration.allowed_originators", "Cmeter-*,Sone").start();
    let client = node.client();
    for (originator, rsc) in [
        ("Cmeter-1", 2001),
        ("Sone", 2001),
        ("Cother", 4126),
        ("Stwo", 4126),
        ("C", 4126),
        ("S", 4126),
        ("", 4126),
    ] {
        assert_eq!(register(&client, originator).rsc, rsc, "{originator}");
    }
}

/// TC_CSE_DMR_CRE_006
#[test]
fn containers_get_the_limits_of_the_node() {
    let node = Node::on(Store::Memory)
        .set("container.default_max_nr_of_instances", 2)
        .set("container.default_max_byte_size", 10)
        .start();
    let client = node.client();
    let create = |container: Value| {
        let answer = client.send(&Request::create("cse-in", 3, json!({ "m2m:cnt": container }))).expect(2001);
        (answer.body["m2m:cnt"]["mni"].clone(), answer.body["m2m:cnt"]["mbs"].clone())
    };
    assert_eq!(create(json!({ "rn": "c" })), (json!(2), json!(10)));
    assert_eq!(create(json!({ "mni": 5 })), (json!(5), json!(10)));
    for content in ["1", "2", "3"] {
        let _ = client
            .send(&Request::create("cse-in/c", 4, json!({ "m2m:cin": { "con": content } })))
            .expect(2001);
    }
    let container = client.send(&Request::retrieve("cse-in/c")).expect(2000);
    assert_eq!(container.body["m2m:cnt"]["cni"], json!(2));
}

#[test]
fn expiration_times_have_a_default_and_a_limit() {
    let node =
        Node::on(Store::Memory).set("cse.default_expiration", "1h").set("cse.max_expiration", "2h").start();
    let client = node.client();
    let expiration = |container: Value| {
        client
            .send(&Request::create("cse-in", 3, json!({ "m2m:cnt": container })))
            .expect(2001)
            .text("/m2m:cnt/et")
    };
    let given = expiration(json!({}));
    assert!(moment::from_now(3500) < given && given < moment::from_now(3700), "{given}");
    let lowered = expiration(json!({ "et": moment::from_now(100_000) }));
    assert!(moment::from_now(7100) < lowered && lowered < moment::from_now(7300), "{lowered}");
    let kept = moment::from_now(5000);
    assert_eq!(expiration(json!({ "et": kept })), kept);
}

#[test]
fn a_node_is_called_what_it_is_called() {
    let node = Node::on(Store::Memory)
        .set("cse.type", "MN")
        .set("cse.id", "/id-mn7")
        .set("cse.name", "gateway")
        .set("cse.sp_id", "//sp.example.org")
        .set("cse.admin", "Croot")
        .set("cse.supported_releases", "2a,3")
        .start();
    let client = node.client();
    let retrieve = |to: &str| client.send(&Request::retrieve(to).from("Croot"));
    for to in ["gateway", "id-mn7", "/id-mn7/gateway", "//sp.example.org/id-mn7/gateway", "-", "/id-mn7/-"] {
        let base = retrieve(to).expect(2000);
        assert_eq!(base.text("/m2m:cb/csi"), "/id-mn7", "{to}");
        assert_eq!(base.body["m2m:cb"]["cst"], json!(2));
        assert_eq!(base.body["m2m:cb"]["srv"], json!(["2a", "3"]));
    }
    for to in ["cse-in", "/id-in/gateway", "//dyad.example.com/id-mn7/gateway"] {
        let _ = retrieve(to).expect(4004);
    }
    let _ = client.send(&Request::retrieve("gateway").from("CAdmin")).expect(4103);
    let mut request = Request::retrieve("gateway").from("Croot");
    request.release = Some("4".into());
    let _ = client.send(&request).expect(4001);
}

#[test]
fn paths_may_have_a_root() {
    let node = Node::on(Store::Memory).set("http.root", "/onem2m").start();
    let client = node.client();
    let get = |path: &str| {
        let mut request = Request::retrieve("cse-in");
        request.line = Some(("GET".into(), path.into()));
        client.send(&request)
    };
    let _ = get("/onem2m/cse-in").expect(2000);
    let _ = get("/onem2m/~/id-in/cse-in").expect(2000);
    let _ = get("/cse-in").expect(4004);
    let create = {
        let mut request = Request::create("cse-in", 3, json!({ "m2m:cnt": { "rn": "c" } }));
        request.line = Some(("POST".into(), "/onem2m/cse-in".into()));
        client.send(&request).expect(2001)
    };
    assert!(create.header("content-location").is_some_and(|at| at.starts_with("/onem2m/")), "{create:?}");
}

#[test]
fn urls_are_asked_whether_they_agree_unless_it_is_switched_off() {
    for (asked, rsc) in [(true, 5204), (false, 2001)] {
        let node = Node::on(Store::Memory).set("subscription.verify_urls", asked).start();
        let client = node.client();
        let _ = client.send(&Request::create("cse-in", 3, json!({ "m2m:cnt": { "rn": "c" } }))).expect(2001);
        let ae =
            json!({ "m2m:ae": { "api": "N.x", "rr": true, "srv": ["3"], "poa": ["http://127.0.0.1:9"] } });
        let _ = client.send(&Request::create("cse-in", 2, ae).from("Cdead")).expect(2001);
        let subscribe = |target: &str| {
            client.send(&Request::create("cse-in/c", 23, json!({ "m2m:sub": { "nu": [target] } }))).rsc
        };
        assert_eq!(subscribe("http://127.0.0.1:9/dead"), rsc);
        assert_eq!(subscribe("Cdead"), 5204, "AEs are always asked");
    }
}
