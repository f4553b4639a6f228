//! Every resource type with every operation that its table allows and every result content that goes with it: shown by
//! a case, or named in `tests/conformance/uncovered.txt` with the reason.
//!
//! `DYAD_BLESS=1` takes out of that list what is shown by now; it puts nothing in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use dyad_protocol::Operation;
use dyad_protocol::schema::{Schemas, Specialization};
use dyad_tests::{variable, workspace};

use super::coverage::RESULT_CONTENTS;

/// Generic types with the specialisation that the cases use.
const EXAMPLES: [(u32, &str); 3] = [(13, "m2m:bat"), (28, "cod:tempe"), (58, "cod:tempeInst")];

/// Announced variants have numbers from here on.
const ANNOUNCED: u32 = 10_000;

/// Panics with what is neither shown nor listed, and with what is listed and shown.
pub(super) fn check(covered: &BTreeMap<String, BTreeSet<String>>) {
    let missing: BTreeSet<String> =
        surface().into_iter().filter(|what| !covered.contains_key(&format!("surface {what}"))).collect();
    if variable("DYAD_BLESS").is_some() {
        shrink(&missing);
    }
    let listed: BTreeSet<String> = list().lines().flat_map(entries).collect();
    let unlisted: Vec<&String> = missing.difference(&listed).collect();
    let shown: Vec<&String> = listed.difference(&missing).collect();
    assert!(unlisted.is_empty(), "no case shows, and uncovered.txt does not say why:\n  {unlisted:#?}");
    assert!(shown.is_empty(), "shown by now (DYAD_BLESS=1 takes them out of uncovered.txt):\n  {shown:#?}");
}

/// Type, operation and result content, for all that a request may ask for.
fn surface() -> Vec<String> {
    let schemas = Schemas::builtin().unwrap();
    let types = schemas.iter().filter(|table| {
        !table.is_virtual && table.number < ANNOUNCED && table.specialization == Specialization::None
    });
    let operations = [
        ("create", Operation::Create),
        ("retrieve", Operation::Retrieve),
        ("update", Operation::Update),
        ("delete", Operation::Delete),
    ];
    let mut surface = Vec::new();
    for table in types {
        let example = EXAMPLES.iter().find(|(number, _)| *number == table.number);
        let root = example.map_or(table.root.as_str(), |(_, root)| root);
        for (name, _) in operations.iter().filter(|(_, operation)| table.allows(*operation)) {
            let contents = RESULT_CONTENTS.iter().find(|(of, _)| of == name).map_or(&[][..], |(_, all)| *all);
            surface.extend(contents.iter().map(|number| format!("{root} {name} {number}")));
        }
    }
    surface
}

fn path() -> PathBuf {
    workspace().join("tests/conformance/uncovered.txt")
}

fn list() -> String {
    std::fs::read_to_string(path()).unwrap()
}

/// What a line of the list names: `m2m:ts create 0 1: why`.
fn entries(line: &str) -> Vec<String> {
    let Some((what, _)) = line.split_once(": ").filter(|_| !line.starts_with('#')) else { return Vec::new() };
    let mut words = what.split(' ');
    let (Some(root), Some(operation)) = (words.next(), words.next()) else { return Vec::new() };
    words.map(|number| format!("{root} {operation} {number}")).collect()
}

/// Takes out of the list what is not missing any more.
fn shrink(missing: &BTreeSet<String>) {
    let mut kept = String::new();
    for line in list().lines() {
        let all = entries(line);
        let left: Vec<&str> = all
            .iter()
            .filter(|entry| missing.contains(*entry))
            .filter_map(|entry| entry.rsplit(' ').next())
            .collect();
        match all.first().and_then(|first| first.rsplit_once(' ')) {
            None => kept.push_str(&format!("{line}\n")),
            Some(_) if left.is_empty() => {}
            Some((what, _)) => {
                let why = line.split_once(": ").map_or("", |(_, why)| why);
                kept.push_str(&format!("{what} {}: {why}\n", left.join(" ")));
            }
        }
    }
    std::fs::write(path(), kept).unwrap();
}
