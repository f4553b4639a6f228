//! A file of settings: no panic, and either every setting has a value, or all that is wrong is said.
#![no_main]

use dyad_node::fuzzing::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match read(text) {
        Ok(overview) => assert!(overview.contains("cse.id")),
        Err(wrong) => assert!(!wrong.trim().is_empty()),
    }
});
