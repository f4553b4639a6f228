//! What resources take in memory, held against what is counted for them.

use std::sync::Arc;

use allocation_counter::measure;
use dyad_protocol::schema::Schemas;
use serde_json::{Value, json};

use super::parsed::{Parsed, size_of_object};
use super::tree::Tree;
use super::{Id, Resource, View};
use crate::store::{Options, Row, Store};

fn row(id: Id, ty: i32, body: &Value) -> Row {
    Row {
        id,
        parent: 1,
        ty,
        rn: Some(format!("c{id}")),
        ri: None,
        root: None,
        originator: Some("Cowner".into()),
        ct: 0,
        lt: 0,
        et: i64::MAX,
        cs: None,
        body: body.to_string().into(),
        dgt: None,
        floor: None,
    }
}

fn container(id: Id) -> Row {
    let body = json!({
        "rn": format!("c{id}"), "ty": 3, "ri": format!("cnt{id}"), "pi": "Cowner", "ct": "20260101T000000,000000",
        "lt": "20260101T000000,000000", "et": "20310101T000000,000000", "acpi": ["cse-in/policy"], "st": 0, "mni": 1000,
        "cni": 0, "cbs": 0
    });
    row(id, 3, &body)
}

fn policy(id: Id) -> Row {
    let rule = json!({ "acor": ["Cone", "Ctwo", "/id-in/Cthree"], "acop": 63 });
    row(
        id,
        1,
        &json!({ "ri": format!("acp{id}"), "pv": { "acr": [rule, rule, rule] }, "pvs": { "acr": [rule] } }),
    )
}

fn subscription(id: Id) -> Row {
    let body = json!({
        "ri": format!("sub{id}"), "nu": ["http://target.example.com:8080/notify"], "nct": 1,
        "enc": { "net": [1, 2, 3], "atr": ["con"] }, "cr": "Cowner"
    });
    row(id, 23, &body)
}

fn group(id: Id) -> Row {
    let members: Vec<_> = (0..200).map(|member| format!("cse-in/meters/meter{member}")).collect();
    row(id, 9, &json!({ "ri": format!("grp{id}"), "mt": 3, "mnm": 200, "mid": members }))
}

fn tree(bytes: u64) -> Tree {
    let store = Store::open("sqlite::memory:", &Options::default()).unwrap();
    Tree::new(store, Arc::new(Schemas::builtin().unwrap()), bytes)
}

/// Asserts that what is counted is no less than nine tenths of what is allocated, and no more than `most` times that.
#[track_caller]
fn assert_counted(counted: u64, allocated: i64, most: u64) {
    let allocated = u64::try_from(allocated).unwrap();
    assert!(allocated > 0 && counted * 10 >= allocated * 9, "{counted} counted, {allocated} allocated");
    assert!(counted <= allocated * most, "{counted} counted, {allocated} allocated");
}

#[test]
fn weights_are_what_resources_take() {
    let tree = tree(1 << 20);
    for make in [container, policy, subscription, group] {
        let mut resource = None;
        let taken = measure(|| resource = Some(tree.revive(Arc::new(make(1_000_000))).unwrap()));
        // The rest of the weight is the entry in the cache, and what the allocator rounds up.
        assert_counted(resource.unwrap().weight(), taken.bytes_current, 2);
    }
}

#[test]
fn what_is_derived_is_counted() {
    let tree = tree(1 << 20);
    for make in [container, policy, subscription, group] {
        let resource = tree.revive(Arc::new(make(1_000_000))).unwrap();
        let parsed = Arc::new(Parsed::new(u64::MAX));
        resource.count_in(&parsed);
        let taken = measure(|| assert!(!resource.attributes().is_empty()));
        assert_counted(parsed.bytes(), taken.bytes_current - queue(), 2);
        let before = parsed.bytes();
        let taken = measure(|| assert_eq!(matches!(resource.view(), View::None), resource.ty() == 3));
        match resource.view() {
            View::None => assert_eq!((parsed.bytes(), taken.bytes_current), (before, 0)),
            _ => assert_counted(parsed.bytes() - before, taken.bytes_current, 12),
        }
    }
}

/// What the queue of resources that were parsed takes for its first entry.
fn queue() -> i64 {
    let parsed = Parsed::new(u64::MAX);
    measure(|| parsed.note(1, 0)).bytes_current
}

#[test]
fn a_version_with_its_attributes_weighs_both() {
    let tree = tree(1 << 20);
    let row = Arc::new(container(7));
    let bare = tree.revive(Arc::clone(&row)).unwrap();
    let attributes = bare.attributes().clone();
    let size = size_of_object(&attributes) as u64;
    let table = Arc::clone(bare.table());
    let whole = Resource::with_attributes(row, table, super::Latest::Unknown, attributes);
    assert_eq!(whole.weight(), bare.weight() + size);
    assert_eq!(whole.compact().weight(), bare.weight());
}

#[test]
fn memory_keeps_to_its_bound() {
    const BOUND: u64 = 4 << 20;
    const MANY: Id = 20_000;
    let tree = tree(BOUND);
    let look_at = |id: Id| {
        let load = || tree.revive(Arc::new(container(id))).map(Some);
        let resource = tree.get_or_load(id, load).unwrap().unwrap();
        assert_eq!(resource.texts("acpi").count(), 1);
    };
    let all = measure(|| (1..=MANY).for_each(look_at));
    // Each would take about 2.5 kB with its attributes.
    assert!(u64::try_from(all.bytes_current).unwrap() < BOUND, "{} bytes", all.bytes_current);
    // What was parsed first is in memory still, without its attributes.
    let kept: Vec<_> = (1..=MANY).filter_map(|id| tree.peek(id)).collect();
    let parsed = kept.iter().filter(|resource| resource.is_parsed()).count();
    assert!(kept.len() > 4_000 && parsed > 50 && parsed * 8 < kept.len(), "{parsed} of {}", kept.len());
}

#[test]
fn what_is_compact_again_knows_who_subscribed() {
    let tree = tree(1 << 20);
    let first = tree.get_or_load(1, || tree.revive(Arc::new(container(1))).map(Some)).unwrap().unwrap();
    first.learn_unsubscribed(true);
    first.learn_latest(Some(9));
    let _ = first.attributes();
    // Others push the attributes of the first out.
    for id in 2..200 {
        let load = || tree.revive(Arc::new(container(id))).map(Some);
        let _ = tree.get_or_load(id, load).unwrap().unwrap().attributes();
    }
    let compact = tree.get(1).unwrap();
    assert!(!compact.is_parsed() && !Arc::ptr_eq(&compact, &first));
    assert!(compact.is_unsubscribed());
    assert_eq!(compact.latest(), super::Latest::Known(Some(9)));
    tree.note_subscribed(1);
    assert!(!tree.get(1).unwrap().is_unsubscribed());
}
