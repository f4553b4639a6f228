//! The conformance cases of `tests/conformance/`, over every binding, on every database.
//!
//! `DYAD_CASES=lbl,SUB` runs the cases alone whose names contain one of the texts.

use dyad_tests::case::{self, Transport};
use dyad_tests::{Store, Subject, variable, workspace};

#[test]
fn over_http_on_sqlite() {
    run(Store::Sqlite, Transport::Http);
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

fn run(store: Store, transport: Transport) {
    let mut cases = case::load(&workspace().join("tests/conformance"));
    if let Some(wanted) = variable("DYAD_CASES") {
        cases.retain(|case| wanted.split(',').any(|part| case.name.contains(part)));
    }
    let subject = Subject::shared(store);
    let outcome = case::run_all(&cases, &subject, transport);
    let (ran, skipped, failed) = (outcome.ran, outcome.skipped.len(), outcome.failed.len());
    println!("{transport:?} on {store:?}: {ran} cases, {failed} failed, {skipped} skipped");
    for (_, why) in &outcome.failed {
        println!("\n{why}");
    }
    let names: Vec<&str> = outcome.failed.iter().map(|(name, _)| name.as_str()).collect();
    assert!(
        names.is_empty(),
        "{failed} of {ran} cases fail over {transport:?} on {store:?}:\n  {}",
        names.join("\n  ")
    );
    assert!(ran > 0, "no case has such a name");
}
