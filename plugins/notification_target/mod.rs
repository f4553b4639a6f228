//! Removal of notification targets at their own wish (CSF-SUB; TS-0001 9.6.31 to 9.6.34, 10.2.10.8, TS-0004 7.4.30 to
//! 7.4.33).
//!
//! Responsible for the policies that say what becomes of such a wish, and for carrying it out, whether it comes as a
//! DELETE of `ntsr` below the subscription or in the answer to a notification. What a subscription is, and telling its
//! creator, is in `dyad_core::subscription`.

mod policy;
mod removal;
mod resources;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use dyad_core::request::{Call, Target, Virtual};
use dyad_core::resource::{Resource, Txn};
use dyad_core::{Change, Cse, Departure, Facets, Report, ServiceFunction, Stage};
use dyad_protocol::{Failure, Operation, Response, StatusCode};

/// The type numbers of `<notificationTargetMgmtPolicyRef>`, `<notificationTargetPolicy>`, `<policyDeletionRules>`.
const REFERENCE: u32 = 25;
const POLICY: u32 = 26;
const RULES: u32 = 27;

/// The name of the virtual resource that a target deletes.
const SELF_REFERENCE: &str = "ntsr";

/// Lets notification targets go.
#[derive(Debug, Default)]
pub struct NotificationTargets {
    removed: AtomicU64,
    stayed: AtomicU64,
}

#[async_trait]
impl ServiceFunction for NotificationTargets {
    fn name(&self) -> &'static str {
        "notification-target"
    }

    fn may_block(&self) -> bool {
        false
    }

    fn owns(&self) -> &[u32] {
        &[REFERENCE, POLICY, RULES]
    }

    fn stages(&self) -> &'static [Stage] {
        &[Stage::Intercept]
    }

    fn takes_part(&self, stage: Stage, _call: &Call, target: &Target) -> bool {
        stage == Stage::Intercept && self_reference(target).is_some()
    }

    async fn intercept(
        &self,
        cse: &Cse,
        call: &Arc<Call>,
        target: &Target,
    ) -> Result<ControlFlow<Response>, Failure> {
        match self_reference(target) {
            None => return Ok(ControlFlow::Continue(())),
            Some("") => {}
            Some(_) => return Err(Failure::not_found("there is nothing below the virtual resource")),
        }
        if call.request.operation != Operation::Delete {
            return Err(Failure::not_allowed("a notification target reference can only be deleted"));
        }
        let originator = cse.config().shorten(call.request.originator());
        let Some(entry) = removal::entry_of(cse, &target.resource, originator).await? else {
            return Err(Failure::no_privilege(
                "the originator is no notification target of the subscription",
            ));
        };
        self.carry_out(cse, &target.resource, &entry).await?;
        Ok(ControlFlow::Break(Response::to(&call.request, StatusCode::Deleted)))
    }

    fn apply(&self, txn: &mut Txn<'_>, change: &mut Change<'_>) -> Result<(), Failure> {
        resources::check(txn, change)
    }

    fn facets(&self) -> Facets<'_> {
        Facets { departure: Some(self), waits: true, ..Facets::default() }
    }

    fn report(&self) -> Report {
        let (removed, stayed) = (self.removed.load(Ordering::Relaxed), self.stayed.load(Ordering::Relaxed));
        Report {
            summary: format!(
                "{removed} targets were removed at their wish and {stayed} stayed, since the start"
            ),
            figures: vec![("removed", removed), ("stayed", stayed)],
        }
    }
}

#[async_trait]
impl Departure for NotificationTargets {
    async fn depart(&self, cse: &Cse, subscription: &Arc<Resource>, target: &str) {
        // The target learns nothing of what comes of it (TS-0001 10.2.10.6).
        if let Err(failure) = self.carry_out(cse, subscription, target).await {
            tracing::debug!(target, "a notification target stays: {failure}");
        }
    }
}

impl NotificationTargets {
    /// Carries out the wish of a target, an entry of `nu`. ORIGINATOR_HAS_NO_PRIVILEGE if it is not granted.
    async fn carry_out(&self, cse: &Cse, subscription: &Arc<Resource>, target: &str) -> Result<(), Failure> {
        let outcome = removal::carry_out(cse, subscription, target).await;
        let counter = if matches!(outcome, Ok(true)) { &self.removed } else { &self.stayed };
        counter.fetch_add(1, Ordering::Relaxed);
        outcome.map(drop)
    }
}

/// What follows the virtual resource in the address of a request; `None` if it goes elsewhere.
fn self_reference(target: &Target) -> Option<&str> {
    match &target.virtual_child {
        Some(Virtual::Other { name, rest }) if &**name == SELF_REFERENCE => Some(rest),
        _ => None,
    }
}
