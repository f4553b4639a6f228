//! Encodings of RFC 8949 appendix A, bad input, and properties.

use proptest::prelude::*;
use serde_json::{Number, Value, json};

use super::{read, write};

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A value by its JSON, digits of numbers included.
fn value(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

#[test]
fn both_ways() {
    for (encoded, json) in [
        ("00", "0"),
        ("17", "23"),
        ("1818", "24"),
        ("1903e8", "1000"),
        ("1a000f4240", "1000000"),
        ("1bffffffffffffffff", "18446744073709551615"),
        ("c249010000000000000000", "18446744073709551616"),
        ("3bffffffffffffffff", "-18446744073709551616"),
        ("c349010000000000000000", "-18446744073709551617"),
        ("20", "-1"),
        ("3903e7", "-1000"),
        ("fa00000000", "0.0"),
        ("fa80000000", "-0.0"),
        ("fb3ff199999999999a", "1.1"),
        ("fa47c35000", "100000.0"),
        ("fa7f7fffff", "3.4028234663852886e+38"),
        ("fb7e37e43c8800759c", "1e+300"),
        ("fbc010666666666666", "-4.1"),
        ("f4", "false"),
        ("f5", "true"),
        ("f6", "null"),
        ("60", r#""""#),
        ("62225c", r#""\"\\""#),
        ("64f0908591", r#""𐅑""#),
        ("80", "[]"),
        ("8301820203820405", "[1,[2,3],[4,5]]"),
        ("a0", "{}"),
        ("a26161016162820203", r#"{"a":1,"b":[2,3]}"#),
    ] {
        let parsed = value(json);
        assert_eq!(hex(&write(&parsed)), encoded, "{json}");
        assert_eq!(read(&bytes(encoded), 8).unwrap(), parsed, "{encoded}");
    }
    // Shorter names first, whatever their order.
    assert_eq!(hex(&write(&value(r#"{"aa":2,"z":1,"b":0}"#))), "a3616200617a0162616102");
}

#[test]
fn decimals_that_no_float_has() {
    for (json, encoded) in [
        ("0.12345678901234567891", "c482331b"),
        ("1e400", "c48219019001"),
        ("-1e400", "c48219019020"),
        ("1e-400", "c48239018f01"),
    ] {
        assert!(hex(&write(&value(json))).starts_with(encoded), "{json}: {}", hex(&write(&value(json))));
    }
    assert_eq!(read(&bytes("c48221196ab3"), 8).unwrap(), value("273.15"));
    assert_eq!(read(&bytes("c4822120"), 8).unwrap(), value("-0.01"));
    assert_eq!(read(&bytes("c4820301"), 8).unwrap(), value("1e3"));
    // Beyond what is a number here: a text.
    let digits = "9".repeat(2_000);
    assert_eq!(read(&write(&value(&digits)), 8).unwrap(), Value::String(digits));
    assert_eq!(read(&write(&value("1e99999999999999999999")), 8).unwrap(), json!("1e+99999999999999999999"));
}

#[test]
fn other_encodings_of_the_same() {
    for (encoded, json) in [
        ("1b0000000000000001", "1"),
        ("f93c00", "1.0"),
        ("f90001", "5.960464477539063e-8"),
        ("f9c400", "-4.0"),
        ("f97bff", "65504.0"),
        ("f7", "null"),
        ("c24101", "1"),
        ("c240", "0"),
        ("c340", "-1"),
        ("44 01020304", r#""AQIDBA==""#),
        ("d5 44 fbff0304", r#""-_8DBA""#),
        ("d7 44 01ff0304", r#""01FF0304""#),
        ("d7 81 41ab", r#"["AB"]"#),
        ("5f 42 0102 41 03 ff", r#""AQID""#),
        ("7f 6161 6162 ff", r#""ab""#),
        ("9f 01 02 ff", "[1,2]"),
        ("9f ff", "[]"),
        ("bf 6161 01 7f 6162 6163 ff 9f ff ff", r#"{"a":1,"bc":[]}"#),
        ("d9d9f7 81 01", "[1]"),
        ("c0 6161", r#""a""#),
        ("c1 01", "1"),
        ("d8 20 6161", r#""a""#),
    ] {
        assert_eq!(read(&bytes(encoded), 8).unwrap(), value(json), "{encoded}");
    }
}

#[test]
fn refused() {
    let deep = format!("{}{}", "81".repeat(9), "00");
    let large = format!("c2 5a 00000201 {}", "01".repeat(513));
    for encoded in [
        "",
        "18",
        "1c",
        "1f",
        "61",
        "62 61",
        "61 ff",
        "42 01",
        "7f 61 61",
        "7f 41 61 ff",
        "7f 7f 61 61 ff ff",
        "5f 61 61 ff",
        "81",
        "82 01",
        "9f 01",
        "a1 61 61",
        "a1 00 01",
        "a1 41 61 01",
        "a2 6161 01 6161 02",
        "bf 6161 01 6161 02 ff",
        "bf 6161 ff",
        "ff",
        "f0",
        "f8 18",
        "f8 ff",
        "fc",
        "f9 3c",
        "f97e00",
        "f97c00",
        "f9fc00",
        "fa7fc00000",
        "fa7f800000",
        "fb7ff8000000000000",
        "fbfff0000000000000",
        "00 00",
        "c0",
        "c2 01",
        "c3 6161",
        "c4 81 01",
        "c4 82 01 6161",
        "c4 82 f4 01",
        "c4 9f 01 01 ff",
        "c5 82 01 01",
        "9b ffffffffffffffff",
        "9b 0000000100000000 00",
        "bb ffffffffffffffff",
        "5b ffffffffffffffff",
        "7b 7fffffffffffffff 61",
        &deep,
        &large,
    ] {
        let failure = read(&bytes(encoded), 8).unwrap_err();
        assert_eq!(failure.rsc.number(), 4000, "{encoded}");
    }
    assert!(read(&bytes(&deep), 9).is_ok());
    assert!(read(&[0xc1; 1_000_000], 8).is_err(), "tags without end");
    assert!(read(&[0x9f; 1_000_000], 127).is_err());
}

fn float(number: f64) -> Option<Value> {
    Number::from_f64(number).map(|number| value(&number.to_string()))
}

/// Any value, with numbers that floats have.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|number| json!(number)),
        any::<u64>().prop_map(|number| json!(number)),
        "-?[1-9][0-9]{18,60}".prop_map(|digits| value(&digits)),
        any::<f64>().prop_filter_map("finite", float),
        any::<f32>().prop_filter_map("finite", |number| float(f64::from(number))),
        ".{0,12}".prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            proptest::collection::vec((".{0,6}", inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn round_trip(value in values()) {
        prop_assert_eq!(read(&write(&value), 127).unwrap(), value);
    }

    #[test]
    fn deterministic(value in values()) {
        let Value::Object(object) = value else { return Ok(()) };
        let reversed: crate::Object = object.clone().into_iter().rev().collect();
        prop_assert_eq!(write(&Value::Object(object)), write(&Value::Object(reversed)));
    }

    /// Whatever can be read is written so that it reads the same.
    #[test]
    fn bytes_at_random(input in proptest::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(value) = read(&input, 16) {
            let written = write(&value);
            prop_assert_eq!(write(&read(&written, 16).unwrap()), written);
        }
    }

    /// Digits survive, in whatever form they travel.
    #[test]
    fn decimals(before in "0|[1-9][0-9]{0,25}", behind in "[0-9]{1,25}", exponent in -30_i32..30) {
        let json = format!("{before}.{behind}e{exponent}");
        let read = read(&write(&value(&json)), 16).unwrap().to_string();
        let plain = |text: &str| {
            let (number, exponent) = text.split_once('e').unwrap_or((text, "0"));
            let (before, behind) = number.split_once('.').unwrap_or((number, ""));
            let digits = format!("{before}{behind}");
            let trimmed = digits.trim_end_matches('0');
            let zeros = i64::try_from(digits.len() - trimmed.len()).unwrap();
            let power = exponent.parse::<i64>().unwrap() - i64::try_from(behind.len()).unwrap() + zeros;
            let digits = trimmed.trim_start_matches('0').to_owned();
            let power = if digits.is_empty() { 0 } else { power };
            (digits, power)
        };
        prop_assert_eq!(plain(&read), plain(&json));
    }
}
