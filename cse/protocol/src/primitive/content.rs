//! The Content parameter (TS-0004 7.5.2): a JSON value that is written or parsed at most once.

use std::sync::OnceLock;

use bytes::Bytes;
use serde_json::Value;

use crate::Failure;

/// The content of a primitive, held as a value, as its JSON text, or both.
///
/// The core answers most requests from text that it has already; a binding that speaks JSON passes it on without
/// looking inside, one that speaks another serialisation asks for the value.
#[derive(Clone, Debug, Default)]
pub struct Content {
    value: OnceLock<Value>,
    json: OnceLock<Bytes>,
}

impl Content {
    /// From a value.
    pub fn from_value(value: Value) -> Self {
        Self { value: value.into(), json: OnceLock::new() }
    }

    /// From JSON text that is known to be well formed because this node wrote it.
    pub fn from_trusted_json(json: impl Into<Bytes>) -> Self {
        Self { value: OnceLock::new(), json: json.into().into() }
    }

    /// From JSON text that came from outside: parsed at once. BAD_REQUEST if it is not one JSON value, repeats a
    /// member name, or nests deeper than 128 levels.
    pub fn from_json(json: Bytes) -> Result<Self, Failure> {
        let value = crate::primitive::json::parse(&json)?;
        Ok(Self { value: value.into(), json: json.into() })
    }

    /// The value; text that was trusted wrongly gives `null`.
    pub fn value(&self) -> &Value {
        self.value.get_or_init(|| {
            self.json.get().and_then(|json| serde_json::from_slice(json).ok()).unwrap_or(Value::Null)
        })
    }

    /// The JSON text.
    pub fn json(&self) -> &Bytes {
        self.json.get_or_init(|| match self.value.get() {
            Some(value) => Bytes::from(serde_json::to_vec(value).unwrap_or_default()),
            None => Bytes::new(),
        })
    }

    /// The value, taken out.
    pub fn into_value(self) -> Value {
        self.value();
        self.value.into_inner().unwrap_or(Value::Null)
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        self.value() == other.value()
    }
}

impl From<Value> for Content {
    fn from(value: Value) -> Self {
        Self::from_value(value)
    }
}
