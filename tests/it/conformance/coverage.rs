//! What the cases show, as a golden file, and what they have to show.
//!
//! `DYAD_BLESS=1 cargo test -p dyad-tests conformance` writes `tests/conformance/coverage.txt` anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use dyad_tests::{variable, workspace};

/// Operations with the result contents that go with them (TS-0001 Table 8.1.2-1; 12 is one of release 4). All others
/// have to be refused.
pub(super) const RESULT_CONTENTS: [(&str, &[u64]); 5] = [
    ("create", &[0, 1, 2, 3, 9]),
    ("retrieve", &[1, 4, 5, 6, 8, 12]),
    ("update", &[0, 1, 9]),
    ("delete", &[0, 1, 4, 5, 6, 8]),
    ("discovery", &[6]),
];

/// Result contents up to this one are known to the specification.
const LAST: u64 = 12;

/// Filter criteria that have to be met (TS-0004 Table 7.3.3.17.0-1). Those for contents are refused.
const CRITERIA: [&str; 40] = [
    "crb",
    "cra",
    "ms",
    "us",
    "sts",
    "stb",
    "exb",
    "exa",
    "lbl",
    "lbl with *",
    "clbl",
    "palb",
    "lbq",
    "ty",
    "chty",
    "pty",
    "sza",
    "szb",
    "cty",
    "atr",
    "atr with *",
    "catr",
    "catr with *",
    "patr",
    "fo=1",
    "fo=2",
    "fo=3",
    "fu=1",
    "fu=2",
    "fu=3",
    "lim",
    "lvl",
    "ofst",
    "arp",
    "gmty",
    "gsf",
    "geom",
    "smf",
    "drt=1",
    "drt=2",
];

/// Resource types with their operations.
const TYPES: [(&str, &[&str]); 23] = [
    ("m2m:cb", &["retrieve"]),
    ("m2m:ae", &["create", "retrieve", "update", "delete"]),
    ("m2m:cnt", &["create", "retrieve", "update", "delete"]),
    ("m2m:cin", &["create", "retrieve", "delete"]),
    ("m2m:acp", &["create", "retrieve", "update", "delete"]),
    ("m2m:sub", &["create", "retrieve", "update", "delete"]),
    ("m2m:grp", &["create", "retrieve", "update", "delete"]),
    ("m2m:nod", &["create", "retrieve", "update"]),
    ("m2m:bat", &["create", "retrieve", "update", "delete"]),
    ("m2m:fwr", &["create", "retrieve", "delete"]),
    ("m2m:dvi", &["create", "retrieve", "delete"]),
    ("cod:tempe", &["create", "retrieve", "update", "delete"]),
    ("cod:tempeInst", &["retrieve"]),
    ("m2m:dac", &["create", "retrieve", "update", "delete"]),
    ("m2m:prp", &["create", "retrieve", "update", "delete"]),
    ("m2m:prmr", &["create", "retrieve", "update", "delete"]),
    ("m2m:stte", &["create", "retrieve", "update", "delete"]),
    ("m2m:actr", &["create", "retrieve", "update", "delete"]),
    ("m2m:depr", &["create", "retrieve", "update", "delete"]),
    ("m2m:crs", &["create", "retrieve", "update", "delete"]),
    ("m2m:ntpr", &["create", "retrieve", "update", "delete"]),
    ("m2m:ntp", &["create", "retrieve", "update", "delete"]),
    ("m2m:pdr", &["create", "retrieve", "update", "delete"]),
];

/// Panics with what is not shown, or with the lines in which the golden file differs.
pub(super) fn check(covered: &BTreeMap<String, BTreeSet<String>>) {
    let missing: Vec<String> = required().into_iter().filter(|what| !covered.contains_key(what)).collect();
    assert!(missing.is_empty(), "no case shows:\n  {}", missing.join("\n  "));
    let mut text =
        String::from("What the conformance cases show; made by tests/it/conformance/coverage.rs.\n");
    for (what, cases) in covered.iter().filter(|(what, _)| !what.starts_with("surface ")) {
        let named: Vec<&str> = cases.iter().take(3).map(String::as_str).collect();
        let more = if cases.len() > 3 { format!(" and {} more", cases.len() - 3) } else { String::new() };
        let _ = writeln!(text, "{what}: {}{more}", named.join(", "));
    }
    let path = workspace().join("tests/conformance/coverage.txt");
    if variable("DYAD_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let lacks = |one: &str, other: &str| -> Vec<String> {
        one.lines().filter(|line| !other.lines().any(|other| other == *line)).map(str::to_owned).collect()
    };
    assert!(
        golden == text,
        "tests/conformance/coverage.txt differs (DYAD_BLESS=1 writes it anew)\nwas\n  {}\nis\n  {}",
        lacks(&golden, &text).join("\n  "),
        lacks(&text, &golden).join("\n  ")
    );
}

fn required() -> Vec<String> {
    let mut required = Vec::new();
    for (operation, valid) in RESULT_CONTENTS {
        for number in 0..=LAST {
            required.push(match valid.contains(&number) {
                true => format!("rcn {operation} {number:>7} answered"),
                // Those of semantic queries, whatever their target is.
                false if operation == "retrieve" && matches!(number, 10 | 11) => {
                    format!("rcn {operation} {number:>7} answered")
                }
                false => format!("rcn {operation} {number:>7} refused with 4000"),
            });
        }
    }
    required.extend(CRITERIA.map(|name| format!("criterion {name}")));
    for (kind, operations) in TYPES {
        required.extend(operations.iter().map(|operation| format!("type {kind} {operation}")));
    }
    required
}
