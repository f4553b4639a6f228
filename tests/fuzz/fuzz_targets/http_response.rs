//! The answer to a request of this node in plain text, as in the seeds: a status, headers, a body.
//!
//! No panic, and what is taken answers the request that was sent: a plain web server cannot make a primitive of its own.
#![no_main]

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use dyad_bindings::http::client::response;
use dyad_protocol::Request;
use dyad_protocol::schema::Schemas;
use dyad_protocol::serialization::{Codec, PARSER_LIMIT};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;

static CODEC: LazyLock<Codec> =
    LazyLock::new(|| Codec::new(Arc::new(Schemas::builtin().unwrap()), PARSER_LIMIT));

fuzz_target!(|data: &[u8]| {
    let Some((status, mut rest)) = split(data) else { return };
    let Some(status) = std::str::from_utf8(status).ok().and_then(|status| status.parse().ok()) else { return };
    let mut headers = HeaderMap::new();
    while let Some((line, more)) = split(rest) {
        rest = more;
        let Some(at) = line.iter().position(|byte| *byte == b':') else { break };
        let name = HeaderName::from_bytes(&line[..at]);
        let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(&line[at + 1..])) else { break };
        headers.append(name, value);
    }
    let request = Request { request_identifier: "r1".to_owned(), ..Request::default() };
    let body = Bytes::copy_from_slice(rest);
    if let Ok(response) = response(&request, status, &headers, body, &CODEC) {
        assert_eq!(response.request_identifier, "r1");
        assert!(headers.contains_key("x-m2m-rsc") || (100..600).contains(&status));
    }
});

fn split(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = data.iter().position(|byte| *byte == b'\n')?;
    let line = &data[..at];
    Some((line.strip_suffix(b"\r").unwrap_or(line), &data[at + 1..]))
}
