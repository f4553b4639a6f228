//! An HTTP request message in plain text, as in the seeds, through the decoder of the binding.
//!
//! It must not panic, refuse with client errors alone, and what it understands must read the same again after a To
//! went back into a path.
#![no_main]

use std::sync::Arc;

use bytes::Bytes;
use dyad_bindings::http::address::{from_path, to_path};
use dyad_bindings::http::decode::{Line, Rules, decode};
use dyad_bindings::http::media;
use dyad_protocol::serialization::{Codec, PARSER_LIMIT};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((start, rest)) = split(data) else { return };
    let Ok(start) = std::str::from_utf8(start) else { return };
    let (method, uri) = start.split_once(' ').unwrap_or((start, ""));
    let (path, query) = uri.split_once('?').map_or((uri, None), |(path, query)| (path, Some(query)));
    let (mut headers, mut rest) = (Vec::new(), rest);
    while let Some((line, more)) = split(rest) {
        rest = more;
        let Some(at) = line.iter().position(|byte| *byte == b':') else { break };
        let Ok(name) = std::str::from_utf8(&line[..at]) else { break };
        headers.push((name.to_ascii_lowercase(), &line[at + 1..]));
    }
    let body = Bytes::copy_from_slice(rest);
    for lenient in [true, false] {
        let rules = Rules {
            root: String::new(),
            lenient,
            codec: Codec::new(Arc::default(), PARSER_LIMIT),
            default_content_type: &media::JSON,
            is_attribute: Arc::new(|name| name.len() < 5),
            new_identifier: Arc::new(|| "new".to_owned()),
        };
        let headers = headers.iter().map(|(name, value)| (name.as_str(), *value));
        match decode(Line { method, path, query }, headers, body.clone(), &rules) {
            Ok(decoded) => {
                let request = decoded.request;
                assert_eq!(from_path(&to_path(&request.to), "", lenient).unwrap(), request.to);
                assert!(!request.request_identifier.is_empty());
            }
            Err(refused) => {
                let status = refused.failure.rsc.number();
                assert!((4000..5000).contains(&status) || status == 5207, "{status}: {}", refused.failure);
                assert!(!refused.request.request_identifier.is_empty());
            }
        }
    }
});

fn split(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = data.iter().position(|byte| *byte == b'\n')?;
    let line = &data[..at];
    Some((line.strip_suffix(b"\r").unwrap_or(line), &data[at + 1..]))
}
