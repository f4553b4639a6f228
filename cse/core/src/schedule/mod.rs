//! Schedules: time patterns (`m2m:scheduleEntry`, TS-0004 7.4.9.1) and lists of them (`m2m:scheduleEntries`).
//!
//! Responsible for saying whether a moment is inside, and when that changes next. Pure: which schedule governs what,
//! and what the present is, is left to whoever asks. Patterns are in UTC and whole seconds.

mod field;
mod pattern;
#[cfg(test)]
mod tests;

use dyad_protocol::Timestamp;
use serde_json::Value;

pub use pattern::Pattern;

/// Patterns that are looked at in turn before a schedule counts as one that never closes.
const TURNS: usize = 1_000;

/// Several patterns: inside is what is inside of one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    patterns: Vec<Pattern>,
}

impl Schedule {
    /// From patterns as texts. Those that are none never match.
    pub fn new<'a>(entries: impl IntoIterator<Item = &'a str>) -> Self {
        Self { patterns: entries.into_iter().filter_map(Pattern::parse).collect() }
    }

    /// From a value of type `m2m:scheduleEntries`, `{"sce": ["* * 8-20 * * * *"]}`, as `scheduleElement` has it.
    pub fn from_entries(value: &Value) -> Self {
        Self::new(crate::resource::texts(value.get("sce")))
    }

    /// One that is inside of any of several.
    pub fn any(schedules: impl IntoIterator<Item = Self>) -> Self {
        Self { patterns: schedules.into_iter().flat_map(|schedule| schedule.patterns).collect() }
    }

    /// Whether a moment is inside.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.patterns.iter().any(|pattern| pattern.contains(at))
    }

    /// The first moment from here on that is inside: `from` itself if it is. `None` if there is none.
    pub fn opens(&self, from: Timestamp) -> Option<Timestamp> {
        self.patterns.iter().filter_map(|pattern| pattern.opens(from)).min()
    }

    /// The first moment from here on that is outside: `from` itself if it is. `None` if there is none within a
    /// hundred years.
    pub fn closes(&self, from: Timestamp) -> Option<Timestamp> {
        let mut at = from;
        for _ in 0..TURNS {
            let Some(open) = self.patterns.iter().find(|pattern| pattern.contains(at)) else {
                return Some(at);
            };
            at = open.closes(at)?;
        }
        None
    }
}
