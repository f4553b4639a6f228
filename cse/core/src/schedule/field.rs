//! One field of a time pattern: the numbers that it allows.

/// Numbers up to 63 as bits of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbers(u64);

impl Numbers {
    /// From the text of a field and its range. `None` if it is malformed or leaves the range.
    pub(super) fn parse(text: &str, range: (u32, u32)) -> Option<Self> {
        let mut bits = 0;
        for (from, to, step) in parts(text, range)? {
            let mut number = from;
            while number <= to {
                bits |= 1_u64.checked_shl(number)?;
                number += step;
            }
        }
        Some(Self(bits))
    }

    /// Whether a number is allowed.
    pub(super) fn contains(self, number: u32) -> bool {
        self.0.checked_shr(number).is_some_and(|bits| bits & 1 == 1)
    }

    /// The first number from here on that is allowed.
    pub(super) fn next(self, from: u32) -> Option<u32> {
        let rest = self.0.checked_shr(from)?;
        (rest != 0).then(|| from + rest.trailing_zeros())
    }

    /// Whether every number of a range is allowed.
    pub(super) fn is_full(self, (least, most): (u32, u32)) -> bool {
        (least..=most).all(|number| self.contains(number))
    }
}

/// Years, which are too many for a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Years(Vec<(u32, u32, u32)>);

impl Years {
    /// As [`Numbers::parse`].
    pub(super) fn parse(text: &str, range: (u32, u32)) -> Option<Self> {
        parts(text, range).map(Self)
    }

    /// As [`Numbers::contains`].
    pub(super) fn contains(&self, year: u32) -> bool {
        self.0
            .iter()
            .any(|(from, to, step)| (*from..=*to).contains(&year) && (year - from).is_multiple_of(*step))
    }

    /// As [`Numbers::next`].
    pub(super) fn next(&self, year: u32) -> Option<u32> {
        let first_of = |(from, to, step): &(u32, u32, u32)| {
            let first = from + year.saturating_sub(*from).next_multiple_of(*step);
            (first <= *to).then_some(first)
        };
        self.0.iter().filter_map(first_of).min()
    }
}

/// The parts of a field, as first, last and step: `*`, `5`, `1-5`, each with `/2` behind it or not.
fn parts(text: &str, (least, most): (u32, u32)) -> Option<Vec<(u32, u32, u32)>> {
    text.split(',')
        .map(|part| {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => (range, step.parse().ok().filter(|step| *step > 0)?),
                None => (part, 1),
            };
            let (from, to) = match range.split_once('-') {
                _ if range == "*" => (least, most),
                Some((from, to)) => (from.parse().ok()?, to.parse().ok()?),
                None if step > 1 => (range.parse().ok()?, most),
                None => (range.parse().ok()?, range.parse().ok()?),
            };
            // A step beyond the range is one that is never taken, and must not overflow.
            (least <= from && from <= to && to <= most).then_some((from, to, step.min(most + 1)))
        })
        .collect()
}
