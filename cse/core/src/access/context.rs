//! The context of a rule (`acco`): time windows, addresses, places (TS-0001 9.6.2.2).
//!
//! A context that this node cannot evaluate never holds.

use std::net::IpAddr;

use dyad_protocol::Timestamp;
use ipnet::IpNet;
use serde_json::Value;

use crate::resource::texts;

/// A context. Each kind of condition that is given must hold; of the entries of one kind, one.
#[derive(Debug, Default)]
pub struct Context {
    windows: Option<Vec<Window>>,
    addresses: Option<Vec<IpNet>>,
    beyond_evaluation: bool,
}

/// A time pattern of seven fields: second, minute, hour, day of month, month, day of week (0 is Sunday), year
/// (`m2m:scheduleEntry`, TS-0004 7.4.9.1). Each is `*` or a list of numbers, ranges and steps.
#[derive(Debug)]
struct Window([Field; 7]);

#[derive(Debug)]
struct Field(Vec<(u32, u32, u32)>);

/// The range of each field.
const RANGES: [(u32, u32); 7] = [(0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6), (1970, 9999)];

impl Context {
    /// From a member of `acco`.
    pub fn from_value(value: &Value) -> Self {
        let mut context = Self::default();
        for (name, condition) in value.as_object().into_iter().flatten() {
            match name.as_str() {
                "actw" => context.windows = Some(texts(Some(condition)).filter_map(Window::parse).collect()),
                "acip" => {
                    let listed = texts(condition.get("ipv4")).chain(texts(condition.get("ipv6")));
                    context.addresses = Some(listed.filter_map(network).collect());
                }
                // Location regions and whatever else a later release adds.
                _ => context.beyond_evaluation = true,
            }
        }
        context
    }

    /// Whether the context holds at a moment for a sender.
    pub fn holds(&self, now: Timestamp, peer: Option<IpAddr>) -> bool {
        !self.beyond_evaluation
            && self.windows.as_ref().is_none_or(|windows| windows.iter().any(|window| window.contains(now)))
            && self.addresses.as_ref().is_none_or(|networks| {
                peer.is_some_and(|peer| networks.iter().any(|network| network.contains(&peer.to_canonical())))
            })
    }
}

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

impl Window {
    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split_ascii_whitespace();
        let mut parsed = Vec::with_capacity(7);
        for range in RANGES {
            parsed.push(Field::parse(fields.next()?, range)?);
        }
        let fields_left = fields.next().is_some();
        if fields_left { None } else { parsed.try_into().ok().map(Self) }
    }

    fn contains(&self, now: Timestamp) -> bool {
        let Some(now) = now.to_utc() else { return false };
        let values = [
            u32::from(now.second()),
            u32::from(now.minute()),
            u32::from(now.hour()),
            u32::from(now.day()),
            u32::from(u8::from(now.month())),
            u32::from(now.weekday().number_days_from_sunday()),
            u32::try_from(now.year()).unwrap_or(0),
        ];
        self.0.iter().zip(values).all(|(field, value)| field.contains(value))
    }
}

impl Field {
    fn parse(text: &str, (least, most): (u32, u32)) -> Option<Self> {
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
                // Sunday may be written as 7.
                let sunday = most == 6 && from == 7 && to == 7;
                let (from, to) = if sunday { (0, 0) } else { (from, to) };
                (least <= from && from <= to && to <= most).then_some((from, to, step))
            })
            .collect::<Option<_>>()
            .map(Self)
    }

    fn contains(&self, value: u32) -> bool {
        self.0
            .iter()
            .any(|(from, to, step)| (*from..=*to).contains(&value) && (value - from).is_multiple_of(*step))
    }
}

/// Whether a text is a time pattern, for validation.
pub(crate) fn is_time_pattern(text: &str) -> bool {
    Window::parse(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::{Context, Window, is_time_pattern};
    use dyad_protocol::Timestamp;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn windows() {
        // 21 November 2026 is a Saturday.
        let now = Timestamp::parse("20261121T033156").unwrap();
        for (pattern, holds) in [
            ("* * * * * * *", true),
            ("* * 3 * * * *", true),
            ("* * 4-5 * * * *", false),
            ("* */31 * * * * *", true),
            ("* 30-40 3 21 11 6 2026", true),
            ("* * * * * 0,1-5 *", false),
            ("56 * * * * * *", true),
            ("* * * * * * 2027", false),
        ] {
            assert_eq!(Window::parse(pattern).unwrap().contains(now), holds, "{pattern}");
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
        ] {
            assert!(!is_time_pattern(wrong), "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_evaluated_does_not_hold() {
        let now = Timestamp::default();
        let peer = Some("10.1.2.3".parse().unwrap());
        let holds = |value: serde_json::Value| Context::from_value(&value).holds(now, peer);
        assert!(holds(json!({})));
        assert!(holds(json!({"acip": {"ipv4": ["10.1.0.0/16"]}})));
        assert!(holds(json!({"acip": {"ipv4": ["192.168.1.1", "10.1.2.3"]}})));
        assert!(!holds(json!({"acip": {"ipv4": ["nonsense"]}})));
        assert!(!holds(json!({"acip": {}})));
        assert!(!holds(json!({"aclr": {"accc": ["DE"]}})));
        assert!(!holds(json!({"actw": ["nonsense"]})));
        assert!(!Context::from_value(&json!({"acip": {"ipv4": ["0.0.0.0/0"]}})).holds(now, None));
    }

    proptest! {
        #[test]
        fn patterns_never_panic(text in "[0-9*,/ -]{0,40}") {
            let _ = is_time_pattern(&text);
        }
    }
}
