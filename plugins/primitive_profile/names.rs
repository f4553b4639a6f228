//! The names that additions and deletions may have: short names of attributes and of parameters of primitives.

use dyad_protocol::primitive::json::{
    REQUEST_PARAMETERS, RESPONSE_PARAMETERS, request_from_json, response_from_json,
};
use serde_json::{Value, json};

/// What a profile leaves alone, whatever it says: who asks whom for what, and what that rests on.
const NEVER: [&str; 11] = ["op", "to", "fr", "rqi", "rvi", "rsc", "fc", "ot", "gid", "tkns", "ati"];

/// Whether a profile may not name a parameter.
pub(super) fn is_reserved(name: &str) -> bool {
    NEVER.contains(&name)
}

/// Whether a name is that of a parameter of requests. The profile of a request is chosen before it is changed.
pub(super) fn is_of_request(name: &str) -> bool {
    REQUEST_PARAMETERS.contains(&name) && !is_reserved(name) && name != "prpi"
}

/// Whether a name is that of a parameter of responses.
pub(super) fn is_of_response(name: &str) -> bool {
    RESPONSE_PARAMETERS.contains(&name) && !is_reserved(name)
}

/// Whether a name is that of a parameter at all.
pub(super) fn is_parameter(name: &str) -> bool {
    is_of_request(name) || is_of_response(name)
}

/// Whether a value is one for a parameter of requests or responses.
pub(super) fn takes(name: &str, value: &Value) -> bool {
    request_takes(name, value) || response_takes(name, value)
}

/// Whether a value is one for a parameter of requests. Contents are no addition: what belongs into them is named by
/// itself.
pub(super) fn request_takes(name: &str, value: &Value) -> bool {
    let mut request = json!({ "op": 2, "to": "-", "rqi": "1" });
    put(&mut request, name, value);
    name != "pc" && is_of_request(name) && request_from_json(request).is_ok()
}

/// The same for responses.
pub(super) fn response_takes(name: &str, value: &Value) -> bool {
    let mut response = json!({ "rsc": 2000, "rqi": "1" });
    put(&mut response, name, value);
    name != "pc" && is_of_response(name) && response_from_json(response).is_ok()
}

fn put(primitive: &mut Value, name: &str, value: &Value) {
    if let Some(members) = primitive.as_object_mut() {
        members.insert(name.to_owned(), value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_take_values_of_their_type() {
        for (name, value, takes_it) in [
            ("rcn", json!(0), true),
            ("rcn", json!(99), false),
            ("rcn", json!("0"), false),
            ("vsi", json!("x"), true),
            ("vsi", json!(["x"]), false),
            ("ec", json!(2), true),
            ("rqet", json!("5000"), true),
            ("rqet", json!("soon"), false),
            ("tids", json!(["a"]), true),
            ("cnst", json!(1), true),
            ("pc", json!("x"), false),
            ("fr", json!("Cx"), false),
            ("lbl", json!(["x"]), false),
        ] {
            assert_eq!(takes(name, &value), takes_it, "{name} {value}");
        }
    }

    #[test]
    fn every_parameter_is_known_to_the_codec() {
        for name in REQUEST_PARAMETERS {
            let failure = request_from_json(json!({ "op": 2, "to": "-", "rqi": "1", name: {} }));
            assert!(!failure.is_err_and(|failure| failure.debug.contains("unknown member")), "{name}");
        }
        for name in RESPONSE_PARAMETERS {
            let failure = response_from_json(json!({ "rsc": 2000, "rqi": "1", name: {} }));
            assert!(!failure.is_err_and(|failure| failure.debug.contains("unknown member")), "{name}");
        }
    }
}
