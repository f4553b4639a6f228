//! Contents that no resource may have.

use dyad_tests::Request;
use serde_json::{Value, json};

use super::{Case, all_refused};

fn container(content: Value) -> Request {
    Request::create("cse-in/ae", 3, json!({ "m2m:cnt": content }))
}

fn change(content: Value) -> Request {
    Request::update("cse-in/ae/c", json!({ "m2m:cnt": content }))
}

/// A CREATE of a container with the body as it is.
fn text(body: &str) -> Request {
    Request { text: Some(body.to_owned()), ..container(json!({})) }
}

#[test]
fn attributes() {
    let long = "x".repeat(256);
    let cases: Vec<Case> = vec![
        ("unknown", container(json!({"xyz": 1})), 4000),
        ("of another type", container(json!({"con": "x"})), 4000),
        ("long name", container(json!({"maxNrOfInstances": 1})), 4000),
        ("empty name of an attribute", container(json!({"": 1})), 4000),
        ("text for a number", container(json!({"mni": "3"})), 4000),
        ("number for a text", container(json!({"or": 3})), 4000),
        ("one for a list", container(json!({"lbl": "a"})), 4000),
        ("number in a list of texts", container(json!({"lbl": [1]})), 4000),
        ("object for a number", container(json!({"mni": {}})), 4000),
        ("null", container(json!({"mni": null})), 4000),
        ("negative", container(json!({"mni": -1})), 4000),
        ("broken number", container(json!({"mni": 1.5})), 4000),
        ("number for a switch", container(json!({"disr": 1})), 4000),
        ("NP: ri", container(json!({"ri": "x"})), 4000),
        ("NP: pi", container(json!({"pi": "x"})), 4000),
        ("NP: ty", container(json!({"ty": 3})), 4000),
        ("NP: ct", container(json!({"ct": "20261121T000000"})), 4000),
        ("NP: lt", container(json!({"lt": "20261121T000000"})), 4000),
        ("NP: st", container(json!({"st": 0})), 4000),
        ("NP: cni", container(json!({"cni": 0})), 4000),
        ("NP: cbs", container(json!({"cbs": 0})), 4000),
        ("a creator that is named", container(json!({"cr": "Cother"})), 4000),
        ("past", container(json!({"et": "20200101T000000"})), 4000),
        ("no date", container(json!({"et": "tomorrow"})), 4000),
        ("a day that there is not", container(json!({"et": "20300230T000000"})), 4000),
        ("mandatory is missing", Request::create("cse-in/ae/c", 4, json!({"m2m:cin": {}})), 4000),
        ("policy that there is not", container(json!({"acpi": ["cse-in/nothing"]})), 4000),
        ("name of another", container(json!({"rn": "c"})), 4105),
        ("virtual name", Request::create("cse-in/ae/c", 3, json!({"m2m:cnt": {"rn": "la"}})), 4105),
        ("empty name", container(json!({"rn": ""})), 4000),
        ("name with a slash", container(json!({"rn": "a/b"})), 4000),
        ("name with a space", container(json!({"rn": "a b"})), 4000),
        ("name with a hash", container(json!({"rn": "a#b"})), 4000),
        ("name with a null byte", container(json!({"rn": "a\u{0}b"})), 4000),
        ("name beyond ASCII", container(json!({"rn": "é"})), 4000),
        ("name upwards", container(json!({"rn": ".."})), 4000),
        ("the name of the same", container(json!({"rn": "."})), 4000),
        ("name with an escape", container(json!({"rn": "%2e%2e"})), 4000),
        ("long name of a resource", container(json!({ "rn": long })), 4000),
        ("number as a name", container(json!({"rn": 7})), 4000),
        ("update: unknown", change(json!({"xyz": 1})), 4000),
        ("update: wrong type", change(json!({"mni": "3"})), 4000),
        ("update: NP", change(json!({"ri": "x"})), 4000),
        ("update: the name", change(json!({"rn": "d"})), 4000),
        ("update: deletes what has to be", change(json!({"et": null})), 4000),
        ("update: acpi beside others", change(json!({"acpi": ["cse-in/acp"], "mni": 3})), 4000),
        ("update: another type", Request::update("cse-in/ae/c", json!({"m2m:ae": {"lbl": ["a"]}})), 4000),
        ("update of an instance", Request::update("cse-in/ae/c/i", json!({"m2m:cin": {"lbl": ["a"]}})), 4005),
        ("update of the CSEBase", Request::update("cse-in", json!({"m2m:cb": {"lbl": ["a"]}})), 4005),
        ("delete of the CSEBase", Request::delete("cse-in"), 4005),
    ];
    all_refused(cases);
}

#[test]
fn contents() {
    let huge = format!(r#"{{"m2m:cnt":{{"mni":{}}}}}"#, "9".repeat(5_000));
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(10_000), close.repeat(10_000));
    let cases: Vec<Case> = vec![
        ("nothing", Request { content: None, ..container(json!({})) }, 4000),
        ("no JSON", text("m2m:cnt"), 4000),
        ("half", text(r#"{"m2m:cnt":{"#), 4000),
        ("more behind", text(r#"{"m2m:cnt":{}} {}"#), 4000),
        ("trailing comma", text(r#"{"m2m:cnt":{},}"#), 4000),
        ("single quotes", text("{'m2m:cnt':{}}"), 4000),
        ("comment", text(r#"{"m2m:cnt":{}/**/}"#), 4000),
        ("NaN", text(r#"{"m2m:cnt":{"mni":NaN}}"#), 4000),
        ("byte order mark", text("\u{feff}{\"m2m:cnt\":{}}"), 4000),
        ("lone surrogate", text(r#"{"m2m:cnt":{"or":"\ud800"}}"#), 4000),
        ("raw line break", text("{\"m2m:cnt\":{\"or\":\"a\nb\"}}"), 4000),
        ("array", text("[]"), 4000),
        ("text", text("\"m2m:cnt\""), 4000),
        ("number", text("7"), 4000),
        ("null", text("null"), 4000),
        ("empty object", text("{}"), 4000),
        ("two roots", text(r#"{"m2m:cnt":{},"m2m:cin":{}}"#), 4000),
        ("root of no object", text(r#"{"m2m:cnt":[]}"#), 4000),
        ("unknown root", text(r#"{"m2m:xyz":{}}"#), 4000),
        ("root of another type", text(r#"{"m2m:ae":{"api":"N1","rr":false}}"#), 4000),
        ("root without its prefix", text(r#"{"cnt":{}}"#), 4000),
        ("repeated root", text(r#"{"m2m:cnt":{},"m2m:cnt":{}}"#), 4000),
        ("repeated member", text(r#"{"m2m:cnt":{"mni":1,"mni":2}}"#), 4000),
        ("repeated member in disguise", text(r#"{"m2m:cnt":{"mni":1,"mn\u0069":2}}"#), 4000),
        ("deep arrays", text(&deep("[", "]")), 4000),
        ("deep objects", text(&deep(r#"{"a":"#, "}").replace("a\":}", "a\":1}")), 4000),
        ("deep attribute", text(&format!(r#"{{"m2m:cnt":{{"or":{}}}}}"#, deep("[", "]"))), 4000),
        ("huge number", text(&huge), 4000),
        ("huge exponent", text(r#"{"m2m:cnt":{"mni":1e999999999}}"#), 4000),
        ("beyond 64 bits", text(r#"{"m2m:cnt":{"mni":18446744073709551616}}"#), 4000),
        ("minus nothing", text(r#"{"m2m:cnt":{"mni":-0.5}}"#), 4000),
        ("reserved member", text(r#"{"m2m:cnt":{"mni":{"$serde_json::private::Number":"1"}}}"#), 4000),
        ("too long", text(&format!(r#"{{"m2m:cnt":{{"or":"{}"}}}}"#, "x".repeat(70_000))), 4000),
    ];
    all_refused(cases);
}

#[test]
fn types() {
    let of = |to: &str, ty, content| Request::create(to, ty, content);
    let cnt = || json!({"m2m:cnt": {}});
    let cases: Vec<Case> = vec![
        ("unknown type", of("cse-in/ae", 9_999, cnt()), 5001),
        ("type 0", of("cse-in/ae", 0, cnt()), 4000),
        ("type beyond 32 bits", of("cse-in/ae", 4_294_967_296, cnt()), 4000),
        ("another than the content", of("cse-in/ae", 2, cnt()), 4108),
        ("instance in an AE", of("cse-in/ae", 4, json!({"m2m:cin": {"con": "x"}})), 4108),
        ("below an instance", of("cse-in/ae/c/i", 3, cnt()), 4108),
        ("below a virtual resource", of("cse-in/ae/c/la", 3, cnt()), 4005),
        ("a CSEBase", of("cse-in", 5, json!({"m2m:cb": {}})), 4005),
        ("instance of a flexContainer", of("cse-in/ae/f", 58, json!({"m2m:fcin": {}})), 4005),
        ("below nothing", of("cse-in/nothing", 3, cnt()), 4004),
        (
            "unknown definition",
            of("cse-in/ae", 28, json!({"cod:binSh": {"cnd": "org.example", "state": true}})),
            4125,
        ),
        ("no definition", of("cse-in/ae", 28, json!({"cod:binSh": {"state": true}})), 4000),
        (
            "definition of another",
            of("cse-in/ae", 28, json!({"cod:color": {"cnd": "org.onem2m.common.moduleclass.binarySwitch"}})),
            4000,
        ),
        ("subscription to an instance", of("cse-in/ae/c/i", 23, json!({"m2m:sub": {"nu": ["Cae"]}})), 5203),
        ("subscription to nobody", of("cse-in/ae/c", 23, json!({"m2m:sub": {"nu": []}})), 4000),
        (
            "registered already",
            of("cse-in", 2, json!({"m2m:ae": {"api": "N1", "rr": false, "srv": ["3"]}})).from("Cae"),
            4117,
        ),
        (
            "App-ID of no kind",
            of("cse-in", 2, json!({"m2m:ae": {"api": "x", "rr": false, "srv": ["3"]}})).from("Cnew"),
            4000,
        ),
        (
            "AE-ID of no kind",
            of("cse-in", 2, json!({"m2m:ae": {"api": "N1", "rr": false, "srv": ["3"]}})).from("new"),
            4126,
        ),
    ];
    all_refused(cases);
}
