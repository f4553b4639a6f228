//! Headers that are missing, malformed, doubled or too many, and originators that may not.

use dyad_tests::{Node, Request, Store};
use serde_json::json;

use super::{Case, all_refused};

fn get() -> Request {
    Request::retrieve("cse-in/ae")
}

fn container() -> Request {
    Request::create("cse-in/ae", 3, json!({"m2m:cnt": {}}))
}

#[test]
fn headers() {
    let release = |release: &str| Request { release: Some(release.into()), ..get() };
    let identifier = |identifier: &str| Request { identifier: Some(identifier.into()), ..get() };
    let cases: Vec<Case> = vec![
        ("no originator", Request { from: None, ..get() }, 4000),
        ("empty originator", get().from(""), 4000),
        ("originator with a space", get().from("C Admin"), 4000),
        ("originator with a quote", get().from("C'--"), 4000),
        ("originator with a wildcard", get().from("C*"), 4000),
        ("originator beyond ASCII", get().from("Cé"), 4000),
        ("originator with slashes", get().from("/id-in//CAdmin"), 4000),
        ("long originator", get().from(&"C".repeat(5_000)), 4000),
        ("originator twice", get().header("X-M2M-Origin", "CAdmin").header("X-M2M-Origin", "Cother"), 4000),
        ("nobody", get().from("Cnobody"), 4103),
        ("administrator in another case", get().from("cadmin"), 4103),
        ("administrator of another CSE", get().from("/id-other/CAdmin"), 4103),
        ("administrator of another provider", get().from("//other.example/id-in/CAdmin"), 4103),
        ("pattern of a policy", get().from("all"), 4103),
        ("nobody creates", container().from("Cnobody"), 4103),
        (
            "nobody updates",
            Request::update("cse-in/ae/c", json!({"m2m:cnt": {"mni": 3}})).from("Cnobody"),
            4103,
        ),
        ("nobody deletes", Request::delete("cse-in/ae/c").from("Cnobody"), 4103),
        ("nobody notifies", Request::notify("cse-in/ae", json!({"m2m:sgn": {}})).from("Cnobody"), 4103),
        ("nobody retrieves the latest", Request::retrieve("cse-in/ae/c/la").from("Cnobody"), 4103),
        ("unsupported release", release("99"), 4001),
        ("release of no kind", release("x"), 4001),
        ("empty release", release(""), 4000),
        ("release 0", release("0"), 4001),
        ("empty identifier", identifier(""), 4000),
        ("long identifier", identifier(&"r".repeat(1_000)), 4000),
        ("identifier twice", get().header("X-M2M-RI", "a").header("X-M2M-RI", "b"), 4000),
        ("expired", get().header("X-M2M-RET", "20200101T000000"), 4008),
        ("expiry of no kind", get().header("X-M2M-RET", "soon"), 4000),
        ("result expired", get().header("X-M2M-RST", "20200101T000000"), 4008),
        ("result before the request", get().header("X-M2M-RET", "9000").header("X-M2M-RST", "5000"), 4000),
        ("origin of no time", get().header("X-M2M-OT", "now"), 4000),
        ("event category of no kind", get().header("X-M2M-EC", "x"), 4000),
        ("token of no kind", get().header("Authorization", "Bearer a b"), 4000),
        ("nothing that we speak", get().header("Accept", "text/html"), 5207),
        ("content of no kind", container().header("Content-Type", "text/plain;ty=3"), 4015),
        ("YAML", container().header("Content-Type", "application/yaml;ty=3"), 4015),
        (
            "another character set",
            container().header("Content-Type", "application/json;ty=3;charset=latin1"),
            4015,
        ),
        ("compressed content", container().header("Content-Encoding", "gzip"), 4015),
        ("type of no kind", container().header("Content-Type", "application/json;ty=x"), 4000),
        ("negative type", container().header("Content-Type", "application/json;ty=-3"), 4000),
        ("type twice", container().header("Content-Type", "application/json;ty=3;ty=4"), 4000),
        (
            "content type twice",
            container()
                .header("Content-Type", "application/json;ty=3")
                .header("Content-Type", "application/json;ty=4"),
            4000,
        ),
        ("no type is a notification", container().header("Content-Type", "application/json"), 4000),
        ("huge header", get().header("X-Filler", &"x".repeat(40_000)), 4000),
    ];
    all_refused(cases);
}

#[test]
fn a_strict_node_accepts_no_slips() {
    let node = Node::on(Store::Memory).set("http.lenient", false).start();
    let client = node.client();
    let without = |name: &str| Request { without: vec![name.into()], ..Request::retrieve("cse-in") };
    let trailing = Request { line: Some(("GET".into(), "/cse-in/".into())), ..Request::retrieve("") };
    let typed = Request::retrieve("cse-in").header("Content-Type", "application/json;ty=3");
    for request in [without("x-m2m-ri"), without("x-m2m-rvi"), trailing, typed] {
        let _ = client.send(&request).expect(4000);
    }
    let _ = client.send(&Request::retrieve("cse-in")).expect(2000);
}
