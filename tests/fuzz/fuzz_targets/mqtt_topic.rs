//! A topic, and a payload behind a line break: no panic, a topic that is taken is written back the same, and what is no
//! request is refused as the client's fault.
#![no_main]

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use dyad_bindings::mqtt::topic::{Names, Topic};
use dyad_bindings::mqtt::Address;
use dyad_protocol::schema::Schemas;
use dyad_protocol::serialization::{Codec, Envelope, Kind, wrap};
use dyad_protocol::{Response, Serialization, StatusCode};
use libfuzzer_sys::fuzz_target;

static CODEC: LazyLock<Codec> = LazyLock::new(|| Codec::new(Arc::new(Schemas::builtin().unwrap()), 64));
static NAMES: LazyLock<Names> = LazyLock::new(|| Names::new("/id-in", "//sp.example.com"));

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (line, payload) = data.split_at(end);
    let payload = Bytes::copy_from_slice(payload.get(1..).unwrap_or_default());
    let Ok(line) = std::str::from_utf8(line) else { return };
    let _ = Address::parse(line);
    let Some(topic) = Topic::parse(line) else { return };
    assert_eq!(topic.name(), line);
    let serialization = topic.format.and_then(Serialization::from_name).unwrap_or(Serialization::Json);
    let answer = topic.answer(serialization);
    let back = Topic::parse(&answer).unwrap();
    assert_eq!((back.originator, back.receiver, back.base), (topic.originator, topic.receiver, topic.base));
    let _ = NAMES.is_own(topic.receiver);
    let envelope = Envelope::open_as(Kind::Request, serialization, payload.clone());
    match CODEC.read_request(serialization, envelope.primitive) {
        Ok(request) => {
            let _ = NAMES.is_same(topic.originator, request.originator());
            let response = Response::to(&request, StatusCode::Ok);
            let mut written = CODEC.write_response(serialization, &response);
            if envelope.is_wrapped {
                written = wrap(serialization, Kind::Response, written);
            }
            let read = Envelope::open_as(Kind::Response, serialization, written);
            assert_eq!(read.is_wrapped, envelope.is_wrapped);
            let read = CODEC.read_response(serialization, read.primitive).unwrap();
            assert_eq!(read.request_identifier, request.request_identifier);
        }
        Err(refused) => assert_eq!(refused.failure.rsc, StatusCode::BadRequest),
    }
    let envelope = Envelope::open_as(Kind::Response, serialization, payload);
    let _ = CODEC.read_response(serialization, envelope.primitive);
});
