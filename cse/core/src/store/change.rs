//! What the core hands to the store and gets back: rows, and the change set of one flush.
//!
//! Responsible for: the shape of the data. What the rows mean, and which changes belong together, is left to the
//! core; how a change set reaches the disk is left to the two backends.

use std::sync::Arc;

use super::body::Body;

/// A resource as stored. Points in time are microseconds since 1970, `i64::MAX` for "never".
#[derive(Clone, Debug, PartialEq, Eq, diesel::Queryable)]
pub struct Row {
    /// The internal id, assigned by the core, increasing, never reused.
    pub id: i64,
    /// The id of the parent.
    pub parent: i64,
    /// The resource type.
    pub ty: i32,
    /// The resource name, unless it derives from the id.
    pub rn: Option<String>,
    /// The resource identifier, unless it derives from the id.
    pub ri: Option<String>,
    /// The member name of the representation (`cod:binSh`), of specialisations; of no meaning here.
    pub root: Option<String>,
    /// Who created the resource.
    pub originator: Option<String>,
    /// Creation time.
    pub ct: i64,
    /// Last modified time.
    pub lt: i64,
    /// Expiration time; `i64::MAX` for none.
    pub et: i64,
    /// Content size, of instances.
    pub cs: Option<i64>,
    /// The other attributes, JSON.
    #[diesel(deserialize_as = String)]
    pub body: Body,
    /// When the data of an instance of a time series were made.
    pub dgt: Option<i64>,
    /// Of what has instances that are trimmed: those with lower ids are gone, whether or not their rows still are there.
    pub floor: Option<i64>,
}

/// Rows of trimmed instances that go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purge {
    /// What had the instances.
    pub parent: i64,
    /// Their type.
    pub ty: i32,
    /// The id below which they go.
    pub floor: i64,
}

/// When a service function wants to be called for a resource.
#[derive(Clone, Debug, PartialEq, Eq, diesel::Queryable)]
pub struct Alarm {
    /// The id of the resource.
    pub resource: i64,
    /// Its type.
    pub ty: i32,
    /// When, in microseconds since 1970; `i64::MAX` for never.
    pub due: i64,
    /// What the function keeps for then.
    pub state: String,
}

/// A notification that is owed: an outbox row.
#[derive(Clone, Debug, Default, PartialEq, Eq, diesel::Queryable)]
pub struct Owed {
    /// Order of sending, assigned by the core.
    pub seq: i64,
    /// The id of the subscription.
    pub subscription: i64,
    /// Where it goes; what has one target is sent in order.
    pub target: String,
    /// The notification, or what follows the head of its event.
    pub body: String,
    /// When it is no longer worth sending.
    pub expires: i64,
    /// The event that it has its head from; 0 for a notification that is whole by itself.
    pub event: i64,
    /// The event category that it is sent with; 0 for none.
    pub category: i32,
    /// What it is worth when there is no room for all.
    pub priority: i32,
    /// Which others of its subscription it takes the place of; the core gives the numbers their meaning.
    pub replaces: i32,
}

/// What several notifications have in common: an event row. It goes with the last of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, diesel::Queryable)]
pub struct Event {
    /// Its number, assigned by the core.
    pub seq: i64,
    /// The id of the resource whose subscriptions it concerns.
    pub parent: i64,
    /// How the notifications begin.
    pub head: String,
    /// Whom it concerns, as the core writes it, until each of them has an outbox row.
    pub recipients: Option<String>,
    /// How many of the recipients have theirs.
    pub done: i64,
    /// When it is no longer worth sending.
    pub expires: i64,
}

/// How far an event is distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The event.
    pub event: i64,
    /// How many of the recipients are done; `None` once all are.
    pub done: Option<i64>,
}

/// A notification that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, diesel::Queryable)]
pub struct Settled {
    /// Its number.
    pub seq: i64,
    /// Its event; 0 for none.
    pub event: i64,
}

/// What a subscription holds back.
#[derive(Clone, Debug, PartialEq, Eq, diesel::Queryable)]
pub struct GateRow {
    /// The id of the subscription.
    pub subscription: i64,
    /// When there is something to do about it; `i64::MAX` for never.
    pub due: i64,
    /// Its state, as the core writes it; empty in a change set for one that goes.
    pub state: String,
}

/// A box in degrees, its edges included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// The least longitude.
    pub west: f64,
    /// The greatest longitude.
    pub east: f64,
    /// The least latitude.
    pub south: f64,
    /// The greatest latitude.
    pub north: f64,
}

/// How a box lies to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// In it.
    Within,
    /// Around it.
    Around,
    /// It has something in common with it.
    Across,
}

/// All that one flush changes.
///
/// It is applied kind by kind: settle nothing that the same set owes, delete nothing that the same set inserts
/// (leave both out instead). Deletions come before insertions, so a name may be given up and taken in one set.
/// Adding what is there and removing what is not are no errors; of two entries for one key in `update` or `meta` the
/// last counts.
#[derive(Clone, Debug, Default)]
pub struct ChangeSet {
    /// New resources.
    pub insert: Vec<Arc<Row>>,
    /// Changed resources. `root`, `lt`, `et`, `cs`, `body` and `floor` are written; the other columns never change.
    pub update: Vec<Arc<Row>>,
    /// Ids of resources that are gone. Their labels, attributes and places have to be in the removals below.
    pub delete: Vec<i64>,
    /// Trimmed instances whose rows are still there. They have neither labels, attributes nor places.
    pub purge: Vec<Purge>,
    /// Labels gained: value, resource.
    pub label_add: Vec<(String, i64)>,
    /// Labels lost: value, resource.
    pub label_remove: Vec<(String, i64)>,
    /// Indexed attributes gained: name, value, resource.
    pub attribute_add: Vec<(String, String, i64)>,
    /// Indexed attributes lost: name, value, resource.
    pub attribute_remove: Vec<(String, String, i64)>,
    /// Boxes around the locations of resources, new or changed: at most one for each.
    pub place: Vec<(i64, Bounds)>,
    /// Resources that have no location any more.
    pub place_remove: Vec<i64>,
    /// Notifications owed from now on.
    pub owe: Vec<Arc<Owed>>,
    /// Notifications that are done; an event goes with the last of its own.
    pub settle: Vec<Settled>,
    /// New events.
    pub events: Vec<Arc<Event>>,
    /// Events that are distributed further.
    pub progress: Vec<Progress>,
    /// What subscriptions hold back; of two entries for one the last counts.
    pub gates: Vec<GateRow>,
    /// Alarms that are new or changed; at most one for a resource.
    pub alarm_set: Vec<Arc<Alarm>>,
    /// Resources that have no alarm any more, and none in `alarm_set`.
    pub alarm_clear: Vec<i64>,
    /// Values to keep by name.
    pub meta: Vec<(String, String)>,
}

impl ChangeSet {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.insert.is_empty()
            && self.update.is_empty()
            && self.delete.is_empty()
            && self.purge.is_empty()
            && self.label_add.is_empty()
            && self.label_remove.is_empty()
            && self.attribute_add.is_empty()
            && self.attribute_remove.is_empty()
            && self.place.is_empty()
            && self.place_remove.is_empty()
            && self.owe.is_empty()
            && self.settle.is_empty()
            && self.events.is_empty()
            && self.progress.is_empty()
            && self.gates.is_empty()
            && self.alarm_set.is_empty()
            && self.alarm_clear.is_empty()
            && self.meta.is_empty()
    }
}

/// What trimming needs to know of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, diesel::Queryable)]
pub struct Aged {
    /// The id.
    pub id: i64,
    /// Content size.
    pub cs: Option<i64>,
    /// Expiration time.
    pub et: i64,
    /// Creation time.
    pub ct: i64,
    /// Whether it may have labels or a location (its body mentions `"lbl"`, `"loc"` or the like) or a name or identifier
    /// of its own; if not, nothing but the row has to go, and the row may stay for a while.
    pub is_indexed: bool,
}
