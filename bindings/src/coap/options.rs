//! The options of a request or response message that carry parameters (TS-0008 6.2.2.4, Table 6.2.2.4.0-1).
//!
//! Responsible for their numbers, old and new, and for how values are written. What a parameter means is left to
//! `decode` and `encode`.

use coap_lite::{CoapOption, Packet};

/// Uri-Path (RFC 7252 5.10.1)
pub(super) const URI_PATH: u16 = 11;
/// Content-Format (RFC 7252 5.10.3)
pub(super) const CONTENT_FORMAT: u16 = 12;
/// Max-Age (RFC 7252 5.10.5)
pub(super) const MAX_AGE: u16 = 14;
/// Uri-Query (RFC 7252 5.10.1)
pub(super) const URI_QUERY: u16 = 15;
/// Accept (RFC 7252 5.10.4)
pub(super) const ACCEPT: u16 = 17;
/// Location-Path (RFC 7252 5.10.7)
pub(super) const LOCATION_PATH: u16 = 8;
/// Observe (RFC 7641 2)
pub(super) const OBSERVE: u16 = 6;
/// Proxy-Uri and Proxy-Scheme (RFC 7252 5.10.2)
pub(super) const PROXY: [u16; 2] = [35, 39];

/// Bytes of a Uri-Path, a Uri-Query and most options with texts (RFC 7252 Table 4, TS-0008 Table 6.2.2.4.0-1).
pub(super) const LONGEST: usize = 255;

/// Critical options without a parameter that a server may get: Uri-Host, Uri-Port, Uri-Path, Uri-Query, Accept, Block2,
/// Block1.
const CRITICAL: [u16; 7] = [3, 7, URI_PATH, URI_QUERY, ACCEPT, 23, 27];

/// Which numbers an originator uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Those of TS-0008 V3.7 and later.
    #[default]
    Current,
    /// Those before, from release 1 on.
    First,
}

/// A parameter that an option carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// oneM2M-FR
    From,
    /// oneM2M-RQI
    RequestIdentifier,
    /// oneM2M-OT
    OriginatingTimestamp,
    /// oneM2M-RQET
    RequestExpirationTimestamp,
    /// oneM2M-RSET
    ResultExpirationTimestamp,
    /// oneM2M-OET
    OperationExecutionTime,
    /// oneM2M-RTURI
    NotificationUri,
    /// oneM2M-EC
    EventCategory,
    /// oneM2M-RSC
    ResponseStatusCode,
    /// oneM2M-GID
    GroupRequestIdentifier,
    /// oneM2M-TY
    ResourceType,
    /// oneM2M-CTO
    ContentOffset,
    /// oneM2M-CTS
    ContentStatus,
    /// oneM2M-ATI
    AssignedTokenIdentifiers,
    /// oneM2M-RVI
    ReleaseVersionIndicator,
    /// oneM2M-VSI
    VendorInformation,
    /// oneM2M-GTM
    GroupRequestTargetMembers,
    /// oneM2M-AUS
    AuthorizationSignatures,
    /// oneM2M-ASRI
    AuthorizationSignatureRequestInformation,
}

struct Row {
    parameter: Parameter,
    current: u16,
    first: u16,
    /// Bytes at most. Timestamps may have more than the 15 of the table: fractions of seconds, spans.
    longest: usize,
}

const fn row(parameter: Parameter, current: u16, first: u16, longest: usize) -> Row {
    Row { parameter, current, first, longest }
}

/// Bytes of a point in time with a fraction, or of a span.
const TIME: usize = 32;

static TABLE: [Row; 19] = [
    row(Parameter::From, 279, 256, LONGEST),
    row(Parameter::RequestIdentifier, 283, 257, LONGEST),
    row(Parameter::OriginatingTimestamp, 259, 259, TIME),
    row(Parameter::RequestExpirationTimestamp, 291, 260, TIME),
    row(Parameter::ResultExpirationTimestamp, 295, 261, TIME),
    row(Parameter::OperationExecutionTime, 299, 262, TIME),
    row(Parameter::NotificationUri, 263, 263, LONGEST),
    row(Parameter::EventCategory, 303, 264, 2),
    row(Parameter::ResponseStatusCode, 307, 265, 2),
    row(Parameter::GroupRequestIdentifier, 311, 266, LONGEST),
    row(Parameter::ResourceType, 267, 267, 2),
    row(Parameter::ContentOffset, 319, 268, 4),
    row(Parameter::ContentStatus, 323, 269, 2),
    row(Parameter::AssignedTokenIdentifiers, 327, 270, LONGEST),
    row(Parameter::ReleaseVersionIndicator, 271, 271, 2),
    row(Parameter::VendorInformation, 331, 272, LONGEST),
    row(Parameter::GroupRequestTargetMembers, 335, 273, 512),
    row(Parameter::AuthorizationSignatures, 339, 274, LONGEST),
    row(Parameter::AuthorizationSignatureRequestInformation, 275, 275, LONGEST),
];

/// The parameter of an option and, if the number is of one dialect alone, which. `lenient` knows the first dialect.
pub fn parameter(number: u16, lenient: bool) -> Option<(Parameter, Option<Dialect>)> {
    let row = TABLE.iter().find(|row| row.current == number || (lenient && row.first == number))?;
    let dialect = match number {
        _ if row.current == row.first => None,
        number if number == row.current => Some(Dialect::Current),
        _ => Some(Dialect::First),
    };
    Some((row.parameter, dialect))
}

/// Whether a server understands the critical option (odd number); all others are of no account if they are unknown.
pub fn is_known(number: u16, lenient: bool) -> bool {
    CRITICAL.contains(&number) || PROXY.contains(&number) || parameter(number, lenient).is_some()
}

impl Parameter {
    fn row(self) -> &'static Row {
        // Every parameter has a row, which a test holds.
        let [first, ..] = &TABLE;
        TABLE.iter().find(|row| row.parameter == self).unwrap_or(first)
    }

    /// The number of its option.
    pub fn number(self, dialect: Dialect) -> u16 {
        match dialect {
            Dialect::Current => self.row().current,
            Dialect::First => self.row().first,
        }
    }

    /// Bytes that a value may have.
    pub(super) fn longest(self) -> usize {
        self.row().longest
    }
}

/// Appends an option.
pub(super) fn put(packet: &mut Packet, number: u16, value: impl Into<Vec<u8>>) {
    packet.add_option(CoapOption::from(number), value.into());
}

/// Appends an option with a number, in as few bytes as it needs (RFC 7252 3.2).
pub(super) fn put_uint(packet: &mut Packet, number: u16, value: u64) {
    let bytes = value.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    put(packet, number, bytes.get(zeros..).unwrap_or_default());
}

/// The number that an option says; leading zeros do not count (RFC 7252 3.2).
pub(super) fn uint(value: &[u8]) -> u64 {
    value.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::{Dialect, TABLE, is_known, parameter, put_uint, uint};
    use coap_lite::Packet;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_one_to_one() {
        for row in &TABLE {
            assert_eq!(parameter(row.current, false).unwrap().0, row.parameter);
            assert_eq!(parameter(row.first, true).unwrap().0, row.parameter);
            assert_eq!(row.parameter.number(Dialect::Current), row.current);
            assert_eq!(row.parameter.number(Dialect::First), row.first);
            // Critical and unsafe to forward (RFC 7252 5.4.6), all of the present ones.
            assert_eq!(row.current % 4, 3, "{:?}", row.parameter);
            assert_eq!(parameter(row.first, false).is_some(), row.first == row.current);
        }
        assert_eq!(parameter(256, true).unwrap().1, Some(Dialect::First));
        assert_eq!(parameter(279, true).unwrap().1, Some(Dialect::Current));
        assert_eq!(parameter(267, true).unwrap().1, None);
        assert!(is_known(257, true) && !is_known(257, false) && !is_known(1, true) && !is_known(9, true));
    }

    proptest! {
        #[test]
        fn numbers_round_trip(value: u64) {
            let mut packet = Packet::new();
            put_uint(&mut packet, 307, value);
            let (_, values) = packet.options().next().unwrap();
            prop_assert_eq!(uint(values.front().unwrap()), value);
            prop_assert!(values.front().unwrap().first() != Some(&0));
        }
    }
}
