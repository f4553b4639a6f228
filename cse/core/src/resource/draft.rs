//! A resource in the making: what CREATE and UPDATE work on before a new version is fixed.

use std::sync::Arc;

use dyad_protocol::schema::TypeTable;
use dyad_protocol::{Failure, Object, Timestamp};
use serde_json::Value;

use super::{Id, Latest, Resource, names};
use crate::store::Row;

/// The type of the instances of time series.
const TIME_SERIES_INSTANCE: u32 = 30;

/// A version of a resource that is not fixed yet.
pub struct Draft {
    /// The table of the type, or of the specialisation.
    pub table: Arc<TypeTable>,
    /// Number of the row.
    pub id: Id,
    /// Number of the parent.
    pub parent: Id,
    /// The attributes, short names to values.
    pub attributes: Object,
    /// The resource ID if it does not derive from the number.
    pub ri: Option<String>,
    /// The name if it does not derive from the number.
    pub rn: Option<String>,
    /// Who creates it, for the default access policy.
    pub originator: Option<String>,
    /// Its latest instance.
    pub latest: Latest,
    /// The number below which its instances are trimmed, if any are.
    pub(crate) floor: Option<Id>,
    /// Whether it goes when its parent does and needs no expiration of its own in the store: an instance that nobody
    /// gave a shorter life.
    pub expires_with_parent: bool,
}

impl Draft {
    /// The next version of a resource.
    pub fn of(resource: &Resource) -> Self {
        let row = resource.row();
        Self {
            table: Arc::clone(resource.table()),
            id: row.id,
            parent: row.parent,
            attributes: resource.attributes().clone(),
            ri: row.ri.clone(),
            rn: row.rn.clone(),
            originator: row.originator.clone(),
            latest: resource.latest(),
            floor: row.floor,
            expires_with_parent: false,
        }
    }

    /// `ri`
    pub fn resource_id(&self) -> String {
        self.ri.clone().unwrap_or_else(|| names::derived(&self.table.root, self.id))
    }

    /// `rn`
    pub fn name(&self) -> String {
        self.rn.clone().unwrap_or_else(|| names::derived(&self.table.root, self.id))
    }

    /// Gives it a resource ID of its own, as AEs have.
    pub fn set_resource_id(&mut self, ri: impl Into<String>) {
        let ri = ri.into();
        self.attributes.insert("ri".into(), Value::from(ri.clone()));
        self.ri = Some(ri);
    }

    /// Sets an attribute.
    pub fn set(&mut self, short_name: &str, value: impl Into<Value>) {
        match self.attributes.get_mut(short_name) {
            Some(place) => *place = value.into(),
            None => drop(self.attributes.insert(short_name.to_owned(), value.into())),
        }
    }

    /// Sets an attribute for which a place is kept, unless it has a value.
    pub(crate) fn fill(&mut self, short_name: &str, value: impl Into<Value>) {
        if let Some(place @ Value::Null) = self.attributes.get_mut(short_name) {
            *place = value.into();
        }
    }

    /// A non-negative number.
    pub fn number(&self, short_name: &str) -> Option<u64> {
        self.attributes.get(short_name)?.as_u64()
    }

    /// A point in time.
    pub fn time(&self, short_name: &str) -> Option<Timestamp> {
        Timestamp::parse(self.attributes.get(short_name)?.as_str()?)
    }

    /// Fixes the version. Internal failure if the attributes cannot be written.
    pub fn fix(self) -> Result<Arc<Resource>, Failure> {
        let attributes = self.attributes;
        let time = |name: &str| attributes.get(name).and_then(Value::as_str).and_then(Timestamp::parse);
        let row = Row {
            id: self.id,
            parent: self.parent,
            ty: i32::try_from(self.table.number).map_err(Failure::internal)?,
            rn: self.rn,
            ri: self.ri,
            root: match self.table.specialization {
                dyad_protocol::schema::Specialization::None => None,
                _ => Some(self.table.root.to_string()),
            },
            originator: self.originator,
            ct: time("ct").unwrap_or_default().micros(),
            lt: time("lt").or_else(|| time("ct")).unwrap_or_default().micros(),
            et: match self.expires_with_parent {
                true => Timestamp::NEVER.micros(),
                false => time("et").unwrap_or(Timestamp::NEVER).micros(),
            },
            cs: attributes.get("cs").and_then(Value::as_i64),
            // Without the room that the text had to grow: it may be kept for long.
            body: serde_json::to_string(&attributes).map_err(Failure::internal)?.as_str().into(),
            dgt: match self.table.number {
                TIME_SERIES_INSTANCE => time("dgt").map(Timestamp::micros),
                _ => None,
            },
            floor: self.floor,
        };
        Ok(Arc::new(Resource::with_attributes(Arc::new(row), self.table, self.latest, attributes)))
    }
}
