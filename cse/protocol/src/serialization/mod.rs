//! Serialisations: how primitives and their contents are written (TS-0004 8).
//!
//! Responsible for the one door through which bindings come: a [`Codec`] reads and writes whole primitives, for
//! transports that carry them as one message (MQTT, WebSocket), and contents alone, for those that carry parameters
//! as options or headers (HTTP, CoAP). Limits for what comes from outside are kept here. Which serialisation a
//! message has is left to the bindings.

mod cbor;
mod envelope;
mod nesting;

use std::sync::Arc;

use bytes::Bytes;

use crate::primitive::json;
use crate::schema::Schemas;
use crate::{Content, Failure, Request, Response};

pub use envelope::{Envelope, Kind, wrap};
pub use nesting::{PARSER_LIMIT, is_deeper};

/// How a content or a primitive is written (TS-0004 6.7, 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Serialization {
    /// TS-0004 8.4
    Json,
    /// TS-0004 8.5
    Cbor,
}

impl Serialization {
    /// All that this node speaks, what it likes best first.
    pub const ALL: [Self; 2] = [Self::Json, Self::Cbor];

    /// What it is called in topics (TS-0010 6.4), sub-protocols (TS-0020 6.2) and points of access (`ct`): `json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Cbor => "cbor",
        }
    }

    /// The one of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|serialization| serialization.name() == name)
    }
}

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
    #[expect(dead_code, reason = "JSON says by itself what is a number and what a list")]
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
        }
    }

    /// Writes a content. Never fails: what a serialisation cannot say is written as well as it can.
    pub fn write_content(&self, serialization: Serialization, content: &Content) -> Bytes {
        match serialization {
            Serialization::Json => content.json().clone(),
            Serialization::Cbor => cbor::write(content.value()).into(),
        }
    }

    /// Reads a request primitive. Fails with BAD_REQUEST as [`Codec::read_content`] does, and if it is no request.
    pub fn read_request(&self, serialization: Serialization, bytes: Bytes) -> Result<Request, Box<Refused>> {
        let value = match self.read_content(serialization, bytes) {
            Ok(content) => content.into_value(),
            Err(failure) => return Err(Box::new(Refused { request: Request::default(), failure })),
        };
        let known = |name: &str| Some(value.get(name)?.as_str()?.to_owned());
        let partly = Request {
            from: known("fr"),
            request_identifier: known("rqi").unwrap_or_default(),
            release_version_indicator: known("rvi"),
            ..Request::default()
        };
        json::request_from_json(value).map_err(|failure| Box::new(Refused { request: partly, failure }))
    }

    /// Writes a request primitive.
    pub fn write_request(&self, serialization: Serialization, request: &Request) -> Bytes {
        if serialization == Serialization::Json {
            return json::request_to_text(request);
        }
        self.write_content(serialization, &Content::from_value(json::request_to_json(request)))
    }

    /// Reads a response primitive. Fails with BAD_REQUEST as [`Codec::read_content`] does, and if it is no response.
    pub fn read_response(&self, serialization: Serialization, bytes: Bytes) -> Result<Response, Failure> {
        json::response_from_json(self.read_content(serialization, bytes)?.into_value())
    }

    /// Writes a response primitive.
    pub fn write_response(&self, serialization: Serialization, response: &Response) -> Bytes {
        if serialization == Serialization::Json {
            return json::response_to_text(response);
        }
        self.write_content(serialization, &Content::from_value(json::response_to_json(response)))
    }

    fn check_depth(&self, json: &[u8]) -> Result<(), Failure> {
        if nesting::is_deeper(json, self.max_depth) {
            let most = self.max_depth;
            return Err(Failure::bad_request(format!("the content nests deeper than {most} levels")));
        }
        Ok(())
    }
}
