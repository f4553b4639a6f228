//! What one database transaction changes: the versions that are newer than the database, and the way from them to a
//! change set.
//!
//! Several changes of one resource become one row operation, so a container into which a whole batch creates
//! instances is written once. Which transaction is under way is left to [`super::batch`].

use std::sync::Arc;

use dyad_protocol::schema::Presence;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value;

use super::alarms::Alarms;
use super::outgoing::{Outgoing, Published};
use super::tree::Subscriptions;
use super::{Id, Latest, Resource, Tree};
use crate::geography::bounds_of;
use crate::store::{ChangeSet, GateRow, Purge, Settled};

/// Values longer than this are not in the attribute index; filters on them look at the resources themselves.
pub(crate) const INDEXED_VALUE: usize = 256;

/// Microseconds between two changes of a resource that is kept with its attributes parsed.
const BUSY: i64 = 100_000;

/// A resource that this transaction changed.
struct Entry {
    /// The newest version; `None` once removed.
    now: Option<Arc<Resource>>,
    /// What the database has: `None` if it has no such row yet.
    stored: Option<Stored>,
    /// Whether the database lags behind.
    dirty: bool,
    /// When the version that this transaction found was made; the beginning of time if it found none.
    found: i64,
}

/// What the database knows of a resource.
enum Stored {
    /// This version.
    Version(Arc<Resource>),
    /// A row without labels and indexed attributes, which was never loaded.
    Plain,
    /// Such a row of an instance, below the floor of what it is in: it goes some other time.
    Buried,
}

impl Stored {
    fn version(&self) -> Option<&Arc<Resource>> {
        match self {
            Self::Version(resource) => Some(resource),
            Self::Plain | Self::Buried => None,
        }
    }
}

/// One change of one job.
pub(crate) enum Change {
    /// A new version; the flag says that the resource is new.
    Put(Arc<Resource>, bool),
    /// Gone. `None` for an instance without labels that was never loaded.
    Remove(Id, Option<Arc<Resource>>),
    /// Gone, below the floor of what it was in. It has nothing but its row and was never loaded.
    Bury(Id),
    /// Rows of buried instances go.
    Purge(Purge),
}

/// All changes of one job, in order.
#[derive(Default)]
pub(crate) struct Changes {
    pub(crate) changes: Vec<Change>,
    pub(crate) subscriptions: Vec<(Id, Subscriptions)>,
    pub(crate) outgoing: Outgoing,
    pub(crate) alarms: Alarms,
    /// What the node remembers beside the tree, by name.
    pub(crate) notes: Vec<(String, String)>,
}

/// The changes of one transaction.
#[derive(Default)]
pub(crate) struct Layer {
    entries: FxHashMap<Id, Entry>,
    names: FxHashMap<Id, FxHashMap<String, Id>>,
    ris: FxHashMap<String, Id>,
    subscriptions: FxHashMap<Id, Subscriptions>,
    /// The rows of buried instances that go, by what they were in.
    purges: FxHashMap<Id, Purge>,
    pub(crate) outgoing: Outgoing,
    pub(crate) alarms: Alarms,
    /// Notifications that were delivered and whose rows go with this transaction.
    pub(crate) settled: Vec<Settled>,
}

impl Layer {
    /// A resource that this transaction changed: `Some(None)` if it is gone, `None` if it did not touch it.
    pub(crate) fn get(&self, id: Id) -> Option<Option<&Arc<Resource>>> {
        self.entries.get(&id).map(|entry| entry.now.as_ref())
    }

    /// A child that this transaction created under a given name.
    pub(crate) fn child_by_name(&self, parent: Id, name: &str) -> Option<Id> {
        self.names.get(&parent)?.get(name).copied()
    }

    /// A resource that this transaction created with a resource ID of its own.
    pub(crate) fn by_ri(&self, ri: &str) -> Option<Id> {
        self.ris.get(ri).copied()
    }

    /// The subscriptions of a resource, if this transaction changed them.
    pub(crate) fn subscriptions(&self, parent: Id) -> Option<&Subscriptions> {
        self.subscriptions.get(&parent)
    }

    /// What a subscription holds back, if this transaction changed it.
    pub(crate) fn gate(&self, subscription: Id) -> Option<&Arc<GateRow>> {
        self.outgoing.gate(subscription)
    }

    /// Takes over the changes of a job that succeeded.
    pub(crate) fn merge(&mut self, changes: Changes) {
        for change in changes.changes {
            match change {
                Change::Put(resource, is_new) => self.put(resource, is_new),
                Change::Remove(id, old) => self.remove(id, old, Stored::Plain),
                Change::Bury(id) => self.remove(id, None, Stored::Buried),
                Change::Purge(purge) => drop(self.purges.insert(purge.parent, purge)),
            }
        }
        self.subscriptions.extend(changes.subscriptions);
        self.outgoing.merge(changes.outgoing);
        self.alarms.merge(changes.alarms);
    }

    fn put(&mut self, resource: Arc<Resource>, is_new: bool) {
        if is_new {
            if let Some(rn) = &resource.row().rn {
                self.names.entry(resource.parent()).or_default().insert(rn.clone(), resource.id());
            }
            if let Some(ri) = &resource.row().ri {
                self.ris.insert(ri.clone(), resource.id());
            }
        }
        let entry = self.entries.entry(resource.id()).or_insert(Entry {
            now: None,
            stored: None,
            dirty: true,
            found: i64::MIN,
        });
        entry.now = Some(resource);
        entry.dirty = true;
    }

    /// The version that a put replaces; must be called before the first put of a stored resource.
    pub(crate) fn remember(&mut self, stored: &Arc<Resource>) {
        self.entries.entry(stored.id()).or_insert_with(|| Entry {
            now: Some(Arc::clone(stored)),
            stored: Some(Stored::Version(Arc::clone(stored))),
            dirty: false,
            found: stored.row().lt,
        });
    }

    /// `unseen` is what the database has of a resource that was never loaded.
    fn remove(&mut self, id: Id, old: Option<Arc<Resource>>, unseen: Stored) {
        if let Some(old) = &old {
            self.purges.extend(purge_of(old).map(|purge| (id, purge)));
            if let (Some(rn), Some(names)) = (&old.row().rn, self.names.get_mut(&old.parent())) {
                names.remove(rn);
            }
            if let Some(ri) = &old.row().ri {
                self.ris.remove(ri);
            }
        }
        let stored = old.map_or(unseen, Stored::Version);
        let entry = self.entries.entry(id).or_insert(Entry {
            now: None,
            stored: Some(stored),
            dirty: true,
            found: i64::MIN,
        });
        entry.now = None;
        entry.dirty = true;
    }

    /// What the database lacks; counts as written from here on.
    pub(crate) fn take_changes(&mut self) -> ChangeSet {
        let mut set = ChangeSet {
            purge: self.purges.drain().map(|(_, purge)| purge).collect(),
            ..ChangeSet::default()
        };
        for (id, entry) in &mut self.entries {
            if std::mem::take(&mut entry.dirty) {
                add(&mut set, *id, entry);
            }
        }
        // Rows in the order of their numbers keep the pages of the tables in order.
        set.insert.sort_unstable_by_key(|row| row.id);
        self.outgoing.take_changes(&mut set);
        self.alarms.take_changes(&mut set);
        set
    }

    /// Whether an instance that this transaction created has a later one beside it.
    fn is_superseded(&self, instance: &Resource) -> bool {
        crate::types::is_instance(instance.ty())
            && self.get(instance.parent()).flatten().is_some_and(
                |parent| matches!(parent.latest(), Latest::Known(Some(latest)) if latest > instance.id()),
            )
    }

    /// After the commit: publishes the new versions to the readers and gives out what is owed.
    pub(crate) fn publish(self, tree: &Tree, has_open_events: bool) -> Published {
        let mut labels = FxHashSet::default();
        // Before the first version is replaced: a row that was read before the commit is not taken any more.
        tree.advance();
        let mut changed = tree.watchers.note();
        for (&id, entry) in &self.entries {
            if let Some(changed) = &mut changed {
                let version = entry.now.as_ref().or_else(|| entry.stored.as_ref().and_then(Stored::version));
                changed.push((id, version.map(|version| version.parent())));
            }
            for version in entry.now.iter().chain(entry.stored.as_ref().and_then(Stored::version)) {
                if version.may_have("lbl") {
                    labels.extend(version.texts("lbl").map(str::to_owned));
                }
            }
            match &entry.now {
                // What changed a moment ago is likely to change again at once; the rest must not take more room
                // than its text.
                Some(resource) if resource.row().lt.saturating_sub(entry.found) < BUSY => {
                    tree.keep(id, Arc::clone(resource));
                }
                // Nobody knows it yet, and what is read of many instances is the latest.
                Some(resource) if entry.found == i64::MIN && self.is_superseded(resource) => {}
                Some(resource) => tree.keep(id, resource.compact()),
                None => tree.forget(id),
            }
        }
        for (parent, subscriptions) in self.subscriptions {
            tree.note_subscribed(parent);
            tree.subscriptions.insert(parent, subscriptions);
        }
        for label in labels {
            tree.labels.remove(&label);
        }
        match &changed {
            Some(changed) => tree.watchers.wake(changed, tree),
            // Somebody who came meanwhile may have read what was there before.
            None if tree.watchers.any() => tree.watchers.wake_all(),
            None => {}
        }
        self.outgoing.publish(has_open_events)
    }
}

/// The row operations that bring the database from what it has to what is now.
fn add(set: &mut ChangeSet, id: Id, entry: &mut Entry) {
    let before = entry.stored.as_ref().and_then(Stored::version);
    let now = entry.now.as_ref();
    if let (Some(before), Some(now)) = (before, now)
        && now.tally().is_some()
        && now.differs_in_counts(before)
    {
        set.update.push(Arc::clone(now.row()));
        entry.stored = entry.now.clone().map(Stored::Version);
        return;
    }
    if before.and_then(|before| before.get("lbl")) != now.and_then(|now| now.get("lbl")) {
        let (old, new) = (labels(before), labels(now));
        set.label_remove
            .extend(old.iter().filter(|label| !new.contains(label)).map(|label| (label.clone(), id)));
        set.label_add
            .extend(new.iter().filter(|label| !old.contains(label)).map(|label| (label.clone(), id)));
    }
    if before.and_then(|before| before.get("loc")) != now.and_then(|now| now.get("loc")) {
        match now.and_then(|now| bounds_of(now)) {
            Some(bounds) => set.place.push((id, bounds)),
            None => set.place_remove.push(id),
        }
    }
    each_indexed(before, now, |name, value| set.attribute_remove.push((name.to_owned(), value, id)));
    each_indexed(now, before, |name, value| set.attribute_add.push((name.to_owned(), value, id)));
    match (&entry.now, &entry.stored) {
        (Some(now), None) => set.insert.push(Arc::clone(now.row())),
        (Some(now), Some(_)) => set.update.push(Arc::clone(now.row())),
        (None, None | Some(Stored::Buried)) => {}
        (None, Some(_)) => set.delete.push(id),
    }
    entry.stored = entry.now.clone().map(Stored::Version);
}

/// The rows of trimmed instances that may be there still.
pub(crate) fn purge_of(resource: &Resource) -> Option<Purge> {
    let ty = crate::types::instance_type_of(resource)?;
    Some(Purge { parent: resource.id(), ty, floor: resource.row().floor? })
}

fn labels(resource: Option<&Arc<Resource>>) -> Vec<String> {
    let mut labels: Vec<String> =
        resource.into_iter().flat_map(|resource| resource.texts("lbl")).map(str::to_owned).collect();
    labels.sort_unstable();
    labels.dedup();
    labels
}

/// The entries of the attribute index that one version has and another has not. The index holds scalars that an
/// originator gave, and the identities. Instances are found through their container and are not in it.
fn each_indexed(
    of: Option<&Arc<Resource>>,
    without: Option<&Arc<Resource>>,
    mut each: impl FnMut(&str, String),
) {
    let Some(of) = of.filter(|of| !crate::types::is_instance(of.ty())) else { return };
    for (name, value) in of.attributes() {
        if without.is_some_and(|without| without.get(name) == Some(value)) || !is_indexed(of, name) {
            continue;
        }
        if let Some(text) = index_value(value).filter(|text| text.len() <= INDEXED_VALUE) {
            each(name, text);
        }
    }
}

fn is_indexed(resource: &Resource, name: &str) -> bool {
    match name {
        "cr" | "aei" | "csi" => true,
        "et" | "rn" | "lbl" => false,
        _ => resource
            .table()
            .attribute(name)
            .is_some_and(|attribute| attribute.create != Presence::NotPermitted),
    }
}

/// The text under which a scalar stands in the attribute index. PostgreSQL has no texts with a NUL.
pub(crate) fn index_value(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => (!text.contains('\0')).then(|| text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}
