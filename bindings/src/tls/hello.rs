//! The message with which a TLS client begins, as far as it has to be understood before it is known with what it is answered
//! (RFC 8446 4.1.2, 4.2.11, 5.1): the identities of keys that it offers.
//!
//! Pure. What is wrong in the message is left to the library that answers it, which sees the same bytes.

use super::reader::{Reader, number};

/// Length of a record's header.
const RECORD: usize = 5;

/// Most bytes of content in a record (RFC 8446 5.1).
const LONGEST_RECORD: usize = 1 << 14;

/// Length of a handshake message's header.
const HANDSHAKE: usize = 4;

/// The longest message that is looked at. Real ones have a few hundred bytes, with keys after quantum computers two thousand.
const LONGEST: usize = 16 * 1024;

/// Most bytes that are kept for a message: room for the headers of records beside.
const MOST: usize = HANDSHAKE + LONGEST + 1024;

/// The extension `pre_shared_key`.
const PRE_SHARED_KEY: [u8; 2] = [0, 41];

/// What the bytes that came are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The beginning of a ClientHello.
    Part,
    /// A whole ClientHello.
    Hello,
    /// No ClientHello, or one that is longer than any that makes sense.
    Other,
}

/// What a client has sent so far.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    bytes: Vec<u8>,
    /// Where the first record begins whose content is not in the message yet.
    next: usize,
    /// The message without the headers of records: it may come in several.
    message: Vec<u8>,
}

impl Opening {
    /// Takes more bytes, however they are cut; says what all of them are.
    pub fn push(&mut self, bytes: &[u8]) -> Seen {
        self.bytes.extend_from_slice(bytes);
        loop {
            match self.whole() {
                Seen::Part => {}
                seen => return seen,
            }
            let rest = self.bytes.get(self.next..).unwrap_or_default();
            match content(rest) {
                Ok(Some(content)) => {
                    self.next += RECORD + content.len();
                    self.message.extend_from_slice(content);
                }
                Ok(None) if self.bytes.len() <= MOST => return Seen::Part,
                Ok(None) | Err(NotHandshake) => return Seen::Other,
            }
        }
    }

    /// What the message is.
    fn whole(&mut self) -> Seen {
        match self.message.as_slice() {
            [1, length @ ..] => match length.first_chunk::<3>().map(|length| HANDSHAKE + number(length)) {
                Some(whole) if whole > HANDSHAKE + LONGEST => Seen::Other,
                Some(whole) if self.message.len() >= whole => {
                    self.message.truncate(whole);
                    Seen::Hello
                }
                _ => Seen::Part,
            },
            [] => Seen::Part,
            _ => Seen::Other,
        }
    }

    /// Identities of keys that a whole ClientHello offers, in its order. They may be those of keys that were shared before,
    /// or what the server gave to resume an earlier session.
    pub fn identities(&self) -> impl Iterator<Item = &[u8]> {
        let mut list = Reader(identities(&self.message).unwrap_or_default());
        std::iter::from_fn(move || {
            let identity = list.prefixed(2)?;
            // How old the client says that it is.
            list.take(4)?;
            Some(identity)
        })
    }

    /// All bytes that came, also those after the message.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Bytes that are no record with a piece of a handshake.
struct NotHandshake;

/// The content of the record at the beginning of these bytes; nothing if it is not whole yet.
fn content(bytes: &[u8]) -> Result<Option<&[u8]>, NotHandshake> {
    // The kind of the record, and the first half of its version, whatever the second is.
    if !matches!(bytes, [] | [22] | [22, 3, ..]) {
        return Err(NotHandshake);
    }
    let Some([_, _, _, l0, l1]) = bytes.first_chunk::<RECORD>() else { return Ok(None) };
    let length = number(&[*l0, *l1]);
    if length == 0 || length > LONGEST_RECORD {
        return Err(NotHandshake);
    }
    Ok(bytes.get(RECORD..RECORD + length))
}

/// The list of identities in a ClientHello.
fn identities(message: &[u8]) -> Option<&[u8]> {
    let mut rest = Reader(message.get(HANDSHAKE..)?);
    let _version_and_random = rest.take(2 + 32)?;
    let _session = rest.prefixed(1)?;
    let _suites = rest.prefixed(2)?;
    let _compressions = rest.prefixed(1)?;
    let mut extensions = Reader(rest.prefixed(2)?);
    loop {
        let kind = extensions.take(2)?;
        let content = extensions.prefixed(2)?;
        if kind == PRE_SHARED_KEY {
            // It has to be the last: what it proves is all that is before.
            return Reader(content).prefixed(2).filter(|_| extensions.0.is_empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Opening, Seen};
    use proptest::prelude::*;

    fn prefixed(bytes: usize, content: &[u8]) -> Vec<u8> {
        [&content.len().to_be_bytes()[8 - bytes..], content].concat()
    }

    /// A ClientHello with these identities, without the headers of records.
    fn hello(identities: &[&[u8]], after: &[u8]) -> Vec<u8> {
        let offered = identities.iter().flat_map(|identity| [&prefixed(2, identity)[..], &[0; 4]].concat());
        let binders = prefixed(2, &prefixed(1, &[7; 32]));
        let keys = [prefixed(2, &offered.collect::<Vec<_>>()), binders].concat();
        let extensions = [&[0, 45][..], &prefixed(2, &[1, 1]), &[0, 41], &prefixed(2, &keys), after].concat();
        let body = [&[3, 3][..], &[9; 32], &[0, 0, 2, 0x13, 1, 1, 0], &prefixed(2, &extensions)].concat();
        [&[1][..], &prefixed(3, &body)].concat()
    }

    fn records(message: &[u8], length: usize) -> Vec<u8> {
        message.chunks(length).flat_map(|piece| [&[22, 3, 1][..], &prefixed(2, piece)].concat()).collect()
    }

    #[test]
    fn identities_are_found_however_the_bytes_are_cut() {
        let message = hello(&[b"ticket", b"meter-1"], &[]);
        for length in [1, 2, 50, 1000] {
            let bytes = records(&message, length);
            let mut opening = Opening::default();
            let (last, before) = bytes.split_last().unwrap();
            for byte in before {
                assert_eq!(opening.push(&[*byte]), Seen::Part);
            }
            assert_eq!(opening.push(&[*last, 20, 3]), Seen::Hello);
            assert_eq!(opening.identities().collect::<Vec<_>>(), [&b"ticket"[..], b"meter-1"]);
            assert_eq!(opening.into_bytes(), [&bytes[..], &[20, 3]].concat());
        }
    }

    #[test]
    fn keys_have_to_be_offered_last() {
        let mut opening = Opening::default();
        assert_eq!(opening.push(&records(&hello(&[b"meter-1"], &[0, 99, 0, 0]), 500)), Seen::Hello);
        assert_eq!(opening.identities().count(), 0);
    }

    #[test]
    fn others_are_seen_at_once() {
        for bytes in [
            &b"G"[..],
            &[21, 3, 3, 0, 2, 2, 40],
            &[22, 2],
            &[22, 3, 1, 0, 0],
            &[22, 3, 1, 0x40, 1],
            &[22, 3, 1, 0, 1, 2],
            // A message of 64 KiB.
            &[22, 3, 1, 0, 4, 1, 1, 0, 0],
        ] {
            assert_eq!(Opening::default().push(bytes), Seen::Other, "{bytes:?}");
        }
        assert_eq!(Opening::default().push(&[]), Seen::Part);
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let mut opening = Opening::default();
        let bytes = records(&hello(&[&[1; 8000]], &[]), 1);
        let taken = bytes.iter().position(|byte| opening.push(&[*byte]) == Seen::Other).unwrap();
        assert!(taken < 18_000, "{taken}");
    }

    proptest! {
        #[test]
        fn nothing_breaks_it(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 0_usize..300) {
            // Also as what is in a record.
            for bytes in [bytes.clone(), records(&[&[1, 0, 0][..], &bytes].concat(), 70)] {
                let (first, second) = bytes.split_at(cut.min(bytes.len()));
                let (mut cut, mut whole) = (Opening::default(), Opening::default());
                let seen = match cut.push(first) {
                    Seen::Part => cut.push(second),
                    seen => seen,
                };
                prop_assert_eq!(seen, whole.push(&bytes));
                prop_assert!(cut.identities().eq(whole.identities()));
            }
        }

        #[test]
        fn nor_what_nearly_is_one(at in 0_usize..130, byte: u8) {
            let mut bytes = records(&hello(&[b"ticket", b"meter-1"], &[]), 1000);
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            let mut opening = Opening::default();
            if opening.push(&bytes) == Seen::Hello {
                prop_assert!(opening.identities().map(<[u8]>::len).sum::<usize>() <= bytes.len());
            }
        }
    }
}
