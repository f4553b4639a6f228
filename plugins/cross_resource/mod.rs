//! Subscriptions across resources (TS-0001 9.6.58, 10.2.10.22 to 10.2.10.26; TS-0004 7.4.58, 7.5.1.2.18): one
//! notification when several resources have changed within a time window.
//!
//! Responsible for `<crossResourceSubscription>`: its attributes, the subscriptions behind it, its windows, and that it
//! ends when one of those subscriptions does. The subscriptions notify it like any other target; how its own
//! notifications get to its targets is the core's, as for a `<subscription>`.

mod hearing;
mod rules;
mod targets;
mod window;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use dyad_core::request::{Amendment, Call, Target};
use dyad_core::resource::{Draft, Resource, Txn};
use dyad_core::subscription::{self, CROSS_RESOURCE_SUBSCRIPTION, SUBSCRIPTION};
use dyad_core::{Alarms, Change, Cse, Facets, Report, ServiceFunction, Stage};
use dyad_protocol::{Failure, Object, Operation, Response, StatusCode};
use serde_json::Value;

use crate::subscription::verification;

/// What restarts the window when it changes (TS-0004 7.4.58.2.3).
const WINDOW: [&str; 3] = ["twt", "tws", "eem"];

/// Resources that are read at a time.
const PAGE: usize = 500;

/// Keeps cross-resource subscriptions.
#[derive(Debug, Default)]
pub struct CrossResource {
    received: AtomicU64,
    told: AtomicU64,
    verified: AtomicU64,
    refused: AtomicU64,
}

#[async_trait]
impl ServiceFunction for CrossResource {
    fn name(&self) -> &'static str {
        "cross-resource"
    }

    fn may_block(&self) -> bool {
        false
    }

    fn owns(&self) -> &[u32] {
        &[CROSS_RESOURCE_SUBSCRIPTION]
    }

    fn stages(&self) -> &'static [Stage] {
        &[Stage::Intercept, Stage::Prepare]
    }

    fn takes_part(&self, stage: Stage, call: &Call, target: &Target) -> bool {
        let is_one = target.resource.ty() == CROSS_RESOURCE_SUBSCRIPTION && target.virtual_child.is_none();
        match (stage, call.request.operation) {
            (Stage::Intercept, Operation::Notify) => is_one,
            (Stage::Prepare, Operation::Create) => {
                call.request.resource_type == Some(CROSS_RESOURCE_SUBSCRIPTION)
            }
            (Stage::Prepare, Operation::Update) => is_one,
            _ => false,
        }
    }

    async fn intercept(
        &self,
        cse: &Cse,
        call: &Arc<Call>,
        target: &Target,
    ) -> Result<ControlFlow<Response>, Failure> {
        let references = references(cse, call)?;
        let number = subscription::number_of(&call.request)
            .ok_or_else(|| Failure::bad_request("the content is no notification of a subscription"))?;
        let arrive = move |txn: &mut Txn<'_>, cross: &Arc<Resource>| {
            hearing::arrived(txn, cross, number, &references).map(|told| (Amendment::Keep, told))
        };
        let told = cse.amend_with(self, target.resource.id(), arrive).await?;
        self.received.fetch_add(1, Ordering::Relaxed);
        self.told.fetch_add(told.unwrap_or(0), Ordering::Relaxed);
        Ok(ControlFlow::Break(Response::to(&call.request, StatusCode::Ok)))
    }

    async fn prepare(&self, cse: &Cse, call: &Arc<Call>, target: &Target) -> Result<(), Failure> {
        verification::verify(cse, call, target, &self.verified, &self.refused).await
    }

    fn begin(&self, txn: &mut Txn<'_>) -> Result<(), Failure> {
        let mut after = 0;
        loop {
            let page = txn.of_type(CROSS_RESOURCE_SUBSCRIPTION as i32, after, PAGE)?;
            page.iter().try_for_each(|cross| hearing::take_up(txn, cross))?;
            match page.last() {
                Some(last) if page.len() >= PAGE => after = last.id(),
                _ => return Ok(()),
            }
        }
    }

    fn apply(&self, txn: &mut Txn<'_>, change: &mut Change<'_>) -> Result<(), Failure> {
        match change {
            Change::Create { call, draft, .. } if draft.table.number == CROSS_RESOURCE_SUBSCRIPTION => {
                create(txn, *call, draft)
            }
            Change::Update { old, draft, modified, .. } if old.ty() == CROSS_RESOURCE_SUBSCRIPTION => {
                update(txn, old, draft, modified)
            }
            Change::Delete { old, .. } if old.ty() == CROSS_RESOURCE_SUBSCRIPTION => {
                targets::unsubscribe(txn, old)
            }
            Change::Update { old, draft, .. } if old.ty() == SUBSCRIPTION && old.get("acrs").is_some() => {
                let ended = targets::left(txn, old, Some(&draft.attributes))?;
                hearing::end(txn, &ended)
            }
            Change::Delete { old, .. } if old.ty() == SUBSCRIPTION && old.get("acrs").is_some() => {
                let ended = targets::left(txn, old, None)?;
                hearing::end(txn, &ended)
            }
            _ => Ok(()),
        }
    }

    fn facets(&self) -> Facets<'_> {
        Facets { alarms: Some(self), waits: true, ..Facets::default() }
    }

    fn report(&self) -> Report {
        let (received, told) = (self.received.load(Ordering::Relaxed), self.told.load(Ordering::Relaxed));
        let verified = self.verified.load(Ordering::Relaxed);
        let refused = self.refused.load(Ordering::Relaxed);
        Report {
            summary: format!("{received} notifications led to {told} across resources, since the start"),
            figures: vec![
                ("received", received),
                ("told", told),
                ("verified", verified),
                ("refused", refused),
            ],
        }
    }
}

impl Alarms for CrossResource {
    /// A window is over, or a subscription behind the resource has ended.
    fn ring(&self, txn: &mut Txn<'_>, cross: &Arc<Resource>, state: &str) -> Result<(), Failure> {
        let told = hearing::rung(txn, cross, state)?;
        self.told.fetch_add(told, Ordering::Relaxed);
        Ok(())
    }
}

/// A new resource: its subscriptions, and its first window if that does not wait for a notification.
fn create(txn: &mut Txn<'_>, call: Option<&Call>, draft: &mut Draft) -> Result<(), Failure> {
    rules::check(&draft.attributes)?;
    if let Some(call) = call {
        let creator = txn.cse().config().shorten(call.request.originator());
        draft.set("cr", creator);
    }
    targets::subscribe(txn, call, draft)?;
    subscription::follow_switch(None, draft, &Object::new());
    hearing::begin(txn, draft);
    Ok(())
}

fn update(
    txn: &mut Txn<'_>,
    old: &Arc<Resource>,
    draft: &mut Draft,
    modified: &Object,
) -> Result<(), Failure> {
    rules::check(&draft.attributes)?;
    subscription::follow_switch(Some(old), draft, modified);
    if WINDOW.iter().any(|name| modified.contains_key(*name)) {
        hearing::begin_anew(txn, old, &draft.attributes)?;
    }
    match modified.contains_key("et") {
        true => targets::prolong(txn, draft),
        false => Ok(()),
    }
}

/// The subscriptions that a notification is from; several if it is a batch. ORIGINATOR_HAS_NO_PRIVILEGE for one that is
/// not from a subscription on this node, or asks whether the resource agrees to be a target: who takes part is for
/// the cross-resource subscription to say.
fn references(cse: &Cse, call: &Call) -> Result<Vec<String>, Failure> {
    let config = cse.config();
    let is_own = call.arrival.binding == "node" && call.request.originator() == config.cse_id;
    let refused = || Failure::no_privilege("nobody but the subscriptions behind it notifies this resource");
    let content = call.request.content.as_ref().filter(|_| is_own).ok_or_else(refused)?.value();
    let batch = content.get("m2m:agn").and_then(|batch| batch.get("m2m:sgn")).and_then(Value::as_array);
    let notifications = content.get("m2m:sgn").into_iter().chain(batch.into_iter().flatten());
    let mut references = Vec::new();
    for notification in notifications {
        if notification.get("vrq").and_then(Value::as_bool) == Some(true) {
            return Err(refused());
        }
        references.extend(notification.get("sur").and_then(Value::as_str).map(str::to_owned));
    }
    match references.is_empty() {
        true => Err(Failure::bad_request("the content is no notification of a subscription")),
        false => Ok(references),
    }
}
