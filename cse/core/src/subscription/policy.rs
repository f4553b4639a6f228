//! The notification policies of a subscription (TS-0001 9.6.8, 10.2.10.7): how what it asks for is sent.

use dyad_protocol::Object;
use dyad_protocol::time::Span;
use serde_json::Value;

/// What becomes of notifications that schedules do not let through (`pn`, TS-0004 6.3.4.2.22).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pending {
    /// They are dropped.
    #[default]
    Nothing,
    /// 1: the last one is sent when it can be.
    Latest,
    /// 2: all are sent when they can be.
    All,
}

/// Several notifications in one message (`bn`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    /// So many are a batch; any number if nothing is said.
    pub number: Option<u64>,
    /// After so long those that are there are a batch.
    pub duration: Option<Span>,
}

/// So many messages in a window of time (`rl`). Windows follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Messages in one window.
    pub most: u64,
    /// Length of a window; not zero.
    pub window: Span,
}

/// How notifications are sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// `bn`
    pub batch: Option<Batching>,
    /// `rl`
    pub rate: Option<RateLimit>,
    /// `pn`
    pub pending: Pending,
    /// `ln`: of several that wait, the last is enough.
    pub latest: bool,
    /// `nec`: the Event Category of notifications.
    pub category: Option<u16>,
    /// `nsp`: among notifications to one target, which are worth more storage.
    pub priority: u32,
}

/// Event Category "immediate": schedules do not hold it up.
pub const IMMEDIATE: u16 = 2;

/// Event Category "latest": it makes those before it superfluous.
pub const LATEST: u16 = 4;

impl Policy {
    /// From validated attributes.
    pub(super) fn from_attributes(attributes: &Object) -> Self {
        let number = |name: &str| attributes.get(name).and_then(Value::as_u64);
        Self {
            batch: attributes.get("bn").map(batching),
            rate: attributes.get("rl").and_then(rate_limit),
            pending: match number("pn") {
                Some(1) => Pending::Latest,
                Some(2) => Pending::All,
                _ => Pending::Nothing,
            },
            latest: attributes.get("ln").and_then(Value::as_bool).unwrap_or(false),
            category: number("nec").and_then(|category| u16::try_from(category).ok()),
            priority: number("nsp").map_or(0, |priority| u32::try_from(priority).unwrap_or(u32::MAX)),
        }
    }

    /// Whether notifications may be held back even when nothing is in their way.
    pub fn holds_back(&self) -> bool {
        self.batch.is_some() || self.rate.is_some()
    }

    /// Whether schedules do not hold up its notifications (TS-0004 7.5.1.2.2 step 3.0).
    pub fn is_immediate(&self) -> bool {
        self.category == Some(IMMEDIATE)
    }

    /// The Event Category of a notification.
    pub fn category_of(&self, is_latest: bool) -> u16 {
        if self.latest || is_latest { LATEST } else { self.category.unwrap_or(0) }
    }
}

fn batching(value: &Value) -> Batching {
    Batching {
        number: value.get("num").and_then(Value::as_u64).filter(|number| *number > 0),
        duration: value.get("dur").and_then(Value::as_str).and_then(Span::parse_duration),
    }
}

fn rate_limit(value: &Value) -> Option<RateLimit> {
    let window = value.get("tww").and_then(Value::as_str).and_then(Span::parse_duration)?;
    let most = value.get("mnn").and_then(Value::as_u64)?;
    (window.micros() > 0).then_some(RateLimit { most, window })
}
