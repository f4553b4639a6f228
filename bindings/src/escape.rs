//! Percent-encoding (RFC 3986 2.1), strictly and exactly once.

use std::borrow::Cow;

use dyad_protocol::Failure;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but the unreserved characters is escaped.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The text that an escaped text stands for; `what` names it in the failure.
///
/// BAD_REQUEST for an escape that is not two hexadecimal digits, for bytes that are not UTF-8, and for control
/// characters other than tab and line breaks. A `+` stays a plus.
pub(crate) fn decode<'a>(raw: &'a str, what: &str) -> Result<Cow<'a, str>, Failure> {
    let malformed = || Failure::bad_request(format!("{what} is not percent-encoded UTF-8"));
    let text = if raw.contains('%') {
        let mut bytes = Vec::with_capacity(raw.len());
        let mut rest = raw.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'%' => hex(rest.next())
                    .zip(hex(rest.next()))
                    .map(|(high, low)| high << 4 | low)
                    .ok_or_else(malformed)?,
                byte => byte,
            });
        }
        Cow::Owned(String::from_utf8(bytes).map_err(|_| malformed())?)
    } else {
        Cow::Borrowed(raw)
    };
    if has_controls(&text) {
        return Err(malformed());
    }
    Ok(text)
}

/// Whether a text has control characters other than tab and line breaks.
pub(crate) fn has_controls(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r'))
}

fn hex(digit: Option<u8>) -> Option<u8> {
    digit.and_then(|digit| char::from(digit).to_digit(16)).and_then(|value| u8::try_from(value).ok())
}

/// Appends a text with everything escaped that has a meaning in a query or a path.
pub(crate) fn encode_into(out: &mut String, text: &str) {
    out.extend(utf8_percent_encode(text, RESERVED));
}

#[cfg(test)]
mod tests {
    use super::{decode, encode_into};
    use proptest::prelude::*;

    #[test]
    fn strict() {
        assert_eq!(decode("a%20b+%C3%a9", "x").unwrap(), "a b+é");
        for wrong in ["%", "%4", "%zz", "%+1", "%c3", "%c0%af", "%ed%a0%80", "%00", "%7f", "%1b"] {
            assert_eq!(decode(wrong, "x").unwrap_err().rsc.number(), 4000, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(text in "[^\\p{Cc}]{0,40}") {
            let mut escaped = String::new();
            encode_into(&mut escaped, &text);
            prop_assert_eq!(decode(&escaped, "x").unwrap(), text);
        }
    }
}
