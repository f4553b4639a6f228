//! CBOR (TS-0004 8.5, RFC 8949): the JSON representation of clause 8.4 in binary.
//!
//! Responsible for both directions between bytes and a value. What is written is deterministic (RFC 8949 4.2.1):
//! shortest integers, definite lengths, members in the order of their encoded names. For names, which are all texts,
//! that is the canonical order of RFC 7049 3.9 too. Floats have 32 or 64 bits and never 16, which TS-0004 8.5.1
//! does not name. Whatever is well formed is read, within limits. What numbers become is left to `number`.

mod number;
mod read;
mod write;

pub(super) use read::read;
pub(super) use write::write;

/// The longest whole number in bytes: 4096 bits. What takes a number apart takes time by the square of its length.
const MAX_BIGNUM: usize = 512;

/// Tags that say what their content means (RFC 8949 3.4).
mod tags {
    pub(super) const POSITIVE_BIGNUM: u64 = 2;
    pub(super) const NEGATIVE_BIGNUM: u64 = 3;
    pub(super) const DECIMAL_FRACTION: u64 = 4;
    pub(super) const BIG_FLOAT: u64 = 5;
    pub(super) const AS_BASE64URL: u64 = 21;
    pub(super) const AS_BASE64: u64 = 22;
    pub(super) const AS_BASE16: u64 = 23;
}

#[cfg(test)]
mod tests;
