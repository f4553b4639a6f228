//! Durations and sizes as people write them: `10s`, `5min`, `5y`, `1MiB`, `256kB`, or plain seconds and bytes.
//!
//! Responsible for reading them exactly, without floating point. Which settings take which, and within which bounds,
//! is left to the table.

use std::time::Duration;

/// Units of time with their length in milliseconds. A month is left out: nobody agrees on its length.
const TIME_UNITS: [(&str, u64); 8] = [
    ("ms", 1),
    ("s", 1_000),
    ("min", 60_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
    ("y", 31_536_000_000),
];

/// Units of size with their length in bytes: decimal ones with k, M, G and binary ones with Ki, Mi, Gi.
const SIZE_UNITS: [(&str, u64); 7] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Reads a duration. A number alone means seconds; a year has 365 days.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let unit = if unit.is_empty() { "s" } else { unit };
    let (_, length) = TIME_UNITS.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*length).map(Duration::from_millis)
}

/// Reads a size in bytes. A number alone means bytes; upper and lower case are alike, since no unit is ambiguous.
pub(super) fn size(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let unit = if unit.is_empty() { "B" } else { unit };
    let (_, length) = SIZE_UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.checked_mul(*length)
}

/// The digits and the unit behind them, blanks in between allowed.
fn split(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, unit.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::{Duration, duration, size};

    #[test]
    fn durations() {
        let cases = [
            ("0", Some(0)),
            ("90", Some(90_000)),
            ("250ms", Some(250)),
            ("10s", Some(10_000)),
            ("10 s", Some(10_000)),
            ("5min", Some(300_000)),
            ("5m", Some(300_000)),
            ("2h", Some(7_200_000)),
            ("1d", Some(86_400_000)),
            ("5y", Some(157_680_000_000)),
            ("", None),
            ("s", None),
            ("-1s", None),
            ("1.5s", None),
            ("5 fortnights", None),
            ("99999999999999999y", None),
        ];
        for (text, expected) in cases {
            assert_eq!(duration(text), expected.map(Duration::from_millis), "{text:?}");
        }
    }

    #[test]
    fn sizes() {
        let cases = [
            ("0", Some(0)),
            ("512", Some(512)),
            ("512B", Some(512)),
            ("256kB", Some(256_000)),
            ("1MiB", Some(1_048_576)),
            ("1 mib", Some(1_048_576)),
            ("2GB", Some(2_000_000_000)),
            ("1M", None),
            ("MiB", None),
            ("99999999999999GiB", None),
        ];
        for (text, expected) in cases {
            assert_eq!(size(text), expected, "{text:?}");
        }
    }
}
