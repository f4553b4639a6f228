//! What in a resource is a reference to an AE (TS-0001 9.6.46): notification targets, members of groups, originators in
//! policies, and what announced resources are announced of.
//!
//! An AE is known by the form of its identifier: an AE-ID-Stem begins with `C` or `S` (TS-0001 7.1.2). Where the AE is
//! registered, or whether, is not looked up.

use dyad_core::config::Config;
use dyad_protocol::Object;
use serde_json::Value;

const POLICY: u32 = 1;
const GROUP: u32 = 9;
const SUBSCRIPTION: u32 = 23;

/// Announced variants have numbers from here on.
const ANNOUNCED: u32 = 10_000;

/// The types of which there may be some before the list is made; of announced variants there are none then.
pub(super) const TYPES: [i32; 3] = [POLICY as i32, GROUP as i32, SUBSCRIPTION as i32];

/// Whether there may be a reference in a resource of a type.
pub(super) fn may_be_in(ty: u32) -> bool {
    matches!(ty, POLICY | GROUP | SUBSCRIPTION) || ty > ANNOUNCED
}

/// Whether a change of these attributes may change a reference.
pub(super) fn may_change(ty: u32, modified: &Object) -> bool {
    let names: &[&str] = match ty {
        POLICY => &["pv", "pvs"],
        GROUP => &["mid"],
        SUBSCRIPTION => &["nu"],
        ty if ty > ANNOUNCED => &["lnk"],
        _ => &[],
    };
    names.iter().any(|name| modified.contains_key(*name))
}

/// The AEs that a resource refers to, by their SP-relative identifiers, each once and in order.
pub(super) fn of(config: &Config, ty: u32, attributes: &Object) -> Vec<String> {
    let mut found = Vec::new();
    let mut look_at = |value: Option<&Value>| {
        let texts = match value {
            Some(Value::Array(elements)) => elements.as_slice(),
            Some(text) => std::slice::from_ref(text),
            None => &[],
        };
        found.extend(texts.iter().filter_map(|text| entity(config, text.as_str()?)));
    };
    match ty {
        POLICY => {
            for rules in ["pv", "pvs"] {
                let rules = attributes.get(rules).and_then(|rules| rules.get("acr"));
                for rule in rules.and_then(Value::as_array).into_iter().flatten() {
                    look_at(rule.get("acor"));
                }
            }
        }
        GROUP => look_at(attributes.get("mid")),
        SUBSCRIPTION => look_at(attributes.get("nu")),
        _ => look_at(attributes.get("lnk")),
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The SP-relative form of the identifier of an AE: `/id-in/C1`, `/S2`. `None` for what is none, for a pattern, and for an
/// AE of another service provider.
pub(super) fn entity(config: &Config, id: &str) -> Option<String> {
    let id = match id.strip_prefix(config.sp_id.as_str()) {
        Some(rest) => rest.strip_prefix('/').map(|_| rest)?,
        None if id.starts_with("//") => return None,
        None => id,
    };
    let path = id.strip_prefix('/').unwrap_or(id);
    let is_relative = path.len() == id.len();
    let (cse, stem) = path.rsplit_once('/').map_or((None, path), |(cse, stem)| (Some(cse), stem));
    let is_stem = stem.starts_with(['C', 'S'])
        && *stem != *config.cse_name
        && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'));
    match cse {
        _ if !is_stem => None,
        // A structured address, whatever it leads to, or one with more than two parts.
        Some(cse) if is_relative || cse.is_empty() || cse.contains('/') => None,
        Some(_) => Some(id.to_owned()),
        None if stem.starts_with('S') => Some(format!("/{stem}")),
        None => is_relative.then(|| config.sp_relative(stem)),
    }
}
