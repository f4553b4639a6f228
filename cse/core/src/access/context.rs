//! The context of a rule (`acco`): time windows, addresses, places (TS-0001 9.6.2.2).
//!
//! A context that this node cannot evaluate never holds.

use std::net::IpAddr;

use dyad_protocol::Timestamp;
use ipnet::IpNet;
use serde_json::Value;

use crate::geography::Region;
use crate::resource::texts;
use crate::schedule::Schedule;

/// Where an originator is.
#[derive(Clone, Debug)]
pub struct Place(pub(super) geo::Geometry);

/// A context. Each kind of condition that is given must hold; of the entries of one kind, one.
#[derive(Debug, Default)]
pub struct Context {
    windows: Option<Schedule>,
    addresses: Option<Vec<IpNet>>,
    region: Option<Region>,
    beyond_evaluation: bool,
}

impl Context {
    /// From a member of `acco`.
    pub fn from_value(value: &Value) -> Self {
        let mut context = Self::default();
        for (name, condition) in value.as_object().into_iter().flatten() {
            match name.as_str() {
                "actw" => context.windows = Some(Schedule::new(texts(Some(condition)))),
                "acip" => {
                    let listed = texts(condition.get("ipv4")).chain(texts(condition.get("ipv6")));
                    context.addresses = Some(listed.filter_map(network).collect());
                }
                "aclr" => match Region::from_value(condition) {
                    Some(region) => context.region = Some(region),
                    None => context.beyond_evaluation = true,
                },
                // Whatever a later release adds.
                _ => context.beyond_evaluation = true,
            }
        }
        context
    }

    /// Whether it takes the location of the originator to evaluate the context.
    pub fn asks_for_place(&self) -> bool {
        self.region.is_some() && !self.beyond_evaluation
    }

    /// Whether the context holds at a moment for a sender, and for an originator at a place; a place that is not known
    /// is in no region.
    pub fn holds(&self, now: Timestamp, peer: Option<IpAddr>, place: Option<&Place>) -> bool {
        !self.beyond_evaluation
            && self.windows.as_ref().is_none_or(|windows| windows.contains(now))
            && self.region.as_ref().is_none_or(|region| place.is_some_and(|place| region.holds(&place.0)))
            && self.addresses.as_ref().is_none_or(|networks| {
                peer.is_some_and(|peer| networks.iter().any(|network| network.contains(&peer.to_canonical())))
            })
    }
}

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

#[cfg(test)]
mod tests {
    use super::Context;
    use dyad_protocol::Timestamp;
    use serde_json::json;

    #[test]
    fn what_cannot_be_evaluated_does_not_hold() {
        let now = Timestamp::default();
        let peer = Some("10.1.2.3".parse().unwrap());
        let place = super::Place(geo::Point::new(13.4, 52.5).into());
        let at = |value: serde_json::Value, place| Context::from_value(&value).holds(now, peer, place);
        let holds = |value: serde_json::Value| at(value, Some(&place));
        assert!(holds(json!({})));
        assert!(holds(json!({"acip": {"ipv4": ["10.1.0.0/16"]}})));
        assert!(holds(json!({"acip": {"ipv4": ["192.168.1.1", "10.1.2.3"]}})));
        assert!(!holds(json!({"acip": {"ipv4": ["nonsense"]}})));
        assert!(!holds(json!({"acip": {}})));
        assert!(holds(json!({"aclr": {"accc": ["DE"]}})));
        assert!(holds(json!({"aclr": {"accc": ["KR", "DE"]}})));
        assert!(!holds(json!({"aclr": {"accc": ["KR"]}})));
        assert!(!holds(json!({"aclr": {"accc": []}})));
        assert!(!at(json!({"aclr": {"accc": ["DE"]}}), None));
        assert!(holds(json!({"aclr": {"accr": [52.0, 13.0, 100_000]}})));
        assert!(!holds(json!({"aclr": {"accr": [13.0, 52.0, 100_000]}})));
        assert!(!holds(json!({"aclr": {"accr": [52.0, 13.0, 100_000], "accc": ["DE"]}})));
        assert!(!at(json!({"aclr": {"accr": [52.0, 13.0, 100_000]}}), None));
        assert!(!holds(json!({"actw": ["nonsense"]})));
        assert!(!Context::from_value(&json!({"acip": {"ipv4": ["0.0.0.0/0"]}})).holds(now, None, None));
    }
}
