//! How far the detection of missing data has got in one time series (TS-0001 10.2.4.29): values, no clock, no store.
//!
//! Data points are expected at the time of the first one plus whole multiples of the interval, within a delta to both
//! sides. One is missing if nothing came until its detection time. All times are in microseconds since 1970.

use std::fmt;

use dyad_core::subscription::MissingPoint;
use dyad_protocol::{Object, Timestamp};

use super::rules;

/// Longer than every point in time, and far from the end of the numbers.
const LONGEST: i64 = i64::MAX / 8;

/// Expected points for which it is remembered that they came before their turn.
const AHEAD: i64 = 64;

/// When data are expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rhythm {
    /// From one point to the next; at least 1.
    interval: i64,
    /// By how much a point may be early or late; at most half of the interval.
    delta: i64,
    /// From when a point is expected to when it is missing.
    timer: i64,
}

impl Rhythm {
    /// That of a time series; `None` if nothing is to be detected.
    pub(super) fn of(attributes: &Object) -> Option<Self> {
        let length = |name| rules::millis(attributes, name).map(micros);
        if !rules::is_watched(attributes) {
            return None;
        }
        Some(Self {
            interval: length("pei")?.max(1),
            delta: length("peid").unwrap_or(0),
            timer: length("mdt")?,
        })
    }

    /// A point that was expected at a time and has not come.
    pub(super) fn missing(&self, expected: i64) -> MissingPoint {
        MissingPoint {
            expected: Timestamp::from_micros(expected),
            detected: Timestamp::from_micros(expected.saturating_add(self.timer)),
        }
    }

    /// Between which points, counted from one at `next`, data of a time are within the range: none if the first is
    /// greater than the last.
    fn points(&self, next: i64, generated: i64) -> (i64, i64) {
        let offset = generated.saturating_sub(next);
        let last = offset.saturating_add(self.delta).div_euclid(self.interval);
        let first = -self.delta.saturating_sub(offset).div_euclid(self.interval);
        (first, last)
    }
}

fn micros(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(LONGEST).saturating_mul(1_000).min(LONGEST)
}

/// The points about which nothing is decided yet. Nothing has come for the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    /// When the next one is expected.
    next: i64,
    /// Which of those after it came already, as bits: the lowest is the next one itself.
    came: u64,
}

impl Progress {
    /// After the first instance, with data of some time. What should have been found missing by now is nobody's to
    /// detect: monitoring begins now.
    pub(super) fn begin(rhythm: &Rhythm, generated: i64, now: i64) -> Self {
        let mut progress = Self { next: generated.saturating_add(rhythm.interval), came: 0 };
        progress.skip(rhythm, progress.overdue(rhythm, now));
        progress
    }

    /// From its text.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (next, came) = text.split_once(' ')?;
        Some(Self { next: next.parse().ok()?, came: came.parse().ok()? })
    }

    /// When the next point is missing if it has not come.
    pub(super) fn due(&self, rhythm: &Rhythm) -> Timestamp {
        Timestamp::from_micros(self.next.saturating_add(rhythm.timer))
    }

    /// Of how many points the detection time has come.
    pub(super) fn overdue(&self, rhythm: &Rhythm, now: i64) -> u64 {
        let since = now.saturating_sub(rhythm.timer).saturating_sub(self.next);
        if since < 0 { 0 } else { since.unsigned_abs() / rhythm.interval.unsigned_abs() + 1 }
    }

    /// Leaves out so many points.
    pub(super) fn skip(&mut self, rhythm: &Rhythm, points: u64) {
        let points = i64::try_from(points).unwrap_or(i64::MAX);
        self.next = self.next.saturating_add(points.saturating_mul(rhythm.interval));
        self.came = if points < AHEAD { self.came >> points } else { 0 };
        // Of those that came, nothing is left to decide.
        let came = self.came.trailing_ones();
        self.next = self.next.saturating_add(i64::from(came).saturating_mul(rhythm.interval));
        self.came = self.came.checked_shr(came).unwrap_or(0);
    }

    /// An instance comes. One in the middle of two points is within the range of both.
    pub(super) fn arrived(&mut self, rhythm: &Rhythm, generated: i64) {
        let (first, last) = rhythm.points(self.next, generated);
        for point in first.max(0)..=last.min(AHEAD - 1) {
            self.came |= 1 << point;
        }
        self.skip(rhythm, 0);
    }

    /// The next points, to find out which of them came.
    pub(super) fn expected(&self, rhythm: &Rhythm, points: u64) -> Expected {
        let remembered = |point: u64| point < AHEAD.unsigned_abs() && self.came >> point & 1 == 1;
        Expected { rhythm: *rhythm, next: self.next, came: (0..points).map(remembered).collect() }
    }

    /// Decides about points: gives when those were expected that are missing, in order.
    pub(super) fn pass(&mut self, rhythm: &Rhythm, expected: &Expected) -> Vec<i64> {
        let mut missing = Vec::new();
        let mut at = expected.next;
        for came in &expected.came {
            if !came {
                missing.push(at);
            }
            at = at.saturating_add(rhythm.interval);
        }
        self.skip(rhythm, expected.came.len() as u64);
        missing
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.next, self.came)
    }
}

/// Some points in a row, each with whether it came.
#[derive(Debug)]
pub(super) struct Expected {
    rhythm: Rhythm,
    next: i64,
    came: Vec<bool>,
}

impl Expected {
    /// From when to when data of these points may be.
    pub(super) fn span(&self) -> (i64, i64) {
        let last = i64::try_from(self.came.len()).unwrap_or(i64::MAX).saturating_sub(1);
        let to = self.next.saturating_add(last.saturating_mul(self.rhythm.interval));
        (self.next.saturating_sub(self.rhythm.delta), to.saturating_add(self.rhythm.delta))
    }

    /// An instance with data of a time is there.
    pub(super) fn note(&mut self, generated: i64) {
        let (first, last) = self.rhythm.points(self.next, generated);
        for point in first.max(0)..=last {
            if let Some(came) = usize::try_from(point).ok().and_then(|point| self.came.get_mut(point)) {
                *came = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Progress, Rhythm};

    /// What detection must find, with no memory but that of everything that came.
    struct Naive {
        rhythm: Rhythm,
        first: i64,
        came: Vec<i64>,
        decided: i64,
        missing: Vec<i64>,
    }

    impl Naive {
        fn until(&mut self, now: i64) {
            loop {
                let expected = self.first + self.decided * self.rhythm.interval;
                if now < expected + self.rhythm.timer {
                    return;
                }
                if !self.came.iter().any(|at| (at - expected).abs() <= self.rhythm.delta) {
                    self.missing.push(expected);
                }
                self.decided += 1;
            }
        }
    }

    /// Decides as the function does; what is stored beside is asked for points far ahead.
    fn settle(progress: &mut Progress, rhythm: &Rhythm, now: i64, stored: &[i64]) -> Vec<i64> {
        let mut expected = progress.expected(rhythm, progress.overdue(rhythm, now));
        stored.iter().for_each(|generated| expected.note(*generated));
        progress.pass(rhythm, &expected)
    }

    prop_compose! {
        fn rhythms()(interval in 1_i64..50, delta in 0_i64..26, timer in 1_i64..200) -> Rhythm {
            Rhythm { interval, delta: delta.min(interval / 2), timer }
        }
    }

    proptest! {
        /// Whatever comes, in whatever order, however late the timer and with restarts in between.
        #[test]
        fn finds_what_is_missing_and_nothing_else(
            rhythm in rhythms(),
            steps in prop::collection::vec((0_i64..60, -150_i64..150, any::<bool>()), 1..60),
        ) {
            let first = 1_000;
            let mut now = first;
            let mut progress = Progress::begin(&rhythm, first, now);
            let mut naive = Naive { rhythm, first, came: vec![first], decided: 1, missing: Vec::new() };
            let mut missing = Vec::new();
            for (pause, offset, comes) in steps {
                now += pause;
                naive.until(now);
                missing.extend(settle(&mut progress, &rhythm, now, &naive.came));
                if comes {
                    progress.arrived(&rhythm, now + offset);
                    naive.came.push(now + offset);
                }
                prop_assert!(progress.due(&rhythm).micros() > now);
                progress = Progress::parse(&progress.to_string()).unwrap();
            }
            prop_assert_eq!(missing, naive.missing);
        }

        /// The same when instances do not stay long enough to be asked for: those that came a little ahead are remembered.
        #[test]
        fn needs_no_instances_that_came_a_little_ahead(
            timer in 1_i64..60,
            came in prop::collection::vec(any::<bool>(), 40),
        ) {
            let rhythm = Rhythm { interval: 10, delta: 2, timer };
            let mut progress = Progress::begin(&rhythm, 0, 0);
            let mut missing = Vec::new();
            for (point, came) in came.iter().enumerate() {
                let at = (i64::try_from(point).unwrap() + 1) * 10;
                missing.extend(settle(&mut progress, &rhythm, at, &[]));
                if *came {
                    progress.arrived(&rhythm, at);
                }
            }
            missing.extend(settle(&mut progress, &rhythm, 40 * 10 + timer, &[]));
            let wanted = came.iter().zip(1_i64..).filter(|(came, _)| !**came).map(|(_, point)| point * 10);
            prop_assert_eq!(missing, wanted.collect::<Vec<_>>());
        }

        #[test]
        fn bears_every_number(
            interval in 1..=super::LONGEST, delta: i64, timer in 0..=super::LONGEST,
            generated: i64, now: i64, other: i64,
        ) {
            let rhythm = Rhythm { interval, delta: delta.rem_euclid(interval / 2 + 1), timer };
            let mut progress = Progress::begin(&rhythm, generated, now);
            progress.arrived(&rhythm, other);
            let overdue = progress.overdue(&rhythm, other);
            progress.skip(&rhythm, overdue.saturating_sub(3));
            let mut expected = progress.expected(&rhythm, 3);
            expected.note(other);
            let _ = (expected.span(), progress.pass(&rhythm, &expected), progress.due(&rhythm));
        }
    }

    #[test]
    fn what_was_due_before_the_first_instance_is_nobodys_to_detect() {
        let rhythm = Rhythm { interval: 10, delta: 2, timer: 5 };
        let progress = Progress::begin(&rhythm, 3, 1_000);
        // The rhythm stays that of the first data.
        assert_eq!(progress.due(&rhythm).micros(), 1_003 + 5);
        assert_eq!(Progress::begin(&rhythm, 3, 0).due(&rhythm).micros(), 13 + 5);
        let ahead = Progress::begin(&rhythm, 5_000, 0);
        assert_eq!((ahead.overdue(&rhythm, 1_000), ahead.due(&rhythm).micros()), (0, 5_010 + 5));
    }

    #[test]
    fn ranges_include_their_ends() {
        let rhythm = Rhythm { interval: 10, delta: 5, timer: 6 };
        for (generated, came) in [(4, 0), (5, 1), (10, 1), (14, 1), (15, 2)] {
            let mut progress = Progress::begin(&rhythm, 0, 0);
            progress.arrived(&rhythm, generated);
            assert_eq!(progress.next, 10 + 10 * came, "{generated}");
        }
    }

    #[test]
    fn no_other_text_is_a_state() {
        for text in ["", "1", "a 1", "1 -1", "1 2 3"] {
            assert_eq!(Progress::parse(text), None, "{text}");
        }
    }
}
