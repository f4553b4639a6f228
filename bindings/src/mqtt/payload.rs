//! Payloads: one primitive each, in the serialisation that the topic names (TS-0010 6.5).
//!
//! JSON and CBOR primitives stand without a root (TS-0004 8.4, 8.5); some implementations put them into `m2m:rqp` and `m2m:rsp` as
//! XML has it, so both are read, and the answer has the form of the request. Reading and writing of primitives itself
//! is left to [`Codec`].

use bytes::Bytes;
use dyad_protocol::serialization::{Codec, Refused};
use dyad_protocol::{Failure, Request, Response, Serialization};

const REQUEST: &str = "m2m:rqp";
const RESPONSE: &str = "m2m:rsp";

/// Reads a request, and says whether it stood in a root that its serialisation does not have.
pub fn read_request(
    codec: &Codec,
    serialization: Serialization,
    payload: Bytes,
) -> (Result<Request, Box<Refused>>, bool) {
    let (bytes, is_wrapped) = bare(serialization, payload, REQUEST);
    (codec.read_request(serialization, bytes), is_wrapped)
}

/// Reads a response, with or without a root.
pub fn read_response(
    codec: &Codec,
    serialization: Serialization,
    payload: Bytes,
) -> Result<Response, Failure> {
    codec.read_response(serialization, bare(serialization, payload, RESPONSE).0)
}

/// Writes a response, in a root if the request had one.
pub fn write_response(
    codec: &Codec,
    serialization: Serialization,
    response: &Response,
    is_wrapped: bool,
) -> Bytes {
    let bytes = codec.write_response(serialization, response);
    if is_wrapped { wrapped(serialization, &bytes, RESPONSE) } else { bytes }
}

/// The primitive without a root. What is malformed stays so and is left to the codec.
fn bare(serialization: Serialization, payload: Bytes, root: &str) -> (Bytes, bool) {
    let inner = match serialization.name() {
        "json" => inner_json(&payload, root),
        // A map of one member, whose name has seven characters (RFC 8949 3.1).
        "cbor" => payload.strip_prefix(b"\xa1\x67").and_then(|rest| rest.strip_prefix(root.as_bytes())),
        // XML has the root.
        _ => None,
    };
    match inner {
        Some(inner) => (payload.slice_ref(inner), true),
        None => (payload, false),
    }
}

/// `{…}` of `{"m2m:rqp": {…}}`. Members behind the first make what is left no JSON, so they are refused.
fn inner_json<'a>(payload: &'a [u8], root: &str) -> Option<&'a [u8]> {
    let rest = payload.trim_ascii().strip_prefix(b"{")?.trim_ascii_start().strip_prefix(b"\"")?;
    let rest = rest.strip_prefix(root.as_bytes())?.strip_prefix(b"\"")?;
    let rest = rest.trim_ascii_start().strip_prefix(b":")?;
    Some(rest.strip_suffix(b"}")?.trim_ascii())
}

fn wrapped(serialization: Serialization, primitive: &Bytes, root: &str) -> Bytes {
    let root = root.as_bytes();
    match serialization.name() {
        "json" => [b"{\"", root, b"\":", primitive, b"}"].concat().into(),
        "cbor" => [b"\xa1\x67", root, primitive].concat().into(),
        _ => primitive.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use dyad_protocol::schema::Schemas;
    use dyad_protocol::serialization::Codec;
    use dyad_protocol::{Response, Serialization, StatusCode};

    use super::{read_request, write_response};

    fn codec() -> Codec {
        Codec::new(Arc::new(Schemas::builtin().unwrap()), 64)
    }

    #[test]
    fn with_and_without_a_root() {
        let bare = r#"{"op":2,"to":"cse-in","fr":"Ca","rqi":"1","rvi":"3"}"#;
        let (plain, is_wrapped) = read_request(&codec(), Serialization::Json, Bytes::from(bare));
        assert!(!is_wrapped);
        let plain = plain.unwrap();
        for text in [format!("{{\"m2m:rqp\":{bare}}}"), format!(" {{ \"m2m:rqp\" : {bare} }} ")] {
            let (request, is_wrapped) = read_request(&codec(), Serialization::Json, text.into());
            assert!(is_wrapped);
            assert_eq!(request.unwrap(), plain);
        }
        let response = Response::to(&plain, StatusCode::Ok);
        let written = write_response(&codec(), Serialization::Json, &response, true);
        assert!(written.starts_with(b"{\"m2m:rsp\":{") && written.ends_with(b"}}"));
    }

    #[test]
    fn nothing_stands_beside_the_root() {
        for text in [r#"{"m2m:rqp":{"op":2},"x":1}"#, r#"{"m2m:rqp":}"#, r#"{"m2m:rqp":{}"#, "{", ""] {
            let (request, _) = read_request(&codec(), Serialization::Json, Bytes::from(text));
            assert_eq!(request.unwrap_err().failure.rsc, StatusCode::BadRequest, "{text}");
        }
    }
}
