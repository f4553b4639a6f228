//! Request and response primitives with all their parameters (TS-0004 6.4, 7.2.1).
//!
//! A primitive is a value: bindings make it from bytes and bytes from it; the core makes one from the other.

mod content;
mod filter;
pub mod json;
mod request;
mod response;

pub use content::Content;
pub use filter::{AttributeCondition, ContentFilter, FilterCriteria, FilterOperation, FilterUsage};
pub use request::{
    DesiredIdentifierResultType, Operation, Request, ResourceType, ResponseType, ResponseTypeInfo,
    ResultContent,
};
pub use response::{ContentStatus, Response};
