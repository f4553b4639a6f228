//! Time patterns of a schedule, one a line: no panic, an end, and moments that are what they are said to be.
#![no_main]

use dyad_core::schedule::{Pattern, Schedule};
use dyad_protocol::Timestamp;
use libfuzzer_sys::fuzz_target;

/// In microseconds: the beginning, a leap day, the end of a year, now, the last second that has a name.
const MOMENTS: [i64; 5] = [
    0,
    951_782_400_000_000,
    1_798_761_599_500_000,
    1_800_000_000_000_000,
    253_402_300_799_000_000,
];

fuzz_target!(|text: &str| {
    let lines: Vec<&str> = text.lines().take(8).collect();
    let schedule = Schedule::new(lines.iter().copied());
    let is_pattern = lines.iter().any(|line| Pattern::parse(line).is_some());
    for at in MOMENTS.map(Timestamp::from_micros) {
        let (opens, closes) = (schedule.opens(at), schedule.closes(at));
        assert!(is_pattern || (opens.is_none() && closes == Some(at)));
        if let Some(opens) = opens {
            assert!(opens >= at && schedule.contains(opens));
            assert_eq!(opens == at, schedule.contains(at));
        }
        if let Some(closes) = closes {
            assert!(closes >= at && !schedule.contains(closes));
            assert_eq!(closes == at, !schedule.contains(at));
        }
    }
});
