//! A step of a case: a request, and what has to come of it.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::request::{Operation, Request};

/// A step, after or before its variables were replaced.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What the step is for, where that is not plain.
    #[serde(default, rename = "note")]
    _note: Option<String>,
    #[serde(default)]
    create: Option<String>,
    #[serde(default)]
    retrieve: Option<String>,
    #[serde(default)]
    update: Option<String>,
    #[serde(default)]
    delete: Option<String>,
    #[serde(default)]
    notify: Option<String>,
    /// `["PATCH", "/cse-in"]`: a method and a path in place of those that the operation has.
    #[serde(default)]
    line: Option<(String, String)>,
    #[serde(default)]
    ty: Option<Value>,
    /// Originator; `null` for none.
    #[serde(default = "unsaid")]
    from: Value,
    /// Release version; `null` for none.
    #[serde(default = "unsaid")]
    release: Value,
    /// Request identifier.
    #[serde(default)]
    id: Option<String>,
    /// Query fields; an array stands for `a+b`, one that begins with `"&"` for the field several times.
    #[serde(default)]
    query: Value,
    /// Headers; `null` leaves one out.
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    content: Option<Value>,
    /// A body that is no JSON, or no JSON of this shape.
    #[serde(default)]
    text: Option<String>,
    /// What has to come back; a number stands for the response status code alone.
    #[serde(default)]
    pub expect: Option<Value>,
    /// Variables for later steps: JSON pointers into the answer's content, or `header:name`.
    #[serde(default)]
    pub capture: Map<String, Value>,
    /// Seconds during which the request is repeated until the answer is the expected one.
    #[serde(default)]
    pub retry_for: Option<f64>,
    /// How the sink answers from now on: `{"rsc": 4005}`, `{"after": 0.5}`, `{"dead": true}`.
    #[serde(default)]
    pub sink: Option<SinkSays>,
    /// The notifications that the sink has got since the last step that said so, in their order, no others.
    #[serde(default)]
    pub notified: Option<Vec<Value>>,
    /// The same in any order.
    #[serde(default)]
    pub notified_unordered: Option<Vec<Value>>,
    /// The verification requests that the sink has got since the last step that said so.
    #[serde(default)]
    pub verified: Option<Vec<Value>>,
}

/// What a sink does.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinkSays {
    #[serde(default)]
    pub(super) rsc: Option<u16>,
    #[serde(default)]
    pub(super) http: Option<u16>,
    #[serde(default)]
    pub(super) after: f64,
    #[serde(default)]
    pub(super) dead: bool,
    #[serde(default)]
    pub(super) content: Option<Value>,
}

/// What has to come back.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expectation {
    /// One code, or an array of those that are right.
    #[serde(default)]
    pub(super) rsc: Option<Value>,
    /// The HTTP status, where it is not the one of the table.
    #[serde(default)]
    pub(super) http: Option<Value>,
    #[serde(default)]
    pub(super) body: Option<Value>,
    #[serde(default)]
    pub(super) headers: Map<String, Value>,
}

fn unsaid() -> Value {
    Value::String(UNSAID.into())
}

const UNSAID: &str = "\u{0}";

impl Step {
    /// From JSON; the error says what is wrong.
    pub fn read(value: &Value) -> Result<Self, String> {
        let step: Self =
            serde_json::from_value(value.clone()).map_err(|error| format!("{error} in {value}"))?;
        step.expectation()?;
        match step.operations().count() {
            0 if step.is_observation() => Ok(step),
            1 => Ok(step),
            _ => Err(format!("not one operation in {value}")),
        }
    }

    fn is_observation(&self) -> bool {
        self.sink.is_some()
            || self.notified.is_some()
            || self.notified_unordered.is_some()
            || self.verified.is_some()
    }

    fn operations(&self) -> impl Iterator<Item = (Operation, &str)> {
        [
            (Operation::Create, &self.create),
            (Operation::Retrieve, &self.retrieve),
            (Operation::Update, &self.update),
            (Operation::Delete, &self.delete),
            (Operation::Notify, &self.notify),
        ]
        .into_iter()
        .filter_map(|(operation, to)| to.as_deref().map(|to| (operation, to)))
    }

    /// What has to come back: without a word, success.
    pub(super) fn expectation(&self) -> Result<Expectation, String> {
        match &self.expect {
            Some(Value::Object(_)) => serde_json::from_value(self.expect.clone().unwrap_or_default())
                .map_err(|error| format!("{error} in expect")),
            Some(rsc) => Ok(Expectation { rsc: Some(rsc.clone()), ..Expectation::default() }),
            None => Ok(Expectation::default()),
        }
    }

    /// The request; `None` for a step that only looks at the sink.
    pub(super) fn request(&self, originator: &str, release: &str) -> Result<Option<Request>, String> {
        let Some((operation, to)) = self.operations().next() else { return Ok(None) };
        let said = |value: &Value, default: &str| match value {
            Value::String(text) if text == UNSAID => Some(default.to_owned()),
            Value::Null => None,
            other => Some(text(other)),
        };
        let mut request = Request::new(operation, to);
        request.from = said(&self.from, originator);
        request.release = said(&self.release, release);
        request.identifier.clone_from(&self.id);
        request.line.clone_from(&self.line);
        request.content.clone_from(&self.content);
        request.text.clone_from(&self.text);
        request.ty = match &self.ty {
            Some(ty) => Some(text(ty).parse().map_err(|_| format!("ty is {ty}"))?),
            None => None,
        };
        if !self.query.is_object() && !self.query.is_null() {
            return Err(format!("query is {}", self.query));
        }
        for (name, value) in self.query.as_object().into_iter().flatten() {
            match value {
                Value::Array(items) if items.first().is_some_and(|first| first == "&") => {
                    request.fields.extend(items.iter().skip(1).map(|item| (name.clone(), text(item))));
                }
                Value::Array(items) => {
                    let joined: Vec<String> = items.iter().map(text).collect();
                    request.fields.push((name.clone(), joined.join("+")));
                }
                one => request.fields.push((name.clone(), text(one))),
            }
        }
        for (name, value) in &self.headers {
            match value {
                Value::Null => request.without.push(name.to_ascii_lowercase()),
                value => request.headers.push((name.clone(), text(value))),
            }
        }
        Ok(Some(request))
    }

    /// Whether the step can only be taken over HTTP.
    pub fn is_http_only(&self) -> bool {
        self.line.is_some() || self.text.is_some() || !self.headers.is_empty()
    }
}

/// A text as it is, any other value as JSON.
pub fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
