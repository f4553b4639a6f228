//! What a `<semanticDescriptor>` may say (TS-0004 7.4.34), inside the write transaction. How its text is read is left to
//! `representation`, and what SPARQL makes of it to `update`.

use dyad_core::resource::{Draft, Resource};
use dyad_protocol::{Failure, Object};
use serde_json::Value;

use super::representation::triples;
use super::update::{self, Rewritten};

/// A new descriptor. BAD_REQUEST if it does not conform to its representation.
pub(super) fn create(draft: &mut Draft) -> Result<(), Failure> {
    validation_off(draft);
    triples(&draft.attributes).map(drop)
}

/// A changed descriptor. `rewritten` is what SPARQL has made of the descriptor, if the request says so (`soe`).
pub(super) fn update(
    old: &Resource,
    draft: &mut Draft,
    modified: &Object,
    rewritten: Option<&Rewritten>,
) -> Result<(), Failure> {
    validation_off(draft);
    if modified.get("soe").is_some_and(Value::is_string) {
        let rewritten = rewritten.filter(|rewritten| old.text("dsp") == Some(&*rewritten.before));
        let Some(rewritten) = rewritten else {
            return Err(update::failed("the descriptor has changed meanwhile"));
        };
        draft.set("dsp", &*rewritten.after);
    }
    // It is never given out (TS-0004 7.4.34.2.2).
    draft.attributes.shift_remove("soe");
    if rewritten.is_some() {
        return Ok(());
    }
    if modified.contains_key("dsp") || modified.contains_key("dcrp") {
        triples(&draft.attributes)?;
    }
    Ok(())
}

/// The policy of this node: descriptors are not validated against ontologies, whatever is asked (TS-0004 7.4.34.2.1).
fn validation_off(draft: &mut Draft) {
    if draft.attributes.contains_key("vlde") {
        draft.set("vlde", false);
    }
}
