//! What a subscription with `nse` says about its notifications (`nsi`): for each target how many events there were, how
//! many requests were sent, and how many were answered.

use dyad_protocol::Object;
use serde_json::{Value, json};

use crate::resource::{Draft, Resource, texts};

/// Counts a request to a target and its response. Does nothing for a subscription that keeps no statistics.
pub(crate) fn note_request(draft: &mut Draft, target: &str, is_answered: bool) {
    add(draft, |tg| tg == target, &[("rqs", 1), ("rsr", u64::from(is_answered))]);
}

/// Counts an event, for all targets.
pub(crate) fn note_event(draft: &mut Draft) {
    add(draft, |_| true, &[("noec", 1)]);
}

/// Counting begins anew when it is switched on (`nse`), goes on while it is, and what was counted goes when the switch
/// goes. `old` is the version before, `sent` what is new.
pub fn follow_switch(old: Option<&Resource>, draft: &mut Draft, sent: &Object) {
    match draft.attributes.get("nse").and_then(Value::as_bool) {
        Some(true) => refresh(draft, !old.is_some_and(|old| old.is_set("nse"))),
        Some(false) => {}
        None if sent.contains_key("nse") => {
            draft.attributes.shift_remove("nsi");
        }
        None => {}
    }
}

/// Begins to count, or goes on with the targets that there are now.
fn refresh(draft: &mut Draft, anew: bool) {
    let old = draft.attributes.get("nsi").and_then(Value::as_array).cloned().unwrap_or_default();
    let entry = |target: &str| {
        let kept = old.iter().find(|entry| !anew && entry.get("tg").and_then(Value::as_str) == Some(target));
        kept.cloned().unwrap_or_else(|| json!({ "tg": target, "rqs": 0, "rsr": 0, "noec": 0 }))
    };
    let entries: Vec<Value> = texts(draft.attributes.get("nu")).map(entry).collect();
    draft.set("nsi", entries);
}

fn add(draft: &mut Draft, concerns: impl Fn(&str) -> bool, counts: &[(&str, u64)]) {
    if draft.attributes.get("nse").and_then(Value::as_bool) != Some(true) {
        return;
    }
    let entries = draft.attributes.get_mut("nsi").and_then(Value::as_array_mut).into_iter().flatten();
    for entry in entries.filter_map(Value::as_object_mut) {
        if !entry.get("tg").and_then(Value::as_str).is_some_and(&concerns) {
            continue;
        }
        for (name, count) in counts {
            let old = entry.get(*name).and_then(Value::as_u64).unwrap_or(0);
            entry.insert((*name).to_owned(), Value::from(old.saturating_add(*count)));
        }
    }
}
