//! A content and primitives in XML: what `shared/codec.rs` says.
#![no_main]

use dyad_protocol::Serialization::Xml;
use libfuzzer_sys::fuzz_target;

#[path = "shared/codec.rs"]
mod codec;

fuzz_target!(|data: &[u8]| codec::check(Xml, data));
