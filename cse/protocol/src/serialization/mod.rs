//! Serialisations: how primitives and their contents are written (TS-0004 8).
//!
//! Responsible for the one door through which bindings come: a [`Codec`] reads and writes whole primitives, for
//! transports that carry them as one message (MQTT, WebSocket), and contents alone, for those that carry parameters
//! as options or headers (HTTP, CoAP). Limits for what comes from outside are kept here. Which serialisation a
//! message has is left to the bindings.

mod cbor;
mod envelope;
mod nesting;
mod xml;

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::primitive::json;
use crate::schema::Schemas;
use crate::{Content, Failure, Object, Request, Response};

pub use envelope::{Envelope, Kind, wrap};
pub use nesting::{PARSER_LIMIT, is_deeper};

/// How a content or a primitive is written (TS-0004 6.7, 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Serialization {
    /// TS-0004 8.4
    Json,
    /// TS-0004 8.5
    Cbor,
    /// TS-0004 8.3
    Xml,
}

impl Serialization {
    /// All that this node speaks, what it likes best first.
    pub const ALL: [Self; 3] = [Self::Json, Self::Cbor, Self::Xml];

    /// What it is called in topics (TS-0010 6.4), sub-protocols (TS-0020 6.2) and points of access (`ct`): `json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Cbor => "cbor",
            Self::Xml => "xml",
        }
    }

    /// The one of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|serialization| serialization.name() == name)
    }
}

/// The roots of primitives in XML (TS-0004 Table 8.2.2-2).
const REQUEST: &str = "m2m:rqp";
const RESPONSE: &str = "m2m:rsp";

/// A message that is no request.
#[derive(Debug)]
pub struct Refused {
    /// What could be read: the answer needs its identifier and release.
    pub request: Request,
    /// Why it is none.
    pub failure: Failure,
}

/// Reads and writes primitives in every serialisation. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Codec {
    /// Elements and types of attributes, which serialisations with fewer types than JSON need to be read.
    schemas: Arc<Schemas>,
    max_depth: usize,
}

impl Codec {
    /// For the resource types of a node. `max_depth`: levels of objects and arrays that a message may have, up to
    /// [`PARSER_LIMIT`].
    pub fn new(schemas: Arc<Schemas>, max_depth: usize) -> Self {
        Self { schemas, max_depth }
    }

    /// Reads a content. BAD_REQUEST if it is malformed or nests too deep.
    pub fn read_content(&self, serialization: Serialization, bytes: Bytes) -> Result<Content, Failure> {
        match serialization {
            Serialization::Json => {
                self.check_depth(&bytes)?;
                Content::from_json(bytes)
            }
            Serialization::Cbor => {
                cbor::read(&bytes, self.max_depth.min(PARSER_LIMIT)).map(Content::from_value)
            }
            Serialization::Xml => {
                xml::read(&self.schemas, &bytes, self.max_depth.min(PARSER_LIMIT)).map(Content::from_value)
            }
        }
    }

    /// Writes a content. Never fails: what a serialisation cannot say is written as well as it can.
    pub fn write_content(&self, serialization: Serialization, content: &Content) -> Bytes {
        match serialization {
            Serialization::Json => content.json().clone(),
            Serialization::Cbor => cbor::write(content.value()).into(),
            Serialization::Xml => xml::write(&self.schemas, content.value()).into(),
        }
    }

    /// Reads a request primitive. Fails with BAD_REQUEST as [`Codec::read_content`] does, and if it is no request.
    pub fn read_request(&self, serialization: Serialization, bytes: Bytes) -> Result<Request, Box<Refused>> {
        if serialization == Serialization::Json
            && self.check_depth(&bytes).is_ok()
            && let Some(request) = json::request_from_text(&bytes)
        {
            return Ok(request);
        }
        let value = match self.read_primitive(serialization, bytes.clone(), REQUEST) {
            Ok(value) => value,
            Err(failure) => return Err(Box::new(Refused { request: Request::default(), failure })),
        };
        json::request_from_json(value).map_err(|failure| {
            // Read once more: those that are refused are few.
            let value = self.read_primitive(serialization, bytes, REQUEST).unwrap_or_default();
            let known = |name: &str| Some(value.get(name)?.as_str()?.to_owned());
            let request = Request {
                from: known("fr"),
                request_identifier: known("rqi").unwrap_or_default(),
                release_version_indicator: known("rvi"),
                ..Request::default()
            };
            Box::new(Refused { request, failure })
        })
    }

    /// Writes a request primitive.
    pub fn write_request(&self, serialization: Serialization, request: &Request) -> Bytes {
        if serialization == Serialization::Json {
            return json::request_to_text(request);
        }
        self.write_primitive(serialization, json::request_to_json(request), REQUEST)
    }

    /// Reads a response primitive. Fails with BAD_REQUEST as [`Codec::read_content`] does, and if it is no response.
    pub fn read_response(&self, serialization: Serialization, bytes: Bytes) -> Result<Response, Failure> {
        json::response_from_json(self.read_primitive(serialization, bytes, RESPONSE)?)
    }

    /// Writes a response primitive.
    pub fn write_response(&self, serialization: Serialization, response: &Response) -> Bytes {
        if serialization == Serialization::Json {
            return json::response_to_text(response);
        }
        self.write_primitive(serialization, json::response_to_json(response), RESPONSE)
    }

    /// XML alone has a root around a primitive (TS-0004 8.4.2).
    fn read_primitive(
        &self,
        serialization: Serialization,
        bytes: Bytes,
        root: &str,
    ) -> Result<Value, Failure> {
        let value = self.read_content(serialization, bytes)?.into_value();
        if serialization != Serialization::Xml {
            return Ok(value);
        }
        match value {
            Value::Object(mut object) if object.contains_key(root) => {
                Ok(object.swap_remove(root).unwrap_or_default())
            }
            _ => Err(Failure::bad_request(format!("the root of the content is not {root}"))),
        }
    }

    fn write_primitive(&self, serialization: Serialization, value: Value, root: &str) -> Bytes {
        let value = match serialization {
            Serialization::Xml => Value::Object(Object::from_iter([(root.to_owned(), value)])),
            Serialization::Json | Serialization::Cbor => value,
        };
        self.write_content(serialization, &Content::from_value(value))
    }

    fn check_depth(&self, json: &[u8]) -> Result<(), Failure> {
        if nesting::is_deeper(json, self.max_depth) {
            let most = self.max_depth;
            return Err(Failure::bad_request(format!("the content nests deeper than {most} levels")));
        }
        Ok(())
    }
}
