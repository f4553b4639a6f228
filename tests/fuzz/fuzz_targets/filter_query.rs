//! A query string: no panic, client errors alone, and what was read is written and read back the same.
#![no_main]

use dyad_bindings::query::{decode, encode};
use dyad_protocol::Request;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|query: &str| {
    let is_attribute = |name: &str| name.len() < 5;
    let mut request = Request::default();
    match decode(query, &mut request, &is_attribute) {
        Ok(()) => {
            let mut again = Request::default();
            let text = encode(&request);
            decode(&text, &mut again, &is_attribute).unwrap_or_else(|failure| panic!("{text}: {failure}"));
            assert_eq!(again, request, "{text}");
        }
        Err(failure) => assert!((4000..5000).contains(&failure.rsc.number()), "{failure}"),
    }
});
