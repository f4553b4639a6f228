//! Typed reading of the members of a JSON object, and writing of the same (TS-0004 8.4.2).
//!
//! Responsible for the JSON type that each data type of TS-0004 6.3 has. Which members there are is left to the
//! callers; each takes its own, and what is left at the end is unknown.

use serde::{Serialize, Serializer};
use serde_json::Value;
use smol_str::SmolStr;

use crate::Failure;
use crate::time::{AbsRelTime, Timestamp};

/// The members of an object that have not been taken yet. They are few, and asked for more often than they are there:
/// looking at all is quicker than hashing names.
pub(super) struct Fields {
    members: Vec<(SmolStr, Value)>,
}

impl Fields {
    /// BAD_REQUEST if the value is not an object; `what` names it.
    pub(super) fn new(value: Value, what: &str) -> Result<Self, Failure> {
        match value {
            Value::Object(members) => {
                let members = members.into_iter().map(|(name, value)| (name.into(), value));
                Ok(Self { members: members.collect() })
            }
            _ => Err(Failure::bad_request(format!("{what} is not a JSON object"))),
        }
    }

    /// Those that were read before.
    pub(super) fn of(members: Vec<(SmolStr, Value)>) -> Self {
        Self { members }
    }

    /// Any value.
    pub(super) fn value(&mut self, name: &str) -> Option<Value> {
        let at = self.members.iter().position(|(member, _)| member == name)?;
        Some(self.members.swap_remove(at).1)
    }

    /// `xs:string` and what derives from it.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Failure> {
        self.value(name).map(|value| text(name, value)).transpose()
    }

    /// A list of texts: a JSON array of strings. Empty when it is missing.
    pub(super) fn texts(&mut self, name: &str) -> Result<Vec<String>, Failure> {
        self.list(name)?.into_iter().map(|value| text(name, value)).collect()
    }

    /// A whole number that is not negative and fits `T`.
    pub(super) fn number<T: TryFrom<u64>>(&mut self, name: &str) -> Result<Option<T>, Failure> {
        self.value(name).map(|value| number(name, &value)).transpose()
    }

    /// A list of whole numbers.
    pub(super) fn numbers<T: TryFrom<u64>>(&mut self, name: &str) -> Result<Vec<T>, Failure> {
        self.list(name)?.iter().map(|value| number(name, value)).collect()
    }

    /// An enumeration, by the function that knows its numbers.
    pub(super) fn code<T>(
        &mut self,
        name: &str,
        of: impl Fn(u64) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        match self.number(name)? {
            Some(number) => of(number).map(Some).ok_or_else(|| wrong(name, "one of its numbers")),
            None => Ok(None),
        }
    }

    /// `xs:boolean`
    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>, Failure> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(wrong(name, "true or false")),
        }
    }

    /// `m2m:timestamp`
    pub(super) fn moment(&mut self, name: &str) -> Result<Option<Timestamp>, Failure> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        Timestamp::parse(&text).map(Some).ok_or_else(|| wrong(name, "a timestamp"))
    }

    /// `m2m:absRelTimestamp`; milliseconds may come as a number.
    pub(super) fn abs_rel(&mut self, name: &str) -> Result<Option<AbsRelTime>, Failure> {
        let time = match self.value(name) {
            None => return Ok(None),
            Some(Value::String(text)) => AbsRelTime::parse(&text),
            Some(Value::Number(number)) => AbsRelTime::parse(&number.to_string()),
            Some(_) => None,
        };
        time.map(Some).ok_or_else(|| wrong(name, "a timestamp or a duration"))
    }

    /// The elements of an array. Empty when it is missing.
    pub(super) fn list(&mut self, name: &str) -> Result<Vec<Value>, Failure> {
        match self.value(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(elements)) => Ok(elements),
            Some(_) => Err(wrong(name, "an array")),
        }
    }

    /// BAD_REQUEST if a member is left that nobody asked for.
    pub(super) fn finish(self, what: &str) -> Result<(), Failure> {
        match self.members.first() {
            None => Ok(()),
            Some((name, _)) => {
                let name: String = name.chars().take(40).collect();
                Err(Failure::bad_request(format!("{what} has an unknown member '{name}'")))
            }
        }
    }
}

fn text(name: &str, value: Value) -> Result<String, Failure> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(wrong(name, "a string")),
    }
}

fn number<T: TryFrom<u64>>(name: &str, value: &Value) -> Result<T, Failure> {
    let number = value.as_u64().and_then(|number| T::try_from(number).ok());
    number.ok_or_else(|| wrong(name, "a whole number in range"))
}

/// BAD_REQUEST for a member that is not what it has to be.
pub(super) fn wrong(name: &str, kind: &str) -> Failure {
    Failure::bad_request(format!("{name} is not {kind}"))
}

/// BAD_REQUEST for a mandatory member that is missing.
pub(super) fn missing(name: &str) -> Failure {
    Failure::bad_request(format!("{name} is missing"))
}

/// Writes members that are there, and leaves out those that are not.
#[derive(Default)]
pub(super) struct Writer(Vec<(&'static str, Value)>);

impl Serialize for Writer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Writer {
    /// The object.
    pub(super) fn into_value(self) -> Value {
        Value::Object(self.0.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// A member, if there is a value. Each has to come once.
    pub(super) fn some(&mut self, name: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.0.push((name, value.into()));
        }
    }

    /// A text, if there is one.
    pub(super) fn text(&mut self, name: &'static str, text: Option<&String>) {
        self.some(name, text.map(String::as_str));
    }

    /// Something that is written as text, if it is there.
    pub(super) fn shown(&mut self, name: &'static str, value: Option<impl ToString>) {
        self.some(name, value.map(|value| value.to_string()));
    }

    /// A list, unless it is empty.
    pub(super) fn list<T: Clone + Into<Value>>(&mut self, name: &'static str, list: &[T]) {
        self.some(name, (!list.is_empty()).then(|| list.to_vec()));
    }
}
