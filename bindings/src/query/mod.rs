//! The fields of a query, the same in every binding that has one (TS-0009 6.2.2.2, Table 6.2.2.2-1; TS-0008 6.2.2.3;
//! and the fields of release 4).
//!
//! `decode` and `encode` are each other's reverse. What a filter matches is left to the core.

mod decode;
mod encode;

pub use decode::{decode, decode_fields};
pub use encode::{encode, encode_fields};
