//! One version of one resource.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use dyad_protocol::primitive::ResourceType;
use dyad_protocol::schema::TypeTable;
use dyad_protocol::{Object, Timestamp};
use serde_json::Value;

use super::parsed::{Parsed, size_of_object};
use super::tally::Tally;
use super::{Members, names};
use crate::access::Policy;
use crate::store::Row;
use crate::subscription::Subscription;

/// The number of a resource in the store. Grows with every resource and is never used twice.
pub type Id = i64;

/// Bytes that a resource takes beside its text, in the cache.
const BARE_WEIGHT: u64 = 560;

/// How many times its text a view takes at most, but for what it shares with the attributes.
const VIEW: usize = 6;

/// What a type needs again and again, taken from the attributes once.
#[derive(Debug)]
pub enum View {
    /// `<accessControlPolicy>`
    Policy(Box<Policy>),
    /// `<subscription>`, and `<crossResourceSubscription>`, which has targets and policies as well.
    Subscription(Box<Subscription>),
    /// `<group>`
    Group(Box<Members>),
    /// Every other type.
    None,
}

/// The latest instance below a resource, as far as a version of it knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Latest {
    /// Not looked up yet.
    #[default]
    Unknown,
    /// This one, or none.
    Known(Option<Id>),
}

/// One version of a resource: the row as it is stored, and what was derived from it.
///
/// The body is the JSON object of all attributes as originators see it; it is passed on as text wherever possible
/// and parsed at most once.
#[derive(Debug)]
pub struct Resource {
    row: Arc<Row>,
    table: Arc<TypeTable>,
    weight: u64,
    latest: OnceLock<Option<Id>>,
    is_unsubscribed: AtomicBool,
    attributes: OnceLock<Arc<Object>>,
    /// What the attributes are made of, if only counts changed.
    tally: Option<Arc<Tally>>,
    view: OnceLock<View>,
    /// Where is counted what is derived from it, once it is in memory.
    memory: OnceLock<Arc<Parsed>>,
}

impl Resource {
    /// From a stored row.
    pub fn new(row: Arc<Row>, table: Arc<TypeTable>) -> Self {
        let weight = bare_weight(&row);
        Self::made(row, table, weight, Latest::Unknown)
    }

    /// From a row whose attributes are at hand.
    pub fn with_attributes(row: Arc<Row>, table: Arc<TypeTable>, latest: Latest, attributes: Object) -> Self {
        let weight = bare_weight(&row) + size_of_object(&attributes) as u64;
        let attributes = Arc::new(attributes).into();
        Self { attributes, ..Self::made(row, table, weight, latest) }
    }

    /// From a row whose text is that of a tally.
    pub(super) fn with_tally(
        row: Arc<Row>,
        table: Arc<TypeTable>,
        latest: Latest,
        tally: Arc<Tally>,
    ) -> Self {
        let weight = tally.weight;
        Self { tally: Some(tally), ..Self::made(row, table, weight, latest) }
    }

    fn made(row: Arc<Row>, table: Arc<TypeTable>, weight: u64, latest: Latest) -> Self {
        let latest = match latest {
            Latest::Unknown => OnceLock::new(),
            Latest::Known(id) => id.into(),
        };
        Self {
            row,
            table,
            weight,
            latest,
            is_unsubscribed: AtomicBool::new(false),
            attributes: OnceLock::new(),
            tally: None,
            view: OnceLock::new(),
            memory: OnceLock::new(),
        }
    }

    /// The row.
    pub fn row(&self) -> &Arc<Row> {
        &self.row
    }

    /// Number of the row.
    pub fn id(&self) -> Id {
        self.row.id
    }

    /// Number of the parent; 0 for the CSEBase.
    pub fn parent(&self) -> Id {
        self.row.parent
    }

    /// `ty`
    pub fn ty(&self) -> ResourceType {
        self.table.number
    }

    /// The table of the type, or of the specialisation.
    pub fn table(&self) -> &Arc<TypeTable> {
        &self.table
    }

    /// The member name of its representation, `m2m:cnt`.
    pub fn root(&self) -> &str {
        &self.table.root
    }

    /// `ri`
    pub fn ri(&self) -> Cow<'_, str> {
        match &self.row.ri {
            Some(ri) => Cow::Borrowed(ri),
            None => Cow::Owned(names::derived(self.root(), self.row.id)),
        }
    }

    /// `rn`
    pub fn name(&self) -> Cow<'_, str> {
        match &self.row.rn {
            Some(rn) => Cow::Borrowed(rn),
            None => Cow::Owned(names::derived(self.root(), self.row.id)),
        }
    }

    /// The AE-ID or CSE-ID of the entity that it registers; `None` if it registers none.
    pub fn entity(&self) -> Option<Cow<'_, str>> {
        match self.ty() {
            2 => Some(self.ri()),
            16 => self.text("csi").map(Cow::Borrowed),
            _ => None,
        }
    }

    /// Who created it, for the default access policy (TS-0001 9.6.1.3.2). Nothing for types without one.
    pub fn originator(&self) -> Option<&str> {
        self.row.originator.as_deref()
    }

    /// Whether it has no expiration of its own in the store: it goes when its parent does.
    pub(crate) fn expires_with_parent(&self) -> bool {
        self.row.et == i64::MAX && crate::types::is_instance(self.ty())
    }

    /// `et`, or never for types without.
    pub fn expiration(&self) -> Timestamp {
        if !self.expires_with_parent() {
            return Timestamp::from_micros(self.row.et);
        }
        // Before the content, among the attributes that every representation begins with: no need to parse it.
        let text = self.row.body.split_once("\"et\":\"").and_then(|(_, rest)| rest.split('"').next());
        text.and_then(Timestamp::parse).unwrap_or(Timestamp::NEVER)
    }

    /// Whether its expiration time has passed.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expiration() <= now
    }

    /// The latest instance below it, as far as this version knows.
    pub fn latest(&self) -> Latest {
        self.latest.get().map_or(Latest::Unknown, |id| Latest::Known(*id))
    }

    /// Lets this version know its latest instance, found in the store. The writer replaces the version with each
    /// change of the instances, so what is found for it stays true for as long as it is the newest.
    pub(crate) fn learn_latest(&self, latest: Option<Id>) {
        let _ = self.latest.set(latest);
    }

    /// Whether it is known to have no subscriptions.
    pub(crate) fn is_unsubscribed(&self) -> bool {
        self.is_unsubscribed.load(Ordering::Relaxed)
    }

    /// Lets this version know whether it has no subscriptions. For the writer alone, which makes them.
    pub(crate) fn learn_unsubscribed(&self, is_unsubscribed: bool) {
        self.is_unsubscribed.store(is_unsubscribed, Ordering::Relaxed);
    }

    /// All attributes as JSON text.
    pub fn body(&self) -> &str {
        &self.row.body
    }

    /// All attributes.
    pub fn attributes(&self) -> &Object {
        self.parsed()
    }

    fn parsed(&self) -> &Arc<Object> {
        self.attributes.get_or_init(|| {
            let attributes: Object = match &self.tally {
                Some(tally) => tally.attributes(),
                None => serde_json::from_str(&self.row.body).unwrap_or_default(),
            };
            if let Some(memory) = self.memory.get() {
                memory.note(self.id(), size_of_object(&attributes));
            }
            Arc::new(attributes)
        })
    }

    /// The attributes but for counts that changed since.
    pub(super) fn lasting_attributes(&self) -> &Arc<Object> {
        match &self.tally {
            Some(tally) => tally.before(),
            None => self.parsed(),
        }
    }

    /// The counts that changed, if nothing else did.
    pub(super) fn tally(&self) -> Option<&Arc<Tally>> {
        self.tally.as_ref()
    }

    /// One attribute by its short name.
    pub fn get(&self, short_name: &str) -> Option<&Value> {
        match &self.tally {
            Some(tally) => tally.get(short_name),
            None => self.attributes().get(short_name),
        }
    }

    /// A non-negative number.
    pub fn number(&self, short_name: &str) -> Option<u64> {
        self.get(short_name)?.as_u64()
    }

    /// A text.
    pub fn text(&self, short_name: &str) -> Option<&str> {
        self.get(short_name)?.as_str()
    }

    /// Whether a boolean attribute is there and true.
    pub fn is_set(&self, short_name: &str) -> bool {
        self.get(short_name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The texts of a list; empty for one that is not there.
    pub fn texts(&self, short_name: &str) -> impl Iterator<Item = &str> {
        texts(self.get(short_name))
    }

    /// The view of its type.
    pub fn view(&self) -> &View {
        self.view.get_or_init(|| {
            let view = match self.ty() {
                1 => View::Policy(Box::new(Policy::from_attributes(self.attributes()))),
                9 => View::Group(Box::new(Members::from_body(self.body()))),
                23 | 48 => View::Subscription(Box::new(Subscription::from_attributes(self.attributes()))),
                _ => return View::None,
            };
            if let Some(memory) = self.memory.get() {
                memory.note(self.id(), self.body().len() * VIEW);
            }
            view
        })
    }

    /// Whether the attributes may have one of this name: certain if not. Looks at the text, which costs less than
    /// parsing it.
    pub fn may_have(&self, short_name: &str) -> bool {
        match (&self.tally, self.attributes.get()) {
            (Some(tally), _) => tally.get(short_name).is_some(),
            (None, Some(attributes)) => attributes.contains_key(short_name),
            (None, None) => self.row.body.contains(short_name),
        }
    }

    /// The same version without what can be derived from the row again, for resources that may not be read soon.
    pub(crate) fn compact(&self) -> Arc<Self> {
        let row = match &self.tally {
            // The text as well is written without what it was made of.
            Some(_) => Arc::new(Row { body: self.row.body.written(), ..Row::clone(&self.row) }),
            None => Arc::clone(&self.row),
        };
        let compact = Self::new(row, Arc::clone(&self.table));
        if let Some(latest) = self.latest.get() {
            compact.learn_latest(*latest);
        }
        compact.learn_unsubscribed(self.is_unsubscribed());
        Arc::new(compact)
    }

    /// What it weighs in the cache in bytes: the row, and the attributes if it was made with them. Never changes: the
    /// cache takes off what it once added.
    pub fn weight(&self) -> u64 {
        self.weight
    }

    /// It is in memory from here on: what is derived from it and not in its weight is counted.
    pub(super) fn count_in(&self, memory: &Arc<Parsed>) {
        if self.memory.set(Arc::clone(memory)).is_err() {
            return;
        }
        if let Some(attributes) = self.attributes.get().filter(|_| !self.is_weighed_parsed()) {
            memory.note(self.id(), size_of_object(attributes));
        }
        if self.has_view() {
            memory.note(self.id(), self.body().len() * VIEW);
        }
    }

    /// Whether something was derived from it that its weight does not have.
    pub(super) fn is_swollen(&self) -> bool {
        self.has_view() || (self.is_parsed() && !self.is_weighed_parsed())
    }

    fn has_view(&self) -> bool {
        self.view.get().is_some_and(|view| !matches!(view, View::None))
    }

    /// Whether its weight has all that [`Resource::attributes`] gives.
    fn is_weighed_parsed(&self) -> bool {
        self.tally.is_none() && self.weight > bare_weight(&self.row)
    }

    /// What it weighs by its row.
    pub(super) fn bare_weight(&self) -> u64 {
        bare_weight(&self.row)
    }

    /// Whether the attributes are at hand.
    pub(crate) fn is_parsed(&self) -> bool {
        self.attributes.get().is_some()
    }
}

/// What a resource weighs by its row.
fn bare_weight(row: &Row) -> u64 {
    row.body.capacity() as u64 + BARE_WEIGHT
}

/// The texts of a JSON array; nothing for another value.
pub(crate) fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}
