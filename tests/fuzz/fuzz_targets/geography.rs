//! An area and, on the line behind it, a location: in any of the forms in which they come.
//!
//! No panic; client errors alone; an area holds itself.
#![no_main]

use dyad_core::geography::{Fence, Location};
use dyad_protocol::primitive::json::parse;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &str| {
    let (area, location) = text.split_once('\n').unwrap_or((text, text));
    let value = |text: &str| parse(text.as_bytes()).unwrap_or_else(|_| Value::String(text.to_owned()));
    let location = value(location);
    if let Value::Object(attributes) = &location {
        drop(Location::of(attributes));
    }
    let location = Location::read(&location);
    match Fence::read(&value(area)) {
        Ok(fence) => {
            if let Some(own) = Location::read(&value(area)) {
                assert!(fence.holds(&own), "{area}");
            }
            std::hint::black_box(location.is_some_and(|location| fence.holds(&location)));
        }
        Err(failure) => assert_eq!(failure.rsc.number(), 4000),
    }
});
