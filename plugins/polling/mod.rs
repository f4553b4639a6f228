//! Polling channels (CSF-CMDH; TS-0001 9.6.21, 9.6.22, 10.2.5.12 to 10.2.5.19, TS-0004 7.4.21, 7.4.22).
//!
//! Responsible for requests towards entities that cannot be called: they wait in the channel of the entity until it
//! comes for them, and its responses are passed on. That a channel is seen by its entity alone is access control's;
//! what is owed to an entity until it has answered is the outbox's.

mod answer;
mod channel;
mod reach;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use dyad_core::request::{Asker, Call, Target, Virtual};
use dyad_core::resource::{Lookup, Resource, Txn};
use dyad_core::settings::{Kind, Setting};
use dyad_core::{Change, Cse, Event, Facets, Report, ServiceFunction, Stage, Stop};
use dyad_protocol::{Failure, Operation, Response};

use channel::Channels;

/// The name of the function, and of its section of the settings.
const NAME: &str = "polling";

/// How long a poll is held that names no expiration.
const WAIT: Setting = Setting::new(
    "wait",
    "30s",
    Kind::Duration("100ms", "1h"),
    "How long a poll is held that names no expiration.",
)
.at_most(LONGEST_WAIT.name);

/// How long a poll is held at the longest.
const LONGEST_WAIT: Setting = Setting::new(
    "longest_wait",
    "1h",
    Kind::Duration("100ms", "1d"),
    "How long a poll is held at the longest, whatever expiration it names.",
);

/// Requests that may wait in one channel.
const QUEUE: Setting = Setting::new(
    "queue",
    "100",
    Kind::Count(1, 100_000),
    "Requests that may wait in one channel; more are refused.",
);

/// Most requests in one answer of a channel that aggregates them.
const AGGREGATED: Setting = Setting::new(
    "aggregated",
    "50",
    Kind::Count(1, 10_000),
    "Most requests in one answer of a channel that aggregates them.",
);

/// What the operator may set, as `polling.*`.
const SETTINGS: [Setting; 4] = [WAIT, LONGEST_WAIT, QUEUE, AGGREGATED];

/// The type number of `<pollingChannel>`.
const POLLING_CHANNEL: u32 = 15;

/// The type numbers of `<AE>` and `<remoteCSE>`.
const ENTITIES: [u32; 2] = [2, 16];

/// The name of the virtual resource that is polled.
const URI: &str = "pcu";

/// Lets requests wait for entities that poll.
#[derive(Debug, Default)]
pub struct Polling {
    channels: Channels,
    /// It holds no polls any more.
    stops: AtomicBool,
    polled: AtomicU64,
    handed_out: AtomicU64,
    answered: AtomicU64,
    unasked: AtomicU64,
    refused: AtomicU64,
}

#[async_trait]
impl ServiceFunction for Polling {
    fn name(&self) -> &'static str {
        NAME
    }

    fn may_block(&self) -> bool {
        false
    }

    fn settings(&self) -> &[Setting] {
        &SETTINGS
    }

    fn owns(&self) -> &[u32] {
        &[POLLING_CHANNEL]
    }

    fn facets(&self) -> Facets<'_> {
        Facets { reach: Some(self), ..Facets::default() }
    }

    fn stages(&self) -> &'static [Stage] {
        &[Stage::Intercept, Stage::Committed]
    }

    fn takes_part(&self, stage: Stage, call: &Call, target: &Target) -> bool {
        let concerns = |ty: u32| ty == POLLING_CHANNEL || ENTITIES.contains(&ty);
        match stage {
            Stage::Intercept => is_uri(target),
            Stage::Prepare | Stage::Answered => false,
            Stage::Committed => match call.request.operation {
                Operation::Create => call.request.resource_type.is_some_and(concerns),
                _ => concerns(target.resource.ty()),
            },
        }
    }

    async fn intercept(
        &self,
        cse: &Cse,
        call: &Arc<Call>,
        target: &Target,
    ) -> Result<ControlFlow<Response>, Failure> {
        match &target.virtual_child {
            Some(Virtual::Other { rest, .. }) if rest.is_empty() => {
                self.at_uri(cse, call, &target.resource).await.map(ControlFlow::Break)
            }
            _ => Err(Failure::not_found("there is nothing below a pollingChannelURI")),
        }
    }

    fn apply(&self, txn: &mut Txn<'_>, change: &mut Change<'_>) -> Result<(), Failure> {
        match change {
            Change::Create { call: Some(call), parent, draft } if draft.table.number == POLLING_CHANNEL => {
                check(txn, call, parent)
            }
            _ => Ok(()),
        }
    }

    async fn committed(&self, _: &Cse, events: &[Event]) {
        for Event { operation, resource } in events {
            match resource.ty() {
                POLLING_CHANNEL => {
                    let entity = resource.text("pi").unwrap_or_default();
                    let Some(channel) = self.channels.visited(entity) else { continue };
                    match operation {
                        Operation::Delete => channel.remove(resource.id()),
                        _ => channel.polled.notify_waiters(),
                    }
                }
                ty if ENTITIES.contains(&ty) => {
                    if let Some(channel) = self.channels.visited(&resource.ri()) {
                        channel.polled.notify_waiters();
                    }
                }
                _ => {}
            }
        }
    }

    async fn run(self: Arc<Self>, _: Arc<Cse>, mut stop: Stop) -> anyhow::Result<()> {
        // It may have been switched off before.
        self.stops.store(false, Ordering::SeqCst);
        stop.stopped().await;
        self.stops.store(true, Ordering::SeqCst);
        self.channels.wake();
        Ok(())
    }

    fn report(&self) -> Report {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (polled, handed_out) = (count(&self.polled), count(&self.handed_out));
        Report {
            summary: format!("{polled} polls since the start, which got {handed_out} requests"),
            figures: vec![
                ("polls", polled),
                ("handed_out", handed_out),
                ("answered", count(&self.answered)),
                ("unasked", count(&self.unasked)),
                ("refused", count(&self.refused)),
            ],
        }
    }
}

/// Whether a target is the URI of a channel.
fn is_uri(target: &Target) -> bool {
    target.resource.ty() == POLLING_CHANNEL
        && matches!(&target.virtual_child, Some(Virtual::Other { name, .. }) if &**name == URI)
}

/// ORIGINATOR_HAS_NO_PRIVILEGE if somebody makes a channel for another (TS-0004 7.4.21.2.1), the administrator
/// included; BAD_REQUEST for a second one.
fn check(txn: &mut Txn<'_>, call: &Call, parent: &Arc<Resource>) -> Result<(), Failure> {
    let cse = txn.cse();
    let is_own =
        parent.entity().is_some_and(|entity| cse.config().shorten(&entity) == Asker::new(cse, call).id);
    if !is_own {
        return Err(Failure::no_privilege("a polling channel is made by the entity that polls it"));
    }
    for channel in txn.children(parent.id(), &[POLLING_CHANNEL as i32], 0, 2)? {
        if !channel.is_expired(txn.now()) {
            return Err(Failure::bad_request("there is a polling channel already"));
        }
        txn.remove_expired(&channel)?;
    }
    Ok(())
}
