//! Whether a representation may be sent (TS-0004 7.3.3.3 and 7.3.3.4): known attributes, request optionality, values.
//!
//! One pass over the attributes that were sent; nothing is allocated unless something is wrong. Rules between
//! attributes, and the identity of what is referred to, are left to the procedures of the type.

use serde_json::Value;

use super::release::Release;
use super::table::{Attribute, Presence, TypeTable};
use crate::{Failure, Object};

impl TypeTable {
    /// Whether a CREATE request may carry this content. BAD_REQUEST for an attribute that the type does not have
    /// or that must not be sent, for a value outside its data type, and for a mandatory attribute that is missing,
    /// unless it is younger than the release of the request.
    pub fn check_create(&self, content: &Object, release: Release) -> Result<(), Failure> {
        let mut missing = self.mandatory.iter().filter(|(_, since)| *since <= release).count();
        for (short, value) in content {
            let attribute = self.known(short)?;
            match attribute.create {
                Presence::NotPermitted => {
                    return Err(Failure::bad_request(format!(
                        "attribute '{short}' must not be set on creation"
                    )));
                }
                Presence::Mandatory if attribute.since <= release => missing = missing.saturating_sub(1),
                Presence::Mandatory | Presence::Optional => {}
            }
            if attribute.filled_in != value.is_null() {
                let verb = if attribute.filled_in { "can only be" } else { "must not be" };
                return Err(Failure::bad_request(format!("attribute '{short}' {verb} null on creation")));
            }
            if !attribute.filled_in {
                check_value(attribute, value)?;
            }
        }
        if missing == 0 {
            return Ok(());
        }
        let missing = self
            .mandatory
            .iter()
            .find(|(short, since)| *since <= release && !content.contains_key(short.as_str()))
            .map_or("", |(short, _)| short.as_str());
        Err(Failure::bad_request(format!("mandatory attribute '{missing}' is missing")))
    }

    /// Whether an UPDATE request may carry this content; `null` deletes an attribute. BAD_REQUEST for an attribute
    /// that the type does not have or that must not be changed, for deleting one that every resource of the type
    /// has, and for a value outside its data type.
    pub fn check_update(&self, content: &Object) -> Result<(), Failure> {
        for (short, value) in content {
            let attribute = self.known(short)?;
            if attribute.update == Presence::NotPermitted {
                return Err(Failure::bad_request(format!("attribute '{short}' cannot be updated")));
            }
            if !value.is_null() {
                check_value(attribute, value)?;
            } else if attribute.required {
                return Err(Failure::bad_request(format!("attribute '{short}' cannot be deleted")));
            }
        }
        Ok(())
    }

    fn known(&self, short: &str) -> Result<&Attribute, Failure> {
        self.attribute(short).ok_or_else(|| Failure::bad_request(format!("unknown attribute '{short}'")))
    }
}

fn check_value(attribute: &Attribute, value: &Value) -> Result<(), Failure> {
    attribute
        .data_type
        .check(value)
        .map_err(|violation| Failure::bad_request(violation.describe(&attribute.short)))
}
