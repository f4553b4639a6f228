//! Subscription and notification (CSF-SUB; TS-0001 10.2.10, TS-0004 7.4.8, 7.5.1).
//!
//! Responsible for asking targets before they are subscribed for, and for matching every change against the
//! subscriptions that it concerns. What a subscription says and how a notification reads is in
//! `dyad_core::subscription`; delivery is the core's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use dyad_core::request::{Call, Target};
use dyad_core::resource::Txn;
use dyad_core::{Change, Cse, Report, ServiceFunction, Stage, subscription};
use dyad_protocol::{Failure, Operation, Request, StatusCode};
use serde_json::Value;

/// The type number of `<subscription>`.
const SUBSCRIPTION: u32 = 23;

/// The member name of its representation.
const ROOT: &str = "m2m:sub";

/// Verifies and matches subscriptions.
#[derive(Debug, Default)]
pub struct Subscriptions {
    verified: AtomicU64,
    refused: AtomicU64,
}

#[async_trait]
impl ServiceFunction for Subscriptions {
    fn name(&self) -> &'static str {
        "subscription"
    }

    fn owns(&self) -> &[u32] {
        &[SUBSCRIPTION]
    }

    fn takes_part(&self, stage: Stage, call: &Call, target: &Target) -> bool {
        stage == Stage::Prepare
            && match call.request.operation {
                Operation::Create => call.request.resource_type == Some(SUBSCRIPTION),
                Operation::Update => target.resource.ty() == SUBSCRIPTION,
                _ => false,
            }
    }

    async fn prepare(&self, cse: &Cse, call: &Arc<Call>, target: &Target) -> Result<(), Failure> {
        let (reference, known): (String, Vec<&str>) = match call.request.operation {
            Operation::Update => (target.resource.ri().into_owned(), target.resource.texts("nu").collect()),
            _ => (future_reference(call, target), Vec::new()),
        };
        let originator = cse.config().shorten(call.request.originator());
        for uri in targets(call) {
            if cse.config().shorten(uri) == originator || known.contains(&uri) {
                continue;
            }
            let outcome = verify(cse, uri, &reference, originator).await;
            let counter = if outcome.is_ok() { &self.verified } else { &self.refused };
            counter.fetch_add(1, Ordering::Relaxed);
            outcome?;
        }
        Ok(())
    }

    fn apply(&self, txn: &mut Txn<'_>, change: &mut Change<'_>) -> Result<(), Failure> {
        subscription::notify(txn, change)
    }

    fn report(&self) -> Report {
        let verified = self.verified.load(Ordering::Relaxed);
        let refused = self.refused.load(Ordering::Relaxed);
        Report {
            summary: format!("{verified} targets agreed and {refused} did not, since the start"),
            figures: vec![("verified", verified), ("refused", refused)],
        }
    }
}

/// What a subscription will be known by: its structured address if its originator names it. The resource ID comes
/// with the commit, so a nameless one is known by what it subscribes to.
fn future_reference(call: &Call, target: &Target) -> String {
    match attribute(call, "rn").and_then(Value::as_str) {
        Some(name) => format!("{}/{name}", call.request.to),
        None => target.resource.ri().into_owned(),
    }
}

/// An attribute of the subscription that a request carries.
fn attribute<'a>(call: &'a Call, short_name: &str) -> Option<&'a Value> {
    call.request.content.as_ref()?.value().get(ROOT)?.get(short_name)
}

/// The notification targets that a request names.
fn targets(call: &Call) -> impl Iterator<Item = &str> {
    attribute(call, "nu").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// Asks a target whether it agrees to be one (TS-0004 7.5.1.2.3).
async fn verify(cse: &Cse, uri: &str, reference: &str, creator: &str) -> Result<(), Failure> {
    let config = cse.config();
    let request = Request {
        operation: Operation::Notify,
        from: Some(config.cse_id.clone()),
        request_identifier: format!("vrf{}", cse.now().micros()),
        content: Some(subscription::verification(config, reference, creator).into()),
        release_version_indicator: config.releases.last().cloned(),
        ..Request::default()
    };
    let refused = |why: String| {
        Failure::new(
            StatusCode::SubscriptionVerificationInitiationFailed,
            format!("the notification target {uri} {why}"),
        )
    };
    match cse.originate(uri, request).await {
        Ok(response) if response.status.is_success() => Ok(()),
        Ok(response) => Err(match response.status {
            StatusCode::SubscriptionCreatorHasNoPrivilege | StatusCode::SubscriptionHostHasNoPrivilege => {
                Failure::new(response.status, "the notification target does not accept the subscription")
            }
            status => refused(format!("does not accept the subscription ({})", status.number())),
        }),
        Err(_) => Err(refused("cannot be reached".into())),
    }
}
