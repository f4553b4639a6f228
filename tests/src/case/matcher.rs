//! Does a value look as expected?
//!
//! An object matches if every member that is named matches; members that are not named do not matter. Everything else
//! has to be equal, except for objects with one member that begins with `$`, which are conditions.

use regex_lite::Regex;
use serde_json::{Map, Value};

/// What differs, one line each; empty if the value matches.
pub fn mismatches(expected: &Value, actual: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare(expected, Some(actual), "", &mut found);
    found
}

fn compare(expected: &Value, actual: Option<&Value>, at: &str, found: &mut Vec<String>) {
    if let Some((condition, argument)) = condition(expected) {
        return check(condition, argument, actual, at, found);
    }
    let Some(actual) = actual else {
        return found.push(format!("{at}: missing, expected {expected}"));
    };
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            for (name, expected) in expected {
                compare(expected, actual.get(name), &format!("{at}/{name}"), found);
            }
        }
        (Value::Array(expected), Value::Array(actual)) => {
            if expected.len() != actual.len() {
                let elements = Value::from(actual.clone());
                found.push(format!(
                    "{at}: {} elements in place of {}: {elements}",
                    actual.len(),
                    expected.len()
                ));
            }
            for (index, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                compare(expected, Some(actual), &format!("{at}/{index}"), found);
            }
        }
        _ if expected == actual => {}
        _ => found.push(format!("{at}: {actual} in place of {expected}")),
    }
}

/// A condition and its argument: `"$any"` or `{"$regex": "…"}`.
fn condition(expected: &Value) -> Option<(&str, &Value)> {
    match expected {
        Value::String(text) if text.starts_with('$') => Some((text, &Value::Null)),
        Value::Object(members) if members.len() == 1 => members
            .iter()
            .next()
            .filter(|(name, _)| name.starts_with('$'))
            .map(|(name, argument)| (name.as_str(), argument)),
        _ => None,
    }
}

fn check(condition: &str, argument: &Value, actual: Option<&Value>, at: &str, found: &mut Vec<String>) {
    let Some(actual) = actual else {
        if condition != "$absent" && condition != "$maybe" {
            found.push(format!("{at}: missing, expected {condition} {argument}"));
        }
        return;
    };
    let holds = match condition {
        "$any" => true,
        "$absent" => false,
        "$maybe" => return compare(argument, Some(actual), at, found),
        "$type" => kind(actual) == argument,
        "$regex" => {
            let pattern = Regex::new(argument.as_str().unwrap_or_default());
            pattern.is_ok_and(|pattern| pattern.is_match(&super::step::text(actual)))
        }
        "$time" => {
            Regex::new(r"^\d{8}T\d{6}(,\d{1,6})?$").unwrap().is_match(actual.as_str().unwrap_or_default())
        }
        "$exact" => same(argument, actual),
        "$size" => size(actual) == argument.as_u64(),
        "$not" => !mismatches(argument, actual).is_empty(),
        "$all" => {
            argument.as_array().is_some_and(|all| all.iter().all(|one| mismatches(one, actual).is_empty()))
        }
        "$one_of" => {
            argument.as_array().is_some_and(|some| some.iter().any(|one| mismatches(one, actual).is_empty()))
        }
        "$contains" => match (actual, argument) {
            (Value::Array(items), Value::Array(wanted)) => wanted.iter().all(|one| contains(items, one)),
            (Value::Array(items), one) => contains(items, one),
            (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
            _ => false,
        },
        "$lacks" => match (actual, argument) {
            (Value::Array(items), Value::Array(unwanted)) => unwanted.iter().all(|one| !contains(items, one)),
            (Value::Array(items), one) => !contains(items, one),
            _ => false,
        },
        "$unordered" => match (actual, argument) {
            (Value::Array(items), Value::Array(wanted)) => is_permutation(wanted, items),
            _ => false,
        },
        "$keys" => match (actual, argument) {
            (Value::Object(members), Value::Array(names)) => has_keys(members, names),
            _ => false,
        },
        // Texts compare as texts, which is right for points in time.
        "$less" => less(actual, argument),
        "$greater" => less(argument, actual),
        _ => false,
    };
    if !holds {
        found.push(format!("{at}: {actual} is not {condition} {argument}"));
    }
}

fn less(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one < other,
        _ => one.as_str() < other.as_str(),
    }
}

fn contains(items: &[Value], wanted: &Value) -> bool {
    items.iter().any(|item| mismatches(wanted, item).is_empty())
}

/// Whether every element matches one expectation, each used once.
pub(super) fn is_permutation(wanted: &[Value], items: &[Value]) -> bool {
    fn assign(wanted: &[Value], items: &[Value], used: &mut Vec<bool>) -> bool {
        let Some((first, rest)) = wanted.split_first() else { return true };
        for index in 0..items.len() {
            if !used[index] && mismatches(first, &items[index]).is_empty() {
                used[index] = true;
                if assign(rest, items, used) {
                    return true;
                }
                used[index] = false;
            }
        }
        false
    }
    wanted.len() == items.len() && assign(wanted, items, &mut vec![false; items.len()])
}

fn has_keys(members: &Map<String, Value>, names: &[Value]) -> bool {
    members.len() == names.len()
        && names.iter().filter_map(Value::as_str).all(|name| members.contains_key(name))
}

/// Whether nothing is there that was not expected, at any depth.
fn same(expected: &Value, actual: &Value) -> bool {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(members))
            if condition(&Value::Object(expected.clone())).is_none() =>
        {
            members.keys().all(|name| expected.contains_key(name))
                && expected.iter().all(|(name, value)| match (members.get(name), condition(value)) {
                    (Some(member), _) => same(value, member),
                    (None, Some(("$absent" | "$maybe", _))) => true,
                    (None, _) => false,
                })
        }
        _ => mismatches(expected, actual).is_empty(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_u64() || number.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn size(value: &Value) -> Option<u64> {
    match value {
        Value::Array(items) => Some(items.len() as u64),
        Value::Object(members) => Some(members.len() as u64),
        Value::String(text) => Some(text.chars().count() as u64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn conditions() {
        let actual = json!({ "a": 1, "b": ["x", "y"], "c": { "d": "20260101T000000,5", "n": null } });
        for expected in [
            json!({ "a": 1, "z": "$absent" }),
            json!({ "b": ["x", "$any"] }),
            json!({ "b": { "$contains": "y" } }),
            json!({ "b": { "$unordered": ["y", "x"] } }),
            json!({ "c": { "d": "$time" } }),
            json!({ "c": { "$keys": ["n", "d"] } }),
            json!({ "a": { "$less": 2 } }),
            json!({ "c": { "n": null } }),
            json!({ "$exact": { "a": 1, "b": "$any", "c": "$any", "e": { "$maybe": 3 } } }),
            json!({ "b": { "$size": 2 } }),
            json!({ "a": { "$type": "integer" } }),
            json!({ "b": { "$lacks": "z" } }),
        ] {
            assert_eq!(super::mismatches(&expected, &actual), Vec::<String>::new(), "{expected}");
        }
        for expected in [
            json!({ "a": 2 }),
            json!({ "z": 1 }),
            json!({ "a": "$absent" }),
            json!({ "b": ["x"] }),
            json!({ "$exact": { "a": 1 } }),
            json!({ "b": { "$contains": ["x", "z"] } }),
            json!({ "c": { "$keys": ["d"] } }),
            json!({ "z": "$any" }),
            json!({ "a": { "$regex": "^2" } }),
            json!({ "a": { "$unknown": 1 } }),
        ] {
            assert_ne!(super::mismatches(&expected, &actual), Vec::<String>::new(), "{expected}");
        }
    }
}
