//! Timestamps and durations: no panic, never negative, and what was read is written and read back the same.
#![no_main]

use dyad_protocol::Timestamp;
use dyad_protocol::time::{AbsRelTime, Span};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Some(at) = Timestamp::parse(text) {
        assert!(at.micros() >= 0);
        assert_eq!(Timestamp::parse(&at.to_string()), Some(at));
    }
    if let Some(span) = Span::parse_duration(text) {
        assert!(span.micros() >= 0);
        assert!(Timestamp::NEVER.plus(span) >= Timestamp::NEVER);
    }
    if let Some(time) = AbsRelTime::parse(text) {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let again = AbsRelTime::parse(&time.to_string()).unwrap_or_else(|| panic!("{text} is written {time}"));
        assert_eq!(again.resolve(now), time.resolve(now), "{text} is written {time}");
    }
});
