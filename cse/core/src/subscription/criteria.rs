//! What a subscription asks for (`enc`, TS-0004 6.3.5.7): event types, monitored operations, conditions.

use dyad_protocol::primitive::{FilterCriteria, FilterOperation};
use dyad_protocol::{Object, Operation, Timestamp};
use serde_json::Value;

use super::missing::MissingData;
use crate::access::operation;
use crate::resource::texts;

/// What triggers a notification (`net`, TS-0004 6.3.4.2.19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    /// 1: an update of the resource.
    Update,
    /// 2: its deletion.
    Delete,
    /// 3: a new child.
    CreateChild,
    /// 4: the deletion of a child.
    DeleteChild,
    /// 5: a retrieval of the children of a container that has none.
    RetrieveNoChild,
    /// 6: a trigger of the underlying network for the AE.
    TriggerReceived,
    /// 7: an update that the target has to agree with first.
    BlockingUpdate,
    /// 8: missing data points of a time series.
    MissingData,
}

impl EventType {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Update,
        Self::Delete,
        Self::CreateChild,
        Self::DeleteChild,
        Self::RetrieveNoChild,
        Self::TriggerReceived,
        Self::BlockingUpdate,
        Self::MissingData,
    ];

    /// From the number on the wire.
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|event| u64::from(event.number()) == number)
    }

    /// The number on the wire.
    pub const fn number(self) -> u8 {
        match self {
            Self::Update => 1,
            Self::Delete => 2,
            Self::CreateChild => 3,
            Self::DeleteChild => 4,
            Self::RetrieveNoChild => 5,
            Self::TriggerReceived => 6,
            Self::BlockingUpdate => 7,
            Self::MissingData => 8,
        }
    }
}

/// What of a resource a notification carries (`nct`, TS-0004 6.3.4.2.12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContentType {
    /// 1
    #[default]
    AllAttributes,
    /// 2
    ModifiedAttributes,
    /// 3: the address.
    ResourceId,
    /// 4
    TriggerPayload,
    /// 5
    TimeSeriesNotification,
}

impl ContentType {
    /// From the number on the wire.
    pub const fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::AllAttributes,
            2 => Self::ModifiedAttributes,
            3 => Self::ResourceId,
            4 => Self::TriggerPayload,
            5 => Self::TimeSeriesNotification,
            _ => return None,
        })
    }

    /// The number on the wire.
    pub const fn number(self) -> u8 {
        match self {
            Self::AllAttributes => 1,
            Self::ModifiedAttributes => 2,
            Self::ResourceId => 3,
            Self::TriggerPayload => 4,
            Self::TimeSeriesNotification => 5,
        }
    }

    /// The one that goes with an event type when none is given (TS-0001 Table 9.6.8-4).
    pub const fn default_of(event: EventType) -> Self {
        match event {
            EventType::BlockingUpdate => Self::ModifiedAttributes,
            EventType::TriggerReceived => Self::TriggerPayload,
            EventType::MissingData => Self::TimeSeriesNotification,
            _ => Self::AllAttributes,
        }
    }

    /// Whether it goes with an event type (TS-0001 Table 9.6.8-4).
    pub const fn suits(self, event: EventType) -> bool {
        match event {
            EventType::Update => {
                matches!(self, Self::AllAttributes | Self::ModifiedAttributes | Self::ResourceId)
            }
            EventType::BlockingUpdate => matches!(self, Self::ModifiedAttributes),
            EventType::TriggerReceived => matches!(self, Self::TriggerPayload),
            EventType::MissingData => matches!(self, Self::TimeSeriesNotification),
            _ => matches!(self, Self::AllAttributes | Self::ResourceId),
        }
    }
}

/// Accesses to the resource that are told of, whatever comes of them (`enc/om`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Monitor {
    /// The operations as bits of [`operation`]; all if nothing is said.
    pub operations: Option<u8>,
    /// The originator in its shortest form on this node; everybody if nothing is said.
    pub originator: Option<String>,
}

impl Monitor {
    fn from_value(value: &Value) -> Self {
        Self {
            operations: value.get("ops").and_then(Value::as_u64).and_then(|ops| u8::try_from(ops).ok()),
            originator: value.get("or").and_then(Value::as_str).map(str::to_owned),
        }
    }

    /// Whether an access is one of those. `shorten` brings an identifier into its shortest form.
    pub fn concerns<'a>(
        &'a self,
        access: u8,
        originator: &str,
        shorten: impl Fn(&'a str) -> &'a str,
    ) -> bool {
        self.operations.is_none_or(|operations| operations & access != 0)
            && self.originator.as_deref().is_none_or(|wanted| shorten(wanted) == originator)
    }
}

/// The bit of [`operation`] for an access.
pub(crate) fn access_of(operation: Operation, is_discovery: bool) -> u8 {
    match operation {
        Operation::Create => operation::CREATE,
        Operation::Retrieve if is_discovery => operation::DISCOVERY,
        Operation::Retrieve => operation::RETRIEVE,
        Operation::Update => operation::UPDATE,
        Operation::Delete => operation::DELETE,
        Operation::Notify => operation::NOTIFY,
    }
}

/// Event notification criteria, taken from their value once.
#[derive(Debug, Default)]
pub struct Criteria {
    /// `net`; updates if there is neither this nor `om`.
    pub events: Vec<EventType>,
    /// `om`
    pub monitors: Vec<Monitor>,
    /// `atr`: an update counts if it touches one of these; any if empty.
    pub attributes: Vec<String>,
    /// `chty`: children that count; all if empty.
    pub child_types: Vec<u32>,
    /// The conditions on times, state and size, if there are any.
    pub conditions: Option<Box<FilterCriteria>>,
    /// `md`
    pub missing_data: Option<MissingData>,
}

impl Criteria {
    /// From a validated value, or for a subscription without.
    pub fn new(enc: Option<&Value>) -> Self {
        let member = |name: &str| enc.and_then(|enc| enc.get(name));
        let list = |name: &str| member(name).and_then(Value::as_array).into_iter().flatten();
        let mut criteria = Self {
            events: list("net").filter_map(Value::as_u64).filter_map(EventType::from_number).collect(),
            monitors: list("om").map(Monitor::from_value).collect(),
            attributes: texts(member("atr")).map(str::to_owned).collect(),
            child_types: list("chty").filter_map(Value::as_u64).filter_map(|ty| ty.try_into().ok()).collect(),
            conditions: enc.and_then(Value::as_object).map(conditions).map(Box::new),
            missing_data: member("md").and_then(MissingData::from_value),
        };
        criteria.conditions = criteria.conditions.filter(|conditions| conditions.has_conditions());
        if criteria.events.is_empty() && criteria.monitors.is_empty() {
            criteria.events.push(EventType::Update);
        }
        criteria
    }

    /// Whether every event of its types counts, without a look at the resource.
    pub fn is_unconditional(&self) -> bool {
        self.attributes.is_empty() && self.child_types.is_empty() && self.conditions.is_none()
    }

    /// Whether a resource with these attributes fulfils the conditions.
    pub(crate) fn holds_for(&self, attributes: &Object) -> bool {
        let conditions = self.conditions.as_ref();
        conditions.is_none_or(|conditions| crate::request::matches_times(attributes, conditions))
    }

    /// Whether a child of a type with these attributes counts.
    pub(crate) fn holds_for_child(&self, ty: u32, attributes: &Object) -> bool {
        (self.child_types.is_empty() || self.child_types.contains(&ty)) && self.holds_for(attributes)
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
