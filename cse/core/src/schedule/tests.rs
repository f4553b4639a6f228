//! Schedules against looking at every second.

use dyad_protocol::Timestamp;
use proptest::prelude::*;
use serde_json::json;

use super::{Pattern, Schedule};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[test]
fn patterns() {
    // 21 November 2026 is a Saturday.
    let now = at("20261121T033156");
    for (pattern, holds) in [
        ("* * * * * * *", true),
        ("* * 3 * * * *", true),
        ("* * 4-5 * * * *", false),
        ("* */31 * * * * *", true),
        ("* 30-40 3 21 11 6 2026", true),
        ("* * * * * 0,1-5 *", false),
        ("56 * * * * * *", true),
        ("* * * * * * 2027", false),
        ("* * 0-23/3 * * * *", true),
    ] {
        assert_eq!(Pattern::parse(pattern).unwrap().contains(now), holds, "{pattern}");
    }
    for wrong in [
        "",
        "* * *",
        "60 * * * * * *",
        "* * * 0 * * *",
        "* * 5-3 * * * *",
        "a * * * * * *",
        "* * * * * * * *",
        "*/0 * * * * * *",
        "* * * * * * 10000",
    ] {
        assert_eq!(Pattern::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn openings() {
    for (pattern, from, opens) in [
        ("* * 8-20 * * * *", "20261121T033156", Some("20261121T080000")),
        ("* * 8-20 * * * *", "20261121T210000", Some("20261122T080000")),
        ("* * 8-20 * * * *", "20261121T090000,5", Some("20261121T090000,5")),
        ("30 15 * * * * *", "20261121T031531,5", Some("20261121T041530")),
        ("0 0 0 29 2 1 *", "20261121T033156", Some("20440229T000000")),
        ("0 0 0 30 2 * *", "20261121T033156", None),
        ("* * * * * * 2020", "20261121T033156", None),
        ("0 0 0 1 1 * 2000-9999/1000", "20261121T033156", Some("30000101T000000")),
        ("59 59 23 31 12 * 2026", "20261121T033156", Some("20261231T235959")),
    ] {
        let found = Pattern::parse(pattern).unwrap().opens(at(from));
        assert_eq!(found, opens.map(at), "{pattern}");
    }
}

#[test]
fn closings() {
    for (entries, from, closes) in [
        (vec!["* * 8-20 * * * *"], "20261121T093156", Some("20261121T210000")),
        (vec!["* * 8-20 * * * *"], "20261121T033156", Some("20261121T033156")),
        (vec!["* * 8-11 * * * *", "* * 12-20 * * * *"], "20261121T093156", Some("20261121T210000")),
        (vec!["* * * * * * *"], "20261121T093156", None),
        (vec!["* * * * * * 2026"], "20261121T093156", Some("20270101T000000")),
        (vec!["0-29 * * * * * *", "30-59 * * * * * *"], "20261121T093156", None),
        (vec![], "20261121T093156", Some("20261121T093156")),
    ] {
        assert_eq!(Schedule::new(entries.clone()).closes(at(from)), closes.map(at), "{entries:?}");
    }
}

#[test]
fn entries_of_a_resource() {
    let schedule = Schedule::from_entries(&json!({"sce": ["* * 8 * * * *", "* * 10 * * * *"]}));
    assert!(schedule.contains(at("20261121T083000")) && schedule.contains(at("20261121T103000")));
    assert!(!schedule.contains(at("20261121T093000")));
    assert_eq!(schedule.opens(at("20261121T090000")), Some(at("20261121T100000")));
    assert!(!Schedule::from_entries(&json!("nonsense")).contains(at("20261121T083000")));
}

/// A field that matches often enough to be found by looking at every second of a few hours.
fn field(least: u32, most: u32) -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just("*".to_owned()),
        1 => (least..=most).prop_map(|number| number.to_string()),
        2 => (least..=most, least..=most, 1_u32..7).prop_map(|(one, other, step)| {
            format!("{}-{}/{step}", one.min(other), one.max(other))
        }),
        1 => (1_u32..30).prop_map(|step| format!("*/{step}")),
    ]
}

fn pattern() -> impl Strategy<Value = String> {
    (field(0, 59), field(0, 59), field(0, 23), field(20, 23), field(10, 12), field(0, 6)).prop_map(
        |(second, minute, hour, day, month, weekday)| {
            format!("{second} {minute} {hour} {day} {month} {weekday} 2026-2027")
        },
    )
}

/// Moments that are looked at one by one.
const LOOK: i64 = 6 * 3600;

proptest! {
    #[test]
    fn as_looking_at_every_second(entries in prop::collection::vec(pattern(), 1..4), offset in 0_i64..400_000, fraction in 0_i64..2) {
        let schedule = Schedule::new(entries.iter().map(String::as_str));
        let from = at("20261121T000000").micros() + offset * 1_000_000 + fraction * 300_000;
        let seconds = (0..LOOK).map(|second| match second {
            0 => Timestamp::from_micros(from),
            _ => Timestamp::from_micros((from / 1_000_000 + second) * 1_000_000),
        });
        let from = Timestamp::from_micros(from);
        let end = at("20261121T000000").micros() + (offset + LOOK) * 1_000_000;
        let within = |found: Option<Timestamp>| found.filter(|found| found.micros() < end);
        prop_assert_eq!(within(schedule.opens(from)), seconds.clone().find(|second| schedule.contains(*second)));
        prop_assert_eq!(within(schedule.closes(from)), seconds.clone().find(|second| !schedule.contains(*second)));
    }

    #[test]
    fn what_opens_is_inside(entry in pattern(), offset in 0_i64..40_000_000) {
        let schedule = Schedule::new([entry.as_str()]);
        let from = Timestamp::from_micros(at("20260101T000000").micros() + offset * 1_000_000);
        if let Some(opens) = schedule.opens(from) {
            prop_assert!(opens >= from && schedule.contains(opens));
            // Nothing before it, as far as it can be looked at.
            let before = Timestamp::from_micros(opens.micros() - 1_000_000);
            prop_assert!(before < from || !schedule.contains(before));
        }
    }

    #[test]
    fn never_panics(text in "[0-9*,/ -]{0,40}") {
        if let Some(pattern) = Pattern::parse(&text) {
            let _ = pattern.opens(at("20261121T000000"));
            let _ = pattern.closes(at("20261121T000000"));
        }
    }
}
