//! The query component (TS-0009 6.2.2.2, Table 6.2.2.2-1, and the fields of release 4).
//!
//! `decode` and `encode` are each other's reverse. What a filter matches is left to the core.

mod decode;
mod encode;

pub use decode::decode;
pub use encode::encode;
