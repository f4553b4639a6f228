//! An address: no panic, and the parts are parts of the text that have only characters of identifiers.
#![no_main]

use dyad_bindings::http::address::{from_path, to_path};
use dyad_protocol::id::{Address, Scope, is_unreserved};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(to) = from_path(text, "", true) {
        assert!(!to.contains(['#', '?', '%']));
        assert_eq!(from_path(&to_path(&to), "", true).unwrap(), to);
    }
    let Ok(address) = Address::parse(text) else { return };
    assert!(address.path.is_empty() || address.path.split('/').all(is_unreserved));
    let mut again = match address.scope {
        Scope::CseRelative => address.path.to_owned(),
        Scope::SpRelative { cse } => format!("/{cse}/{}", address.path),
        Scope::Absolute { sp, cse } => format!("//{sp}/{cse}/{}", address.path),
    };
    if address.path.is_empty() {
        again.pop();
    }
    if let Some(attribute) = address.attribute {
        again.push('#');
        again.push_str(attribute);
    }
    assert_eq!(again, text);
});
