//! The shipped tables, what they accept and refuse, and files of the operator.

mod functions;
mod golden;
mod values;

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Release, Schemas, Specialization, TypeTable};
use crate::{Object, Operation};

static SCHEMAS: LazyLock<Schemas> =
    LazyLock::new(|| Schemas::builtin().unwrap_or_else(|error| panic!("{error}")));

fn table(root: &str) -> &'static TypeTable {
    SCHEMAS.by_root(root).unwrap_or_else(|| panic!("no table for {root}"))
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        other => panic!("{other} is no object"),
    }
}

/// What CREATE says to this content, empty for nothing.
fn create(root: &str, content: Value) -> String {
    table(root)
        .check_create(&object(content), Release::R3)
        .map_or_else(|failure| failure.debug.into_owned(), |()| String::new())
}

fn update(root: &str, content: Value) -> String {
    table(root)
        .check_update(&object(content))
        .map_or_else(|failure| failure.debug.into_owned(), |()| String::new())
}

#[test]
fn every_shipped_file_loads() {
    let numbers = [1, 2, 3, 4, 5, 13, 14, 23, 28, 58, 10001, 10002, 10003, 10004, 10005, 10013, 10014, 10028];
    for number in numbers {
        let table = SCHEMAS.by_number(number).unwrap_or_else(|| panic!("no table for {number}"));
        assert_eq!((table.number, &table.specialization), (number, &Specialization::None));
        assert!(table.attributes().count() > 5, "{number}");
    }
    for table in SCHEMAS.iter() {
        let mut shorts: Vec<_> = table.attributes().map(|attribute| &attribute.short).collect();
        let count = shorts.len();
        shorts.sort();
        shorts.dedup();
        assert_eq!(shorts.len(), count, "{} has an attribute twice", table.root);
        assert!(shorts.iter().all(|short| table.has(short) && SCHEMAS.is_attribute(short)), "{}", table.root);
    }
    assert!(SCHEMAS.iter().count() > 800);
    assert!(!SCHEMAS.is_attribute("rcn"));
}

#[test]
fn specializations_are_found_by_their_definitions() {
    let battery = SCHEMAS.by_management_definition(1006).unwrap();
    assert_eq!((battery.number, battery.root.as_str()), (13, "m2m:bat"));
    assert!(battery.has("btl") && battery.has("mgd") && battery.has("acpi"));
    assert_eq!(table("m2m:batA").number, 10013);
    let color = SCHEMAS.by_container_definition("org.onem2m.common.moduleclass.colour").unwrap();
    assert_eq!((color.number, color.root.as_str()), (28, "cod:color"));
    assert_eq!((table("cod:colorAnnc").number, table("cod:colorInst").number), (10028, 58));
    assert!(
        table("cod:colorAnnc").has("lnk")
            && table("cod:colorAnnc").has("red")
            && !table("cod:colorAnnc").has("cs")
    );
    // `loc` of deviceInfo is a string, unlike the common attribute.
    assert_eq!(
        create("m2m:dvi", json!({"mgd": 1007, "dlb": "", "man": "", "mod": "", "dty": "", "loc": "here"})),
        ""
    );
}

#[test]
fn operations_and_children() {
    use Operation::{Create, Delete, Notify, Retrieve, Update};
    let cases: &[(&str, &[Operation])] = &[
        ("m2m:cb", &[Retrieve, Notify]),
        ("m2m:ae", &[Create, Retrieve, Update, Delete, Notify]),
        ("m2m:cnt", &[Create, Retrieve, Update, Delete]),
        ("m2m:cin", &[Create, Retrieve, Delete]),
        ("m2m:la", &[Retrieve, Delete]),
        ("m2m:fci", &[Retrieve, Delete]),
        ("m2m:cinA", &[Create, Retrieve, Update, Delete]),
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
    let container = table("m2m:cnt");
    assert!(container.allows_child(4) && container.allows_child(23) && !container.allows_child(2));
    assert_eq!(container.virtual_children(), ["m2m:la", "m2m:ol"]);
    assert!(container.is_subscribable() && table("cod:color").is_subscribable());
    assert!(!table("m2m:cin").is_subscribable() && !table("m2m:sub").is_subscribable());
    assert!(table("m2m:cntA").allows_child(10003) && table("m2m:nodA").allows_child(10013));
}

#[test]
fn creation() {
    assert_eq!(create("m2m:cnt", json!({})), "");
    assert_eq!(create("m2m:cnt", json!({"rn": "c", "lbl": ["a"], "mni": 5, "cr": null})), "");
    assert_eq!(create("m2m:cnt", json!({"xyz": 1})), "unknown attribute 'xyz'");
    assert_eq!(create("m2m:cnt", json!({"ri": "x"})), "attribute 'ri' must not be set on creation");
    assert_eq!(create("m2m:cnt", json!({"mni": null})), "attribute 'mni' must not be null on creation");
    assert_eq!(create("m2m:cnt", json!({"cr": "Cme"})), "attribute 'cr' can only be null on creation");
    assert_eq!(create("m2m:cin", json!({})), "mandatory attribute 'con' is missing");
    assert_eq!(create("m2m:cin", json!({"con": {"any": [null]}, "cnf": "application/json:0"})), "");
    assert_eq!(
        create("m2m:acp", json!({"pv": {}, "pvs": {}})),
        "attribute 'pvs' has to have the member 'acr'"
    );
    assert_eq!(create("m2m:sub", json!({"nu": []})), "attribute 'nu' has to have 1 or more elements");
    assert_eq!(
        create("m2m:ae", json!({"api": "Nx", "rr": true, "poa": []})),
        "mandatory attribute 'srv' is missing"
    );
    let registration = object(json!({"api": "Nx", "rr": true}));
    assert!(table("m2m:ae").check_create(&registration, Release::R2).is_ok(), "srv came with release 2a");
    assert!(table("m2m:ae").check_create(&registration, Release::R2a).is_err());
    assert_eq!(create("m2m:cntA", json!({"lnk": "/id-mn/cnt1", "mni": 1, "acpi": ["/id-in/acp1"]})), "");
    assert_eq!(create("m2m:acpA", json!({"lnk": "/id-mn/acp1"})), "mandatory attribute 'pv' is missing");
}

#[test]
fn updating() {
    assert_eq!(update("m2m:cnt", json!({"mni": 1, "lbl": null})), "");
    assert_eq!(update("m2m:cnt", json!({"et": null})), "attribute 'et' cannot be deleted");
    assert_eq!(update("m2m:cnt", json!({"cr": null})), "attribute 'cr' cannot be updated");
    assert_eq!(update("m2m:cnt", json!({"rn": "x"})), "attribute 'rn' cannot be updated");
    assert_eq!(update("m2m:cnt", json!({"xyz": null})), "unknown attribute 'xyz'");
    assert_eq!(update("m2m:cin", json!({"lbl": ["a"]})), "attribute 'lbl' cannot be updated");
    assert_eq!(update("cod:color", json!({"red": 1})), "");
    assert_eq!(update("cod:color", json!({"red": null})), "attribute 'red' cannot be deleted");
    assert_eq!(update("cod:colorInst", json!({"red": 1})), "attribute 'red' cannot be updated");
}

#[test]
fn files_of_the_operator() {
    let mut schemas = Schemas::builtin().unwrap();
    let text = r#"
        [enumeration]
        "acme:mode" = "1..3"
        [[flexContainer]]
        name = "pump"
        root = "acme:pump"
        definition = "com.example.pump"
        [flexContainer.attributes]
        mode = { name = "mode", type = "acme:mode", multiplicity = "1" }
        lvls = { name = "levels", type = "xs:float", multiplicity = "0..1(L)" }
        pressure2 = { name = "pressure2", type = "xs:float" }
        pressure1 = { name = "pressure1", type = "xs:float" }
    "#;
    assert_eq!(schemas.add("pump.toml", text).unwrap(), 3);
    let pump = schemas.by_container_definition("com.example.pump").unwrap();
    assert!(
        pump.check_create(&object(json!({"cnd": "com.example.pump", "mode": 2, "lvls": [0.5]})), Release::R3)
            .is_ok()
    );
    assert!(pump.check_create(&object(json!({"cnd": "com.example.pump", "mode": 4})), Release::R3).is_err());
    assert!(schemas.is_attribute("lvls") && pump.has("pressure1") && pump.has("pressure2"));
    assert!(!pump.has("pressure") && !pump.has("pressure3"));
    let count = schemas.iter().count();
    let cases = [
        (text, "pump.toml: acme:mode: this data type exists already: choose another name"),
        (
            "[[flexContainer]]\nname = 'x'\nroot = 'cod:color'",
            "pump.toml: x: 'cod:color' or its number or definition exists already: remove one of them",
        ),
        (
            "[[mgmtObj]]\nname = 'x'\nroot = 'a:x'",
            "pump.toml: x: definition is missing: it is the mgmtDefinition",
        ),
        (
            "[[flexContainer]]\nname = 'x'\nroot = 'a:x'\n[flexContainer.attributes]\na = { name = 'a', type = 'xs:int' }",
            "pump.toml: x.a: data type 'xs:int' is not defined: see schemas/data_types.toml",
        ),
        (
            "[[flexContainer]]\nname = 'x'\nroot = 'a:x'\n[flexContainer.attributes]\na = { name = 'a', type = 'xs:string', create = 'X' }",
            "pump.toml: x.a: 'X' is none of M, O and NP",
        ),
        (
            "[[flexContainer]]\nname = 'x'\nroot = 'a:x'\n[flexContainer.attributes]\ncs = { name = 'a', type = 'xs:string' }",
            "pump.toml: x.cs: all resources of the type have this attribute: give another short name",
        ),
        (
            "[[mgmtObj]]\nname = 'x'\nroot = 'a:x'\ndefinition = 5001\n[mgmtObj.attributes]\n'a b' = { name = 'a', type = 'xs:string' }",
            "pump.toml: x.a b: a short name is a letter, then letters, digits and _ or -",
        ),
        (
            "[complex.a]\nb = { name = 'b', type = 'a' }",
            "pump.toml: a: data type 'a' contains itself, or is nested too deeply",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(schemas.add("pump.toml", text).unwrap_err().to_string(), expected);
    }
    let unknown_key = schemas
        .add("pump.toml", "[[flexContainer]]\nname = 'x'\nroot = 'a:x'\ntyp = 1")
        .unwrap_err()
        .to_string();
    assert!(unknown_key.contains("typ") && unknown_key.contains("line 4"), "{unknown_key}");
    assert_eq!(schemas.iter().count(), count, "a refused file adds nothing");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "[0-9:/,*T. -]{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let key = prop_oneof![
            "[a-z]{1,4}",
            Just("acr".to_owned()),
            Just("acop".to_owned()),
            Just("net".to_owned()),
            Just("om".to_owned()),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn never_panics(
        root in prop::sample::select(vec!["m2m:cb", "m2m:ae", "m2m:acp", "m2m:sub", "m2m:cin", "m2m:cnt", "m2m:cmwr", "m2m:gio", "cod:color"]),
        values in prop::collection::vec((any::<prop::sample::Index>(), any_json()), 0..6),
    ) {
        let table = table(root);
        let shorts: Vec<_> = table.attributes().map(|attribute| attribute.short.to_string()).collect();
        let content: Object = values.into_iter().map(|(at, value)| (at.get(&shorts).clone(), value)).collect();
        for failure in [table.check_create(&content, Release::R4), table.check_update(&content)].into_iter().filter_map(Result::err) {
            prop_assert!(!failure.debug.is_empty() && !failure.debug.ends_with('.'));
        }
    }
}

#[test]
fn an_added_type_finds_its_parents() {
    let file = |parents: &str| {
        format!(
            "[type]\nname = \"a\"\nroot = \"x:a\"\nnumber = 20001\nrelease = 1\noperations = \"CRUD\"\nparents = {parents}"
        )
    };
    let mut schemas = Schemas::builtin().unwrap();
    let refused = schemas.add("a.toml", &file("[3, 99]")).unwrap_err();
    assert_eq!(refused.to_string(), "a.toml: a: parents: there is no type 99");
    assert!(schemas.by_number(20_001).is_none());
    assert_eq!(schemas.add("a.toml", &file("[3, 28]")).unwrap(), 1);
    for root in ["m2m:cnt", "cod:color"] {
        assert!(schemas.by_root(root).unwrap().allows_child(20_001), "{root}");
        assert!(schemas.by_root(root).unwrap().allows_child(23), "{root} keeps its own");
    }
    assert!(schemas.by_number(3).unwrap().allows_child(20_001));
    assert!(
        schemas
            .by_container_definition("org.onem2m.common.moduleclass.binarySwitch")
            .unwrap()
            .allows_child(20_001)
    );
    assert!(!schemas.by_number(2).unwrap().allows_child(20_001));
}

/// A measurement, not a test: `cargo test -p dyad-protocol --release -- --ignored --nocapture cost`.
#[test]
#[ignore = "measures"]
fn cost() {
    let start = std::time::Instant::now();
    let schemas = Schemas::builtin().unwrap();
    println!("builtin: {:?} for {} tables", start.elapsed(), schemas.iter().count());
    let table = schemas.by_number(4).unwrap();
    let whole = json!({"cnf": "text/plain:0", "con": "21.5", "lbl": ["room:1", "floor:2"]});
    for content in [json!({"con": "21.5"}), json!({"cnf": "text/plain:0", "con": "21.5"}), whole] {
        let content = object(content);
        let start = std::time::Instant::now();
        for _ in 0..1_000_000 {
            std::hint::black_box(table.check_create(std::hint::black_box(&content), Release::R3)).unwrap();
        }
        println!("check_create of {content:?}: {:?}", start.elapsed() / 1_000_000);
    }
}
