//! Missing data points of a time series (`md`, TS-0004 7.5.1.2.9): how many make a notification.
//!
//! Which points are missing is for the time series function to find out.

use dyad_protocol::Timestamp;
use dyad_protocol::time::Span;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Points that are named in one notification at most; older ones are counted only.
const NAMED: usize = 1_000;

/// What a subscription wants to know (`enc/md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingData {
    /// So many missing points within the window are worth a notification, and each one more.
    pub number: u64,
    /// The window, which begins with the first of them.
    pub duration: Span,
}

impl MissingData {
    /// From a validated value.
    pub(super) fn from_value(value: &Value) -> Option<Self> {
        Some(Self {
            number: value.get("num")?.as_u64()?,
            duration: Span::parse_duration(value.get("dur")?.as_str()?)?,
        })
    }
}

/// A data point that did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingPoint {
    /// When it should have been made.
    pub expected: Timestamp,
    /// From when on it is missing (its missing data detection time, TS-0001 10.2.4.29): windows go by this, however
    /// late the node comes to look.
    pub detected: Timestamp,
}

/// The missing points that a subscription has counted in its present window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Missing {
    /// When the window began, in microseconds since 1970; nothing is counted yet if the count is 0.
    since: i64,
    count: u64,
    /// When they should have been made, as far as that was not notified yet.
    unreported: Vec<String>,
}

/// What a notification says about missing points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingReport {
    /// When the points since the last notification should have been made.
    pub points: Vec<String>,
    /// How many are missing in the window.
    pub count: u64,
}

impl Missing {
    /// Counts one more missing point. Gives what is to be notified, if anything is.
    pub(super) fn count(&mut self, wanted: &MissingData, point: MissingPoint) -> Option<MissingReport> {
        let ends = Timestamp::from_micros(self.since).plus(wanted.duration);
        if self.count == 0 || point.detected >= ends {
            *self = Self { since: point.detected.micros(), ..Self::default() };
        }
        self.count += 1;
        if self.unreported.len() >= NAMED {
            self.unreported.remove(0);
        }
        self.unreported.push(point.expected.to_string());
        (self.count >= wanted.number)
            .then(|| MissingReport { points: std::mem::take(&mut self.unreported), count: self.count })
    }
}

#[cfg(test)]
mod tests {
    use super::{Missing, MissingData, MissingPoint, MissingReport};
    use dyad_protocol::Timestamp;
    use dyad_protocol::time::Span;

    #[test]
    fn windows_begin_with_the_first_missing_point() {
        let wanted = MissingData { number: 2, duration: Span::from_seconds(10) };
        let mut missing = Missing::default();
        let second = |second: i64| Timestamp::from_micros(second * 1_000_000);
        let mut count = |detected: i64| {
            missing
                .count(&wanted, MissingPoint { expected: second(detected - 3), detected: second(detected) })
        };
        let report = |points: &[i64], count| {
            let points = points.iter().map(|point| second(point - 3).to_string()).collect();
            Some(MissingReport { points, count })
        };
        assert_eq!(count(100), None);
        assert_eq!(count(105), report(&[100, 105], 2));
        assert_eq!(count(109), report(&[109], 3));
        // The window is over, and with it what was counted.
        assert_eq!(count(110), None);
        assert_eq!(count(121), None);
        assert_eq!(count(122), report(&[121, 122], 2));
    }
}
