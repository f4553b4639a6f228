//! Subscriptions and the notifications they cause (TS-0001 9.6.8, 10.2.10, TS-0004 7.4.8, 7.5.1).
//!
//! Responsible for what a subscription says, which changes it asks for, what it holds back, and the text of the
//! notifications. When a change is matched is decided by the service function that is wired to it; delivery is left to
//! [`crate::delivery`].
//!
//! From a change to a notification: `matching` finds the subscriptions that it concerns, `posting` writes what they
//! are owed, `distribution` does the same later where they are many, `holding` keeps what policies and schedules hold
//! back until `gate` lets it through.

mod criteria;
mod departure;
mod distribution;
mod forwarding;
mod gate;
mod holding;
mod index;
mod matching;
mod missing;
mod monitor;
mod notification;
mod policy;
mod posting;
mod raising;
mod run;
pub(crate) mod statistics;
mod targets;

use dyad_protocol::Object;
use serde_json::Value;

use crate::resource::texts;

pub use criteria::{ContentType, Criteria, EventType, Monitor};
pub(crate) use departure::wants_out;
pub use departure::{ask_for_removal, is_within, remove_target, tell_of_removal};
pub use forwarding::forward;
pub(crate) use holding::changed;
pub use holding::reschedule;
pub use index::SubscriptionList;
pub use matching::notify;
pub use missing::{MissingData, MissingPoint, MissingReport};
pub use monitor::{accessed, is_watched, note_watcher};
pub(crate) use notification::identifier;
pub use notification::{blocking, number_of, verification};
pub use policy::{Batching, IMMEDIATE, LATEST, Pending, Policy, RateLimit};
pub(crate) use raising::{catch_up, tell_of_end};
pub use raising::{raise, report_missing, tell};
pub use run::run;
pub use statistics::follow_switch;
pub use targets::members;

/// The type number of `<subscription>`.
pub const SUBSCRIPTION: u32 = 23;

/// The type number of `<crossResourceSubscription>`.
pub const CROSS_RESOURCE_SUBSCRIPTION: u32 = 48;

/// Whether resources of a type notify targets.
pub fn is_subscription(ty: u32) -> bool {
    matches!(ty, SUBSCRIPTION | CROSS_RESOURCE_SUBSCRIPTION)
}

/// What a `<subscription>` or `<crossResourceSubscription>` says, taken from its attributes once.
#[derive(Debug)]
pub struct Subscription {
    /// `nu`
    pub targets: Vec<String>,
    /// `enc`
    pub criteria: Criteria,
    /// `nct`
    pub content_type: ContentType,
    /// How notifications are sent.
    pub policy: Policy,
    /// `exc`
    pub expiration_counter: Option<u64>,
    /// `su`: who learns that the subscription is gone.
    pub subscriber: Option<String>,
    /// `acrs`: cross-resource subscriptions that learn the same.
    pub associated: Vec<String>,
    /// `nfu`: to whom a group hands the notifications on.
    pub forwarding: Option<String>,
    /// `cr`
    pub creator: Option<String>,
    /// `eeno`: notifications name who caused the event in place of the creator.
    pub names_originator: bool,
    /// `nse`: notifications are counted.
    pub keeps_statistics: bool,
}

impl Subscription {
    /// From validated attributes.
    pub fn from_attributes(attributes: &Object) -> Self {
        let text = |name: &str| attributes.get(name).and_then(Value::as_str).map(str::to_owned);
        let flag = |name: &str| attributes.get(name).and_then(Value::as_bool).unwrap_or(false);
        let number = |name: &str| attributes.get(name).and_then(Value::as_u64);
        Self {
            targets: texts(attributes.get("nu")).map(str::to_owned).collect(),
            criteria: Criteria::new(attributes.get("enc")),
            content_type: number("nct").and_then(ContentType::from_number).unwrap_or_default(),
            policy: Policy::from_attributes(attributes),
            expiration_counter: number("exc"),
            subscriber: text("su"),
            associated: texts(attributes.get("acrs")).map(str::to_owned).collect(),
            forwarding: text("nfu"),
            creator: text("cr"),
            names_originator: flag("eeno"),
            keeps_statistics: flag("nse"),
        }
    }

    /// Whether a target may be one of its own: certain if not. A group may have any member.
    pub(crate) fn may_notify(&self, target: &str) -> bool {
        self.targets.iter().any(|own| own == target || !targets::is_entity(own))
    }

    /// Whether it asks for an event type.
    pub fn wants(&self, event: EventType) -> bool {
        self.criteria.events.contains(&event)
    }
}
