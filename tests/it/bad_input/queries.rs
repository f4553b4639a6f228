//! Query fields that say nothing, or too much.

use dyad_tests::{Operation, Request};
use serde_json::json;

use super::{Case, all_refused};

fn with(query: &str) -> Request {
    Request { line: Some(("GET".into(), format!("/cse-in/ae?{query}"))), ..Request::retrieve("") }
}

#[test]
fn fields() {
    let cases: Vec<Case> = [
        ("unknown", "nothing=1", 4000),
        ("without a value", "rcn", 4000),
        ("empty", "rcn=", 4000),
        ("no number", "rcn=x", 4000),
        ("unknown result content", "rcn=99", 4000),
        ("of another operation", "rcn=2", 4000),
        ("of discovery alone", "rcn=11&fu=1", 4000),
        ("twice", "rcn=1&rcn=4", 4000),
        ("negative limit", "fu=1&lim=-1", 4000),
        ("limit with a sign", "fu=1&lim=%2B1", 4000),
        ("huge limit", "fu=1&lim=99999999999999999999999", 4000),
        ("limit with a point", "fu=1&lim=1.5", 4000),
        ("limit twice", "fu=1&lim=1&lim=2", 4000),
        ("huge offset", "fu=1&ofst=99999999999999999999999", 4000),
        ("negative level", "fu=1&lvl=-1", 4000),
        ("usage of no kind", "fu=9", 4000),
        ("type of no kind", "fu=1&ty=x", 4000),
        ("type that overflows", "fu=1&ty=99999999999", 4000),
        ("time of no kind", "fu=1&crb=yesterday", 4000),
        ("operation of no kind", "fu=1&fo=9", 4000),
        ("empty label", "fu=1&lbl=", 4000),
        ("label beyond UTF-8", "fu=1&lbl=%ff", 4000),
        ("half an escape", "fu=1&lbl=%4", 4000),
        ("content filter without a query", "fu=1&cfs=1", 4000),
        ("half a place", "fu=1&gmty=1", 4000),
        ("identifier type of no kind", "fu=1&drt=3", 4000),
        ("response type of no kind", "rt=9", 4000),
        ("content of no response", "rt=5&rcn=1", 4000),
        ("aggregated delivery of no kind", "da=maybe", 4000),
        ("attribute that the type has not", "atrl=mni", 4000),
        ("empty attribute list", "atrl=", 4000),
    ]
    .into_iter()
    .map(|(name, query, rsc)| (name, with(query), rsc))
    .collect();
    all_refused(cases);
}

#[test]
fn fields_that_do_not_go_with_the_operation() {
    let create = |name, value| Request::create("cse-in/ae", 3, json!({"m2m:cnt": {}})).with(name, value);
    let update =
        |name, value| Request::update("cse-in/ae/c", json!({"m2m:cnt": {"mni": 3}})).with(name, value);
    let cases: Vec<Case> = vec![
        ("create: filter", create("lbl", "a"), 4000),
        ("create: children", create("rcn", "4"), 4000),
        ("create: attribute list", create("atrl", "rn"), 4000),
        ("update: children", update("rcn", "4"), 4000),
        ("update: condition that fails", update("lbl", "other"), 4004),
        ("delete: original", Request::delete("cse-in/ae/c").with("rcn", 7), 4000),
        ("delete: condition that fails", Request::delete("cse-in/ae/c").with("sts", 0), 4004),
        ("notify: filter", Request::notify("cse-in", json!({"m2m:sgn": {}})).with("lbl", "a"), 4000),
        ("update without a content", Request::new(Operation::Update, "cse-in/ae/c"), 4000),
        (
            "delete with a content",
            Request { content: Some(json!({})), ..Request::delete("cse-in/ae/c") },
            4000,
        ),
        ("notify without a content", Request::new(Operation::Notify, "cse-in"), 4000),
        ("notify a container", Request::notify("cse-in/ae/c", json!({"m2m:sgn": {}})), 4005),
        (
            "notify an AE without a point of access",
            Request::notify("cse-in/ae", json!({"m2m:sgn": {}})),
            5103,
        ),
    ];
    all_refused(cases);
}
