//! Subscription and notification (CSF-SUB; TS-0001 10.2.10, TS-0004 7.4.8, 7.5.1).
//!
//! Responsible for wiring subscriptions to requests: targets are asked before they are subscribed for and before an
//! update that they may block, every change is matched against the subscriptions that it concerns, and so is every
//! access if somebody monitors any. What a subscription says, what it holds back and how a notification reads is in
//! `dyad_core::subscription`; delivery is the core's.

mod blocking;
pub(crate) mod verification;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use dyad_core::request::{Call, Target};
use dyad_core::resource::Txn;
use dyad_core::settings::Setting;
use dyad_core::subscription::{self, SUBSCRIPTION};
use dyad_core::{Change, Cse, Facets, Report, ServiceFunction, Stage, Stop};
use dyad_protocol::{Failure, Object, Operation, Response};

use blocking::Blocked;

/// The name of the function, and of its section of the settings.
const NAME: &str = "subscription";

/// Verifies and matches subscriptions.
#[derive(Debug)]
pub struct Subscriptions {
    verified: AtomicU64,
    refused: AtomicU64,
    blocked: Blocked,
    /// Whether a subscription may ask for more than changes, as far as an earlier run of the node says.
    was_watched: AtomicBool,
    /// The same of this run.
    is_watched: AtomicBool,
}

impl Default for Subscriptions {
    fn default() -> Self {
        Self {
            verified: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            blocked: Blocked::default(),
            // Until it is known.
            was_watched: AtomicBool::new(true),
            is_watched: AtomicBool::new(false),
        }
    }
}

impl Subscriptions {
    /// Whether requests that change nothing, and updates before they are carried out, are worth a look.
    fn is_watched(&self) -> bool {
        self.is_watched.load(Ordering::Relaxed) || self.was_watched.load(Ordering::Relaxed)
    }

    fn note_watcher(&self, txn: &mut Txn<'_>, attributes: &Object) {
        if subscription::note_watcher(txn, attributes) {
            self.is_watched.store(true, Ordering::Relaxed);
        }
    }

    /// Takes note of what changes for subscriptions besides what they are told.
    fn note(&self, txn: &mut Txn<'_>, change: &Change<'_>) {
        if let Change::Create { draft, .. } | Change::Update { draft, .. } = change
            && draft.table.number == SUBSCRIPTION
        {
            self.note_watcher(txn, &draft.attributes);
        }
    }
}

#[async_trait]
impl ServiceFunction for Subscriptions {
    fn name(&self) -> &'static str {
        NAME
    }

    fn settings(&self) -> &[Setting] {
        &[verification::URLS]
    }

    fn may_block(&self) -> bool {
        false
    }

    fn owns(&self) -> &[u32] {
        &[SUBSCRIPTION]
    }

    fn stages(&self) -> &'static [Stage] {
        &[Stage::Prepare, Stage::Answered]
    }

    fn takes_part(&self, stage: Stage, call: &Call, target: &Target) -> bool {
        if stage == Stage::Answered {
            return self.is_watched();
        }
        stage == Stage::Prepare
            && match call.request.operation {
                Operation::Create => call.request.resource_type == Some(SUBSCRIPTION),
                Operation::Update | Operation::Delete => {
                    (call.request.operation == Operation::Update && target.resource.ty() == SUBSCRIPTION)
                        || (self.is_watched() && target.resource.table().allows_child(SUBSCRIPTION))
                }
                _ => false,
            }
    }

    async fn prepare(&self, cse: &Cse, call: &Arc<Call>, target: &Target) -> Result<(), Failure> {
        let is_subscription = match call.request.operation {
            Operation::Create => true,
            _ => target.resource.ty() == SUBSCRIPTION,
        };
        match is_subscription {
            true if call.request.operation == Operation::Delete => Ok(()),
            true => verification::verify(cse, call, target, &self.verified, &self.refused).await,
            false => self.blocked.ask(cse, call, target).await,
        }
    }

    fn apply(&self, txn: &mut Txn<'_>, change: &mut Change<'_>) -> Result<(), Failure> {
        self.note(txn, change);
        subscription::notify(txn, change)
    }

    fn facets(&self) -> Facets<'_> {
        Facets { waits: true, ..Facets::default() }
    }

    fn answered(&self, cse: &Cse, call: &Arc<Call>, target: &Target, outcome: &Result<Response, Failure>) {
        subscription::accessed(cse, call, target, outcome);
    }

    async fn run(self: Arc<Self>, cse: Arc<Cse>, stop: Stop) -> anyhow::Result<()> {
        let was_watched = subscription::is_watched(&cse).await;
        self.was_watched.store(was_watched.unwrap_or(true), Ordering::Relaxed);
        subscription::run(cse, stop).await;
        Ok(())
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
