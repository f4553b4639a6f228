//! A message of a WebSocket, its serialisation in the first byte: no panic, a request that is taken is written and read
//! back the same in its root element or without, and what is no request is refused as the client's fault.
#![no_main]

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use dyad_protocol::schema::Schemas;
use dyad_protocol::serialization::{Codec, Envelope, Kind, wrap};
use dyad_protocol::{Serialization, StatusCode};
use libfuzzer_sys::fuzz_target;

static CODEC: LazyLock<Codec> = LazyLock::new(|| Codec::new(Arc::new(Schemas::builtin().unwrap()), 64));

fuzz_target!(|data: &[u8]| {
    let Some((first, message)) = data.split_first() else { return };
    let serialization = Serialization::ALL[usize::from(*first) % Serialization::ALL.len()];
    let Envelope { kind, is_wrapped, primitive } =
        Envelope::open(serialization, Bytes::copy_from_slice(message));
    if kind == Kind::Response {
        let _ = CODEC.read_response(serialization, primitive);
        return;
    }
    match CODEC.read_request(serialization, primitive) {
        Ok(request) => {
            let mut written = CODEC.write_request(serialization, &request);
            if is_wrapped {
                written = wrap(serialization, Kind::Request, written);
            }
            let again = Envelope::open(serialization, written);
            assert_eq!((again.kind, again.is_wrapped), (Kind::Request, is_wrapped));
            let again = CODEC.read_request(serialization, again.primitive).unwrap();
            assert_eq!(again.request_identifier, request.request_identifier);
        }
        Err(refused) => assert_eq!(refused.failure.rsc, StatusCode::BadRequest),
    }
});
