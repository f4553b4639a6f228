//! The quick way from JSON text to the parts of a request.
//!
//! Responsible for taking what nearly every request has without a value in between: with every digit of a number
//! kept, each is worth several allocations. What is not plain it gives up on: the slow way reads it after all, or says what
//! is wrong with it. What the members mean is left to `request`.

use std::fmt;

use serde::de::{Deserialize, Deserializer as _, Error, MapAccess, Visitor};
use serde_json::Value;
use smol_str::SmolStr;

use super::Strict;
use crate::primitive::ResourceType;

/// More members than a primitive has parameters.
const MANY: usize = 64;

/// The members of a request in JSON text.
#[derive(Default)]
pub(super) struct Members {
    /// `op`
    pub(super) operation: Option<u64>,
    /// `to`
    pub(super) to: Option<String>,
    /// `fr`
    pub(super) from: Option<String>,
    /// `rqi`
    pub(super) request_identifier: Option<String>,
    /// `rvi`
    pub(super) release_version_indicator: Option<String>,
    /// `ty`
    pub(super) resource_type: Option<ResourceType>,
    /// All others, in their order.
    pub(super) rest: Vec<(SmolStr, Value)>,
}

/// The members of one JSON object. `None` if it is not one, names a member twice or with an escape, has too many to be a
/// primitive, or one of another type than most.
pub(super) fn members(json: &[u8]) -> Option<Members> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let members = reader.deserialize_map(Reader).ok()?;
    reader.end().ok().map(|()| members)
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with few members")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Members, A::Error> {
        let mut members = Members::default();
        while let Some(name) = from.next_key::<&str>()? {
            match name {
                "op" => once(&mut members.operation, &mut from)?,
                "to" => once(&mut members.to, &mut from)?,
                "fr" => once(&mut members.from, &mut from)?,
                "rqi" => once(&mut members.request_identifier, &mut from)?,
                "rvi" => once(&mut members.release_version_indicator, &mut from)?,
                "ty" => once(&mut members.resource_type, &mut from)?,
                name => {
                    // Few, which are quicker compared with each other than put into a table.
                    let rest = &mut members.rest;
                    if rest.len() == MANY || rest.iter().any(|(other, _)| other == name) {
                        return Err(A::Error::custom("too many members, or a repeated one"));
                    }
                    rest.push((name.into(), from.next_value_seed(Strict)?));
                }
            }
        }
        Ok(members)
    }
}

fn once<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    slot: &mut Option<T>,
    from: &mut A,
) -> Result<(), A::Error> {
    match slot.replace(from.next_value()?) {
        None => Ok(()),
        Some(_) => Err(A::Error::custom("a repeated member")),
    }
}
