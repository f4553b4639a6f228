//! Variables in cases: `${name}` in any text, in keys too, and `${now+60}`, `${start+60}` for points in time.

use serde_json::{Map, Value};

use super::step;
use crate::moment;

/// Replaces all variables. A text that is nothing but one variable becomes its value, of whatever type.
pub(super) fn fill(value: &Value, variables: &Map<String, Value>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => fill_text(text, variables)?,
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| fill(item, variables)).collect::<Result<_, _>>()?)
        }
        Value::Object(members) => {
            let mut filled = Map::new();
            for (name, member) in members {
                let member = fill(member, variables)?;
                // A variable whose value is "$omit" takes the member out: variants differ in it.
                if member != "$omit" {
                    filled.insert(step::text(&fill_text(name, variables)?), member);
                }
            }
            Value::Object(filled)
        }
        other => other.clone(),
    })
}

fn fill_text(text: &str, variables: &Map<String, Value>) -> Result<Value, String> {
    if let Some(name) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'))
        && !name.contains("${")
    {
        return look_up(name, variables);
    }
    let (mut filled, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, behind)) = rest.split_once("${") {
        let (name, after) = behind.split_once('}').ok_or_else(|| format!("an open variable in {text}"))?;
        filled.push_str(before);
        filled.push_str(&step::text(&look_up(name, variables)?));
        rest = after;
    }
    Ok(Value::String(filled + rest))
}

fn look_up(name: &str, variables: &Map<String, Value>) -> Result<Value, String> {
    for (word, from) in [("now", None), ("start", variables.get("start").and_then(Value::as_i64))] {
        let shift = name.strip_prefix(word).filter(|shift| shift.is_empty() || shift.starts_with(['+', '-']));
        if let Some(shift) = shift {
            let seconds: i64 =
                if shift.is_empty() { 0 } else { shift.parse().map_err(|_| format!("${{{name}}}"))? };
            return Ok(moment::format(from.unwrap_or_else(moment::now) + seconds).into());
        }
    }
    match variables.get(name) {
        // Variables of a file may be made of others.
        Some(value @ (Value::String(_) | Value::Array(_) | Value::Object(_))) => {
            let others: Map<String, Value> = variables
                .iter()
                .filter(|(own, _)| *own != name)
                .map(|(own, value)| (own.clone(), value.clone()))
                .collect();
            fill(value, &others)
        }
        Some(value) => Ok(value.clone()),
        None => Err(format!("no variable {name}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn variables() {
        let variables = json!({ "a": 1, "b": "${a}2", "c": ["${b}"], "no": "$omit" });
        let variables = variables.as_object().unwrap();
        let filled =
            super::fill(&json!({ "${b}": "${a}", "x": "-${a}-${b}-", "l": "${c}", "z": "${no}" }), variables);
        assert_eq!(filled.unwrap(), json!({ "12": 1, "x": "-1-12-", "l": ["12"] }));
        assert!(super::fill(&json!("${d}"), variables).is_err());
    }
}
