//! Sub-protocols: one for each serialisation, and the kind of frame that it travels in (TS-0020 Table 6.2.2.9-1).

use dyad_protocol::Serialization;
use tungstenite::protocol::frame::coding::Data;

/// What precedes the name of the serialisation.
const PREFIX: &str = "oneM2M.";

/// The name of the sub-protocol of a serialisation: `oneM2M.json`.
pub(super) fn name(serialization: Serialization) -> String {
    format!("{PREFIX}{}", serialization.name())
}

/// All sub-protocols of this node, what it likes best first, as a header has them.
pub(super) fn all() -> String {
    Serialization::ALL.map(name).join(", ")
}

/// The same with one in front.
pub(super) fn all_after(first: Serialization) -> String {
    let others = Serialization::ALL.into_iter().filter(|other| *other != first);
    std::iter::once(first).chain(others).map(name).collect::<Vec<_>>().join(", ")
}

/// The serialisation of a name. Case does not count, since RFC 6455 11.5 registers names and no spelling.
pub(super) fn parse(name: &str) -> Option<Serialization> {
    let (prefix, serialization) = name.split_at_checked(PREFIX.len())?;
    if !prefix.eq_ignore_ascii_case(PREFIX) {
        return None;
    }
    Serialization::from_name(&serialization.to_ascii_lowercase())
}

/// The first of the offered sub-protocols that this node speaks, as it was spelled: the order is the client's
/// preference (TS-0020 6.2.2.7). `headers` are the values of all Sec-WebSocket-Protocol headers.
pub(super) fn choose<'a>(headers: impl Iterator<Item = &'a str>) -> Option<(&'a str, Serialization)> {
    let mut offered = headers.flat_map(|value| value.split(',')).map(str::trim);
    offered.find_map(|name| Some((name, parse(name)?)))
}

/// The kind of frame in which a serialisation travels.
pub(super) const fn opcode(serialization: Serialization) -> Data {
    if matches!(serialization, Serialization::Cbor) { Data::Binary } else { Data::Text }
}

#[cfg(test)]
mod tests {
    use super::{all, all_after, choose, parse};
    use dyad_protocol::Serialization;

    #[test]
    fn every_serialization_has_one() {
        for (name, serialization) in all().split(", ").zip(Serialization::ALL) {
            assert_eq!(parse(name), Some(serialization));
        }
        for other in ["", "oneM2M", "oneM2M.", "oneM2M.yaml", "json", "mqtt", "öneM2M.json"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn one_is_liked_best() {
        assert_eq!(all_after(Serialization::Json), all());
        assert!(all_after(Serialization::Cbor).starts_with("oneM2M.cbor, oneM2M.json"));
    }

    #[test]
    fn the_client_chooses_by_its_order() {
        let cases: [(&[&str], Option<&str>); 5] = [
            (&["oneM2M.json"], Some("oneM2M.json")),
            (&["mqtt, ONEM2M.JSON"], Some("ONEM2M.JSON")),
            (&["mqtt", "oneM2M.yaml,oneM2M.json"], Some("oneM2M.json")),
            (&["mqtt"], None),
            (&[], None),
        ];
        for (headers, expected) in cases {
            assert_eq!(choose(headers.iter().copied()).map(|(name, _)| name), expected, "{headers:?}");
        }
    }
}
