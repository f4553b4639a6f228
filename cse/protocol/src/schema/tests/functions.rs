//! Types whose procedures a service function carries out, their operations and their virtual children.

use super::{SCHEMAS, table};
use crate::Operation::{self, Create, Delete, Notify, Retrieve, Update};

const CRUD: &[Operation] = &[Create, Retrieve, Update, Delete];

#[test]
fn every_type_names_its_function() {
    let functions = [
        ("m2m:ae", "registration"),
        ("m2m:mssp", "registration"),
        ("m2m:svsn", "registration"),
        ("m2m:asar", "registration"),
        ("m2m:sub", "subscription"),
        ("m2m:grp", "group"),
        ("m2m:req", "request"),
        ("m2m:ts", "time-series"),
        ("m2m:tsi", "time-series"),
        ("m2m:pch", "polling"),
        ("m2m:sch", "schedule"),
        ("m2m:lcp", "location"),
        ("m2m:smd", "semantics"),
        ("m2m:crs", "cross-resource"),
        ("m2m:ntpr", "notification-target"),
        ("m2m:ntp", "notification-target"),
        ("m2m:pdr", "notification-target"),
        ("m2m:alst", "contact-list"),
        ("m2m:alpc", "contact-list"),
        ("m2m:prmr", "process"),
        ("m2m:prp", "primitive-profile"),
        ("m2m:stte", "process"),
        ("m2m:actr", "action"),
        ("m2m:depr", "action"),
    ];
    let named = SCHEMAS.iter().filter_map(|table| Some((table.root.as_str(), table.function.as_deref()?)));
    let mut named: Vec<_> = named.collect();
    let mut expected = functions.to_vec();
    named.sort_unstable();
    expected.sort_unstable();
    assert_eq!(named, expected);
}

#[test]
fn operations() {
    let cases: &[(&str, &[Operation])] = &[
        ("m2m:grp", CRUD),
        ("m2m:fopt", &[Create, Retrieve, Update, Delete, Notify]),
        ("m2m:sfop", &[Retrieve]),
        ("m2m:req", &[Retrieve, Update, Delete]),
        ("m2m:ts", CRUD),
        ("m2m:tsi", &[Create, Retrieve, Delete]),
        ("m2m:pch", CRUD),
        ("m2m:pcu", &[Retrieve, Notify]),
        ("m2m:ntsr", &[Delete]),
        ("m2m:alst", &[Retrieve]),
        ("m2m:alpc", &[Retrieve]),
        ("m2m:dac", CRUD),
        ("m2m:actr", CRUD),
        ("m2m:tsiA", CRUD),
    ];
    for (root, allowed) in cases {
        for operation in [Create, Retrieve, Update, Delete, Notify] {
            assert_eq!(
                table(root).allows(operation),
                allowed.contains(&operation),
                "{operation:?} of {root}"
            );
        }
    }
}

#[test]
fn families() {
    assert_eq!(table("m2m:grp").virtual_children(), ["m2m:fopt", "m2m:sfop"]);
    assert_eq!(table("m2m:ts").virtual_children(), ["m2m:la", "m2m:ol"]);
    assert_eq!(table("m2m:pch").virtual_children(), ["m2m:pcu"]);
    assert_eq!(table("m2m:sub").virtual_children(), ["m2m:ntsr"]);
    assert_eq!(table("m2m:crs").virtual_children(), ["m2m:ntsr"]);
    for (parent, child) in [
        ("m2m:ae", 15),
        ("m2m:ae", 34),
        ("m2m:ae", 48),
        ("m2m:cb", 10),
        ("m2m:cb", 17),
        ("m2m:cb", 26),
        ("m2m:cb", 43),
        ("m2m:cnt", 29),
        ("m2m:nod", 18),
        ("m2m:sub", 18),
        ("m2m:sub", 25),
        ("m2m:ts", 30),
        ("m2m:tsi", 24),
        ("m2m:ntp", 27),
        ("m2m:alst", 44),
        ("m2m:prmr", 64),
        ("m2m:stte", 65),
        ("m2m:actr", 66),
        ("m2m:tsA", 10030),
    ] {
        assert!(table(parent).allows_child(child), "{child} below {parent}");
    }
    for (root, number) in [("m2m:grpA", 10009), ("m2m:lcpA", 10010), ("m2m:schA", 10018), ("m2m:smdA", 10024)]
    {
        assert_eq!(table(root).number, number);
        assert!(table(root).has("lnk"));
    }
    assert!(!table("m2m:crs").is_subscribable() && !table("m2m:pch").is_subscribable());
}
