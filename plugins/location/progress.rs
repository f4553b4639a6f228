//! How far a policy has got: values, no clock, no store. Kept with the alarm of the policy.

use std::fmt;

use dyad_protocol::Timestamp;

/// Events that may wait to be kept.
const MOST: usize = 100;

/// `m2m:geofenceEventCriteria`: how a location and the one before it lie to an area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Entering,
    Leaving,
    Inside,
    Outside,
}

impl Event {
    const ALL: [Self; 4] = [Self::Entering, Self::Leaving, Self::Inside, Self::Outside];

    pub(super) fn of_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.number() == number)
    }

    pub(super) const fn number(self) -> u64 {
        match self {
            Self::Entering => 1,
            Self::Leaving => 2,
            Self::Inside => 3,
            Self::Outside => 4,
        }
    }
}

/// How far a policy has got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// When the next position is due.
    pub(super) next: Option<Timestamp>,
    /// Whether the last location was inside of the area.
    pub(super) side: Option<bool>,
    /// What happened and is not kept yet.
    pub(super) events: Vec<Event>,
}

impl Progress {
    /// From its text.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let next = match parts.next()? {
            "-" => None,
            micros => Some(Timestamp::from_micros(micros.parse().ok()?)),
        };
        let side = match parts.next()? {
            "i" => Some(true),
            "o" => Some(false),
            _ => None,
        };
        let events = parts.next()?.chars();
        let events = events.filter_map(|event| Event::of_number(event.to_digit(10)?.into())).collect();
        Some(Self { next, side, events })
    }

    /// A location was found to be inside or outside; the event that this makes is noted if it is the one wanted.
    pub(super) fn observe(&mut self, is_inside: bool, wanted: Option<Event>) {
        let event = match (self.side, is_inside) {
            (Some(false), true) => Some(Event::Entering),
            (Some(true), false) => Some(Event::Leaving),
            (Some(true), true) => Some(Event::Inside),
            (Some(false), false) => Some(Event::Outside),
            (None, _) => None,
        };
        self.side = Some(is_inside);
        self.events.extend(event.filter(|_| event == wanted && self.events.len() < MOST));
    }

    /// When the function wants to be called.
    pub(super) fn due(&self, now: Timestamp) -> Timestamp {
        if self.events.is_empty() { self.next.unwrap_or(Timestamp::NEVER) } else { now }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.next {
            Some(next) => write!(f, "{}", next.micros())?,
            None => f.write_str("-")?,
        }
        f.write_str(match self.side {
            Some(true) => " i ",
            Some(false) => " o ",
            None => " - ",
        })?;
        self.events.iter().try_for_each(|event| write!(f, "{}", event.number()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Event, Progress};
    use dyad_protocol::Timestamp;

    #[test]
    fn an_event_takes_two_locations() {
        let walk = [true, true, false, false, true];
        for (wanted, expected) in [
            (Event::Inside, vec![Event::Inside]),
            (Event::Leaving, vec![Event::Leaving]),
            (Event::Outside, vec![Event::Outside]),
            (Event::Entering, vec![Event::Entering]),
        ] {
            let mut progress = Progress::default();
            for is_inside in walk {
                progress.observe(is_inside, Some(wanted));
                progress = Progress::parse(&progress.to_string()).unwrap();
            }
            assert_eq!(progress.events, expected);
            assert_eq!(progress.due(Timestamp::from_micros(7)), Timestamp::from_micros(7));
        }
        let mut progress = Progress { next: Some(Timestamp::from_micros(9)), ..Progress::default() };
        progress.observe(true, None);
        progress.observe(false, None);
        assert_eq!(progress.due(Timestamp::from_micros(7)), Timestamp::from_micros(9));
        assert_eq!(Progress::parse("nonsense"), None);
    }
}
