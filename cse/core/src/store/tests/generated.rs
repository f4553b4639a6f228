//! Instances by the time of their data, and alarms by when they are due.

use std::sync::Arc;

use super::{Subject, commit, inserting, row};
use crate::store::{Aged, Alarm, ChangeSet, Row, StoreError};

fn instance(id: i64, series: i64, dgt: i64) -> Row {
    Row { dgt: Some(dgt), cs: Some(id), ..row(id, series, 30) }
}

#[test]
fn instances_are_in_the_order_of_their_data() {
    for subject in Subject::all() {
        let store = subject.open();
        let mut writer = store.writer().unwrap();
        let labelled = Row { body: "{\"lbl\":[]}".into(), ..instance(5, 1, 20) };
        let rows = [instance(3, 1, 40), instance(4, 1, -7), labelled, instance(6, 2, 20), row(7, 1, 4)];
        commit(&mut writer, &inserting(rows));
        let mut reader = store.reader().unwrap();
        assert_eq!(reader.generated(1, i64::MIN, i64::MAX, 9).unwrap(), [(-7, 4), (20, 5), (40, 3)]);
        assert_eq!(reader.generated(1, -7, 39, 9).unwrap(), [(-7, 4), (20, 5)]);
        assert_eq!(reader.generated(1, -7, 39, 1).unwrap(), [(-7, 4)]);
        assert_eq!(reader.generated(1, 21, 20, 9).unwrap(), []);
        let aged = |id: i64, is_indexed| Aged { id, cs: Some(id), et: i64::MAX, ct: id * 10, is_indexed };
        assert_eq!(
            reader.oldest_generated(1, -7, 9).unwrap(),
            [(20, aged(5, true)), (40, aged(3, false))],
            "{}",
            subject.name
        );
        assert_eq!(reader.oldest_generated(1, i64::MIN, 1).unwrap(), [(-7, aged(4, false))]);
        assert_eq!(reader.newest_generated(1).unwrap(), Some(40));
        assert_eq!(reader.newest_generated(9).unwrap(), None);
        // A time given up and taken in one set, and one that is taken.
        commit(&mut writer, &ChangeSet { delete: vec![3], ..inserting([instance(8, 1, 40)]) });
        writer.begin().unwrap();
        let outcome = writer.apply(&inserting([instance(9, 1, 40)]));
        assert!(matches!(outcome, Err(StoreError::Conflict(_))), "{} {outcome:?}", subject.name);
    }
}

#[test]
fn alarms_come_when_they_are_due() {
    for subject in Subject::all() {
        let store = subject.open();
        let mut writer = store.writer().unwrap();
        let alarm = |resource, ty, due| Alarm { resource, ty, due, state: format!("s{due}") };
        let set = |alarms: &[Alarm]| ChangeSet {
            alarm_set: alarms.iter().cloned().map(Arc::new).collect(),
            ..ChangeSet::default()
        };
        commit(
            &mut writer,
            &set(&[alarm(1, 29, 30), alarm(2, 29, 10), alarm(3, 29, i64::MAX), alarm(4, 65, 5)]),
        );
        commit(&mut writer, &set(&[alarm(1, 29, 20)]));
        let mut reader = store.reader().unwrap();
        assert_eq!(reader.alarm(1).unwrap(), Some(alarm(1, 29, 20)), "{}", subject.name);
        assert_eq!(reader.alarm(3).unwrap(), Some(alarm(3, 29, i64::MAX)));
        assert_eq!(reader.alarm(5).unwrap(), None);
        assert_eq!(reader.due_alarms(29, i64::MAX, 9).unwrap(), [(2, 10), (1, 20)]);
        assert_eq!(reader.due_alarms(29, 19, 9).unwrap(), [(2, 10)]);
        assert_eq!(reader.due_alarms(29, 20, 1).unwrap(), [(2, 10)]);
        commit(&mut writer, &ChangeSet { alarm_clear: vec![2, 7], ..ChangeSet::default() });
        assert_eq!(reader.due_alarms(29, i64::MAX, 9).unwrap(), [(1, 20)]);
        writer.begin().unwrap();
        writer.clear().unwrap();
        assert_eq!(writer.alarm(1).unwrap(), None);
    }
}
