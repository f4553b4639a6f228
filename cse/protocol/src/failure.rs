//! The only error on the request path: what the originator is told, and what only the operator may see.
//!
//! Every step of the request procedure returns a [`Failure`]; the bindings turn it into a response last. Which
//! code belongs to which situation is decided where the situation is found.

use std::borrow::Cow;
use std::fmt;

use crate::StatusCode;

/// A request that was not carried out.
///
/// `debug` goes to the originator and therefore names nothing internal (no paths, SQL, addresses); `source` goes
/// to the log alone, and [`fmt::Display`] never repeats it.
#[derive(Debug)]
pub struct Failure {
    /// The response status code.
    pub rsc: StatusCode,
    /// What the originator is told, a sentence in lower case without a full stop.
    pub debug: Cow<'static, str>,
    /// What the operator is told.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Failure {
    /// A failure with a code and a text for the originator.
    pub fn new(rsc: StatusCode, debug: impl Into<Cow<'static, str>>) -> Self {
        Self { rsc, debug: debug.into(), source: None }
    }

    /// Adds the cause, for the log alone.
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// 4000, the request is malformed or an attribute is not acceptable.
    pub fn bad_request(debug: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BadRequest, debug)
    }

    /// 4004, the target does not exist (or the originator may not know that it does).
    pub fn not_found(debug: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NotFound, debug)
    }

    /// 4005, the operation is not supported by this resource.
    pub fn not_allowed(debug: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::OperationNotAllowed, debug)
    }

    /// 4103, access control denies the operation.
    pub fn no_privilege(debug: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::OriginatorHasNoPrivilege, debug)
    }

    /// 4105, the name or the state is taken.
    pub fn conflict(debug: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::Conflict, debug)
    }

    /// 5001, the node does not support what was asked for.
    pub fn not_implemented(debug: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NotImplemented, debug)
    }

    /// 5000 with a cause that only the log sees.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(StatusCode::InternalServerError, "internal error").with_source(source)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.rsc.number(), self.rsc.name(), self.debug)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
