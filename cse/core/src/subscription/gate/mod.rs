//! What a subscription holds back: batches, rate limits, schedules (TS-0001 10.2.10.7, TS-0004 7.5.1.2.2 steps 2.4
//! to 4.0).
//!
//! A gate stands between what a subscription asks for and its targets. It counts and says what is to be done with the
//! notifications that it holds; it is pure, and its state is stored with each change. The notifications themselves are
//! kept by `holding`.

#[cfg(test)]
mod tests;

use dyad_protocol::Timestamp;
use serde::{Deserialize, Serialize};

use super::missing::Missing;
use super::policy::{Pending, Policy};
use crate::schedule::Schedule;

/// Notifications that one message carries at most.
pub(super) const LARGEST_BATCH: u64 = 1_000;

/// The state of a gate. Times are microseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Gate {
    /// Notifications that are held.
    pub(super) held: u64,
    /// Notifications that count for the next batch; more than are held if only the last is kept.
    counted: u64,
    /// When the first of those came.
    since: i64,
    /// When the present window of the rate limit began, and the messages that were sent in it.
    window: Option<(i64, u64)>,
    /// Whether a schedule has held up what is held.
    missed: bool,
    /// The schedule below the subscription; `None` without one.
    pub(super) schedule: Option<Times>,
    /// Missing data points.
    pub(super) missing: Missing,
}

/// A schedule as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Times {
    /// Its entries.
    pub(super) entries: Vec<String>,
    /// When it expires, in microseconds since 1970: from then on there is none.
    pub(super) ends: i64,
}

/// What is to be done next with what a gate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing until a moment, if there is one.
    Wait(Option<Timestamp>),
    /// So many, the oldest first, go out as one message.
    Send {
        /// How many.
        count: u64,
        /// Whether it stands for others that were dropped.
        is_latest: bool,
    },
    /// So many, the oldest first, are dropped.
    Drop(u64),
}

impl Gate {
    /// Takes in a notification. [`Gate::step`] says what to do then.
    pub(super) fn add(&mut self, now: Timestamp) {
        if self.counted == 0 {
            self.since = now.micros();
        }
        self.held += 1;
        self.counted += 1;
    }

    /// The next step; to be repeated until it is to wait. `clock` is what schedules go by: it may be behind the time of
    /// writes, which never goes back.
    pub(super) fn step(&mut self, policy: &Policy, now: Timestamp, clock: Timestamp) -> Step {
        if self.held == 0 {
            return Step::Wait(None);
        }
        // Of several that wait, the last is enough.
        if policy.latest && self.held > 1 {
            return self.drop_all_but_last();
        }
        if let Some(due) = self.batch_due(policy, now) {
            return Step::Wait(due);
        }
        if let Some(step) = self.outside(policy, clock) {
            return step;
        }
        if let Some(due) = self.rate_due(policy, now) {
            return Step::Wait(due);
        }
        let count = match &policy.batch {
            Some(batch) => self.held.min(batch.number.unwrap_or(u64::MAX)).min(LARGEST_BATCH),
            None => 1,
        };
        if let Some((_, sent)) = &mut self.window {
            *sent += 1;
        }
        let was_missed = std::mem::take(&mut self.missed);
        self.take_off(count);
        Step::Send { count, is_latest: was_missed && policy.pending == Pending::Latest }
    }

    /// Whether nothing needs to be remembered.
    pub(super) fn is_idle(&self) -> bool {
        self.held == 0
            && self.window.is_none()
            && self.schedule.is_none()
            && self.missing == Missing::default()
    }

    /// Removes the oldest one for lack of room.
    pub(super) fn displace(&mut self) -> Step {
        self.held -= self.held.min(1);
        Step::Drop(1)
    }

    fn drop_all_but_last(&mut self) -> Step {
        let dropped = self.held - 1;
        self.held = 1;
        Step::Drop(dropped)
    }

    fn take_off(&mut self, count: u64) {
        self.held -= count.min(self.held);
        self.counted = if self.held == 0 { 0 } else { self.counted.saturating_sub(count) };
    }

    /// When the batch is complete, if it is not. The inner `None` is for a batch that no time completes.
    fn batch_due(&self, policy: &Policy, now: Timestamp) -> Option<Option<Timestamp>> {
        let batch = policy.batch.as_ref()?;
        if batch.number.is_some_and(|number| self.counted >= number) || self.held >= LARGEST_BATCH {
            return None;
        }
        let Some(duration) = batch.duration else { return Some(None) };
        let due = Timestamp::from_micros(self.since).plus(duration);
        (due > now).then_some(Some(due))
    }

    /// What to do outside of the schedule; nothing inside.
    fn outside(&mut self, policy: &Policy, now: Timestamp) -> Option<Step> {
        let times = self.schedule.as_ref().filter(|times| times.ends > now.micros())?;
        let schedule = Schedule::new(times.entries.iter().map(String::as_str));
        if policy.is_immediate() || schedule.contains(now) {
            return None;
        }
        let ends = Timestamp::from_micros(times.ends);
        self.missed = true;
        Some(match policy.pending {
            Pending::Nothing => {
                let dropped = self.held;
                self.take_off(dropped);
                self.missed = false;
                Step::Drop(dropped)
            }
            Pending::Latest if self.held > 1 => self.drop_all_but_last(),
            Pending::Latest | Pending::All => {
                Step::Wait(Some(schedule.opens(now).map_or(ends, |opens| opens.min(ends))))
            }
        })
    }

    /// When the rate limit lets the next message through, if it does not. The inner `None` is for never.
    fn rate_due(&mut self, policy: &Policy, now: Timestamp) -> Option<Option<Timestamp>> {
        let Some(rate) = &policy.rate else {
            self.window = None;
            return None;
        };
        let (began, sent) = self.window.unwrap_or((now.micros(), 0));
        let length = rate.window.micros().max(1);
        let passed = now.micros().saturating_sub(began).max(0) / length;
        let began = began.saturating_add(passed.saturating_mul(length));
        let sent = if passed > 0 { 0 } else { sent };
        self.window = Some((began, sent));
        if sent < rate.most {
            return None;
        }
        let ends = Timestamp::from_micros(began).plus(rate.window);
        Some((rate.most > 0).then_some(ends))
    }
}
