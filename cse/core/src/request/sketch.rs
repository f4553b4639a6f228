//! What is known of a new resource before the transaction that makes it: the table that it follows, and its attributes
//! with places for what the node adds (TS-0004 7.3.3.5).

use std::sync::Arc;

use dyad_protocol::schema::TypeTable;
use dyad_protocol::{Object, Timestamp};
use serde_json::Value;

/// A new resource as its originator has it in mind.
pub(super) struct Sketch {
    /// The table of the type, or of the specialisation.
    pub(super) table: Arc<TypeTable>,
    /// The attributes that were sent, after the universal ones, most of which are `null` until [`Draft::fill`].
    ///
    /// [`Draft::fill`]: crate::resource::Draft::fill
    pub(super) attributes: Object,
    /// The name that was asked for.
    pub(super) rn: Option<String>,
    /// The expiration time that was asked for.
    pub(super) et: Option<Timestamp>,
    /// Whether the creator is to be named.
    pub(super) names_creator: bool,
}

/// Every representation begins with these, in this order, as far as its type has them.
const FIRST: [&str; 8] = ["rn", "ty", "ri", "pi", "ct", "lt", "et", "st"];

/// Room for attributes that types and service functions add.
const ROOM: usize = 2;

impl Sketch {
    /// From attributes that suit the table.
    pub(super) fn new(table: Arc<TypeTable>, sent: &Object) -> Self {
        let mut attributes = Object::with_capacity(FIRST.len() + sent.len() + ROOM);
        // Not every table lists the first ones, which every resource has.
        for name in FIRST.iter().filter(|name| !matches!(**name, "et" | "st") || table.has(name)) {
            attributes.insert((*name).to_owned(), Value::Null);
        }
        attributes.insert("ty".to_owned(), table.number.into());
        for (name, value) in sent.iter().filter(|(name, _)| !matches!(name.as_str(), "rn" | "et")) {
            attributes.insert(name.clone(), value.clone());
        }
        let text = |name: &str| sent.get(name).and_then(Value::as_str);
        Self {
            rn: text("rn").map(str::to_owned),
            et: text("et").and_then(Timestamp::parse),
            names_creator: sent.contains_key("cr"),
            table,
            attributes,
        }
    }
}
