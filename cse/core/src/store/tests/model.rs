//! Random changes and every query, against a model that knows no index.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Subject, row};
use crate::store::{Aged, Bounds, ChangeSet, Connection, Event, GateRow, Lie, Owed, Progress, Row, Settled};

/// Numbers that look random, the same on every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }

    fn int(&mut self, limit: u64) -> i64 {
        i64::try_from(self.below(limit)).unwrap()
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn ty(&mut self) -> i32 {
        i32::try_from(self.below(4)).unwrap() + 2
    }

    fn text(&mut self) -> String {
        const PARTS: [&str; 12] = ["a", "A", "b", "%", "_", "[", "]", "?", "\\", "é", "漢", "\u{10FFFF}"];
        (0..self.below(4)).map(|_| PARTS[usize::try_from(self.below(12)).unwrap()]).collect()
    }

    /// On a grid, so that edges meet.
    fn bounds(&mut self) -> Bounds {
        let mut edge =
            |most: i32| f64::from(i32::try_from(self.below(12)).unwrap() - 6) * f64::from(most) / 6.0;
        let (a, b, c, d) = (edge(180), edge(180), edge(90), edge(90));
        Bounds { west: a.min(b), east: a.max(b), south: c.min(d), north: c.max(d) }
    }

    fn pattern(&mut self) -> String {
        let (begin, middle, end) = (self.text(), self.text(), self.text());
        match self.below(5) {
            0 => format!("{begin}*"),
            1 => format!("*{end}"),
            2 => format!("{begin}*{middle}*{end}"),
            3 => format!("{begin}**"),
            _ => begin,
        }
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((begin, rest)) => text.strip_prefix(begin).is_some_and(|text| {
            (0..=text.len()).filter(|at| text.is_char_boundary(*at)).any(|at| matches(rest, &text[at..]))
        }),
    }
}

#[derive(Clone, Default)]
struct Model {
    rows: BTreeMap<i64, Row>,
    labels: BTreeSet<(String, i64)>,
    attributes: BTreeSet<(String, String, i64)>,
    outbox: BTreeMap<i64, Owed>,
    events: BTreeMap<i64, Event>,
    gates: BTreeMap<i64, GateRow>,
    meta: BTreeMap<String, String>,
    places: BTreeMap<i64, Bounds>,
    next: i64,
}

impl Model {
    /// A change set, carried out here.
    fn change(&mut self, dice: &mut Dice) -> ChangeSet {
        let mut change = ChangeSet::default();
        for _ in 0..dice.below(4) {
            if let Some(id) = self.any(dice).filter(|id| !change.delete.contains(id)) {
                self.rows.remove(&id);
                change.delete.push(id);
            }
        }
        for _ in 0..dice.below(3) {
            if let Some(old) = self.any(dice).and_then(|id| self.rows.get_mut(&id)) {
                old.root = dice.chance(50).then(|| dice.text());
                (old.lt, old.et) = (old.lt + 1, if dice.chance(50) { dice.int(1000) } else { i64::MAX });
                old.cs = dice.chance(50).then(|| dice.int(99));
                old.body = if dice.chance(50) { "{\"lbl\":[]}".into() } else { dice.text().into() };
                change.update.push(Arc::new(old.clone()));
            }
        }
        for _ in 0..dice.below(12) {
            let row = self.row(dice);
            self.rows.insert(row.id, row.clone());
            change.insert.push(Arc::new(row));
        }
        self.index(dice, &mut change);
        self.place(dice, &mut change);
        self.mail(dice, &mut change);
        change
    }

    fn any(&self, dice: &mut Dice) -> Option<i64> {
        let at = usize::try_from(dice.below(self.rows.len().max(1) as u64)).unwrap();
        self.rows.keys().nth(at).copied()
    }

    fn row(&mut self, dice: &mut Dice) -> Row {
        self.next += 1;
        let id = self.next;
        let parent = dice.int(6);
        let rn = dice.chance(30).then(|| format!("{}{id}", dice.text()));
        let ri = dice.chance(30).then(|| format!("{}{id}", dice.text()));
        let et = if dice.chance(30) { dice.int(1000) } else { i64::MAX };
        Row {
            rn,
            ri,
            ct: dice.int(1000),
            et,
            cs: Some(dice.int(9)),
            body: dice.text().into(),
            ..row(id, parent, dice.ty())
        }
    }

    fn index(&mut self, dice: &mut Dice, change: &mut ChangeSet) {
        for _ in 0..dice.below(6) {
            let (label, attribute) = ((dice.text(), dice.int(40)), (dice.text(), dice.text(), dice.int(40)));
            if dice.chance(70) {
                if !change.label_remove.contains(&label) {
                    self.labels.insert(label.clone());
                    change.label_add.push(label);
                }
                if !change.attribute_remove.contains(&attribute) {
                    self.attributes.insert(attribute.clone());
                    change.attribute_add.push(attribute);
                }
            } else if let (Some(label), Some(attribute)) =
                (self.labels.first().cloned(), self.attributes.last().cloned())
                && !change.label_add.contains(&label)
                && !change.attribute_add.contains(&attribute)
            {
                self.labels.remove(&label);
                self.attributes.remove(&attribute);
                change.label_remove.push(label);
                change.attribute_remove.push(attribute);
            }
        }
    }

    fn place(&mut self, dice: &mut Dice, change: &mut ChangeSet) {
        for _ in 0..dice.below(4) {
            let id = dice.int(60);
            if change.place_remove.contains(&id) || change.place.iter().any(|(placed, _)| *placed == id) {
                continue;
            }
            if dice.chance(30) {
                self.places.remove(&id);
                change.place_remove.push(id);
            } else {
                let bounds = dice.bounds();
                self.places.insert(id, bounds);
                change.place.push((id, bounds));
            }
        }
    }

    fn mail(&mut self, dice: &mut Dice, change: &mut ChangeSet) {
        self.events(dice, change);
        if let Some((seq, owed)) = self.outbox.first_key_value().filter(|_| dice.chance(40)) {
            change.settle.push(Settled { seq: *seq, event: owed.event });
            self.outbox.remove(&change.settle[0].seq);
        }
        for _ in 0..dice.below(3) {
            self.next += 1;
            let target = dice.text();
            let event = self.events.last_key_value().map_or(0, |(seq, _)| *seq).min(dice.int(60));
            let owed = Owed {
                seq: self.next,
                subscription: dice.int(9),
                target,
                body: dice.text(),
                expires: 5,
                event: if self.events.contains_key(&event) { event } else { 0 },
                category: 4,
                priority: dice.ty(),
                replaces: 1,
            };
            self.outbox.insert(owed.seq, owed.clone());
            change.owe.push(Arc::new(owed));
        }
        // An event goes with the last of its notifications, once it is distributed.
        let settled = change.settle.iter().map(|settled| settled.event);
        let closed = change.progress.iter().filter(|step| step.done.is_none()).map(|step| step.event);
        for event in settled.chain(closed) {
            let is_open = self.events.get(&event).is_some_and(|event| event.recipients.is_some());
            if !is_open && !self.outbox.values().any(|owed| owed.event == event) {
                self.events.remove(&event);
            }
        }
        for _ in 0..dice.below(3) {
            let row = GateRow {
                subscription: dice.int(9),
                due: if dice.chance(30) { i64::MAX } else { dice.int(99) },
                state: if dice.chance(30) { String::new() } else { format!("s{}", dice.text()) },
            };
            match row.state.is_empty() {
                true => self.gates.remove(&row.subscription),
                false => self.gates.insert(row.subscription, row.clone()),
            };
            change.gates.push(row);
        }
        for _ in 0..dice.below(3) {
            let (name, value) = (dice.int(3).to_string(), dice.text());
            self.meta.insert(name.clone(), value.clone());
            change.meta.push((name, value));
        }
    }

    fn events(&mut self, dice: &mut Dice, change: &mut ChangeSet) {
        let open = self.events.values_mut().find(|event| event.recipients.is_some());
        if let Some(event) = open.filter(|_| dice.chance(40)) {
            let done = dice.chance(50).then(|| dice.int(9));
            change.progress.push(Progress { event: event.seq, done });
            match done {
                Some(done) => event.done = done,
                None => event.recipients = None,
            }
        }
        if dice.chance(40) {
            self.next += 1;
            let recipients = dice.chance(50).then(|| dice.text());
            let event = Event {
                seq: self.next,
                parent: dice.int(6),
                head: dice.text(),
                recipients,
                done: 0,
                expires: 5,
            };
            self.events.insert(event.seq, event.clone());
            change.events.push(Arc::new(event));
        }
    }

    fn ids(&self, limit: usize, keep: impl Fn(&Row) -> bool) -> Vec<i64> {
        self.rows.values().filter(|row| keep(row)).map(|row| row.id).take(limit).collect()
    }
}

fn page<'a>(ids: impl Iterator<Item = &'a i64>, after: i64, limit: usize) -> Vec<i64> {
    let ids: BTreeSet<i64> = ids.copied().filter(|id| *id > after).collect();
    ids.into_iter().take(limit).collect()
}

fn compare(model: &Model, dice: &mut Dice, store: &mut Connection, name: &str) {
    let limit = usize::try_from(dice.below(8)).unwrap();
    let (id, after, parent, ty) = (dice.int(60), dice.int(40), dice.int(6), dice.ty());
    assert_eq!(store.row(id).unwrap().as_ref(), model.rows.get(&id), "{name}");
    let ids: Vec<i64> = (0..dice.below(5)).map(|_| dice.int(60)).collect();
    assert_eq!(
        store.rows(&ids).unwrap(),
        model.rows.values().filter(|row| ids.contains(&row.id)).cloned().collect::<Vec<_>>()
    );
    if let Some(row) = model.any(dice).and_then(|id| model.rows.get(&id)) {
        let name = row.rn.clone().unwrap_or_default();
        let known = row.rn.as_ref().map(|_| row.id);
        assert_eq!(store.id_by_name(row.parent, &name).unwrap(), known);
        let ri = row.ri.clone().unwrap_or_default();
        assert_eq!(store.row_by_ri(&ri).unwrap(), row.ri.as_ref().map(|_| row.clone()));
    }
    tree(model, dice, store, (limit, after, parent, ty));
    let (from, to) = (dice.int(1000), dice.int(1000));
    let created = |row: &Row| row.ty == ty && (from..to).contains(&row.ct) && row.id > after;
    assert_eq!(store.by_type_created(ty, from, to, after, limit).unwrap(), model.ids(limit, created));
    let of_type = model.rows.values().filter(|row| row.ty == ty && ty != 4).map(|row| (row.id, row.lt));
    assert_eq!(store.versions(ty).unwrap(), of_type.collect::<Vec<_>>());
    assert_eq!(store.expired(from, 1000).unwrap(), model.ids(1000, |row| row.et < from));
    let next = model.rows.values().map(|row| row.et).filter(|et| *et >= from && *et < i64::MAX).min();
    assert_eq!(store.next_expiration(from).unwrap(), next);
    let mut due: Vec<i64> = model.rows.values().map(|row| row.et).filter(|et| *et < from).collect();
    due.sort_unstable();
    let mut got: Vec<i64> = store.expired(from, limit).unwrap().iter().map(|id| model.rows[id].et).collect();
    got.sort_unstable();
    assert_eq!(got, due.into_iter().take(limit).collect::<Vec<_>>());
    assert_eq!(store.count().unwrap(), model.rows.len() as u64);
    assert_eq!(store.last_id().unwrap(), model.rows.keys().last().copied());
    search(model, dice, store, limit, after);
    places(model, dice, store, (limit, after));
    outbox(model, dice, store, limit);
}

fn places(model: &Model, dice: &mut Dice, store: &mut Connection, (limit, after): (usize, i64)) {
    let around = dice.bounds();
    let within = |one: &Bounds, other: &Bounds| {
        one.west >= other.west
            && one.east <= other.east
            && one.south >= other.south
            && one.north <= other.north
    };
    for lie in [Lie::Within, Lie::Around, Lie::Across] {
        let fits = |bounds: &Bounds| match lie {
            Lie::Within => within(bounds, &around),
            Lie::Around => within(&around, bounds),
            Lie::Across => {
                bounds.west <= around.east
                    && bounds.east >= around.west
                    && bounds.south <= around.north
                    && bounds.north >= around.south
            }
        };
        let ids = model.places.iter().filter(|(_, bounds)| fits(bounds)).map(|(id, _)| id);
        assert_eq!(store.by_bounds(lie, &around, after, limit).unwrap(), page(ids, after, limit), "{lie:?}");
    }
}

fn tree(
    model: &Model,
    dice: &mut Dice,
    store: &mut Connection,
    (limit, after, parent, ty): (usize, i64, i64, i32),
) {
    let types: Vec<i32> = (0..dice.below(3)).map(|_| dice.ty()).collect();
    let wanted =
        |row: &&Row| row.parent == parent && (types.is_empty() || types.contains(&row.ty)) && row.id > after;
    let rows: Vec<Row> = model.rows.values().filter(wanted).take(limit).cloned().collect();
    assert_eq!(store.children(parent, &types, after, limit).unwrap(), rows);
    let siblings = |row: &Row| row.parent == parent && row.ty == ty;
    let kin = model.ids(limit, |row| siblings(row) && row.id > after);
    assert_eq!(store.child_ids_of(parent, ty, after, limit).unwrap(), kin);
    let kinds: BTreeSet<i32> =
        model.rows.values().filter(|row| row.parent == parent).map(|row| row.ty).collect();
    assert_eq!(store.child_types(parent).unwrap(), kinds.into_iter().collect::<Vec<_>>());
    assert_eq!(store.newest(parent, ty).unwrap(), model.ids(usize::MAX, siblings).last().copied());
    let before = model.ids(usize::MAX, |row| siblings(row) && row.id < after).last().copied();
    assert_eq!(store.newest_before(parent, ty, after).unwrap(), before);
    let aged = |id: i64| {
        let Row { cs, et, ct, ref rn, ref body, .. } = model.rows[&id];
        Aged { id, cs, et, ct, is_indexed: rn.is_some() || body.contains("\"lbl\"") }
    };
    let oldest: Vec<Aged> = kin.into_iter().map(aged).collect();
    assert_eq!(store.oldest(parent, ty, after, limit).unwrap(), oldest);
}

fn search(model: &Model, dice: &mut Dice, store: &mut Connection, limit: usize, after: i64) {
    let labels: Vec<String> = (0..dice.below(4)).map(|_| dice.text()).collect();
    let exact = model.labels.iter().filter(|(value, _)| labels.contains(value)).map(|(_, id)| id);
    assert_eq!(store.by_labels(&labels, after, limit).unwrap(), page(exact, after, limit));
    let pattern = dice.pattern();
    let like = model.labels.iter().filter(|(value, _)| matches(&pattern, value)).map(|(_, id)| id);
    assert_eq!(
        store.by_label_pattern(&pattern, after, limit).unwrap(),
        page(like, after, limit),
        "{pattern}"
    );
    let Some((name, value, _)) = model.attributes.iter().nth(usize::try_from(dice.below(9)).unwrap()) else {
        return;
    };
    let exact = model.attributes.iter().filter(|(n, v, _)| n == name && v == value).map(|(_, _, id)| id);
    assert_eq!(store.by_attribute(name, value, after, limit).unwrap(), page(exact, after, limit));
    let like =
        model.attributes.iter().filter(|(n, v, _)| n == name && matches(&pattern, v)).map(|(_, _, id)| id);
    assert_eq!(store.by_attribute_pattern(name, &pattern, after, limit).unwrap(), page(like, after, limit));
}

fn outbox(model: &Model, dice: &mut Dice, store: &mut Connection, limit: usize) {
    let (after, target) = (dice.int(60), dice.text());
    let owed = model.outbox.values().filter(|owed| owed.seq > after);
    assert_eq!(store.owed(after, limit).unwrap(), owed.clone().take(limit).cloned().collect::<Vec<_>>());
    let to: Vec<Owed> = owed.filter(|owed| owed.target == target).take(limit).cloned().collect();
    assert_eq!(store.owed_to(&target, after, limit).unwrap(), to);
    let targets: BTreeSet<&String> =
        model.outbox.values().map(|owed| &owed.target).filter(|t| **t > target).collect();
    assert_eq!(
        store.owed_targets(&target, limit).unwrap(),
        targets.into_iter().take(limit).cloned().collect::<Vec<_>>()
    );
    let mut least: Vec<&Owed> = model.outbox.values().filter(|owed| owed.target == target).collect();
    least.sort_by_key(|owed| (owed.priority, owed.seq));
    assert_eq!(store.count_owed_to(&target).unwrap(), least.len() as i64);
    let settled = |owed: &&Owed| Settled { seq: owed.seq, event: owed.event };
    assert_eq!(
        store.worth_least(&target, limit).unwrap(),
        least.iter().take(limit).map(settled).collect::<Vec<_>>()
    );
    events_and_gates(model, dice, store, limit);
    assert_eq!(store.last_seq().unwrap(), model.outbox.keys().last().copied());
    assert_eq!(store.meta("1").unwrap().as_ref(), model.meta.get("1"));
}

fn events_and_gates(model: &Model, dice: &mut Dice, store: &mut Connection, limit: usize) {
    let seq = dice.int(60);
    assert_eq!(store.event(seq).unwrap().as_ref(), model.events.get(&seq));
    assert_eq!(store.event_head(seq).unwrap().as_ref(), model.events.get(&seq).map(|event| &event.head));
    let open = || model.events.values().filter(|event| event.recipients.is_some());
    let parents: BTreeSet<i64> = open().map(|event| event.parent).collect();
    assert_eq!(store.open_parents(limit).unwrap(), parents.iter().take(limit).copied().collect::<Vec<_>>());
    for parent in parents {
        let of: Vec<i64> = open().filter(|event| event.parent == parent).map(|event| event.seq).collect();
        assert_eq!(store.open_events(parent, limit).unwrap(), of[..of.len().min(limit)]);
    }
    let all: Vec<i64> = (0..9).collect();
    assert_eq!(store.gates(&all).unwrap(), model.gates.values().cloned().collect::<Vec<_>>());
    assert_eq!(store.has_gates().unwrap(), !model.gates.is_empty());
    let mut dues: Vec<i64> = model.gates.values().map(|row| row.due).filter(|due| *due < i64::MAX).collect();
    dues.sort_unstable();
    assert_eq!(store.next_due().unwrap(), dues.first().copied());
    let until = dice.int(99);
    let due = store.due_gates(until, limit).unwrap();
    let mut found: Vec<i64> = due.iter().map(|id| model.gates[id].due).collect();
    assert!(found.is_sorted());
    dues.retain(|due| *due <= until);
    dues.truncate(limit);
    found.truncate(limit);
    assert_eq!(found, dues);
}

#[test]
fn every_query_agrees_with_the_model() {
    for subject in Subject::all() {
        let store = subject.open();
        let mut writer = store.writer().unwrap();
        for seed in 1..=6_u64 {
            let (mut dice, mut model) = (Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)), Model::default());
            writer.begin().unwrap();
            writer.clear().unwrap();
            writer.commit().unwrap();
            for _ in 0..40 {
                let mut next = model.clone();
                writer.begin().unwrap();
                for _ in 0..=dice.below(2) {
                    writer.apply(&next.change(&mut dice)).unwrap();
                }
                compare(&next, &mut dice, &mut writer, subject.name);
                if dice.chance(20) {
                    writer.rollback().unwrap();
                } else {
                    writer.commit().unwrap();
                    model = next;
                }
                compare(&model, &mut dice, &mut store.reader().unwrap(), subject.name);
            }
        }
    }
}
