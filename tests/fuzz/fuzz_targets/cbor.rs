//! A content and primitives in CBOR: what `shared/codec.rs` says.
#![no_main]

use dyad_protocol::Serialization::Cbor;
use libfuzzer_sys::fuzz_target;

#[path = "shared/codec.rs"]
mod codec;

fuzz_target!(|data: &[u8]| codec::check(Cbor, data));
