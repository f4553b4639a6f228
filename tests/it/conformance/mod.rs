//! The conformance cases of `tests/conformance/`, over every binding, on every database.
//!
//! `DYAD_CASES=lbl,SUB` runs the cases alone whose names contain one of the texts.

mod coverage;
mod surface;

use dyad_tests::case::{self, Outcome};
use dyad_tests::{Store, Subject, Transport, variable, workspace};

#[test]
fn over_http_on_sqlite() {
    let outcome = run(Store::Sqlite, Transport::Http);
    if Subject::foreign().is_none() && variable("DYAD_CASES").is_none() {
        coverage::check(&outcome.covered);
        surface::check(&outcome.covered);
    }
}

#[test]
fn over_coap() {
    elsewhere(Transport::Coap);
}

#[test]
fn over_mqtt() {
    elsewhere(Transport::Mqtt);
}

#[test]
fn over_websocket() {
    elsewhere(Transport::WebSocket);
}

/// Over a binding besides HTTP: a database less is enough to see that the binding carries the same.
fn elsewhere(transport: Transport) {
    if Subject::foreign().is_none() {
        run(Store::Memory, transport);
    }
}

#[test]
fn over_http_strictly() {
    if Subject::foreign().is_none() {
        check(&Subject::strict(), Transport::Http, "a node that is not lenient");
    }
}

#[test]
fn over_http_on_postgres() {
    if Subject::foreign().is_some() {
        return;
    }
    if !Store::Postgres.is_available() {
        return println!("no PostgreSQL here: set DYAD_TEST_POSTGRES or use tests/run");
    }
    run(Store::Postgres, Transport::Http);
}

fn run(store: Store, transport: Transport) -> Outcome {
    check(&Subject::shared(store), transport, &format!("{store:?}"))
}

fn check(subject: &Subject, transport: Transport, on: &str) -> Outcome {
    let mut cases = case::load(&workspace().join("tests/conformance"));
    if let Some(wanted) = variable("DYAD_CASES") {
        cases.retain(|case| wanted.split(',').any(|part| case.name.contains(part)));
    }
    let outcome = case::run_all(&cases, subject, transport);
    let (ran, skipped, failed) = (outcome.ran, outcome.skipped.len(), outcome.failed.len());
    println!("{transport:?} on {on}: {ran} cases, {failed} failed, {skipped} skipped");
    for (_, why) in &outcome.failed {
        println!("\n{why}");
    }
    if failed > 0 {
        println!("\nThe node's complaints:\n{}", subject.complaints());
    }
    let names: Vec<&str> = outcome.failed.iter().map(|(name, _)| name.as_str()).collect();
    assert!(
        names.is_empty(),
        "{failed} of {ran} cases fail over {transport:?} on {on}:\n  {}",
        names.join("\n  ")
    );
    outcome
}
