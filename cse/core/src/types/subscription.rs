//! `<subscription>` (TS-0004 7.4.8.2): which combinations of its attributes mean something, and what is filled in.

mod blocking;
mod check;

use std::sync::Arc;

use dyad_protocol::{Failure, Object};
use serde_json::{Value, json};

use crate::access::{self, operation};
use crate::request::{Asker, Call};
use crate::resource::{Draft, Lookup, Resource, Txn, texts};
use crate::subscription::{self, ContentType, Criteria, EventType};

/// Checks a new subscription, and that its originator may retrieve what it subscribes to.
pub(super) fn create(
    txn: &mut Txn<'_>,
    call: Option<&Call>,
    parent: &Arc<Resource>,
    draft: &mut Draft,
) -> Result<(), Failure> {
    let cse = txn.cse();
    let asker = call.map(|call| Asker::new(cse, call));
    if let Some(asker) = &asker {
        access::authorize(txn, cse, asker, parent, operation::RETRIEVE, None)?;
    }
    if Criteria::new(draft.attributes.get("enc")).events.contains(&EventType::BlockingUpdate) {
        blocking::check_new(txn, parent, draft)?;
    }
    fill_in(txn, draft);
    check::check(txn, parent, &draft.attributes)?;
    if call.is_some() {
        check::associations(txn, draft, None)?;
    }
    subscription::follow_switch(None, draft, &Object::new());
    let Some(asker) = asker else { return Ok(()) };
    // Whoever is notified on behalf of another is told of whom (TS-0004 7.4.8.2.1, Recv-6.5).
    let notifies_itself = texts(draft.attributes.get("nu")).all(|nu| cse.config().shorten(nu) == asker.id);
    if !notifies_itself && !draft.attributes.contains_key("cr") {
        draft.set("cr", asker.id);
    }
    Ok(())
}

/// Tells a new subscription of what was before it, if it wants to know (`psn`).
pub(super) fn created(
    txn: &mut Txn<'_>,
    parent: &Arc<Resource>,
    subscription: &Arc<Resource>,
) -> Result<(), Failure> {
    match subscription.number("psn") {
        Some(count) => subscription::catch_up(txn, parent, subscription, count),
        None => Ok(()),
    }
}

/// Checks a changed subscription, and has what it holds back looked at again.
pub(super) fn update(
    txn: &mut Txn<'_>,
    old: &Arc<Resource>,
    draft: &mut Draft,
    sent: &Object,
) -> Result<(), Failure> {
    let Some(parent) = txn.resource(old.parent())? else {
        return Err(Failure::not_found("the subscribed-to resource is gone"));
    };
    if let Some(enc) = sent.get("enc")
        && Criteria::new(Some(enc)).events.contains(&EventType::BlockingUpdate)
    {
        return Err(Failure::bad_request("a subscription cannot become one that blocks updates (net 7)"));
    }
    fill_in(txn, draft);
    check::check(txn, &parent, &draft.attributes)?;
    check::associations(txn, draft, Some(old))?;
    subscription::follow_switch(Some(old), draft, sent);
    let restarts = sent.contains_key("enc");
    subscription::changed(txn, old.id(), restarts)
}

/// The defaults of what an originator leaves out (TS-0004 7.4.8.2.1, Recv-6.5).
fn fill_in(txn: &Txn<'_>, draft: &mut Draft) {
    if !draft.attributes.contains_key("nct") {
        let criteria = Criteria::new(draft.attributes.get("enc"));
        let content = criteria
            .events
            .first()
            .map_or(ContentType::AllAttributes, |event| ContentType::default_of(*event));
        draft.set("nct", content.number());
    }
    let duration = txn.cse().config().notification.batch_duration;
    if let Some(batch) = draft.attributes.get_mut("bn").and_then(Value::as_object_mut) {
        let seconds = duration.micros() / 1_000_000;
        batch.entry("dur").or_insert_with(|| json!(format!("PT{seconds}S")));
    }
}
