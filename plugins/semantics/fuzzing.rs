//! What fuzzing reaches of semantics: texts of descriptors, queries and updates. No part of the product.

use dyad_protocol::{Failure, Object};
use oxrdf::Triple;

use super::effort::limited;
use super::graphs::Graphs;
use super::query::Query;
use super::representation;
use super::update::{applied, operations};

/// Steps of an evaluation: few, so that there are many.
const STEPS: u64 = 20_000;

/// What a descriptor says.
pub type Triples = Vec<Triple>;

/// The triples of a descriptor in a representation (`dcrp`).
pub fn triples(representation: u64, text: &[u8]) -> Result<Triples, Failure> {
    use base64::Engine as _;
    let mut attributes = Object::new();
    attributes.insert("dcrp".into(), representation.into());
    attributes.insert("dsp".into(), base64::engine::general_purpose::STANDARD.encode(text).into());
    representation::triples(&attributes)
}

/// The same triples as a descriptor in a representation, read again: how many they are.
pub fn again(representation: u64, triples: &[Triple]) -> Result<usize, Failure> {
    let mut attributes = Object::new();
    attributes.insert("dcrp".into(), representation.into());
    attributes.insert("dsp".into(), representation::written(triples, Some(representation))?.into());
    representation::triples(&attributes).map(|triples| triples.len())
}

/// The result of a query over a graph.
pub fn query(text: &str, triples: Triples) -> Result<String, Failure> {
    let query = Query::parse(text)?.within(STEPS);
    let mut graphs = Graphs::default();
    graphs.put_as_it_is(triples);
    drop(query.matches(&graphs, &[vec![0]]));
    drop(query.identifies(&graphs, &[0]));
    query.answer(&graphs, &[0])
}

/// A graph after an update.
pub fn update(text: &str, mut triples: Triples) -> Result<Triples, Failure> {
    for (number, operation) in operations(text)?.iter().enumerate() {
        triples = limited(STEPS, || applied(operation, number, triples))?;
    }
    Ok(triples)
}
