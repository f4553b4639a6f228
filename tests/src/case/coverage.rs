//! What a request with the expected answer has shown: a type and an operation, a result content, a filter criterion, a
//! response status code.

use serde_json::Value;

use crate::request::{Operation, Request};
use crate::{Answer, request};

/// Filter criteria and other fields of a query by their short names; every other field is an attribute condition.
const FIELDS: &[&str] = &[
    "crb", "cra", "ms", "us", "sts", "stb", "exb", "exa", "lbl", "clbl", "palb", "lbq", "ty", "chty", "pty",
    "sza", "szb", "cty", "smf", "cfs", "cfq", "gmty", "gsf", "geom", "fo", "fu", "lim", "lvl", "ofst", "arp",
    "drt", "atrl", "rt", "grtm",
];

/// What an answer has shown. `root` is the type of the resource where neither content names it.
pub(super) fn of(request: &Request, answer: &Answer, root: Option<&Value>) -> Vec<String> {
    let mut shown = vec![format!("status {}", answer.rsc)];
    let is_success = (2000..3000).contains(&answer.rsc);
    let usage = request.fields.iter().find(|(name, _)| name == "fu").map(|(_, value)| value.as_str());
    let is_discovery = request.operation == Operation::Retrieve && matches!(usage, Some("1" | "3"));
    let operation = if is_discovery { "discovery" } else { name(request.operation) };
    let result_content =
        request.fields.iter().find(|(name, _)| name == "rcn").map(|(_, value)| value.as_str());
    match (is_success, result_content) {
        (true, wanted) => shown.push(format!("rcn {operation} {:>7} answered", wanted.unwrap_or("default"))),
        (false, Some(wanted)) if matches!(answer.rsc, 4000 | 5001) => {
            shown.push(format!("rcn {operation} {wanted:>7} refused with {}", answer.rsc));
        }
        (false, _) => {}
    }
    if is_success
        && !is_discovery
        && let Some(kind) = kind(request, answer, root)
    {
        let wanted = result_content.unwrap_or(if operation == "delete" { "0" } else { "1" });
        shown.push(format!("surface {kind} {operation} {wanted}"));
        shown.push(format!("type {kind} {operation}"));
    }
    for (field, value) in request.fields.iter().filter(|_| is_success) {
        match field.as_str() {
            "rcn" => {}
            "fo" | "fu" | "drt" | "rt" => shown.push(format!("criterion {field}={value}")),
            field if FIELDS.contains(&field) => shown.push(format!("criterion {field}{}", wildcard(value))),
            field if field.starts_with("c.") => shown.push(format!("criterion catr{}", wildcard(value))),
            field if field.starts_with("p.") => shown.push(format!("criterion patr{}", wildcard(value))),
            _ => shown.push(format!("criterion atr{}", wildcard(value))),
        }
    }
    shown
}

fn wildcard(value: &str) -> &'static str {
    if value.contains('*') { " with *" } else { "" }
}

/// The type that was worked on, as the root of its representation.
fn kind(request: &Request, answer: &Answer, root: Option<&Value>) -> Option<String> {
    let of_answer = answer.body.as_object().and_then(|members| members.keys().next());
    let of_answer = of_answer.filter(|root| {
        !matches!(root.as_str(), "m2m:uri" | "m2m:rce" | "m2m:rrl" | "m2m:uril" | "m2m:prm" | "m2m:agr")
    });
    let of_request =
        request.content.as_ref().and_then(Value::as_object).and_then(|members| members.keys().next());
    let root = root.and_then(Value::as_str).map(str::to_owned);
    of_answer.or(of_request).cloned().or(root).filter(|_| request.operation != request::Operation::Notify)
}

fn name(operation: Operation) -> &'static str {
    match operation {
        Operation::Create => "create",
        Operation::Retrieve => "retrieve",
        Operation::Update => "update",
        Operation::Delete => "delete",
        Operation::Notify => "notify",
    }
}
