//! Every statement is prepared once and kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Subject, row};
use crate::store::{
    Alarm, Bounds, ChangeSet, Event, GateRow, Lie, Owed, Progress, Purge, Row, Settled, Writer,
};

const BOX: Bounds = Bounds { west: 1.0, east: 2.0, south: 3.0, north: 4.0 };

/// Every kind of change.
fn every_change(id: i64) -> ChangeSet {
    let owed = Owed { seq: id, subscription: 1, target: "t".into(), event: id, ..Owed::default() };
    let event = Event { seq: id, recipients: Some("1".into()), ..Event::default() };
    let gate = |subscription, state: &str| GateRow { subscription, due: 1, state: state.into() };
    let named = Row { rn: Some(id.to_string()), ri: None, cs: Some(1), ..row(id, 1, 4) };
    // Several go together in one statement on SQLite, and one alone.
    let more = (0..8).map(|place| Arc::new(row(id * 1_000 + place, id * 1_000, 4)));
    ChangeSet {
        insert: std::iter::once(Arc::new(named.clone())).chain(more).collect(),
        update: vec![Arc::new(named)],
        delete: vec![id - 1],
        purge: vec![Purge { parent: id, ty: 4, floor: id }],
        label_add: vec![("l".into(), id)],
        label_remove: vec![("k".into(), id)],
        attribute_add: vec![("l".into(), "v".into(), id)],
        attribute_remove: vec![("k".into(), "v".into(), id)],
        place: vec![(id, BOX)],
        place_remove: vec![id - 1],
        owe: vec![Arc::new(owed)],
        settle: vec![Settled { seq: id - 1, event: id - 1 }],
        events: vec![Arc::new(event)],
        progress: vec![Progress { event: id, done: Some(1) }, Progress { event: id - 1, done: None }],
        gates: vec![gate(id, "s"), gate(id - 1, "")],
        alarm_set: vec![Arc::new(Alarm { resource: id, ty: 29, due: 1, state: "s".into() })],
        alarm_clear: vec![id - 1],
        meta: vec![("m".into(), "v".into())],
    }
}

/// Every query and every kind of change; how many different statements that is.
fn everything(writer: &mut Writer, id: i64) -> usize {
    writer.begin().unwrap();
    writer.apply(&every_change(id)).unwrap();
    writer.commit().unwrap();
    writer.row(1).unwrap();
    writer.rows(&[1, 2, id]).unwrap();
    writer.row_by_ri("r").unwrap();
    writer.id_by_name(1, "n").unwrap();
    writer.child_types(1).unwrap();
    writer.children(1, &[4], 0, 9).unwrap();
    writer.children(1, &[4, 5], 0, 9).unwrap();
    writer.newest(1, 4).unwrap();
    writer.newest_before(1, 4, 9).unwrap();
    writer.oldest(1, 4, 0, 9).unwrap();
    writer.by_type_created(4, 0, 9, 0, 9).unwrap();
    writer.versions(3).unwrap();
    writer.expired(9, 9).unwrap();
    writer.next_expiration(9).unwrap();
    writer.generated(1, 0, 9, 9).unwrap();
    writer.oldest_generated(1, 0, 9).unwrap();
    writer.newest_generated(1).unwrap();
    writer.alarm(1).unwrap();
    writer.due_alarms(29, 9, 9).unwrap();
    writer.meta("m").unwrap();
    writer.last_id().unwrap();
    writer.count().unwrap();
    writer.by_labels(&["l".into(), "m".into()], 0, 9).unwrap();
    writer.by_label_pattern("l*", 0, 9).unwrap();
    writer.by_attribute("l", "m", 0, 9).unwrap();
    writer.by_attribute_pattern("l", "*m", 0, 9).unwrap();
    for lie in [Lie::Within, Lie::Around, Lie::Across] {
        writer.by_bounds(lie, &BOX, 0, 9).unwrap();
    }
    writer.owed(0, 9).unwrap();
    writer.owed_to("t", 0, 9).unwrap();
    writer.owed_targets("", 9).unwrap();
    writer.last_seq().unwrap();
    writer.worth_least("t", 9).unwrap();
    writer.count_owed_to("t").unwrap();
    writer.event(1).unwrap();
    writer.event_head(1).unwrap();
    writer.open_parents(9).unwrap();
    writer.open_events(1, 9).unwrap();
    writer.gates(&[1, id]).unwrap();
    writer.due_gates(9, 9).unwrap();
    writer.next_due().unwrap();
    writer.has_gates().unwrap();
    // 21 kinds of change and 44 queries. `children` of two types has no statement but that of `child_ids_of`, `newest` none
    // but that of `newest_before`.
    21 + 43
}

#[test]
fn every_statement_is_prepared_once() {
    for subject in Subject::all() {
        let store = subject.open();
        let mut writer = store.writer().unwrap();
        let prepared = Arc::new(AtomicUsize::new(0));
        writer.count_prepared(&prepared);
        // On SQLite `rows` is `row` many times, and rows are inserted by two statements.
        let different = everything(&mut writer, 10);
        let first = prepared.swap(0, Ordering::Relaxed);
        assert_eq!(first, different, "{}: so many are kept", subject.name);
        for id in 11..14 {
            everything(&mut writer, id);
        }
        assert_eq!(prepared.load(Ordering::Relaxed), 0, "{}", subject.name);
    }
}
