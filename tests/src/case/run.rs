//! Carrying out one case.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::context::Context;
use super::matcher::{is_permutation, mismatches};
use super::step::{Expectation, Step, text};
use super::{Case, coverage, template};
use crate::request::Operation;
use crate::{Answer, Client, Received, Request, Subject, Transport};

/// How long a notification, and an answer that is to change, may take at the least: what comes sooner is not waited for,
/// and a machine with other work takes its time.
const PATIENCE: Duration = Duration::from_secs(30);

/// Release version of requests that name none.
const RELEASE: &str = "3";

/// Runs a case and gives what it has shown to work; the error tells all that a reader needs.
pub(super) fn run(case: &Case, subject: &Subject, client: &Client) -> Result<BTreeSet<String>, String> {
    let mut context = Context::new(case, subject, client);
    let outcome = carry_out(case, &mut context);
    context.clean_up();
    outcome.map(|()| context.covered)
}

fn carry_out(case: &Case, context: &mut Context<'_>) -> Result<(), String> {
    if !case.bare {
        context.prepare("ae")?;
    }
    for (number, step) in case.setup.iter().enumerate() {
        let outcome = match step {
            Value::String(word) => context.prepare(word),
            step => take(step, context),
        };
        outcome.map_err(|why| format!("setup {}: {why}", number + 1))?;
    }
    // What a case needs is not what it shows.
    context.covered.clear();
    for (number, step) in case.steps.iter().enumerate() {
        take(step, context).map_err(|why| format!("step {}: {why}", number + 1))?;
    }
    Ok(())
}

/// Takes a step.
fn take(step: &Value, context: &mut Context<'_>) -> Result<(), String> {
    let filled = template::fill(step, &context.variables)?;
    let step = Step::read(&filled)?;
    if let Some(says) = &step.sink {
        context.tell_sink(says)?;
    }
    if let Some(request) = step.request(&context.variable("me"), RELEASE)? {
        let answer = send(&step, &request, context)?;
        context.covered.extend(coverage::of(&request, &answer, context.variables.get("root")));
        for (name, place) in &step.capture {
            let found = captured(&answer, &text(place));
            let found = found
                .ok_or_else(|| format!("nothing at {place} to capture\n{}", exchange(&request, &answer)))?;
            context.variables.insert(name.clone(), found);
        }
    }
    observe(&step, context)
}

fn captured(answer: &Answer, place: &str) -> Option<Value> {
    match place.strip_prefix("header:") {
        Some(name) => answer.header(&name.to_ascii_lowercase()).map(Value::from),
        None => answer.body.pointer(place).cloned(),
    }
}

/// Sends the request, again and again while the step allows it, and compares the answer.
fn send(step: &Step, request: &Request, context: &Context<'_>) -> Result<Answer, String> {
    let expectation = step.expectation()?;
    let patience = |seconds| Duration::from_secs_f64(seconds).max(PATIENCE);
    let deadline = step.retry_for.map(|seconds| Instant::now() + patience(seconds));
    loop {
        let answer =
            context.client.try_send(request).map_err(|error| format!("{error} after {request:?}"))?;
        let problems = problems(context.client.transport(), request, &answer, &expectation);
        if problems.is_empty() {
            return Ok(answer);
        }
        if deadline.is_none_or(|deadline| Instant::now() >= deadline) {
            return Err(format!("{}\n{}", problems.join("\n"), exchange(request, &answer)));
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

fn problems(
    transport: Transport,
    request: &Request,
    answer: &Answer,
    expectation: &Expectation,
) -> Vec<String> {
    let mut problems = Vec::new();
    let mut add = |what: &str, expected: &Value, actual: &Value| {
        problems.extend(mismatches(expected, actual).into_iter().map(|mismatch| format!("{what}{mismatch}")));
    };
    match &expectation.rsc {
        Some(Value::Array(some)) => add("rsc", &json!({ "$one_of": some }), &json!(answer.rsc)),
        Some(rsc) => add("rsc", rsc, &json!(answer.rsc)),
        None => add("rsc", &json!({ "$one_of": [2000, 2001, 2002, 2004] }), &json!(answer.rsc)),
    }
    match (transport, &expectation.http) {
        (Transport::Http, Some(http)) => add("http", http, &json!(answer.code)),
        (Transport::Http, None) => add("http", &json!(http_status(answer.rsc)), &json!(answer.code)),
        (Transport::Coap, _) => add("code", &coap_code(request.operation, answer.rsc), &json!(answer.code)),
        (Transport::Mqtt | Transport::WebSocket, _) => {}
    }
    if let Some(body) = &expectation.body {
        add("body", body, &answer.body);
    }
    let headers = headers(&answer.headers);
    for (name, expected) in &expectation.headers {
        add("headers", &json!({ name.to_ascii_lowercase(): expected }), &headers);
    }
    problems.extend(always(request, answer));
    problems
}

/// What is true of every answer (TS-0009 6.4.3, 6.4.8, 6.4.17, 6.4.22).
fn always(request: &Request, answer: &Answer) -> Vec<String> {
    let mut problems = Vec::new();
    let is_well_formed = !request.without.iter().any(|name| name == "x-m2m-ri")
        && !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("x-m2m-ri"));
    if is_well_formed && answer.header("x-m2m-ri") != Some(&answer.identifier) {
        problems.push(format!("headers/x-m2m-ri: not {}, which was sent", answer.identifier));
    }
    let replaces_release = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("x-m2m-rvi"));
    if let Some(release) = request.release.as_deref().filter(|_| !replaces_release)
        && answer.rsc != 4001
        && answer.header("x-m2m-rvi") != Some(release)
    {
        problems.push(format!("headers/x-m2m-rvi: not {release}, which was sent"));
    }
    let is_json = answer.header("content-type").is_some_and(|kind| kind.contains("json"));
    if !answer.body.is_null() && !is_json {
        problems.push("headers/content-type: a content that is not marked as JSON".into());
    }
    if answer.body.is_string() {
        problems.push("body: no JSON".into());
    }
    problems
}

/// Compares what the sink has got.
fn observe(step: &Step, context: &mut Context<'_>) -> Result<(), String> {
    let Some(sink) = &context.sink else { return Ok(()) };
    let split = |received: &[Received]| -> (Vec<Received>, Vec<Received>) {
        received.iter().cloned().partition(Received::is_verification)
    };
    if let Some(expected) = &step.verified {
        let seen = context.seen_verifications;
        let enough = |received: &[Received]| split(received).0.len() >= seen + expected.len();
        let (verifications, _) = split(&sink.wait_until(PATIENCE, enough));
        context.seen_verifications = verifications.len();
        compare("verified", expected, &verifications[seen..], true)?;
    }
    let (expected, in_order) = match (&step.notified, &step.notified_unordered) {
        (Some(expected), _) => (expected, true),
        (None, Some(expected)) => (expected, false),
        (None, None) => return Ok(()),
    };
    let seen = context.seen_events;
    let enough = |received: &[Received]| split(received).1.len() >= seen + expected.len();
    let (_, events) = split(&sink.wait_until(PATIENCE, enough));
    context.seen_events = events.len();
    compare("notified", expected, &events[seen..], in_order)
}

fn compare(what: &str, expected: &[Value], received: &[Received], in_order: bool) -> Result<(), String> {
    let whole = |received: &Received| json!({ "line": received.line, "headers": headers(&received.headers), "body": received.body });
    // A matcher without "body" is one for the content.
    let expected: Vec<Value> = expected
        .iter()
        .map(|one| if one.get("body").is_some() { one.clone() } else { json!({ "body": one }) })
        .collect();
    let actual: Vec<Value> = received.iter().map(whole).collect();
    let problems = match in_order {
        true => mismatches(&expected.clone().into(), &actual.clone().into()),
        false if is_permutation(&expected, &actual) => Vec::new(),
        false => vec![format!("not, in any order, {}", Value::from(expected))],
    };
    if problems.is_empty() {
        return Ok(());
    }
    let bodies: Vec<String> = received.iter().map(|one| format!("  {}", one.body)).collect();
    Err(format!("{what} {}\nreceived:\n{}", problems.join("\n"), bodies.join("\n")))
}

fn headers(headers: &[(String, String)]) -> Value {
    let members: Map<String, Value> =
        headers.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    Value::Object(members)
}

fn exchange(request: &Request, answer: &Answer) -> String {
    let mut shown = format!(
        "  {:?} {} from {:?}",
        request.operation,
        request.to,
        request.from.as_deref().unwrap_or("nobody")
    );
    if let Some(ty) = request.ty {
        let _ = write!(shown, " ty {ty}");
    }
    for (name, value) in &request.fields {
        let _ = write!(shown, " {name}={value}");
    }
    if let Some(content) = &request.content {
        let _ = write!(shown, "\n    {content}");
    }
    let _ = write!(shown, "\n  answer {} (code {})\n    {}", answer.rsc, answer.code, answer.body);
    shown
}

/// The code of CoAP of a response status code (TS-0008 Table 6.2.4-1), or those that are possible.
fn coap_code(operation: Operation, rsc: u64) -> Value {
    match (rsc, operation) {
        // A <request> resource was created, or none.
        (1000..=1002, _) => json!({ "$one_of": [201, 204] }),
        (2000, Operation::Retrieve) => json!(205),
        (2000, Operation::Notify) => json!(204),
        (2000, _) => json!({ "$one_of": [204, 205] }),
        (2001, _) => json!(201),
        (2002, _) => json!(202),
        (2004, _) => json!(204),
        (4105, _) => json!(403),
        (4120 | 4122, _) => json!(402),
        (rsc, _) => match http_status(rsc) {
            409 => json!(400),
            status => json!(status),
        },
    }
}

/// The HTTP status of a response status code (TS-0009 Table 6.3.2-1).
pub(super) fn http_status(rsc: u64) -> u16 {
    match rsc {
        1000..=1002 => 202,
        2000 | 2002 | 2004 => 200,
        2001 => 201,
        4000 | 4102 | 4110 | 4120 | 4122 | 4123 | 4139 | 4142 | 4143 | 6010 | 6022..=6024 => 400,
        4101 | 4103 | 4106..=4109 | 4111..=4117 | 4126 | 4127 | 4138 => 403,
        5105 | 5203 | 5205 | 5208 | 5214 | 5215 | 5218 | 5222 => 403,
        4004 | 4118 | 4119 | 4121 | 5103 | 5107 | 6003 | 6005 => 404,
        4005 => 405,
        5207 => 406,
        4104 | 4105 | 4124 | 5106 | 5219 | 5220 | 6028 | 6029 => 409,
        4015 => 415,
        4001 | 4125 | 5001 | 5206 => 501,
        4008 | 6030 | 6031 => 504,
        _ => 500,
    }
}
