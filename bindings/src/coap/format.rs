//! Content formats: Content-Format and Accept (TS-0008 6.2.2.2, Table 6.2.2.2-1).
//!
//! Responsible for their numbers. How a content is written is left to the codec.

use dyad_protocol::Serialization;

/// How a payload is written, with the number under which it travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// The number in Content-Format and Accept.
    pub number: u16,
    /// What it is.
    pub serialization: Serialization,
}

/// `application/link-format` (RFC 6690 7.3)
pub const LINK_FORMAT: u16 = 40;

/// Numbers and names of serialisations, the ones for any content first.
static TABLE: [(u16, &str); 15] = [
    (50, "json"),
    (60, "cbor"),
    (41, "xml"),
    // res
    (10014, "xml"),
    (10001, "json"),
    (10010, "cbor"),
    // ntfy
    (10002, "xml"),
    (10003, "json"),
    (10011, "cbor"),
    // preq
    (10006, "xml"),
    (10007, "json"),
    (10012, "cbor"),
    // prsp
    (10008, "xml"),
    (10009, "json"),
    (10013, "cbor"),
];

/// res+xml in release 1; now that of somebody else.
const FIRST_RES_XML: u16 = 10000;

impl Format {
    /// The format of a number; `None` for one that this node does not speak. `first` is for originators that use the
    /// numbers of release 1.
    pub fn from_number(number: u64, first: bool) -> Option<Self> {
        let number = u16::try_from(number).ok()?;
        let known = if first && number == FIRST_RES_XML { 10014 } else { number };
        let (_, name) = TABLE.iter().find(|(listed, _)| *listed == known)?;
        Some(Self { number, serialization: Serialization::from_name(name)? })
    }

    /// The number that suits any content: 50, 60 or 41.
    pub fn of(serialization: Serialization) -> Self {
        let number = TABLE.iter().find(|(_, name)| *name == serialization.name()).map(|(number, _)| *number);
        // Every serialisation has one, which a test holds.
        Self { number: number.unwrap_or(50), serialization }
    }
}

#[cfg(test)]
mod tests {
    use super::{Format, TABLE};
    use dyad_protocol::Serialization;

    #[test]
    fn every_serialization_has_a_number() {
        for serialization in Serialization::ALL {
            let format = Format::of(serialization);
            assert_eq!(Format::from_number(format.number.into(), false), Some(format));
            assert!(
                TABLE.iter().any(|(number, name)| *number == format.number && *name == serialization.name())
            );
        }
        let json = Format::from_number(10001, false).unwrap();
        assert_eq!((json.number, json.serialization), (10001, Serialization::Json));
        assert_eq!(Format::from_number(10000, true).is_some(), Serialization::from_name("xml").is_some());
        for unknown in [0, 40, 42, 10000, 10004, 10005, 10015, 65536] {
            assert_eq!(Format::from_number(unknown, false), None, "{unknown}");
        }
    }
}
