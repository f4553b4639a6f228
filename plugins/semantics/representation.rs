//! The representations of descriptors (`descriptorRepresentation`, m2m:semanticFormat): RDF/XML, Turtle and JSON-LD, read
//! into triples and written again.

use std::fmt::Display;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use dyad_protocol::{Failure, Object};
use oxrdf::{BlankNode, GraphNameRef, NamedOrBlankNode, Term, Triple, TripleRef};
use rustc_hash::FxHashMap;
use serde_json::Value;

/// Triples that one descriptor may have.
pub(super) const TRIPLES: usize = 10_000;

/// What a descriptor says. BAD_REQUEST if it does not conform to its representation; NOT_IMPLEMENTED for a
/// representation that cannot be read.
pub(super) fn triples(attributes: &Object) -> Result<Vec<Triple>, Failure> {
    let encoded = attributes.get("dsp").and_then(Value::as_str).unwrap_or_default();
    let text = STANDARD.decode(encoded).or_else(|_| URL_SAFE.decode(encoded));
    let text = text.map_err(|_| Failure::bad_request("the descriptor (dsp) is not base64"))?;
    match attributes.get("dcrp").and_then(Value::as_u64) {
        Some(4) => {
            if text.windows(ENTITY.len()).any(|part| part.eq_ignore_ascii_case(ENTITY)) {
                return Err(Failure::bad_request("a descriptor cannot declare entities"));
            }
            collect(oxrdfxml::RdfXmlParser::new().for_slice(&text))
        }
        Some(5) => collect(oxttl::TurtleParser::new().for_slice(&text)),
        Some(7) => {
            if is_nested(&text) {
                return Err(Failure::bad_request(format!("JSON-LD is nested {LEVELS} times at most")));
            }
            let quads = oxjsonld::JsonLdParser::new().for_slice(&text);
            collect(quads.map(|quad| quad.map(Triple::from)))
        }
        other => Err(unsupported(other)),
    }
}

/// The refusal of a representation.
fn unsupported(representation: Option<u64>) -> Failure {
    match representation {
        Some(1) => Failure::bad_request("a descriptor cannot be an IRI (dcrp 1)"),
        _ => Failure::not_implemented("descriptors are RDF/XML (4), Turtle (5) or JSON-LD (7)"),
    }
}

/// Levels of arrays and objects: the parser goes down a level for each.
const LEVELS: usize = 16;

/// Whether JSON is nested deeper than that.
fn is_nested(text: &[u8]) -> bool {
    let (mut level, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => level += 1,
            b'}' | b']' if !in_string => level = level.saturating_sub(1),
            _ => {}
        }
        if level > LEVELS {
            return true;
        }
    }
    false
}

/// What XML may grow by without a limit.
const ENTITY: &[u8] = b"<!ENTITY";

fn collect<E: std::fmt::Display>(
    triples: impl Iterator<Item = Result<Triple, E>>,
) -> Result<Vec<Triple>, Failure> {
    let mut found = Vec::new();
    for triple in triples {
        found.push(triple.map_err(|error| {
            Failure::bad_request(format!("the descriptor does not conform to its representation: {error}"))
        })?);
        if found.len() > TRIPLES {
            return Err(Failure::bad_request(format!("a descriptor has {TRIPLES} triples at most")));
        }
    }
    Ok(found)
}

/// Triples as the text of a descriptor (`dsp`) in a representation (`dcrp`). Fails for a representation that is not written,
/// and for triples that it cannot hold: RDF/XML has no elements for every IRI.
pub(super) fn written(triples: &[Triple], representation: Option<u64>) -> Result<String, Failure> {
    let mut labels = FxHashMap::default();
    let triples: Vec<Triple> = triples.iter().map(|triple| labelled(triple, &mut labels)).collect();
    let text = match representation {
        Some(4) => {
            let mut writer = oxrdfxml::RdfXmlSerializer::new().for_writer(Vec::new());
            each(&triples, |triple| writer.serialize_triple(triple))?;
            writer.finish()
        }
        Some(5) => {
            let mut writer = oxttl::TurtleSerializer::new().for_writer(Vec::new());
            each(&triples, |triple| writer.serialize_triple(triple))?;
            writer.finish()
        }
        Some(7) => {
            let mut writer = oxjsonld::JsonLdSerializer::new().for_writer(Vec::new());
            each(&triples, |triple| writer.serialize_quad(triple.in_graph(GraphNameRef::DefaultGraph)))?;
            writer.finish()
        }
        other => return Err(unsupported(other)),
    };
    text.map(|text| STANDARD.encode(text)).map_err(unwritable)
}

fn each(
    triples: &[Triple],
    mut write: impl FnMut(TripleRef<'_>) -> std::io::Result<()>,
) -> Result<(), Failure> {
    triples.iter().try_for_each(|triple| write(triple.as_ref())).map_err(unwritable)
}

fn unwritable(error: impl Display) -> Failure {
    super::update::failed(format!("the representation cannot hold the descriptor: {error}"))
}

/// A triple with short labels for its blank nodes: those of the parser and the evaluator grow each time.
fn labelled(triple: &Triple, labels: &mut FxHashMap<BlankNode, BlankNode>) -> Triple {
    let mut label = |node: &BlankNode| {
        let next = labels.len();
        labels.entry(node.clone()).or_insert_with(|| BlankNode::new_unchecked(format!("b{next}"))).clone()
    };
    let subject = match &triple.subject {
        NamedOrBlankNode::BlankNode(node) => label(node).into(),
        named => named.clone(),
    };
    let object = match &triple.object {
        Term::BlankNode(node) => label(node).into(),
        other => other.clone(),
    };
    Triple { subject, predicate: triple.predicate.clone(), object }
}
