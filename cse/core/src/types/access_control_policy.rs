//! `<accessControlPolicy>` (TS-0004 7.4.2): rules that can be evaluated, and references that lead to rules.

use dyad_protocol::{Failure, Object};
use serde_json::Value;

use crate::geography::Region;
use crate::request::local_path;
use crate::resource::{Txn, resolve};
use crate::schedule::Pattern;

/// BAD_REQUEST for rules that could never grant: no originators, malformed time windows or addresses, and for
/// self-privileges that would let nobody change the policy again.
pub(super) fn check(attributes: &Object) -> Result<(), Failure> {
    for set in ["pv", "pvs"] {
        let rules = attributes.get(set).and_then(|set| set.get("acr")).and_then(Value::as_array);
        if set == "pvs" && rules.is_none_or(Vec::is_empty) {
            return Err(Failure::bad_request("pvs needs at least one rule (acr)"));
        }
        for rule in rules.into_iter().flatten() {
            check_rule(set, rule)?;
        }
    }
    Ok(())
}

/// BAD_REQUEST for an `acpi` entry on this node that is no policy: whoever mistypes one would lock everybody out.
pub(super) fn check_references(txn: &mut Txn<'_>, attributes: &Object) -> Result<(), Failure> {
    for reference in crate::resource::texts(attributes.get("acpi")) {
        // What is on another node cannot be looked at here.
        let Ok(path) = local_path(txn.cse(), reference) else { continue };
        if resolve(txn, path)?.is_none_or(|policy| policy.ty() != 1) {
            return Err(Failure::bad_request(format!(
                "acpi names {reference}, which is no accessControlPolicy"
            )));
        }
    }
    Ok(())
}

fn check_rule(set: &str, rule: &Value) -> Result<(), Failure> {
    if rule.get("acor").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        return Err(Failure::bad_request(format!("a rule of {set} names no originators (acor)")));
    }
    let contexts = || rule.get("acco").and_then(Value::as_array).into_iter().flatten();
    for region in contexts().filter_map(|context| context.get("aclr")) {
        Region::check(region)?;
    }
    let windows = contexts().flat_map(|context| crate::resource::texts(context.get("actw")));
    for window in windows {
        if Pattern::parse(window).is_none() {
            return Err(Failure::bad_request(format!("a time window (actw) of {set} is malformed")));
        }
    }
    Ok(())
}
