//! The seeds of the fuzz targets say what they should: one that its decoder refuses leads nowhere.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use dyad_core::geography::{Fence, Location};
use dyad_core::schedule::Pattern;
use dyad_protocol::primitive::json::{parse, request_from_json, response_from_json};
use dyad_protocol::schema::{Release, Schemas};
use dyad_protocol::serialization::{Codec, PARSER_LIMIT, Serialization};
use dyad_tests::workspace;

fn seeds(target: &str) -> Vec<(PathBuf, String)> {
    let files = fs::read_dir(workspace().join("tests/fuzz/seeds").join(target)).unwrap();
    let read = |file: PathBuf| (file.clone(), fs::read_to_string(file).unwrap());
    files.map(|file| read(file.unwrap().path())).collect()
}

#[test]
fn seeds_are_accepted() {
    for (file, text) in seeds("request_json") {
        let request = request_from_json(parse(text.as_bytes()).unwrap());
        assert!(request.is_ok(), "{}: {request:?}", file.display());
    }
    for (file, text) in seeds("procedures") {
        for line in text.lines() {
            let request = request_from_json(parse(line.as_bytes()).unwrap());
            assert!(request.is_ok(), "{}: {request:?}: {line}", file.display());
        }
    }
    for (file, text) in seeds("schedule") {
        assert!(text.lines().all(|line| Pattern::parse(line).is_some()), "{}", file.display());
    }
    for (file, text) in seeds("geography") {
        let (area, location) = text.split_once('\n').unwrap();
        let [area, location] = [area, location].map(|text| parse(text.as_bytes()).unwrap());
        let is_read = Location::read(&location).is_some() || location.get("loc").is_some();
        assert!(Fence::read(&area).is_ok() && is_read, "{}", file.display());
    }
    for (file, text) in seeds("response_json") {
        let response = response_from_json(parse(text.as_bytes()).unwrap());
        assert!(response.is_ok(), "{}: {response:?}", file.display());
    }
    for (file, text) in seeds("schema_toml") {
        let added = Schemas::builtin().unwrap().add("seed", &text);
        assert!(added.is_ok(), "{}: {added:?}", file.display());
    }
    for serialization in [Serialization::Cbor, Serialization::Xml] {
        let codec = Codec::new(Arc::new(Schemas::builtin().unwrap()), PARSER_LIMIT);
        for file in fs::read_dir(workspace().join("tests/fuzz/seeds").join(serialization.name())).unwrap() {
            let path = file.unwrap().path();
            let read = codec.read_content(serialization, fs::read(&path).unwrap().into());
            assert!(read.is_ok(), "{}: {read:?}", path.display());
        }
    }
    let schemas = Schemas::builtin().unwrap();
    for (file, text) in seeds("resource") {
        let content = parse(text.as_bytes()).unwrap();
        let (root, attributes) = content.as_object().unwrap().iter().next().unwrap();
        let table = schemas.by_root(root).unwrap();
        let outcome = table.check_create(attributes.as_object().unwrap(), Release::R4);
        assert!(outcome.is_ok(), "{}: {outcome:?}", file.display());
    }
}
