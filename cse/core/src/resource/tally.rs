//! The counts of what has instances, beside its other attributes: `cni`, `cbs`, `st`, `lt`.
//!
//! Each new instance makes a new version of its container, and a busy container gets many within one transaction. They
//! share the attributes that none of them changes, and only the last is written as text. How instances are counted and
//! trimmed is left to `types::instances`.

use std::sync::Arc;

use dyad_protocol::{Object, Timestamp};
use serde::Serializer;
use serde_json::Value;

use super::parsed::size_of_object;
use super::{Draft, Id, Latest, Resource};
use crate::store::{Body, Row, Unwritten};

/// How many instances a resource has, and how many it may have.
#[derive(Debug)]
pub(crate) struct Counts {
    /// The number of the resource.
    pub(crate) container: Id,
    /// `cni`
    pub(crate) count: u64,
    /// `cbs`
    pub(crate) bytes: u64,
    /// The latest instance.
    pub(crate) latest: Latest,
    /// The number below which instances are trimmed.
    pub(crate) floor: Option<Id>,
    /// `mni`
    most: Option<u64>,
    /// `mbs`
    most_bytes: Option<u64>,
}

impl Counts {
    /// Those of a version.
    pub(crate) fn of(resource: &Resource) -> Self {
        Self {
            container: resource.id(),
            count: resource.number("cni").unwrap_or(0),
            bytes: resource.number("cbs").unwrap_or(0),
            latest: resource.latest(),
            floor: resource.row().floor,
            most: resource.number("mni"),
            most_bytes: resource.number("mbs"),
        }
    }

    /// Those of a version in the making.
    pub(crate) fn of_draft(draft: &Draft) -> Self {
        Self {
            container: draft.id,
            count: draft.number("cni").unwrap_or(0),
            bytes: draft.number("cbs").unwrap_or(0),
            latest: draft.latest,
            floor: draft.floor,
            most: draft.number("mni"),
            most_bytes: draft.number("mbs"),
        }
    }

    /// Writes them into a version in the making.
    pub(crate) fn write(self, draft: &mut Draft) {
        draft.set("cni", self.count);
        draft.set("cbs", self.bytes);
        draft.latest = self.latest;
        draft.floor = self.floor;
    }

    /// Whether there is more than there may be.
    pub(crate) fn exceed(&self) -> bool {
        self.most.is_some_and(|most| self.count > most)
            || self.most_bytes.is_some_and(|most| self.bytes > most)
    }
}

/// Attributes of which only the counts changed.
#[derive(Debug)]
pub(super) struct Tally {
    /// The attributes before, shared by all versions since.
    before: Arc<Object>,
    /// What a version takes in memory with the attributes before.
    pub(super) weight: u64,
    /// What differs; sorted by nothing, there are four at most.
    changed: Vec<(&'static str, Value)>,
}

impl Tally {
    /// The attributes that versions share.
    pub(super) fn before(&self) -> &Arc<Object> {
        &self.before
    }

    /// One attribute.
    pub(super) fn get(&self, short_name: &str) -> Option<&Value> {
        self.changed(short_name).or_else(|| self.before.get(short_name))
    }

    /// All attributes.
    pub(super) fn attributes(&self) -> Object {
        self.entries().map(|(name, value)| (name.to_owned(), value.clone())).collect()
    }

    fn changed(&self, short_name: &str) -> Option<&Value> {
        self.changed.iter().find(|(name, _)| *name == short_name).map(|(_, value)| value)
    }

    fn entries(&self) -> impl Iterator<Item = (&str, &Value)> {
        let old =
            self.before.iter().map(|(name, value)| (name.as_str(), self.changed(name).unwrap_or(value)));
        let new = self.changed.iter().filter(|(name, _)| !self.before.contains_key(*name));
        old.chain(new.map(|(name, value)| (*name, value)))
    }
}

impl Unwritten for Tally {
    fn text(&self) -> String {
        let mut text = Vec::with_capacity(512);
        // Writing to memory cannot fail, and neither can values that were read.
        let _ = serde_json::Serializer::new(&mut text).collect_map(self.entries());
        String::from_utf8(text).unwrap_or_default().as_str().to_owned()
    }
}

impl Resource {
    /// The version after a change of the instances, which is a modification.
    pub(crate) fn counted(&self, counts: &Counts, now: Timestamp) -> Arc<Resource> {
        self.tallied(counts, now, 1)
    }

    /// The version after an instance was made of this one, whose modification is in the state tag already.
    pub(crate) fn recorded(&self, counts: &Counts, now: Timestamp) -> Arc<Resource> {
        self.tallied(counts, now, 0)
    }

    fn tallied(&self, counts: &Counts, now: Timestamp, modifications: u64) -> Arc<Resource> {
        let mut changed =
            vec![("cni", counts.count.into()), ("cbs", counts.bytes.into()), ("lt", now.to_string().into())];
        changed.extend(self.number("st").map(|state| ("st", Value::from(state + modifications))));
        let before = Arc::clone(self.lasting_attributes());
        let weight = match self.tally() {
            Some(tally) => tally.weight,
            None => self.bare_weight() + size_of_object(&before) as u64,
        };
        let tally = Arc::new(Tally { before, weight, changed });
        let row = self.row();
        let row = Row {
            id: row.id,
            parent: row.parent,
            ty: row.ty,
            rn: row.rn.clone(),
            ri: row.ri.clone(),
            root: row.root.clone(),
            originator: row.originator.clone(),
            ct: row.ct,
            lt: now.micros(),
            et: row.et,
            cs: row.cs,
            body: Body::unwritten(Arc::clone(&tally) as _),
            dgt: row.dgt,
            floor: counts.floor,
        };
        Arc::new(Resource::with_tally(Arc::new(row), Arc::clone(self.table()), counts.latest, tally))
    }

    /// Whether a version differs from another one in its counts at most, as far as that can be told without looking
    /// at the attributes.
    pub(super) fn differs_in_counts(&self, other: &Resource) -> bool {
        Arc::ptr_eq(self.lasting_attributes(), other.lasting_attributes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_reads_like_the_attributes_that_it_stands_for() {
        let before: Object = serde_json::from_str(r#"{"rn":"c","lt":"a","cni":1,"mni":5,"st":7}"#).unwrap();
        let changed = vec![("cni", 2.into()), ("cbs", 9.into()), ("lt", "b".into()), ("st", 8.into())];
        let tally = Tally { before: Arc::new(before), weight: 0, changed };
        let text = r#"{"rn":"c","lt":"b","cni":2,"mni":5,"st":8,"cbs":9}"#;
        assert_eq!(tally.text(), text);
        assert_eq!(serde_json::to_string(&tally.attributes()).unwrap(), text);
        for (name, value) in &tally.attributes() {
            assert_eq!(tally.get(name), Some(value));
        }
        assert_eq!(tally.get("lbl"), None);
    }
}
