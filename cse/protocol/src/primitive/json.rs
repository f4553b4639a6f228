//! JSON serialisation of primitives (TS-0004 8.4), with the short names of its clause 8.2.2.
//!
//! Responsible for: strict parsing of one JSON document, and the two directions for requests, responses and Filter
//! Criteria. What a parameter means, and which ones an operation needs, is left to the core.

mod fields;
mod filter;
mod quick;
mod request;
mod response;

use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

use crate::{Content, Failure, Object};

pub use filter::{filter_from_json, filter_to_json};
pub(super) use request::attribute_list;
pub use request::{
    REQUEST_PARAMETERS, request_from_json, request_from_text, request_to_json, request_to_text,
};
pub use response::{RESPONSE_PARAMETERS, response_from_json, response_to_json, response_to_text};

/// The member name under which `serde_json` hands over a number whose digits it preserves.
const NUMBER: &str = "$serde_json::private::Number";

/// Parses one JSON document (RFC 8259) in UTF-8 and preserves the order of members and all digits of numbers.
///
/// BAD_REQUEST if it is malformed (a byte order mark, a lone surrogate or anything behind the value included),
/// repeats a member name within an object, or nests 128 levels deep or deeper.
pub fn parse(json: &[u8]) -> Result<Value, Failure> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let parsed = Strict.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    parsed.map_err(|error| {
        let text = if error.is_data() { "repeats a member name" } else { "is not well-formed JSON" };
        let (line, column) = (error.line(), error.column());
        Failure::bad_request(format!("the content {text} (line {line}, column {column})")).with_source(error)
    })
}

/// What a primitive without its content takes as text, most of the time.
const HEAD: usize = 192;

/// The text of an object with a content as its last member.
fn with_content(head: &impl Serialize, content: Option<&Content>) -> Bytes {
    let content = content.map(Content::json).filter(|json| !json.is_empty());
    let mut text = Vec::with_capacity(HEAD + content.map_or(0, Bytes::len));
    if serde_json::to_writer(&mut text, head).is_err() {
        return Bytes::new();
    }
    let Some(content) = content else { return text.into() };
    let is_empty = text.len() <= 2;
    text.pop();
    text.extend_from_slice(if is_empty { b"\"pc\":" } else { b",\"pc\":" });
    text.extend_from_slice(content);
    text.push(b'}');
    text.into()
}

/// A value whose objects name every member once. `serde_json::Value` itself keeps the last of several, which
/// would let two readers of one primitive see different content.
#[derive(Clone, Copy)]
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(self)? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Object::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.is_empty() && name == NUMBER {
                match members.next_value_seed(NumberOrValue)? {
                    Value::Number(number) => return Ok(Value::Number(number)),
                    value => drop(object.insert(name, value)),
                }
                continue;
            }
            let value = members.next_value_seed(self)?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("repeated member name"));
            }
        }
        Ok(Value::Object(object))
    }
}

/// What stands behind [`NUMBER`]: the digits of a number, which the parser hands over as an owned text, or the
/// value of a member that somebody gave this name.
struct NumberOrValue;

impl<'de> DeserializeSeed<'de> for NumberOrValue {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NumberOrValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_string<E: Error>(self, digits: String) -> Result<Value, E> {
        digits.parse::<Number>().map(Value::Number).map_err(E::custom)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Value, E> {
        Err(E::custom("a member name that is reserved"))
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn accepts_what_is_well_formed() {
        for json in [
            "null",
            "[]",
            "{}",
            r#"{"b":1,"a":{"b":[1.50,-0,1e400,123456789012345678901234567890]}}"#,
            r#"{"m2m:cin":{"con":"\u00e9\ud83d\ude00\"\\","x":true,"y":false,"z":null}}"#,
        ] {
            assert_eq!(
                parse(json.as_bytes()).unwrap().to_string(),
                serde_json::from_str::<Value>(json).unwrap().to_string()
            );
        }
        assert_eq!(parse(b"[1.50,-0,1e400]").unwrap().to_string(), "[1.50,-0,1e+400]");
    }

    #[test]
    fn refuses_what_is_not() {
        let deep = format!("{}{}", "[".repeat(128), "]".repeat(128));
        for json in [
            "",
            " ",
            "{",
            r#"{"a":1,"a":1}"#,
            r#"{"x":[{"a":1,"b":2,"a":3}]}"#,
            r#"{"a":1,"\u0061":2}"#,
            "[1,]",
            "01",
            "NaN",
            "1 2",
            "\u{feff}{}",
            r#""\ud800""#,
            r#""\udc00\ud800""#,
            "\"\u{1}\"",
            "{'a':1}",
            "{a:1}",
            r#"{"$serde_json::private::Number":"1"}"#,
            r#"{"$serde_json::private::RawValue":"1","a":2,"a":3}"#,
            &deep,
        ] {
            assert_eq!(parse(json.as_bytes()).unwrap_err().rsc.number(), 4000, "{json}");
        }
        assert!(parse(b"\"\xff\"").is_err());
        assert!(parse(format!("{}{}", "[".repeat(127), "]".repeat(127)).as_bytes()).is_ok());
        assert!(parse("[".repeat(1_000_000).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(json in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&json);
        }

        #[test]
        fn agrees_with_serde_json(json in "[\\[\\]{}:,\"a1.e\\\\ -]{0,30}") {
            if let Ok(value) = parse(json.as_bytes()) {
                prop_assert_eq!(value, serde_json::from_str::<Value>(&json).unwrap());
            }
        }
    }
}
