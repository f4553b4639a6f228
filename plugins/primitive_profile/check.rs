//! Whether a profile makes sense: at CREATE, and at UPDATE as it would be after it.

use std::collections::HashSet;

use dyad_protocol::primitive::ResourceType;
use dyad_protocol::schema::{Schemas, TypeTable};
use dyad_protocol::{Failure, Object};
use serde_json::Value;

use super::names;
use super::profile::{NOTIFICATIONS, REQUESTS, RESPONSES, applicability};

/// Entries that a list of a profile may have: every primitive that it holds for is compared with them.
const MOST: usize = 64;

/// Bytes of JSON that an addition may have: every resource in a response may get it.
const LONGEST: usize = 256;

/// The lists of a profile.
const LISTS: [&str; 8] = ["idl", "rtys", "ops", "rsds", "rvs", "adds", "dels", "appl"];

/// BAD_REQUEST for lists that are too long, for an applicability that is none, and for additions and deletions of what
/// must not be changed or is known to nobody.
pub(super) fn attributes(schemas: &Schemas, attributes: &Object) -> Result<(), Failure> {
    if let Some(name) = LISTS.iter().find(|name| entries(attributes, name).len() > MOST) {
        return Err(Failure::bad_request(format!("attribute '{name}' has more than {MOST} entries")));
    }
    let everything = REQUESTS | RESPONSES | NOTIFICATIONS;
    let is_kind = |kind: &Value| applicability(kind).is_some_and(|bits| bits > 0 && bits & !everything == 0);
    if !entries(attributes, "appl").iter().all(is_kind) {
        return Err(Failure::bad_request("attribute 'appl' has to have numbers from 1 to 7"));
    }
    let types = entries(attributes, "rtys").iter().filter_map(number).collect();
    let known = Known { schemas, types };
    let mut named = HashSet::new();
    for addition in entries(attributes, "adds") {
        let (Some(name), Some(value)) = (addition.get("nm").and_then(Value::as_str), addition.get("val"))
        else {
            return Err(Failure::bad_request("an addition has a name (nm) and a value (val)"));
        };
        known.name(name)?;
        known.value(name, value)?;
        if value.to_string().len() > LONGEST {
            let name = shown(name);
            return Err(Failure::bad_request(format!(
                "the value that is added as '{name}' is longer than {LONGEST} bytes"
            )));
        }
        if !named.insert(name) {
            return Err(Failure::bad_request(format!("'{}' is added twice", shown(name))));
        }
    }
    for name in entries(attributes, "dels").iter().filter_map(Value::as_str) {
        known.name(name)?;
        if !named.insert(name) {
            return Err(Failure::bad_request(format!("'{}' is named twice in adds and dels", shown(name))));
        }
    }
    Ok(())
}

/// What names can be known by.
struct Known<'a> {
    schemas: &'a Schemas,
    /// `rtys`; empty for all.
    types: Vec<ResourceType>,
}

impl Known<'_> {
    /// The tables of the types that the profile is for.
    fn tables(&self) -> impl Iterator<Item = &TypeTable> {
        let all = self.schemas.iter().map(|table| &**table);
        all.filter(|table| self.types.is_empty() || self.types.contains(&table.number))
    }

    fn name(&self, name: &str) -> Result<(), Failure> {
        if names::is_reserved(name) {
            return Err(Failure::bad_request(format!("'{name}' can be neither added nor deleted")));
        }
        if names::is_parameter(name) || self.tables().any(|table| table.has(name)) {
            return Ok(());
        }
        let name = shown(name);
        Err(Failure::bad_request(format!("'{name}' is no parameter, and no attribute of the types in rtys")))
    }

    /// An addition has a value that the attribute or the parameter of its name can have.
    fn value(&self, name: &str, value: &Value) -> Result<(), Failure> {
        let is_simple = |value: &Value| !value.is_object() && !value.is_array() && !value.is_null();
        let fits = match value {
            Value::Array(elements) => elements.iter().all(is_simple),
            value => is_simple(value),
        };
        let is_taken = || {
            names::takes(name, value)
                || self
                    .tables()
                    .filter_map(|table| table.attribute(name))
                    .any(|known| known.data_type.accepts(value))
        };
        match fits && is_taken() {
            true => Ok(()),
            false => {
                let name = shown(name);
                Err(Failure::bad_request(format!("the value that is added as '{name}' is none of its type")))
            }
        }
    }
}

fn entries<'a>(attributes: &'a Object, name: &str) -> &'a [Value] {
    attributes.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn number(value: &Value) -> Option<ResourceType> {
    ResourceType::try_from(value.as_u64()?).ok()
}

/// The beginning of a name, which may be long.
fn shown(name: &str) -> String {
    name.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(profile: Value) -> Result<(), Failure> {
        attributes(&Schemas::builtin().unwrap(), profile.as_object().unwrap())
    }

    #[test]
    fn names_are_attributes_or_parameters() {
        for profile in [
            json!({}),
            json!({ "adds": [{ "nm": "lbl", "val": ["a"] }], "dels": ["or"], "rtys": [3, 4] }),
            json!({ "adds": [{ "nm": "mni", "val": 3 }, { "nm": "rcn", "val": 0 }], "dels": ["vsi", "pc"] }),
            json!({ "dels": ["curT0"], "rtys": [28] }),
            json!({ "dels": ["btl"], "rtys": [13], "appl": [1, "6"] }),
        ] {
            assert!(check(profile.clone()).is_ok(), "{profile}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let long: Vec<String> = (0..65).map(|number| format!("C{number}")).collect();
        for profile in [
            json!({ "dels": ["nonsense"] }),
            json!({ "dels": ["mni"], "rtys": [4] }),
            json!({ "dels": ["fr"] }),
            json!({ "adds": [{ "nm": "ot", "val": "20260101T000000" }] }),
            json!({ "adds": [{ "nm": "lbl", "val": ["a"] }], "dels": ["lbl"] }),
            json!({ "adds": [{ "nm": "mni", "val": 1 }, { "nm": "mni", "val": 2 }] }),
            json!({ "adds": [{ "nm": "mni", "val": "3" }], "rtys": [3] }),
            json!({ "adds": [{ "nm": "lbl", "val": null }] }),
            json!({ "adds": [{ "nm": "lbl", "val": [{}] }] }),
            json!({ "adds": [{ "nm": "rt", "val": { "rtv": 1 } }] }),
            json!({ "adds": [{ "nm": "pc", "val": "x" }], "rtys": [3] }),
            json!({ "adds": [{ "nm": "vsi", "val": "x".repeat(256) }] }),
            json!({ "appl": [8] }),
            json!({ "appl": [0] }),
            json!({ "appl": [true] }),
            json!({ "appl": ["x"] }),
            json!({ "idl": long }),
        ] {
            assert_eq!(check(profile.clone()).unwrap_err().rsc.number(), 4000, "{profile}");
        }
    }
}
