//! JSON serialisation (TS-0004 8.4).

use serde_json::Value;

use crate::Failure;

/// Parses one JSON value. BAD_REQUEST if it is malformed or nests deeper than 128 levels.
pub(crate) fn parse(json: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(json).map_err(|error| Failure::bad_request("the content is not JSON").with_source(error))
}
