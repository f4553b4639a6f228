//! From a response primitive to an HTTP response message (TS-0009 6.3, 6.4, 6.5). Pure.

use bytes::Bytes;
use dyad_protocol::serialization::Codec;
use dyad_protocol::{Failure, Request, Response, StatusCode};

use super::address;
use super::decode::Refused;
use super::media::MediaType;
use super::status;
use crate::tokens;

/// A response message before it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case, without Content-Length, which goes by the body.
    pub headers: Vec<(&'static str, String)>,
    /// The content, or empty.
    pub body: Bytes,
}

/// Maps a response. `root` is what every path of this node starts with.
///
/// A response that is suppressed (Response Type noResponse) becomes 204 without anything, the least that HTTP
/// allows.
pub fn encode(response: &Response, media: &'static MediaType, codec: &Codec, root: &str) -> Outgoing {
    if response.suppressed {
        return Outgoing { status: 204, headers: Vec::new(), body: Bytes::new() };
    }
    let mut headers = Vec::with_capacity(8);
    headers.push(("x-m2m-rsc", response.status.number().to_string()));
    headers.push(("x-m2m-ri", response.request_identifier.clone()));
    let mut put = |name, value: Option<String>| headers.extend(value.map(|value| (name, value)));
    put("x-m2m-rvi", response.release_version_indicator.clone());
    put("x-m2m-origin", response.from.clone());
    put("x-m2m-ot", response.originating_timestamp.map(|at| at.to_string()));
    put("x-m2m-rst", response.result_expiration_timestamp.map(|at| at.to_string()));
    put("x-m2m-ec", response.event_category.map(|category| category.to_string()));
    put("x-m2m-cts", response.content_status.map(|status| status.number().to_string()));
    put("x-m2m-cto", response.content_offset.map(|offset| offset.to_string()));
    put("x-m2m-asri", response.authorization_signature_request_information.map(|flag| flag.to_string()));
    put("x-m2m-vsi", response.vendor_information.clone());
    if !response.assigned_token_identifiers.is_empty() {
        put("x-m2m-ati", Some(tokens::write_assigned(&response.assigned_token_identifiers)));
    }
    put("content-location", response.location.as_deref().map(|to| format!("{root}{}", address::to_path(to))));
    let body = body(response, media, codec);
    put("content-type", (!body.is_empty()).then(|| media.name.to_owned()));
    Outgoing { status: status::to_http(response.status), headers, body }
}

/// The content as it is, or the Token Request Information, which goes without a debugging text (TS-0009 6.5).
fn body(response: &Response, media: &MediaType, codec: &Codec) -> Bytes {
    let content = tokens::content(response);
    content.map_or_else(Bytes::new, |content| codec.write_content(media.serialization, &content))
}

/// The answer to a message that was not understood.
pub fn refusal(refused: &Refused, codec: &Codec) -> Outgoing {
    let failed = Response::failed(&refused.request, &refused.failure);
    let mut outgoing = encode(&failed, refused.accept, codec, "");
    // A method that no operation has (RFC 9110 15.5.6).
    if refused.failure.rsc == StatusCode::OperationNotAllowed {
        outgoing.headers.push(("allow", "GET, POST, PUT, DELETE".to_owned()));
    }
    outgoing
}

/// The answer to a request about which nothing is known but that it failed.
pub fn failure(failure: &Failure, media: &'static MediaType, codec: &Codec) -> Outgoing {
    encode(&Response::failed(&Request::default(), failure), media, codec, "")
}
