//! What is within messages of handshakes: pieces with their lengths in front (RFC 8446 3.4).

/// Takes a text of bytes apart from its beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// So many bytes; nothing if there are fewer.
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// What has its length in so many bytes in front.
    pub(super) fn prefixed(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let length = number(self.take(bytes)?);
        self.take(length)
    }
}

/// Bytes in the order of the network as a number.
pub(super) fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}
