//! From an HTTP request message to a request primitive (TS-0009 6.2, 6.4, 6.5). Pure.
//!
//! Responsible for the mapping as a whole; path, query, headers and media types have their own files. Which
//! parameters an operation may have is left to the core.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use dyad_protocol::precondition::Precondition;
use dyad_protocol::serialization::Codec;
use dyad_protocol::{Failure, Operation, Request, StatusCode};

use super::media::{self, MediaType};
use super::{address, headers};
use crate::query;

/// Tells whether a text is the short name of an attribute of some resource type.
pub type IsAttribute = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// What decoding depends on besides the message.
#[derive(Clone)]
pub struct Rules {
    /// Prefix of all paths: empty, or with a leading and without a trailing slash.
    pub root: String,
    /// Tolerates what clients in the field leave out: X-M2M-RI, X-M2M-RVI (then release 1), and see
    /// [`address::from_path`]; ignores `ty` in the Content-Type of what is no CREATE.
    pub lenient: bool,
    /// Reads and writes contents.
    pub codec: Codec,
    /// The media type of responses when the originator accepts any and sent no content.
    pub default_content_type: &'static MediaType,
    /// Which query fields are attribute conditions.
    pub is_attribute: IsAttribute,
    /// Makes the request identifier of a request that came without.
    pub new_identifier: Arc<dyn Fn() -> String + Send + Sync>,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("root", &self.root)
            .field("lenient", &self.lenient)
            .finish_non_exhaustive()
    }
}

/// The start line of a request message.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// `GET`
    pub method: &'a str,
    /// As it came, still escaped.
    pub path: &'a str,
    /// As it came, without `?`.
    pub query: Option<&'a str>,
}

/// A request message that was understood.
#[derive(Debug)]
pub struct Decoded {
    /// The request.
    pub request: Box<Request>,
    /// The media type in which the originator wants the response.
    pub accept: &'static MediaType,
    /// What the state of the target has to be (RFC 7232).
    pub precondition: Option<Precondition>,
}

/// A request message that was not understood.
#[derive(Debug)]
pub struct Refused {
    /// What could be read of the request: the answer needs its identifier and release.
    pub request: Request,
    /// The media type of the answer.
    pub accept: &'static MediaType,
    /// Why.
    pub failure: Failure,
}

/// The operation of a method; for POST, CREATE, which the lack of a resource type turns into NOTIFY
/// (TS-0009 6.2.1). OPERATION_NOT_ALLOWED for methods that no operation has.
pub fn operation(method: &str) -> Result<Operation, Failure> {
    Ok(match method {
        "GET" => Operation::Retrieve,
        "POST" => Operation::Create,
        "PUT" => Operation::Update,
        "DELETE" => Operation::Delete,
        _ => return Err(Failure::not_allowed("no operation is mapped to this HTTP method")),
    })
}

/// Maps a request message. `headers` have their names in lower case; `body` is whole.
///
/// Fails with the codes of the parts: BAD_REQUEST for what is malformed, NOT_FOUND for a path outside the root,
/// OPERATION_NOT_ALLOWED, UNSUPPORTED_MEDIA_TYPE, NOT_ACCEPTABLE. Never panics, whatever comes.
pub fn decode<'a>(
    line: Line<'_>,
    headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    body: Bytes,
    rules: &Rules,
) -> Result<Decoded, Box<Refused>> {
    let mut request = Request::default();
    let (mut carried, read) = headers::read(&mut request, headers);
    let default = default_media(&carried, rules);
    let accept = media::negotiate(&carried.accept, default);
    let identified = identify(&mut request, carried.identified(), rules);
    let media = accept.as_ref().map_or(default, |accept| accept);
    let outcome = read
        .and(identified)
        .and(accept.map(drop))
        .and_then(|()| fill(&mut request, line, carried.content_type, body, rules));
    match outcome {
        Ok(()) => {
            let precondition = carried.precondition();
            Ok(Decoded { request: Box::new(request), accept: media, precondition })
        }
        Err(failure) => Err(Box::new(Refused { request, accept: media, failure })),
    }
}

/// The refusal of a message whose body nobody needs to read.
pub fn refuse<'a>(
    headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    failure: Failure,
    rules: &Rules,
) -> Box<Refused> {
    let mut request = Request::default();
    let (carried, _) = headers::read(&mut request, headers);
    // The failure that was found already is the one to report.
    let _ = identify(&mut request, carried.identified(), rules);
    let default = default_media(&carried, rules);
    let accept = media::negotiate(&carried.accept, default);
    Box::new(Refused { request, accept: accept.unwrap_or(default), failure })
}

/// The media type of the answer to who accepts any: what the content of the request is written in
/// (TS-0004 7.3.3.12).
fn default_media(carried: &headers::Carried<'_>, rules: &Rules) -> &'static MediaType {
    let sent = carried.content_type.and_then(|value| media::content_type(value).ok());
    sent.map_or(rules.default_content_type, |sent| media::of(sent.media.serialization))
}

/// Every answer carries an identifier, even where the request should have had one.
fn identify(request: &mut Request, identified: bool, rules: &Rules) -> Result<(), Failure> {
    if !identified {
        request.request_identifier = (rules.new_identifier)();
        if !rules.lenient {
            return Err(Failure::bad_request("X-M2M-RI is missing"));
        }
    }
    if request.release_version_indicator.is_none() && !rules.lenient {
        return Err(Failure::bad_request("X-M2M-RVI is missing"));
    }
    Ok(())
}

fn fill(
    request: &mut Request,
    line: Line<'_>,
    content_type: Option<&str>,
    body: Bytes,
    rules: &Rules,
) -> Result<(), Failure> {
    request.operation = operation(line.method)?;
    request.to = address::from_path(line.path, &rules.root, rules.lenient)?;
    if let Some(fields) = line.query {
        query::decode(fields, request, &*rules.is_attribute)?;
    }
    // Without a body nothing is written in the type, and clients send whatever their library has as a default.
    let content_type = match content_type.map(media::content_type) {
        Some(Err(failure)) if !body.is_empty() || failure.rsc == StatusCode::BadRequest => {
            return Err(failure);
        }
        Some(Ok(content_type)) => Some(content_type),
        Some(Err(_)) | None => None,
    };
    match (request.operation, content_type.and_then(|content_type| content_type.resource_type)) {
        (Operation::Create, None) => request.operation = Operation::Notify,
        (Operation::Create, ty) => request.resource_type = ty,
        (_, Some(_)) if !rules.lenient => {
            return Err(Failure::bad_request("ty in the Content-Type is for CREATE only"));
        }
        _ => {}
    }
    if !body.is_empty() {
        let content_type = content_type.ok_or_else(|| Failure::bad_request("a body needs a Content-Type"))?;
        request.content = Some(rules.codec.read_content(content_type.media.serialization, body)?);
        request.take_attribute_list()?;
    }
    Ok(())
}
