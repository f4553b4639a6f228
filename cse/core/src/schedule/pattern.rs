//! One time pattern: seven fields, all of which a moment has to match.

use dyad_protocol::Timestamp;
use time::util::days_in_month;
use time::{Date, Month, OffsetDateTime, Time};

use super::field::{Numbers, Years};

/// A time pattern of seven fields: second, minute, hour, day of month, month, day of week (0 is Sunday), year. Each is
/// `*` or a list of numbers, ranges and steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    second: Numbers,
    minute: Numbers,
    hour: Numbers,
    day: Numbers,
    month: Numbers,
    weekday: Numbers,
    year: Years,
}

const SECONDS: (u32, u32) = (0, 59);
const MINUTES: (u32, u32) = (0, 59);
const HOURS: (u32, u32) = (0, 23);
const DAYS: (u32, u32) = (1, 31);
const MONTHS: (u32, u32) = (1, 12);
const WEEKDAYS: (u32, u32) = (0, 6);
const YEARS: (u32, u32) = (2000, 9999);

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Years that are looked through: the calendar repeats after so many.
const HORIZON: usize = 400;

/// Days that are looked through for the end of a run of days.
const LONGEST_RUN: usize = 36_600;

impl Pattern {
    /// From its text. `None` if it is no pattern.
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split_ascii_whitespace();
        let pattern = Self {
            second: Numbers::parse(fields.next()?, SECONDS)?,
            minute: Numbers::parse(fields.next()?, MINUTES)?,
            hour: Numbers::parse(fields.next()?, HOURS)?,
            day: Numbers::parse(fields.next()?, DAYS)?,
            month: Numbers::parse(fields.next()?, MONTHS)?,
            weekday: Numbers::parse(fields.next()?, WEEKDAYS)?,
            year: Years::parse(fields.next()?, YEARS)?,
        };
        fields.next().is_none().then_some(pattern)
    }

    /// Whether a moment matches.
    pub fn contains(&self, at: Timestamp) -> bool {
        let Some(at) = at.to_utc() else { return false };
        self.second.contains(u32::from(at.second()))
            && self.minute.contains(u32::from(at.minute()))
            && self.hour.contains(u32::from(at.hour()))
            && self.has_date(at.date())
    }

    /// The first moment from here on that matches: `from` itself if it does. `None` if there is none.
    pub fn opens(&self, from: Timestamp) -> Option<Timestamp> {
        if self.contains(from) {
            return Some(from);
        }
        let moment = from.to_utc()?;
        let clock = self.next_time(
            u32::from(moment.hour()),
            u32::from(moment.minute()),
            u32::from(moment.second()) + u32::from(moment.microsecond() > 0),
        );
        if let Some(clock) = clock.filter(|_| self.has_date(moment.date())) {
            return timestamp(moment.date(), clock);
        }
        timestamp(self.next_date(moment.date().next_day()?)?, self.next_time(0, 0, 0)?)
    }

    /// The first moment from here on that does not match: `from` itself if it does not. `None` if there is none
    /// within a hundred years.
    pub fn closes(&self, from: Timestamp) -> Option<Timestamp> {
        let (unit, most) = if !self.second.is_full(SECONDS) {
            (SECOND, 60)
        } else if !self.minute.is_full(MINUTES) {
            (MINUTE, 60)
        } else if !self.hour.is_full(HOURS) {
            (HOUR, 24)
        } else {
            (DAY, LONGEST_RUN)
        };
        let mut at = from.micros();
        // Each unit matches as a whole or not at all.
        for _ in 0..=most {
            if !self.contains(Timestamp::from_micros(at)) {
                return Some(Timestamp::from_micros(at));
            }
            at = (at.div_euclid(unit) + 1).checked_mul(unit)?;
        }
        None
    }

    fn has_date(&self, date: Date) -> bool {
        self.day.contains(u32::from(date.day()))
            && self.month.contains(u32::from(u8::from(date.month())))
            && self.weekday.contains(u32::from(date.weekday().number_days_from_sunday()))
            && u32::try_from(date.year()).is_ok_and(|year| self.year.contains(year))
    }

    /// The first time of a day that matches, from a time on, whose seconds may be 60.
    fn next_time(&self, hour: u32, minute: u32, second: u32) -> Option<Time> {
        let first = |hour, minute, second| {
            let part = |number: u32| u8::try_from(number).ok();
            Time::from_hms(part(hour)?, part(minute)?, part(second)?).ok()
        };
        if self.hour.contains(hour) {
            if let Some(second) = self.second.next(second).filter(|_| self.minute.contains(minute)) {
                return first(hour, minute, second);
            }
            if let Some(minute) = self.minute.next(minute + 1) {
                return first(hour, minute, self.second.next(0)?);
            }
        }
        first(self.hour.next(hour + 1)?, self.minute.next(0)?, self.second.next(0)?)
    }

    /// The first day that matches, from a day on.
    fn next_date(&self, from: Date) -> Option<Date> {
        let mut year = self.year.next(u32::try_from(from.year()).ok()?);
        for _ in 0..HORIZON {
            let this = year?;
            let is_first = i32::try_from(this).is_ok_and(|this| this == from.year());
            if let Some(date) = self.next_date_in(this, is_first.then_some(from)) {
                return Some(date);
            }
            year = self.year.next(this + 1);
        }
        None
    }

    /// The first day of a year that matches, from a day of it on.
    fn next_date_in(&self, year: u32, from: Option<Date>) -> Option<Date> {
        let year = i32::try_from(year).ok()?;
        let mut month = self.month.next(from.map_or(1, |from| u32::from(u8::from(from.month()))));
        while let Some(this) = month {
            let name = Month::try_from(u8::try_from(this).ok()?).ok()?;
            let is_first = from.is_some_and(|from| from.month() == name);
            let mut day = self.day.next(from.filter(|_| is_first).map_or(1, |from| u32::from(from.day())));
            while let Some(number) = day.filter(|day| *day <= u32::from(days_in_month(name, year))) {
                let date = Date::from_calendar_date(year, name, u8::try_from(number).ok()?).ok()?;
                if self.weekday.contains(u32::from(date.weekday().number_days_from_sunday())) {
                    return Some(date);
                }
                day = self.day.next(number + 1);
            }
            month = self.month.next(this + 1);
        }
        None
    }
}

fn timestamp(date: Date, time: Time) -> Option<Timestamp> {
    let seconds = OffsetDateTime::new_utc(date, time).unix_timestamp();
    seconds.checked_mul(SECOND).map(Timestamp::from_micros)
}
