//! The syntaxes that strings can have (TS-0004 6.3.2, 6.3.3): one predicate for each.
//!
//! Every syntax has a name in `schemas/data_types.toml` and words for whoever sent something else. What a valid
//! string means is left to those who use it.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::Timestamp;
use crate::id::{MAX_ADDRESS, MAX_SEGMENT, is_resource_name};
use crate::time::{AbsRelTime, Span};

macro_rules! syntaxes {
    ($($variant:ident = $name:literal, $expected:literal, $test:expr;)*) => {
        /// The syntax of a string.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Syntax {
            $(#[doc = $expected] $variant,)*
        }

        impl Syntax {
            /// From the name in `data_types.toml`.
            pub(super) fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// What the string has to be, for a message.
            pub const fn expected(self) -> &'static str {
                match self {
                    $(Self::$variant => $expected,)*
                }
            }

            /// Whether the string has the syntax.
            pub fn accepts(self, text: &str) -> bool {
                match self {
                    $(Self::$variant => $test(text),)*
                }
            }
        }
    };
}

syntaxes! {
    String = "string", "a string", |_| true;
    Token = "token", "a string without line breaks and without spaces at its ends", is_token;
    Label = "label", "a string of 1 to 255 bytes without line breaks and without spaces at its ends",
        |text: &str| text.len() <= MAX_SEGMENT && is_token(text);
    Identifier = "identifier", "a string of 1 to 4096 bytes without spaces and control characters", is_identifier;
    ResourceName = "resourceName", "a resource name of letters, digits, '-', '.', '_' and '~'", is_resource_name;
    NcName = "NCName", "a name that starts with a letter or '_' and has no colon", is_nc_name;
    Timestamp = "timestamp", "a time stamp such as 20261121T033156", |text| Timestamp::parse(text).is_some();
    AbsRelTimestamp = "absRelTimestamp", "a time stamp such as 20261121T033156 or a number of milliseconds",
        |text| AbsRelTime::parse(text).is_some();
    Duration = "duration", "a duration such as PT1M30S", |text| Span::parse_duration(text).is_some();
    Date = "date", "a date such as 2026-11-21", |text| is_made_of(text, "-:+Z");
    Time = "time", "a time of day such as 03:31:56", |text| is_made_of(text, "-:+Z.,");
    DateTime = "dateTime", "a date and time such as 2026-11-21T03:31:56", |text| is_made_of(text, "-:+Z.,T");
    Base64 = "base64", "base64 with padding", is_base64;
    Digits = "digits", "a string of 1 to 22 digits", |text: &str| text.len() <= 22 && is_made_of(text, "");
    Ipv4 = "ipv4", "an ipv4 address, with or without a prefix length",
        |text| is_network(text, 32, |address| address.parse::<Ipv4Addr>().is_ok());
    Ipv6 = "ipv6", "an ipv6 address, with or without a prefix length",
        |text| is_network(text, 128, |address| address.parse::<Ipv6Addr>().is_ok());
    ContentInfo = "contentInfo", "a media type, optionally followed by ':' and an encoding of 0..2", is_content_info;
    ScheduleEntry = "scheduleEntry", "seven fields: second, minute, hour, day, month, weekday, year", is_schedule_entry;
    CountryCode = "countryCode", "two capital letters",
        |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    Coordinates = "coordinates", "a string with a json array of numbers or of arrays",
        |text: &str| text.trim_start().starts_with('[') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
}

fn is_token(text: &str) -> bool {
    text.len() <= MAX_ADDRESS
        && match text.as_bytes() {
            [] => false,
            // Nearly all are ASCII, for which there is no need to decode characters.
            [b' ', ..] | [.., b' '] => false,
            bytes if text.is_ascii() => bytes.iter().all(|byte| (b' '..=b'~').contains(byte)),
            _ => text.trim() == text && !text.contains(char::is_control),
        }
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_ADDRESS
        && if text.is_ascii() {
            text.bytes().all(|byte| byte.is_ascii_graphic())
        } else {
            !text.contains(|character: char| character.is_whitespace() || character.is_control())
        }
}

fn is_nc_name(text: &str) -> bool {
    let mut characters = text.chars();
    text.len() <= MAX_SEGMENT
        && characters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && characters.all(|character| character.is_alphanumeric() || matches!(character, '-' | '.' | '_'))
}

/// At least one digit, and nothing but digits and `others`.
fn is_made_of(text: &str, others: &str) -> bool {
    text.len() <= 40
        && text.contains(|character: char| character.is_ascii_digit())
        && text.chars().all(|character| character.is_ascii_digit() || others.contains(character))
}

fn is_base64(text: &str) -> bool {
    let body = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    text.len().is_multiple_of(4)
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_'))
}

fn is_network(text: &str, longest: u8, is_address: impl Fn(&str) -> bool) -> bool {
    match text.split_once('/') {
        Some((address, prefix)) => {
            is_address(address)
                && prefix.bytes().all(|byte| byte.is_ascii_digit())
                && prefix.parse::<u8>().is_ok_and(|length| length <= longest)
        }
        None => is_address(text),
    }
}

/// `type/subtype`, then up to two fields: m2m:encodingType (0..2) and m2m:contentSecurity (0..5).
fn is_content_info(text: &str) -> bool {
    let media = match text.as_bytes() {
        [media @ .., b':', b'0'..=b'2', b':', b'0'..=b'5'] | [media @ .., b':', b'0'..=b'2'] => media,
        media => media,
    };
    let is_allowed = |byte: &u8| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'!' | b'#'..=b'\'' | b'*'..=b'.' | b';' | b'=' | b'^' | b'_' | b'"');
    let mut parts = media.split(|byte| *byte == b'/');
    let mut is_part = || parts.next().is_some_and(|part| !part.is_empty() && part.iter().all(is_allowed));
    is_part() && is_part() && parts.next().is_none()
}

/// The seven fields of TS-0004 7.4.9.1, each `*` or numbers with `,`, `-` and `/`, in the range of the field.
fn is_schedule_entry(text: &str) -> bool {
    const LIMITS: [(u16, u16); 7] = [(0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6), (2000, 9999)];
    let mut fields = text.split_ascii_whitespace();
    let in_range = LIMITS.iter().all(|(low, high)| {
        fields.next().is_some_and(|field| {
            field.split(',').all(|part| {
                let (range, step) =
                    part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
                let number =
                    |text: &str| text.parse::<u16>().ok().filter(|number| (low..=high).contains(&number));
                let (from, to) = range.split_once('-').unwrap_or((range, range));
                (range == "*" || number(from).zip(number(to)).is_some_and(|(from, to)| from <= to))
                    && step.is_none_or(|step| step.parse::<u16>().is_ok_and(|step| step > 0))
            })
        })
    });
    in_range && fields.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::Syntax;

    #[test]
    fn accepts_and_refuses() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("token", &["a", "a b"], &["", " a", "a ", "a\nb", "a\tb"]),
            ("label", &["temperature", "key:a value", "ü"], &["", " x", &"x".repeat(256)]),
            (
                "identifier",
                &["/id-in/cnt7", "http://[::1]:8080/a?b=c", "C1", "all", "*"],
                &["", "a b", "a\u{7f}", "a\u{a0}b", &"x".repeat(4097)],
            ),
            ("resourceName", &["cnt-1", "a~b"], &["", "-", "a/b", "a b"]),
            ("NCName", &["con", "_x", "größe", "a.b-c"], &["", "1a", "-a", "a:b", "a b"]),
            ("timestamp", &["20261121T033156", "20261121T033156,5"], &["", "2026", "PT1S", "5000"]),
            ("absRelTimestamp", &["20261121T033156", "5000", "PT5S"], &["", "-1", "soon"]),
            ("duration", &["PT1M", "P1D"], &["", "P", "1", "-PT1S"]),
            ("date", &["2026-11-21"], &["", "today", "-"]),
            ("time", &["03:31:56"], &["", "noon"]),
            ("dateTime", &["2026-11-21T03:31:56Z"], &["", "now"]),
            ("base64", &["", "QUJD", "QUI=", "QQ=="], &["Q", "QU I", "Q===", "QUJ\n"]),
            ("digits", &["262011234567890"], &["", "12a", "12345678901234567890123"]),
            (
                "ipv4",
                &["10.0.0.1", "10.0.0.0/8"],
                &["", "10.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "::1"],
            ),
            ("ipv6", &["::1", "fd00::/8"], &["", "::1/129", "10.0.0.1", "g::"]),
            (
                "contentInfo",
                &["text/plain", "text/plain:0", "application/json:1:3", "application/vnd.a+json:2"],
                &[
                    "",
                    "text",
                    "text/",
                    "/plain",
                    "text/plain:3",
                    "text/plain:0:6",
                    "text/plain:0:0:0",
                    "te xt/plain:0",
                    "text/plain:",
                ],
            ),
            (
                "scheduleEntry",
                &["* * * * * * *", "0 0/5 8-18 1,15 * 1-5 2026"],
                &[
                    "",
                    "* * * * * *",
                    "* * * * * * * *",
                    "60 * * * * * *",
                    "* * * 0 * * *",
                    "* * * * * 7 *",
                    "* * * * * * 1999",
                    "* * 5-3 * * * *",
                    "* * 5- * * * *",
                    "* * 1,,2 * * * *",
                    "a * * * * * *",
                    "*/0 * * * * * *",
                ],
            ),
            ("countryCode", &["KR"], &["", "kr", "KOR"]),
            ("coordinates", &["[52.5, 13.4]", "[[1,2],[3,4]]"], &["", "52.5, 13.4", "[52.5", "{}"]),
        ];
        for (name, accepted, refused) in cases {
            let syntax = Syntax::from_name(name).unwrap();
            for text in *accepted {
                assert!(syntax.accepts(text), "{name} refuses {text:?}");
            }
            for text in *refused {
                assert!(!syntax.accepts(text), "{name} accepts {text:?}");
            }
        }
    }
}
