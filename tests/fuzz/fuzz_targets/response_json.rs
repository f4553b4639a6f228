//! A response primitive in JSON: no panic, client errors alone, and what was read is written and read back the same.
#![no_main]

use dyad_protocol::primitive::json::{parse, response_from_json, response_to_json};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(value) = parse(data) else { return };
    match response_from_json(value) {
        Ok(response) => {
            let text = serde_json::to_vec(&response_to_json(&response)).unwrap();
            let again = response_from_json(parse(&text).unwrap()).unwrap();
            assert_eq!(again, response);
        }
        Err(failure) => assert_eq!(failure.rsc.number(), 4000),
    }
});
