//! A request primitive in JSON: no panic, client errors alone, and what was read is written and read back the same.
#![no_main]

use dyad_protocol::primitive::json::{parse, request_from_json, request_to_json};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let value = match parse(data) {
        Ok(value) => value,
        Err(failure) => return assert_eq!(failure.rsc.number(), 4000),
    };
    match request_from_json(value) {
        Ok(request) => {
            let text = serde_json::to_vec(&request_to_json(&request)).unwrap();
            let again = request_from_json(parse(&text).unwrap()).unwrap();
            assert_eq!(again, request);
        }
        Err(failure) => assert_eq!(failure.rsc.number(), 4000),
    }
});
