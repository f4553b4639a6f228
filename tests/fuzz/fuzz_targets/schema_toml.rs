//! A table file of an operator, on top of those of the node: no panic; a file that is refused adds no table.
#![no_main]

use std::cell::RefCell;

use dyad_protocol::schema::Schemas;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static SCHEMAS: RefCell<Schemas> = RefCell::new(Schemas::builtin().unwrap());
}

fuzz_target!(|text: &str| {
    SCHEMAS.with_borrow_mut(|schemas| {
        let before = schemas.iter().count();
        match schemas.add("input.toml", text) {
            Ok(added) => {
                assert_eq!(schemas.iter().count(), before + added);
                for table in schemas.iter().skip(before) {
                    assert!(table.attributes().all(|attribute| table.has(&attribute.short)));
                }
                // Also data types stay behind: the next file starts afresh.
                *schemas = Schemas::builtin().unwrap();
            }
            Err(error) => {
                assert!(error.to_string().starts_with("input.toml"));
                assert_eq!(schemas.iter().count(), before);
            }
        }
    });
});
