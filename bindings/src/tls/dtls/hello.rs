//! The two messages with which a DTLS 1.2 handshake begins, as far as they have to be understood before there is a session
//! (RFC 6347 4.2.1): ClientHello is taken apart, HelloVerifyRequest is made.
//!
//! Pure. What a cookie is worth is left to `cookie`, the rest of the handshake to the library.

use crate::tls::reader::{Reader, number};

/// Length of a record's header.
const RECORD: usize = 13;

/// Length of a handshake message's header.
const HANDSHAKE: usize = 12;

/// A ClientHello in one piece at the beginning of a datagram. Those in several pieces, which only hellos of more than a
/// kilobyte need, are not taken: putting them together would keep something of a source that has shown nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientHello<'a> {
    /// What the client calls random.
    pub random: &'a [u8],
    /// The cookie that it brings; empty in the first hello.
    pub cookie: &'a [u8],
    /// Cipher suites, two bytes each.
    pub suites: &'a [u8],
    /// Number of the message in the handshake.
    pub sequence: u16,
    /// The record with the message.
    record: &'a [u8],
    /// Where in the message's body the cookie begins, with its length.
    cookie_at: usize,
}

impl<'a> ClientHello<'a> {
    /// Takes a datagram apart; nothing if it is not such a hello.
    pub fn parse(datagram: &'a [u8]) -> Option<Self> {
        // Content type handshake, version 1.0 or 1.2, epoch 0.
        let [22, 0xfe, 0xff | 0xfd, 0, 0] = *datagram.first_chunk()? else { return None };
        let length = usize::from(u16::from_be_bytes(*datagram.get(11..)?.first_chunk()?));
        let record = datagram.get(..RECORD + length)?;
        let message = record.get(RECORD..)?;
        let header = message.first_chunk::<HANDSHAKE>()?;
        let [1, l0, l1, l2, s0, s1, 0, 0, 0, f0, f1, f2] = *header else { return None };
        let body = message.get(HANDSHAKE..)?;
        if [l0, l1, l2] != [f0, f1, f2] || number(&[l0, l1, l2]) != body.len() {
            return None;
        }
        let mut rest = Reader(body);
        // The version that the client speaks at best; older ones than 1.2 are not spoken.
        if rest.take(2)? != [0xfe, 0xfd] {
            return None;
        }
        let random = rest.take(32)?;
        let session = rest.prefixed(1)?;
        let cookie_at = 2 + 32 + 1 + session.len();
        let cookie = rest.prefixed(1)?;
        let suites = rest.prefixed(2)?;
        let compressions = rest.prefixed(1)?;
        let is_right =
            session.len() <= 32 && !suites.is_empty() && suites.len() % 2 == 0 && !compressions.is_empty();
        let sequence = u16::from_be_bytes([s0, s1]);
        is_right.then_some(Self { random, cookie, suites, sequence, record, cookie_at })
    }

    /// The hello as it came before the cookie was known: the same without it, as the first message of the first record.
    pub fn first(&self) -> Vec<u8> {
        let (head, body) = self.record.split_at(self.record.len().min(RECORD + HANDSHAKE));
        let mut first = Vec::with_capacity(self.record.len());
        first.extend_from_slice(head);
        let (before, after) = body.split_at(body.len().min(self.cookie_at));
        first.extend_from_slice(before);
        first.push(0);
        first.extend_from_slice(after.get(1 + self.cookie.len()..).unwrap_or_default());
        let length = first.len().saturating_sub(RECORD + HANDSHAKE);
        let [.., r0, r1] = (length + HANDSHAKE).to_be_bytes();
        let [.., l0, l1, l2] = length.to_be_bytes();
        // Sequence number and length of the record; then type, length, number, and place of the message.
        let header = [0, 0, 0, 0, 0, 0, r0, r1, 1, l0, l1, l2, 0, 0, 0, 0, 0, l0, l1, l2];
        if let Some(place) = first.get_mut(5..RECORD + HANDSHAKE) {
            place.copy_from_slice(&header);
        }
        first
    }

    /// Whether the first suite that both sides know is one with a pre-shared key.
    pub(super) fn wants_psk(
        &self,
        known: impl Fn(u16) -> bool,
        is_psk: impl Fn(u16) -> bool,
    ) -> Option<bool> {
        let suites = self.suites.chunks_exact(2).filter_map(|suite| suite.first_chunk().copied());
        suites.map(u16::from_be_bytes).find(|suite| known(*suite)).map(is_psk)
    }
}

/// Asks a client to come again with a cookie of 32 bytes. Shorter than any hello, so that it is of no use to whoever
/// wants to flood somebody else.
pub(super) fn verify_request(cookie: &[u8; 32]) -> Vec<u8> {
    // Version, length of the cookie, cookie.
    let length: u8 = 2 + 1 + 32;
    // The record has number 0 whatever the number of the hello is: what the library sends goes on with 1.
    let mut datagram = vec![22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, length + 12];
    datagram.extend_from_slice(&[3, 0, 0, length, 0, 0, 0, 0, 0, 0, 0, length]);
    datagram.extend_from_slice(&[0xfe, 0xff, 32]);
    datagram.extend_from_slice(cookie);
    datagram
}

/// Tells a peer, before there are keys, that there will be no session (RFC 5246 7.2).
pub(super) fn fatal_alert(description: u8) -> [u8; 15] {
    // A number that no record before it has had.
    [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 2, 2, description]
}

#[cfg(test)]
mod tests {
    use super::{ClientHello, verify_request};
    use proptest::prelude::*;

    /// A hello with a cookie, one suite and an extension.
    fn hello(cookie: &[u8], sequence: u8) -> Vec<u8> {
        let mut body = vec![0xfe, 0xfd];
        body.extend_from_slice(&[7; 32]);
        body.push(0);
        body.push(u8::try_from(cookie.len()).unwrap());
        body.extend_from_slice(cookie);
        body.extend_from_slice(&[0, 2, 0xc0, 0xa8, 1, 0, 0, 4, 0, 23, 0, 0]);
        let length = u8::try_from(body.len()).unwrap();
        let mut datagram = vec![22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, sequence, 0, length + 12];
        datagram.extend_from_slice(&[1, 0, 0, length, 0, sequence, 0, 0, 0, 0, 0, length]);
        datagram.extend_from_slice(&body);
        datagram
    }

    #[test]
    fn the_first_hello_is_found_again() {
        let first = hello(b"", 0);
        let second = hello(&[9; 32], 1);
        let parsed = ClientHello::parse(&second).unwrap();
        assert_eq!((parsed.cookie, parsed.sequence), (&[9; 32][..], 1));
        assert_eq!(parsed.first(), first);
        assert_eq!(ClientHello::parse(&first).unwrap().first(), first);
        assert_eq!(parsed.wants_psk(|suite| suite == 0xc0a8, |_| true), Some(true));
        assert_eq!(parsed.wants_psk(|_| false, |_| true), None);
    }

    #[test]
    fn a_request_is_shorter_than_any_hello() {
        let shortest = hello(b"", 0);
        assert!(verify_request(&[1; 32]).len() <= shortest.len());
    }

    #[test]
    fn others_are_none() {
        let whole = hello(b"", 0);
        for end in 0..whole.len() {
            assert_eq!(ClientHello::parse(&whole[..end]), None, "{end}");
        }
        // Type, version, epoch, kind of message, length, a piece, version of the client.
        for (at, byte) in [(0, 23), (1, 3), (4, 1), (13, 2), (16, 9), (21, 1), (25, 3)] {
            let mut wrong = whole.clone();
            wrong[at] = byte;
            assert_eq!(ClientHello::parse(&wrong), None, "{at}");
        }
    }

    proptest! {
        #[test]
        fn nothing_breaks_it(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(parsed) = ClientHello::parse(&bytes) {
                let first = parsed.first();
                prop_assert!(ClientHello::parse(&first).is_some_and(|again| again.cookie.is_empty()));
            }
        }

        #[test]
        fn nor_what_nearly_is_one(at in 0_usize..80, byte: u8) {
            let mut bytes = hello(&[9; 32], 1);
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            if let Some(parsed) = ClientHello::parse(&bytes) {
                prop_assert!(ClientHello::parse(&parsed.first()).is_some());
            }
        }
    }
}
