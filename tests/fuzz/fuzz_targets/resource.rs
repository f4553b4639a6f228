//! A representation, from any JSON with one member that is the root of some type: no panic, and refused with
//! BAD_REQUEST alone.
#![no_main]

use std::sync::LazyLock;

use dyad_protocol::primitive::json::parse;
use dyad_protocol::schema::{Release, Schemas};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| Schemas::builtin().unwrap());

fuzz_target!(|data: &[u8]| {
    let Ok(Value::Object(content)) = parse(data) else { return };
    for (root, attributes) in &content {
        let Value::Object(attributes) = attributes else { continue };
        // A root that none has stands for any of them, so that few bytes reach many tables.
        let any = root.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let table = SCHEMAS.by_root(root).or_else(|| SCHEMAS.iter().nth(any % SCHEMAS.iter().count())).unwrap();
        for outcome in [table.check_create(attributes, Release::R1), table.check_update(attributes)] {
            if let Err(failure) = outcome {
                assert_eq!(failure.rsc.number(), 4000, "{failure}");
            }
        }
    }
});
