//! Tests.
use super::Schemas;

#[test]
fn every_shipped_file_loads() {
    let schemas = match Schemas::builtin() {
        Ok(schemas) => schemas,
        Err(error) => panic!("{error}"),
    };
    assert!(schemas.iter().count() > 700);
}
