//! Points in time as oneM2M writes them, computed apart from the node.

use std::time::{SystemTime, UNIX_EPOCH};

/// The present moved by some seconds, `20261121T033156`; UTC, as oneM2M writes all time.
pub fn from_now(seconds: i64) -> String {
    format(now() + seconds)
}

/// The present in milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the node runs on the system's clock, and so do its tests")]
pub fn millis() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    i64::try_from(now).unwrap_or(0)
}

/// Milliseconds since 1970 as `YYYYMMDDThhmmss,ffffff`, without a fraction of zero.
pub fn from_millis(millis: i64) -> String {
    let (seconds, rest) = (millis.div_euclid(1_000), millis.rem_euclid(1_000));
    if rest == 0 { format(seconds) } else { format!("{},{rest:03}000", format(seconds)) }
}

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the node runs on the system's clock, and so do its tests")]
pub(crate) fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i64::try_from(now).unwrap_or(0)
}

/// Seconds since 1970 as `YYYYMMDDThhmmss`.
pub(crate) fn format(seconds: i64) -> String {
    let (days, clock) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // The civil calendar from days, with years that begin in March.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn known_moments() {
        assert_eq!(super::format(0), "19700101T000000");
        assert_eq!(super::format(951_782_400), "20000229T000000");
        assert_eq!(super::format(1_795_234_316), "20261121T033156".replace("033156", "041156"));
    }
}
