//! Subscriptions and the notifications they cause (TS-0001 9.6.8, TS-0004 7.4.8, 7.5.1).
//!
//! Responsible for what a subscription says, which changes it asks for, and the text of the notifications. When a
//! change is matched is decided by the service function that is wired to it; delivery is left to
//! [`crate::delivery`].

mod matching;
mod notification;

use dyad_protocol::Object;
use dyad_protocol::Timestamp;
use dyad_protocol::primitive::{FilterCriteria, FilterOperation};
use serde_json::Value;

use crate::resource::texts;

pub use matching::notify;
pub use notification::verification;

/// What triggers a notification (`net`, TS-0004 6.3.4.2.19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    /// 1
    Update,
    /// 2
    Delete,
    /// 3
    CreateChild,
    /// 4
    DeleteChild,
    /// A number that this node has no event for.
    Other(u64),
}

impl EventType {
    fn from_number(number: u64) -> Self {
        match number {
            1 => Self::Update,
            2 => Self::Delete,
            3 => Self::CreateChild,
            4 => Self::DeleteChild,
            other => Self::Other(other),
        }
    }

    /// The number on the wire.
    pub fn number(self) -> u64 {
        match self {
            Self::Update => 1,
            Self::Delete => 2,
            Self::CreateChild => 3,
            Self::DeleteChild => 4,
            Self::Other(number) => number,
        }
    }
}

/// What a `<subscription>` says, taken from its attributes once.
#[derive(Debug)]
pub struct Subscription {
    /// `nu`
    pub targets: Vec<String>,
    /// `enc/net`; updates if there is none.
    pub events: Vec<EventType>,
    /// `enc/atr`: an update counts if it touches one of these; any if empty.
    pub attributes: Vec<String>,
    /// `enc/chty`: children that count; all if empty.
    pub child_types: Vec<u32>,
    /// The conditions of `enc` on times, state and size.
    pub conditions: FilterCriteria,
    /// `nct`: 1 all attributes, 2 modified attributes, 3 the address.
    pub content_type: u64,
    /// `exc`
    pub expiration_counter: Option<u64>,
    /// `su`: who learns that the subscription is gone.
    pub subscriber: Option<String>,
}

impl Subscription {
    /// From validated attributes.
    pub fn from_attributes(attributes: &Object) -> Self {
        let criteria = attributes.get("enc").and_then(Value::as_object);
        let member = |name: &str| criteria.and_then(|criteria| criteria.get(name));
        let numbers = |name: &str| {
            member(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_u64)
        };
        let mut events: Vec<EventType> = numbers("net").map(EventType::from_number).collect();
        if events.is_empty() {
            events.push(EventType::Update);
        }
        Self {
            targets: texts(attributes.get("nu")).map(str::to_owned).collect(),
            events,
            attributes: texts(member("atr")).map(str::to_owned).collect(),
            child_types: numbers("chty").filter_map(|ty| u32::try_from(ty).ok()).collect(),
            conditions: criteria.map(conditions).unwrap_or_default(),
            content_type: attributes.get("nct").and_then(Value::as_u64).unwrap_or(1),
            expiration_counter: attributes.get("exc").and_then(Value::as_u64),
            subscriber: attributes.get("su").and_then(Value::as_str).map(str::to_owned),
        }
    }
}

/// The conditions that event notification criteria share with filter criteria.
fn conditions(criteria: &Object) -> FilterCriteria {
    let time = |name: &str| criteria.get(name).and_then(Value::as_str).and_then(Timestamp::parse);
    let number = |name: &str| criteria.get(name).and_then(Value::as_u64);
    FilterCriteria {
        created_before: time("crb"),
        created_after: time("cra"),
        modified_since: time("ms"),
        unmodified_since: time("us"),
        state_tag_smaller: number("sts"),
        state_tag_bigger: number("stb"),
        expire_before: time("exb"),
        expire_after: time("exa"),
        size_above: number("sza"),
        size_below: number("szb"),
        operation: match number("fo") {
            Some(2) => FilterOperation::Or,
            Some(3) => FilterOperation::Xor,
            _ => FilterOperation::And,
        },
        ..FilterCriteria::default()
    }
}
