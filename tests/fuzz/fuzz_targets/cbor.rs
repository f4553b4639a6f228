//! A content and primitives in CBOR: no panic, client errors alone, no more memory than the bytes account for, and what
//! was read is written so that it reads the same.
#![no_main]

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use dyad_protocol::Serialization::Cbor;
use dyad_protocol::schema::Schemas;
use dyad_protocol::serialization::{Codec, PARSER_LIMIT};
use libfuzzer_sys::fuzz_target;

static CODEC: LazyLock<Codec> = LazyLock::new(|| Codec::new(Arc::new(Schemas::builtin().unwrap()), 32));

/// What was read within a limit may be written a little deeper.
static AGAIN: LazyLock<Codec> =
    LazyLock::new(|| Codec::new(Arc::new(Schemas::builtin().unwrap()), PARSER_LIMIT));

fuzz_target!(|data: &[u8]| {
    let bytes = Bytes::copy_from_slice(data);
    match CODEC.read_content(Cbor, bytes.clone()) {
        Ok(content) => {
            assert!(content.json().len() <= 64 + 64 * data.len());
            let written = AGAIN.write_content(Cbor, &content);
            let again = AGAIN.read_content(Cbor, written.clone()).unwrap();
            assert_eq!(AGAIN.write_content(Cbor, &again), written);
        }
        Err(failure) => assert_eq!(failure.rsc.number(), 4000),
    }
    if let Err(refused) = CODEC.read_request(Cbor, bytes.clone()) {
        assert_eq!(refused.failure.rsc.number(), 4000);
    }
    if let Err(failure) = CODEC.read_response(Cbor, bytes) {
        assert_eq!(failure.rsc.number(), 4000);
    }
});
