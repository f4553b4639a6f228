//! Points in time and spans as they travel: `m2m:timestamp`, `m2m:absRelTimestamp`, `xs:duration`
//! (TS-0004 6.3.3). No clock here: whoever needs the present passes it in.

use std::fmt;

use ::time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

const MICROS_PER_SECOND: i64 = 1_000_000;

/// Seconds of a day.
const DAY: i128 = 86_400;

/// 9999-12-31T23:59:59.
const LAST_SECOND: i64 = 253_402_300_799;

/// A point in time, UTC, in microseconds since 1970-01-01.
///
/// Written as basic ISO 8601 with a comma before the fraction, `20261121T033156,123456`; the fraction is left out
/// when it is zero. [`Timestamp::NEVER`] is the expiration of what does not expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Later than every other point in time.
    pub const NEVER: Timestamp = Timestamp(i64::MAX);

    /// From microseconds since 1970-01-01.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// This point moved by a span; saturates at the ends.
    pub const fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// Parses `YYYYMMDDThhmmss[,ffffff]` or its extended form with dashes and colons, an optional `Z` and a point
    /// instead of the comma. `None` for anything else, for dates that do not exist and for years before 1970.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix('Z').unwrap_or(text);
        let (date, clock) = text.split_once('T')?;
        let date = digits(date, &[4, 6], '-', 8)?;
        let (clock, fraction) = match clock.find([',', '.']) {
            Some(at) => (clock.get(..at)?, clock.get(at + 1..)?),
            None => (clock, ""),
        };
        let clock = digits(clock, &[2, 4], ':', 6)?;
        if fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let mut micros = 0;
        for position in 0..6 {
            let digit = fraction.as_bytes().get(position).map_or(0, |byte| i64::from(byte - b'0'));
            micros = micros * 10 + digit;
        }
        let (year, month, day) = (date / 10_000, date / 100 % 100, date % 100);
        let (hour, minute, second) = (clock / 10_000, clock / 100 % 100, clock % 100);
        let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
        let date =
            Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
        let time = Time::from_hms(
            u8::try_from(hour).ok()?,
            u8::try_from(minute).ok()?,
            u8::try_from(second.min(59)).ok()?,
        )
        .ok()?;
        if second > 60 {
            return None;
        }
        let leap = i64::from(second == 60);
        let seconds = PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp() + leap;
        // A leap second at the very end would be of the year 10000, which cannot be written.
        (0..=LAST_SECOND).contains(&seconds).then(|| Self(seconds * MICROS_PER_SECOND + micros))
    }

    /// The calendar components in UTC, for schedules and time windows. `None` past the year 9999.
    pub fn to_utc(self) -> Option<OffsetDateTime> {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1000)
            .ok()
            .map(|moment| moment.to_offset(UtcOffset::UTC))
    }
}

/// The digits of a field group, with separators at all of `breaks` or at none, as one number.
fn digits(text: &str, breaks: &[usize], separator: char, count: usize) -> Option<i64> {
    let extended = text.len() == count + breaks.len();
    if !extended && text.len() != count {
        return None;
    }
    let (mut value, mut seen, mut breaks) = (0_i64, 0, breaks.iter().peekable());
    for character in text.chars() {
        if extended && breaks.peek().is_some_and(|at| **at == seen) {
            if character != separator {
                return None;
            }
            breaks.next();
            continue;
        }
        value = value * 10 + i64::from(character.to_digit(10)?);
        seen += 1;
    }
    (seen == count).then_some(value)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(moment) = self.to_utc() else { return f.write_str("99991231T235959") };
        // Digit by digit: every resource that is made or changed has several of these.
        let mut text = *b"00000000T000000,000000";
        let mut put = |from: usize, digits: usize, mut value: u32| {
            for place in text.iter_mut().skip(from).take(digits).rev() {
                *place = b'0' + (value % 10) as u8;
                value /= 10;
            }
        };
        put(0, 4, moment.year().unsigned_abs());
        put(4, 2, u32::from(u8::from(moment.month())));
        put(6, 2, u32::from(moment.day()));
        put(9, 2, u32::from(moment.hour()));
        put(11, 2, u32::from(moment.minute()));
        put(13, 2, u32::from(moment.second()));
        put(16, 6, moment.microsecond());
        let length = if moment.microsecond() == 0 { 15 } else { 22 };
        f.write_str(text.get(..length).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default())
    }
}

/// A span of time in microseconds, never negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(i64);

impl Span {
    /// A span of whole seconds.
    pub const fn from_seconds(seconds: u32) -> Self {
        Self(seconds as i64 * MICROS_PER_SECOND)
    }

    /// A span of milliseconds.
    pub const fn from_millis(millis: u32) -> Self {
        Self(millis as i64 * 1000)
    }

    /// Microseconds.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Parses `xs:duration` (`P1Y2M3DT10H1M0.5S`), a year taken as 365 days and a month as 30. `None` for anything
    /// else, negative durations included.
    pub fn parse_duration(text: &str) -> Option<Self> {
        let body = text.strip_prefix('P')?;
        let (date, clock) = match body.split_once('T') {
            Some((_, "")) => return None,
            Some((date, clock)) => (date, clock),
            None => (body, ""),
        };
        if date.is_empty() && clock.is_empty() {
            return None;
        }
        let days = components(date, &[('Y', 365 * DAY), ('M', 30 * DAY), ('W', 7 * DAY), ('D', DAY)])?;
        let clock = components(clock, &[('H', 3600), ('M', 60), ('S', 1)])?;
        i64::try_from(days + clock).ok().filter(|micros| *micros < i64::MAX / 4).map(Self)
    }
}

impl From<std::time::Duration> for Span {
    fn from(duration: std::time::Duration) -> Self {
        Self(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
    }
}

/// The sum of `12X3.5Y` fields in microseconds, each unit (in seconds) at most once and in the order of `units`.
fn components(text: &str, units: &[(char, i128)]) -> Option<i128> {
    let (mut sum, mut rest, mut units) = (0, text, units.iter());
    while !rest.is_empty() {
        let end = rest.find(|character: char| !character.is_ascii_digit() && character != '.')?;
        let unit = rest.get(end..)?.chars().next()?;
        let seconds = units.find(|(name, _)| *name == unit)?.1;
        sum += micros(rest.get(..end)?)? * seconds;
        rest = rest.get(end + unit.len_utf8()..)?;
    }
    Some(sum)
}

/// A decimal number times a million; digits behind the sixth place are cut off.
fn micros(number: &str) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || whole.len() > 18 || fraction.contains('.') {
        return None;
    }
    let places: String = fraction.chars().chain("000000".chars()).take(6).collect();
    format!("{whole}{places}").parse().ok()
}

/// `m2m:absRelTimestamp`: a point in time, or a span from the moment at which the receiver reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbsRelTime {
    /// A point in time.
    At(Timestamp),
    /// A span after the arrival; milliseconds on the wire when written as a number.
    After(Span),
}

impl AbsRelTime {
    /// Parses a timestamp, a duration, or a whole number of milliseconds.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(at) = Timestamp::parse(text) {
            return Some(Self::At(at));
        }
        if let Some(span) = Span::parse_duration(text) {
            return Some(Self::After(span));
        }
        // FromStr tolerates a sign.
        let millis = text.parse::<i64>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))?;
        millis
            .checked_mul(1000)
            .filter(|micros| *micros < i64::MAX / 4)
            .map(|micros| Self::After(Span(micros)))
    }

    /// The point in time that is meant, `now` being the arrival.
    pub const fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::After(span) => now.plus(span),
        }
    }
}

impl fmt::Display for AbsRelTime {
    /// The form that [`AbsRelTime::parse`] reads back: a timestamp, milliseconds, or a duration in seconds for a
    /// span that is no whole number of milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = match self {
            Self::At(at) => return at.fmt(f),
            Self::After(span) => span.0,
        };
        match micros % 1000 {
            0 => write!(f, "{}", micros / 1000),
            _ => write!(f, "PT{}.{:06}S", micros / MICROS_PER_SECOND, micros % MICROS_PER_SECOND),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AbsRelTime, Span, Timestamp};
    use proptest::prelude::*;

    #[test]
    fn accepts_the_forms_that_are_in_use() {
        let second = Timestamp::parse("20261121T033156").unwrap();
        assert_eq!(second.to_string(), "20261121T033156");
        assert_eq!(Timestamp::parse("2026-11-21T03:31:56Z"), Some(second));
        assert_eq!(Timestamp::parse("20261121T033156,5").unwrap().micros() - second.micros(), 500_000);
        for wrong in [
            "",
            "2026",
            "20261121",
            "20261321T000000",
            "20260230T000000",
            "2026112aT000000",
            "20261121T250000",
            "2026-1121T000000",
            "99991231T235960",
        ] {
            assert_eq!(Timestamp::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(Span::parse_duration("PT1M30S"), Some(Span::from_seconds(90)));
        assert_eq!(Span::parse_duration("P1DT1S"), Some(Span::from_seconds(86_401)));
        assert_eq!(Span::parse_duration("PT1.5S"), Some(Span::from_millis(1_500)));
        assert_eq!(Span::parse_duration("P0.5D"), Some(Span::from_seconds(43_200)));
        for wrong in
            ["", "P", "PT", "1S", "P1S", "PT1S1M", "-PT1S", "PT.S", "PT1.2.3S", "PTS", "P999999999999999999Y"]
        {
            assert_eq!(Span::parse_duration(wrong), None, "{wrong}");
        }
        assert_eq!(AbsRelTime::parse("5000"), Some(AbsRelTime::After(Span::from_seconds(5))));
        assert_eq!(AbsRelTime::parse("31536000000"), AbsRelTime::parse("P365D"));
        for wrong in ["-1", "+1", "9223372036854775807", "99999999999999999999"] {
            assert_eq!(AbsRelTime::parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(micros in 0_i64..253_402_300_799_000_000) {
            let moment = Timestamp::from_micros(micros);
            prop_assert_eq!(Timestamp::parse(&moment.to_string()), Some(moment));
        }

        #[test]
        fn spans_round_trip(micros in 0_i64..i64::MAX / 4) {
            let text = format!("PT{}.{:06}S", micros / 1_000_000, micros % 1_000_000);
            prop_assert_eq!(Span::parse_duration(&text).map(Span::micros), Some(micros));
        }

        #[test]
        fn never_panics(text in ".{0,40}") {
            let _ = (Timestamp::parse(&text), AbsRelTime::parse(&text));
        }
    }
}
