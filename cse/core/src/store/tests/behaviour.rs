//! Transactions, visibility, and what comes back of what was written.

use std::sync::Arc;
use std::time::Duration;

use super::{Subject, commit, inserting, row};
use crate::store::{ChangeSet, Options, Owed, Purge, Row, Store, StoreError};

#[test]
fn rows_come_back_as_they_went() {
    for subject in Subject::all() {
        let store = subject.open();
        let mut writer = store.writer().unwrap();
        let full = Row {
            id: i64::MAX - 1,
            parent: i64::MIN,
            ty: -5,
            rn: Some("na'me \"with\" \u{1F600} ß 漢字 \\ % _ *".into()),
            ri: Some(String::new()),
            root: Some("\t\n".into()),
            originator: Some("Cä\u{10FFFF}".into()),
            ct: i64::MIN,
            lt: i64::MAX,
            et: i64::MAX,
            cs: Some(i64::MAX),
            body: "x\u{e9}".repeat(1_500_000).into(),
            dgt: Some(i64::MIN),
            floor: Some(i64::MAX),
        };
        commit(&mut writer, &inserting([full.clone(), row(2, 1, 4)]));
        let mut reader = store.reader().unwrap();
        assert_eq!(reader.row(full.id).unwrap(), Some(full.clone()), "{}", subject.name);
        assert_eq!(reader.row(2).unwrap(), Some(row(2, 1, 4)));
        assert_eq!(reader.row(3).unwrap(), None);
        assert_eq!(reader.row_by_ri("").unwrap(), Some(full.clone()));
        assert_eq!(reader.id_by_name(i64::MIN, full.rn.as_deref().unwrap()).unwrap(), Some(full.id));
        assert_eq!(reader.rows(&[full.id, 7, 2, 2]).unwrap(), [row(2, 1, 4), full.clone()]);

        let changed = Row { root: None, lt: 1, et: 2, cs: None, body: "{\"a\":1}".into(), ..full };
        let first = Row { body: "overtaken".into(), ..changed.clone() };
        let update = vec![Arc::new(first), Arc::new(changed.clone())];
        commit(&mut writer, &ChangeSet { update, ..ChangeSet::default() });
        assert_eq!(reader.row(changed.id).unwrap(), Some(changed), "{}", subject.name);
    }
}

#[test]
fn a_rollback_leaves_nothing() {
    for subject in Subject::all() {
        let store = subject.open();
        let mut writer = store.writer().unwrap();
        commit(&mut writer, &inserting([row(1, 0, 5)]));
        writer.begin().unwrap();
        let owed = Owed { seq: 1, subscription: 1, target: "t".into(), body: "b".into(), ..Owed::default() };
        let change = ChangeSet {
            label_add: vec![("l".into(), 2)],
            attribute_add: vec![("n".into(), "v".into(), 2)],
            owe: vec![Arc::new(owed)],
            meta: vec![("m".into(), "v".into())],
            delete: vec![1],
            ..inserting([row(2, 1, 4)])
        };
        writer.apply(&change).unwrap();
        assert_eq!(writer.row(2).unwrap(), Some(row(2, 1, 4)));
        writer.rollback().unwrap();
        writer.rollback().unwrap();
        assert_eq!(writer.row(1).unwrap(), Some(row(1, 0, 5)), "{}", subject.name);
        assert_eq!(writer.count().unwrap(), 1);
        assert!(writer.by_labels(&["l".into()], 0, 9).unwrap().is_empty());
        assert!(writer.by_attribute("n", "v", 0, 9).unwrap().is_empty());
        assert!(writer.owed(0, 9).unwrap().is_empty());
        assert_eq!(writer.meta("m").unwrap(), None);
    }
}

#[test]
fn a_failing_set_is_told_apart_and_the_writer_goes_on() {
    for subject in Subject::all() {
        let store = subject.open();
        let mut writer = store.writer().unwrap();
        let named = |id, ri: &str| Row { rn: Some("n".into()), ri: Some(ri.into()), ..row(id, 1, 3) };
        commit(&mut writer, &inserting([named(2, "r")]));
        for wrong in [named(3, "s"), row(2, 9, 9), Row { parent: 8, ..named(4, "r") }] {
            writer.begin().unwrap();
            let outcome = writer.apply(&inserting([row(50, 1, 3), wrong]));
            assert!(matches!(outcome, Err(StoreError::Conflict(_))), "{} {outcome:?}", subject.name);
            writer.rollback().unwrap();
        }
        writer.begin().unwrap();
        writer.apply(&inserting([row(60, 1, 3)])).unwrap();
        assert!(writer.apply(&inserting([row(60, 1, 3)])).is_err());
        assert!(writer.commit().is_err(), "{}: half a transaction committed", subject.name);
        assert!(!writer.is_open());
        assert_eq!(writer.count().unwrap(), 1);
        // A name given up and taken in one set.
        commit(&mut writer, &ChangeSet { delete: vec![2], ..inserting([named(5, "r")]) });
        assert_eq!(store.reader().unwrap().id_by_name(1, "n").unwrap(), Some(5));
    }
}

#[test]
fn readers_see_what_is_committed_and_nothing_else() {
    for subject in Subject::all() {
        let store = subject.open();
        let mut writer = store.writer().unwrap();
        commit(&mut writer, &inserting([row(1, 0, 5)]));
        writer.begin().unwrap();
        writer.apply(&ChangeSet { delete: vec![1], ..inserting((2..500).map(|id| row(id, 1, 4))) }).unwrap();
        let mut reader = store.reader().unwrap();
        assert_eq!(reader.count().unwrap(), 1, "{}", subject.name);
        assert_eq!(reader.newest(1, 4).unwrap(), None);
        writer.clear().unwrap();
        writer.apply(&inserting([row(7, 7, 7)])).unwrap();
        assert_eq!(reader.row(1).unwrap(), Some(row(1, 0, 5)));
        writer.commit().unwrap();
        assert_eq!(reader.rows(&[1, 2, 7]).unwrap(), [row(7, 7, 7)]);
        assert_eq!(reader.count().unwrap(), 1);
    }
}

#[test]
fn readers_do_not_write() {
    for subject in Subject::all() {
        let store = subject.open();
        let mut reader = store.reader().unwrap();
        assert!(reader.apply(&inserting([row(1, 0, 5)])).is_err(), "{}", subject.name);
        assert_eq!(reader.count().unwrap(), 0);
    }
}

#[test]
fn the_writer_is_single_and_readers_take_turns() {
    for subject in Subject::all() {
        let options = Options { readers: 1, busy_timeout: Duration::from_millis(50), ..Options::default() };
        let store = Store::open(&subject.url, &options).unwrap();
        let writer = store.writer().unwrap();
        assert!(matches!(store.writer(), Err(StoreError::WriterTaken)));
        drop(writer);
        let mut writer = store.clone().writer().unwrap();
        commit(&mut writer, &inserting([row(1, 0, 5)]));
        let reader = store.reader().unwrap();
        assert!(matches!(store.reader(), Err(StoreError::Busy)));
        drop(reader);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        // With eight in the queue the patience may end.
                        let Ok(mut reader) = store.reader() else { continue };
                        assert_eq!(reader.count().unwrap(), 1, "{}", subject.name);
                    }
                });
            }
        });
        assert_eq!(store.reads_inline(), subject.name != "postgres");
    }
}

#[test]
fn an_open_transaction_ends_with_its_writer() {
    for subject in Subject::all() {
        let store = subject.open();
        let mut writer = store.writer().unwrap();
        writer.begin().unwrap();
        assert!(writer.is_open());
        writer.apply(&inserting([row(1, 0, 5)])).unwrap();
        drop(writer);
        let mut writer = store.writer().unwrap();
        assert_eq!(writer.count().unwrap(), 0, "{}", subject.name);
        commit(&mut writer, &inserting([row(1, 0, 5)]));
    }
}

#[test]
fn instances_below_the_floor_are_gone_before_their_rows() {
    for subject in Subject::all() {
        let store = subject.open();
        let mut writer = store.writer().unwrap();
        let instance = |id: i64, ty: i32| Row { et: 9, ct: id, ..row(id, 1, ty) };
        let rows = (2..=6).map(|id| instance(id, if id == 3 { 3 } else { 4 }));
        commit(&mut writer, &inserting(rows.chain([row(1, 0, 3), instance(7, 58)])));
        let bearer = Arc::new(Row { floor: Some(6), ..row(1, 0, 3) });
        commit(&mut writer, &ChangeSet { update: vec![Arc::clone(&bearer)], ..ChangeSet::default() });

        let mut reader = store.reader().unwrap();
        assert_eq!(reader.row(1).unwrap().as_ref(), Some(bearer.as_ref()), "{}", subject.name);
        assert_eq!(reader.row(5).unwrap(), None);
        assert_eq!(reader.row(6).unwrap(), Some(instance(6, 4)));
        assert_eq!(reader.child_ids_of(1, 4, 0, 9).unwrap(), [6]);
        assert_eq!(reader.child_ids_of(1, 3, 0, 9).unwrap(), [3]);
        assert_eq!(reader.children(1, &[4], 0, 9).unwrap(), [instance(6, 4)]);
        let all = [instance(3, 3), instance(6, 4), instance(7, 58)];
        assert_eq!(reader.children(1, &[], 0, 9).unwrap(), all);
        assert_eq!(reader.newest(1, 4).unwrap(), Some(6));
        assert_eq!(reader.newest_before(1, 4, 6).unwrap(), None);
        assert_eq!(reader.oldest(1, 4, 0, 9).unwrap().iter().map(|aged| aged.id).collect::<Vec<_>>(), [6]);
        assert_eq!(reader.by_type_created(4, 0, 99, 0, 9).unwrap(), [6]);
        assert_eq!(reader.expired(10, 9).unwrap(), [3, 6, 7]);

        let purge = vec![Purge { parent: 1, ty: 4, floor: 6 }];
        commit(&mut writer, &ChangeSet { purge, ..ChangeSet::default() });
        assert_eq!(reader.count().unwrap(), 4);
        let open = Arc::new(Row { floor: None, ..row(1, 0, 3) });
        commit(&mut writer, &ChangeSet { update: vec![open], ..ChangeSet::default() });
        assert_eq!(reader.children(1, &[], 0, 9).unwrap(), all);
    }
}
