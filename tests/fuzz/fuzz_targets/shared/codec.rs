//! What holds for every serialization: no panic, client errors alone, no more memory than the bytes account for, and what
//! was read is written so that it reads the same.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use dyad_protocol::Serialization;
use dyad_protocol::schema::Schemas;
use dyad_protocol::serialization::{Codec, PARSER_LIMIT};

static CODEC: LazyLock<Codec> = LazyLock::new(|| Codec::new(Arc::new(Schemas::builtin().unwrap()), 32));

/// What was read within a limit may be written a little deeper.
static AGAIN: LazyLock<Codec> =
    LazyLock::new(|| Codec::new(Arc::new(Schemas::builtin().unwrap()), PARSER_LIMIT));

/// Reads the bytes as a content, a request and a response.
pub fn check(serialization: Serialization, data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    match CODEC.read_content(serialization, bytes.clone()) {
        Ok(content) => {
            assert!(content.json().len() <= 64 + 64 * data.len());
            let written = AGAIN.write_content(serialization, &content);
            let again = AGAIN.read_content(serialization, written.clone()).unwrap();
            assert_eq!(AGAIN.write_content(serialization, &again), written);
        }
        Err(failure) => assert_eq!(failure.rsc.number(), 4000),
    }
    if let Err(refused) = CODEC.read_request(serialization, bytes.clone()) {
        assert_eq!(refused.failure.rsc.number(), 4000);
    }
    if let Err(failure) = CODEC.read_response(serialization, bytes) {
        assert_eq!(failure.rsc.number(), 4000);
    }
}
