//! Who may do what (TS-0001 9.6.2, TS-0004 7.3.3.15, TS-0003 7.1).
//!
//! [`decide`] is a pure function of a question and policies; [`authorize`] finds the policies that apply to a
//! resource. Nothing else in the node grants anything.

mod authorize;
mod context;
mod decide;
mod membership;
mod policy;

pub use authorize::{authorize, authorize_by, authorize_self, permissions};
pub use context::{Context, Place};
pub use decide::{Question, decide, matches_originator, matches_pattern};
pub use policy::{ObjectDetail, Policy, Rule};

/// The operations of `acop` (TS-0004 6.3.4.2.29) as bits.
pub mod operation {
    /// 1
    pub const CREATE: u8 = 1;
    /// 2
    pub const RETRIEVE: u8 = 2;
    /// 4
    pub const UPDATE: u8 = 4;
    /// 8
    pub const DELETE: u8 = 8;
    /// 16
    pub const NOTIFY: u8 = 16;
    /// 32
    pub const DISCOVERY: u8 = 32;
}
