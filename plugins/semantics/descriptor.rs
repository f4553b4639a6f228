//! What a `<semanticDescriptor>` says (TS-0004 7.4.34): its formats, and what is refused.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use dyad_core::resource::Draft;
use dyad_protocol::{Failure, Object};
use oxrdf::Triple;
use serde_json::Value;

/// Triples that one descriptor may have.
const TRIPLES: usize = 10_000;

/// A new descriptor. BAD_REQUEST if it does not conform to its representation.
pub(super) fn create(draft: &mut Draft) -> Result<(), Failure> {
    check_supported(&draft.attributes)?;
    validation_off(draft);
    triples(&draft.attributes).map(drop)
}

/// A changed descriptor.
pub(super) fn update(draft: &mut Draft, modified: &Object) -> Result<(), Failure> {
    if modified.contains_key("soe") {
        if modified.contains_key("dsp") {
            return Err(Failure::bad_request("soe and dsp do not go together"));
        }
        return Err(Failure::not_implemented("changing a descriptor by SPARQL (soe) is not supported"));
    }
    check_supported(modified)?;
    validation_off(draft);
    if modified.contains_key("dsp") || modified.contains_key("dcrp") {
        triples(&draft.attributes)?;
    }
    Ok(())
}

/// NOT_IMPLEMENTED for links to other descriptors, which queries do not follow.
fn check_supported(attributes: &Object) -> Result<(), Failure> {
    match attributes.get("rels").and_then(Value::as_array).is_some_and(|links| !links.is_empty()) {
        true => Err(Failure::not_implemented("related semantics (rels) are not supported")),
        false => Ok(()),
    }
}

/// The policy of this node: descriptors are not validated against ontologies, whatever is asked (TS-0004 7.4.34.2.1).
fn validation_off(draft: &mut Draft) {
    if draft.attributes.contains_key("vlde") {
        draft.set("vlde", false);
    }
}

/// What a descriptor says. BAD_REQUEST if it does not conform to its representation; NOT_IMPLEMENTED for a
/// representation that cannot be read.
pub(super) fn triples(attributes: &Object) -> Result<Vec<Triple>, Failure> {
    let encoded = attributes.get("dsp").and_then(Value::as_str).unwrap_or_default();
    let text = STANDARD.decode(encoded).or_else(|_| URL_SAFE.decode(encoded));
    let text = text.map_err(|_| Failure::bad_request("the descriptor (dsp) is not base64"))?;
    match attributes.get("dcrp").and_then(Value::as_u64) {
        Some(1) => Err(Failure::bad_request("a descriptor cannot be an IRI (dcrp 1)")),
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
        _ => Err(Failure::not_implemented("descriptors are RDF/XML (4), Turtle (5) or JSON-LD (7)")),
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
