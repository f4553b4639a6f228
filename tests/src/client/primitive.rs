//! Whole primitives in JSON (TS-0004 8.4), for bindings that carry them as one message, from requests that are
//! written down in the terms of HTTP.

use serde_json::{Map, Value, json};

use super::Answer;
use crate::request::{Operation, Request};

/// Headers of HTTP and the parameters that they carry.
const PARAMETERS: [(&str, &str); 9] = [
    ("x-m2m-ot", "ot"),
    ("x-m2m-ret", "rqet"),
    ("x-m2m-rst", "rset"),
    ("x-m2m-oet", "oet"),
    ("x-m2m-ec", "ec"),
    ("x-m2m-gid", "gid"),
    ("x-m2m-vsi", "vsi"),
    ("x-m2m-prpi", "prpi"),
    ("x-m2m-rtu", "nu"),
];

/// Parameters of a response and the headers of HTTP that carry them.
const RESPONSE: [(&str, &str); 10] = [
    ("rsc", "x-m2m-rsc"),
    ("rqi", "x-m2m-ri"),
    ("rvi", "x-m2m-rvi"),
    ("fr", "x-m2m-origin"),
    ("ot", "x-m2m-ot"),
    ("rset", "x-m2m-rst"),
    ("ec", "x-m2m-ec"),
    ("cnst", "x-m2m-cts"),
    ("cnot", "x-m2m-cto"),
    ("vsi", "x-m2m-vsi"),
];

/// Whether a header of HTTP carries a parameter, so that every binding can.
pub(crate) fn is_header_of_a_parameter(name: &str) -> bool {
    PARAMETERS.iter().any(|(header, _)| name.eq_ignore_ascii_case(header))
}

/// The parameters that headers carry, by short name.
pub(super) fn parameters(request: &Request) -> impl Iterator<Item = (&'static str, &str)> {
    request.headers.iter().filter_map(|(name, value)| {
        let found = PARAMETERS.iter().find(|(header, _)| name.eq_ignore_ascii_case(header))?;
        Some((found.1, value.as_str()))
    })
}

/// The request primitive.
pub(super) fn request(request: &Request, identifier: &str) -> Value {
    let (to, attribute) = match request.to.split_once('#') {
        Some((to, attribute)) => (to, Some(attribute)),
        None => (request.to.as_str(), None),
    };
    let operation = match request.operation {
        Operation::Create => 1,
        Operation::Retrieve => 2,
        Operation::Update => 3,
        Operation::Delete => 4,
        Operation::Notify => 5,
    };
    let mut primitive = Map::new();
    let mut put = |name: &str, value: Value| drop(primitive.insert(name.to_owned(), value));
    put("op", operation.into());
    put("to", to.into());
    put("rqi", identifier.into());
    for (name, value) in [("fr", &request.from), ("rvi", &request.release)] {
        if let Some(value) = value {
            put(name, value.as_str().into());
        }
    }
    if let Some(ty) = request.ty {
        put("ty", ty.into());
    }
    if let Some(content) = &request.content {
        put("pc", content.clone());
    }
    let mut fields = Fields { primitive, filter: Map::new(), attributes: Vec::new() };
    fields.attributes.extend(attribute.map(Value::from));
    for (name, value) in parameters(request) {
        match name {
            "nu" => fields.response_type("nu", value.split('&').filter(|uri| !uri.is_empty()).collect()),
            "ec" => fields.parameter(name, number(value)),
            name => fields.parameter(name, value.into()),
        }
    }
    for (name, value) in &request.fields {
        fields.add(name, value);
    }
    fields.finish()
}

struct Fields {
    primitive: Map<String, Value>,
    filter: Map<String, Value>,
    attributes: Vec<Value>,
}

impl Fields {
    /// A field of HTTP's query.
    fn add(&mut self, name: &str, escaped: &str) {
        let value = unescape(escaped);
        let numbers = || Value::from(value.split('+').map(number).collect::<Vec<_>>());
        match name {
            "rcn" | "drt" => self.parameter(name, number(&value)),
            "rt" => self.response_type("rtv", number(&value)),
            "da" | "tqi" | "asi" | "auri" | "sqi" => self.parameter(name, flag(&value)),
            "rp" => self.parameter(name, value.into()),
            "rids" | "tids" | "ltids" | "grtm" => self.parameter(name, list(escaped).into()),
            "atrl" => self.attributes.extend(list(escaped)),
            "sts" | "stb" | "sza" | "szb" | "cfs" | "gmty" | "gsf" | "fo" | "fu" | "lim" | "lvl" | "ofst" => {
                self.criterion(name, number(&value));
            }
            "ty" | "chty" | "pty" => self.criterion(name, numbers()),
            "lbl" | "clbl" | "palb" | "cty" => self.criterion(name, list(escaped).into()),
            "smf" => self.criterion(name, json!([value])),
            "crb" | "cra" | "ms" | "us" | "exb" | "exa" | "lbq" | "cfq" | "geom" | "arp" => {
                self.criterion(name, value.into());
            }
            name => {
                let (kind, name) = match name.split_once('.') {
                    Some(("c", name)) => ("catr", name),
                    Some(("p", name)) => ("patr", name),
                    _ => ("atr", name),
                };
                self.criterion(kind, json!([{ "nm": name, "val": value }]));
            }
        }
    }

    fn parameter(&mut self, name: &str, value: Value) {
        self.primitive.insert(name.to_owned(), value);
    }

    fn response_type(&mut self, name: &str, value: Value) {
        // Blocking, unless another field says more.
        let info = self.primitive.entry("rt").or_insert_with(|| json!({ "rtv": 3 }));
        info[name] = value;
    }

    /// Several criteria of a name are one list.
    fn criterion(&mut self, name: &str, value: Value) {
        match (self.filter.get_mut(name), value) {
            (Some(Value::Array(list)), Value::Array(more)) => list.extend(more),
            (_, value) => drop(self.filter.insert(name.to_owned(), value)),
        }
    }

    fn finish(mut self) -> Value {
        if !self.filter.is_empty() {
            self.primitive.insert("fc".into(), self.filter.into());
        }
        if !self.attributes.is_empty() {
            self.primitive.insert("pc".into(), json!({ "m2m:atrl": self.attributes }));
        }
        self.primitive.into()
    }
}

/// The answer that a response primitive is.
pub(super) fn answer(response: &Value, identifier: String) -> Answer {
    let mut headers: Vec<(String, String)> = Vec::new();
    for (parameter, header) in RESPONSE {
        if let Some(value) = response.get(parameter) {
            headers.push((header.to_owned(), crate::case::text(value)));
        }
    }
    let body = response.get("pc").cloned().unwrap_or_default();
    if !body.is_null() {
        headers.push(("content-type".into(), "application/json".into()));
    }
    Answer {
        code: 0,
        rsc: response.get("rsc").and_then(Value::as_u64).unwrap_or(0),
        headers,
        body,
        identifier,
    }
}

/// A number, or the text that should have been one.
fn number(text: &str) -> Value {
    text.parse::<u64>().map_or_else(|_| text.into(), Value::from)
}

fn flag(text: &str) -> Value {
    match text {
        "true" | "1" => true.into(),
        "false" | "0" => false.into(),
        text => text.into(),
    }
}

fn list(escaped: &str) -> Vec<Value> {
    escaped.split('+').map(|item| unescape(item).into()).collect()
}

/// Without the escapes that a URL needs.
pub(super) fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code =
            after.get(..2).filter(|_| byte == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                rest = &after[2..];
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
