//! Time windows of cross-resource subscriptions (TS-0001 9.6.58, 10.2.10.26, TS-0004 7.5.1.2.18): which targets have
//! notified in the present one, and when that is worth a notification.
//!
//! Pure: all times are in microseconds since 1970, and come from the caller.

use std::fmt;

use dyad_core::resource::Id;
use dyad_protocol::time::Span;
use dyad_protocol::{Object, Timestamp};
use serde_json::Value;

/// Which windows are told of (`eem`, m2m:eventEvaluationMode).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// 1: all targets have notified; told as soon as they have.
    AllPresent,
    /// 2: at least one target has notified.
    SomePresent,
    /// 3: at least one target has not.
    SomeOrAllMissing,
    /// 4: no target has notified.
    AllMissing,
    /// 5: some targets have notified and some have not.
    SomeMissing,
}

impl Mode {
    /// That of a cross-resource subscription; all events have to be there if it says nothing.
    pub(super) fn of(attributes: &Object) -> Self {
        match attributes.get("eem").and_then(Value::as_u64) {
            Some(2) => Self::SomePresent,
            Some(3) => Self::SomeOrAllMissing,
            Some(4) => Self::AllMissing,
            Some(5) => Self::SomeMissing,
            _ => Self::AllPresent,
        }
    }

    /// Whether a window in which nothing came may be told of.
    pub(super) const fn wants_silence(self) -> bool {
        matches!(self, Self::SomeOrAllMissing | Self::AllMissing)
    }
}

/// What a cross-resource subscription says about its windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    /// One window follows the other; otherwise one begins with the first notification after the last.
    pub(super) is_periodic: bool,
    /// Their length; more than nothing.
    pub(super) size: i64,
    pub(super) mode: Mode,
    /// Targets that there are.
    pub(super) targets: usize,
}

impl Terms {
    /// From attributes; `None` if they say nothing of use.
    pub(super) fn of(attributes: &Object) -> Option<Self> {
        let size = attributes.get("tws").and_then(Value::as_str).and_then(Span::parse_duration)?.micros();
        let count = |name: &str| attributes.get(name).and_then(Value::as_array).map_or(0, Vec::len);
        (size > 0).then(|| Self {
            is_periodic: attributes.get("twt").and_then(Value::as_u64) == Some(1),
            size,
            mode: Mode::of(attributes),
            targets: count("rrat") + count("srat"),
        })
    }
}

/// The present window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    start: i64,
    /// The subscriptions that have notified, each once.
    seen: Vec<Id>,
}

impl Window {
    /// One that begins now.
    pub(super) const fn begin(now: i64) -> Self {
        Self { start: now, seen: Vec::new() }
    }

    /// Whether it begins later than now.
    pub(super) const fn is_ahead(&self, now: i64) -> bool {
        now < self.start
    }

    /// Ends the window if its time is over, and gives the one that is open then with whether the last one is to be
    /// told of; `None` for a window that is not open any more and whose successor begins with a notification.
    ///
    /// Windows that nobody could look at, because the node was down or its clock was set, are not told of: nobody
    /// knows what would have come in them. One that begins in the future of a clock that was set back begins anew.
    pub(super) fn settle(self, terms: &Terms, now: i64) -> (Option<Self>, bool) {
        if self.is_ahead(now) {
            return (terms.is_periodic.then(|| Self::begin(now)), false);
        }
        let passed = now.saturating_sub(self.start).checked_div(terms.size).unwrap_or(0);
        if passed == 0 {
            return (Some(self), false);
        }
        let is_told = self.is_worth_telling(terms);
        let next = self.start.saturating_add(passed.saturating_mul(terms.size));
        (terms.is_periodic.then(|| Self::begin(next)), is_told)
    }

    /// Whether a window that is over is told of. One in which all came was told of when they had.
    fn is_worth_telling(&self, terms: &Terms) -> bool {
        let (seen, all) = (self.seen.len(), terms.targets);
        match terms.mode {
            Mode::AllPresent => false,
            Mode::SomePresent => seen > 0,
            Mode::SomeOrAllMissing => seen < all,
            Mode::AllMissing => seen == 0,
            Mode::SomeMissing => seen > 0 && seen < all,
        }
    }

    /// A subscription has notified within the window. Whether that is to be told of: then the notifications are used
    /// up.
    pub(super) fn arrived(&mut self, terms: &Terms, subscription: Id) -> bool {
        if !self.seen.contains(&subscription) && self.seen.len() < terms.targets {
            self.seen.push(subscription);
        }
        let is_told = terms.mode == Mode::AllPresent && self.seen.len() >= terms.targets;
        if is_told {
            self.seen.clear();
        }
        is_told
    }

    /// Whether nothing is lost if the window is forgotten: the next notification begins another.
    pub(super) fn is_idle(&self, terms: &Terms) -> bool {
        !terms.is_periodic && self.seen.is_empty()
    }

    /// When something is to be done that no notification does: at its end, if that may be told of.
    pub(super) fn due(&self, terms: &Terms) -> Timestamp {
        let is_awaited = match terms.mode {
            Mode::AllPresent => false,
            mode => mode.wants_silence() || !self.seen.is_empty(),
        };
        match is_awaited {
            true => Timestamp::from_micros(self.start.saturating_add(terms.size)),
            false => Timestamp::NEVER,
        }
    }
}

/// What is kept of a cross-resource subscription from one notification to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// The number of the last notification that was counted. One that comes again, because the node went down before
    /// it was settled, is not counted again: they come in the order of their numbers.
    pub(super) last: i64,
    /// The window that is open.
    pub(super) window: Option<Window>,
}

impl Heard {
    /// From its text.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ').map(|word| word.parse::<i64>());
        let last = words.next()?.ok()?;
        let start = words.next().transpose().ok()?;
        let seen = words.collect::<Result<_, _>>().ok()?;
        Some(Self { last, window: start.map(|start| Window { start, seen }) })
    }
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.last)?;
        let Some(window) = &self.window else { return Ok(()) };
        write!(f, " {}", window.start)?;
        window.seen.iter().try_for_each(|id| write!(f, " {id}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Heard, Mode, Terms, Window};
    use dyad_protocol::Timestamp;

    const MODES: [Mode; 5] =
        [Mode::AllPresent, Mode::SomePresent, Mode::SomeOrAllMissing, Mode::AllMissing, Mode::SomeMissing];

    fn terms(is_periodic: bool, mode: Mode) -> Terms {
        Terms { is_periodic, size: 10, mode, targets: 2 }
    }

    #[test]
    fn a_window_with_all_is_told_at_once() {
        for is_periodic in [true, false] {
            let terms = terms(is_periodic, Mode::AllPresent);
            let mut window = Window::begin(100);
            assert!(!window.arrived(&terms, 7));
            assert!(!window.arrived(&terms, 7), "the same one twice is one");
            assert!(window.arrived(&terms, 8));
            assert!(!window.arrived(&terms, 8), "they are used up");
            assert_eq!(window.due(&terms), Timestamp::NEVER);
        }
    }

    #[test]
    fn what_came_too_early_is_dropped() {
        let terms = terms(true, Mode::AllPresent);
        let mut window = Window::begin(100);
        assert!(!window.arrived(&terms, 7));
        let (window, is_told) = window.settle(&terms, 125);
        assert_eq!((window.clone(), is_told), (Some(Window::begin(120)), false));
        assert!(!window.unwrap().arrived(&terms, 8));
    }

    #[test]
    fn the_end_of_a_window_is_told_as_the_mode_says() {
        for (seen, told) in [
            (0, [false, false, true, true, false]),
            (1, [false, true, true, false, true]),
            (2, [false, true, false, false, false]),
        ] {
            for (mode, told) in MODES.into_iter().zip(told) {
                let terms = terms(true, mode);
                let mut window = Window::begin(100);
                for id in 0..seen {
                    window.arrived(&terms, id);
                }
                if told {
                    assert_eq!(window.due(&terms), Timestamp::from_micros(110), "{mode:?}");
                }
                assert_eq!(window.clone().settle(&terms, 109), (Some(window.clone()), false));
                assert_eq!(window.settle(&terms, 110), (Some(Window::begin(110)), told), "{mode:?} {seen}");
            }
        }
    }

    #[test]
    fn a_sliding_window_ends_for_good() {
        let terms = terms(false, Mode::SomeMissing);
        let mut window = Window::begin(100);
        window.arrived(&terms, 1);
        assert_eq!(window.settle(&terms, 110), (None, true));
    }

    #[test]
    fn a_clock_that_is_set_back_begins_anew() {
        assert_eq!(
            Window::begin(100).settle(&terms(true, Mode::AllMissing), 50),
            (Some(Window::begin(50)), false)
        );
        assert_eq!(Window::begin(100).settle(&terms(false, Mode::AllPresent), 50), (None, false));
    }

    #[test]
    fn what_is_stored_comes_back() {
        let window = |seen: &[i64]| Some(Window { start: -5, seen: seen.to_vec() });
        for (text, window) in
            [("8", None), ("8 -5", window(&[])), ("8 -5 3", window(&[3])), ("8 -5 3 9", window(&[3, 9]))]
        {
            let heard = Heard { last: 8, window };
            assert_eq!((heard.to_string().as_str(), Heard::parse(text)), (text, Some(heard)));
        }
        assert_eq!((Heard::parse("end"), Heard::parse("1 x")), (None, None));
    }
}
