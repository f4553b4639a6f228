//! `<mgmtObj>` (TS-0004 annex D): commands of its specialisations. The device that the node stands for watches its
//! management objects and carries commands out; here they are only kept from contradicting each other.

use dyad_protocol::{Failure, Object};
use serde_json::Value;

/// Commands that cannot be given in one request, by the root of the specialisation: TS-0004 D.3.2.2, D.9.2.3,
/// D.10.2.2, D.11.2.2.
const OPPOSITES: &[(&str, &str, &str)] = &[
    ("m2m:swr", "in", "un"),
    ("m2m:swr", "act", "dea"),
    ("m2m:dvc", "ena", "dis"),
    ("m2m:rbo", "rbo", "far"),
    ("m2m:evl", "lga", "lgo"),
];

/// BAD_REQUEST for a request with two commands that exclude each other.
pub(super) fn check(root: &str, sent: &Object) -> Result<(), Failure> {
    let given = |name: &str| sent.get(name) == Some(&Value::Bool(true));
    let both = OPPOSITES.iter().find(|(own, one, other)| *own == root && given(one) && given(other));
    match both {
        Some((_, one, other)) => {
            Err(Failure::bad_request(format!("{one} and {other} cannot both be true in one request")))
        }
        None => Ok(()),
    }
}
