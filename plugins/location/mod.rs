//! Locations (TS-0001 9.6.10, 10.2.9; TS-0004 7.4.10, 7.4.27.2.2): `<locationPolicy>` and the container that goes with it.
//!
//! Responsible for: the container, positions that are taken periodically or when somebody asks for the latest, and
//! fences. Where something is comes from the `loc` of resources, from positions that are put into the container, and from
//! location servers, if a service function reaches some; there is no receiver for satellites. Geometry is the core's.

mod container;
mod followers;
mod neighbours;
mod network;
mod policy;
mod position;
mod progress;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use dyad_core::geography::Location;
use dyad_core::request::{Call, Cause, Target, Virtual};
use dyad_core::resource::{Draft, Lookup, Resource, Txn};
use dyad_core::{Alarms, Change, Cse, Facets, Report, ServiceFunction, Stage, Stop};
use dyad_protocol::{Failure, Object, Operation, Response};

use followers::Followers;
use policy::{Policy, Source};
use progress::Progress;

const AE: u32 = 2;
const CONTAINER: u32 = 3;
const INSTANCE: u32 = 4;
const POLICY: u32 = 10;

/// Policies that are read at a time.
const PAGE: usize = 500;

/// Keeps locations.
#[derive(Debug, Default)]
pub struct Locations {
    /// The policies that follow the location of an AE.
    followers: Followers,
    due: network::Due,
    positions: AtomicU64,
    events: AtomicU64,
}

#[async_trait]
impl ServiceFunction for Locations {
    fn name(&self) -> &'static str {
        "location"
    }

    fn may_block(&self) -> bool {
        false
    }

    fn owns(&self) -> &[u32] {
        &[POLICY]
    }

    fn stages(&self) -> &'static [Stage] {
        &[Stage::Intercept]
    }

    fn takes_part(&self, stage: Stage, call: &Call, target: &Target) -> bool {
        stage == Stage::Intercept
            && call.request.operation == Operation::Retrieve
            && target.virtual_child == Some(Virtual::Latest)
            && container::policy_id(&target.resource).is_some()
    }

    async fn intercept(
        &self,
        cse: &Cse,
        call: &Arc<Call>,
        target: &Target,
    ) -> Result<ControlFlow<Response>, Failure> {
        position::on_demand(self, cse, call, &target.resource).await?;
        Ok(ControlFlow::Continue(()))
    }

    fn begin(&self, txn: &mut Txn<'_>) -> Result<(), Failure> {
        self.followers.clear();
        let mut after = 0;
        loop {
            let page = txn.of_type(10, after, PAGE)?;
            for policy in page.iter().filter(|policy| Policy(policy.attributes()).follows()) {
                self.followers.add(policy.originator().unwrap_or_default(), policy.id());
            }
            match page.last() {
                Some(last) if page.len() >= PAGE => after = last.id(),
                _ => return Ok(()),
            }
        }
    }

    fn apply(&self, txn: &mut Txn<'_>, change: &mut Change<'_>) -> Result<(), Failure> {
        match change {
            Change::Create { parent, draft, .. } if draft.table.number == POLICY => {
                self.create(txn, parent, draft)
            }
            Change::Update { old, draft, modified, .. } if old.ty() == POLICY => {
                self.update(txn, old, draft, modified)
            }
            Change::Delete { old, parent, .. } if old.ty() == POLICY => {
                // Together with something above, the container goes anyhow.
                if parent.is_some() { container::delete(txn, old) } else { Ok(()) }
            }
            Change::Delete { old, parent: Some(_), cause: Cause::Request, .. } if old.ty() == CONTAINER => {
                container::check_deletion(txn, old)
            }
            // What the node puts there itself is nobody's report.
            Change::Create { call: Some(_), parent, draft } if draft.table.number == INSTANCE => {
                reported(txn, parent, draft)
            }
            Change::Create { draft, .. }
                if draft.table.number == AE && draft.attributes.contains_key("loc") =>
            {
                self.moved(txn, &draft.resource_id(), &draft.attributes)
            }
            Change::Update { old, draft, modified, .. } if modified.contains_key("loc") && old.ty() == AE => {
                self.moved(txn, &old.ri(), &draft.attributes)
            }
            _ => Ok(()),
        }
    }

    fn facets(&self) -> Facets<'_> {
        Facets { alarms: Some(self), ..Facets::default() }
    }

    async fn run(self: Arc<Self>, cse: Arc<Cse>, mut stop: Stop) -> anyhow::Result<()> {
        tokio::select! {
            () = self.followers.tidy(&cse) => Ok(()),
            () = network::serve(&self, &cse) => Ok(()),
            () = stop.stopped() => Ok(()),
        }
    }

    fn report(&self) -> Report {
        let positions = self.positions.load(Ordering::Relaxed);
        let events = self.events.load(Ordering::Relaxed);
        Report {
            summary: format!("{positions} positions and {events} events of fences kept since the start"),
            figures: vec![("positions", positions), ("events", events)],
        }
    }
}

impl Alarms for Locations {
    /// A position is due, or an event of a fence is to be kept.
    fn ring(&self, txn: &mut Txn<'_>, resource: &Arc<Resource>, state: &str) -> Result<(), Failure> {
        let Some(mut progress) = Progress::parse(state) else { return Ok(()) };
        let policy = Policy(resource.attributes());
        let mut status = None;
        if progress.next.is_some_and(|next| next <= txn.now()) {
            match policy.source() {
                // The answer comes when it comes.
                Source::Network => self.due.note(resource.id()),
                _ => status = Some(self.sample(txn, resource, &mut progress)?),
            }
            progress.next = policy.next(progress.next, txn.now());
        }
        for event in std::mem::take(&mut progress.events) {
            status = Some(container::keep_event(txn, resource, event)?);
            self.events.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(status) = status {
            policy::note_status(txn, resource, status)?;
        }
        txn.set_alarm(resource, progress.due(txn.now()), progress.to_string());
        Ok(())
    }
}

impl Locations {
    fn create(&self, txn: &mut Txn<'_>, parent: &Arc<Resource>, draft: &mut Draft) -> Result<(), Failure> {
        policy::complete(draft);
        let policy = Policy(&draft.attributes);
        policy.check(txn.cse())?;
        self.follow(draft)?;
        // A position that others share is there from the beginning (TS-0001 10.2.9.2).
        let at_once = policy.period().is_some() || policy.source() == Source::Sharing;
        let progress = Progress { next: at_once.then_some(txn.now()), ..Progress::default() };
        txn.set_alarm_of(draft, progress.due(txn.now()), progress.to_string())?;
        container::create(txn, parent, draft)
    }

    /// A policy changes: the period begins anew, and what was known of another area is forgotten.
    fn update(
        &self,
        txn: &mut Txn<'_>,
        old: &Arc<Resource>,
        draft: &Draft,
        modified: &Object,
    ) -> Result<(), Failure> {
        let policy = Policy(&draft.attributes);
        if !["lit", "lou", "gta", "gec", "et", "luec"].iter().any(|name| modified.contains_key(*name)) {
            return Ok(());
        }
        policy.check(txn.cse())?;
        self.follow(draft)?;
        if let Some(et) = draft.time("et").filter(|_| modified.contains_key("et")) {
            container::prolong(txn, old, et)?;
        }
        let before = txn.alarm(old.id())?;
        let mut progress = before.and_then(|alarm| Progress::parse(&alarm.state)).unwrap_or_default();
        if modified.contains_key("lou") {
            progress.next = policy.period().map(|_| txn.now());
        }
        if modified.contains_key("gta") || modified.contains_key("lit") {
            progress.side = None;
        }
        txn.set_alarm(old, progress.due(txn.now()), progress.to_string());
        Ok(())
    }

    /// Has a policy follow the location of an AE if that is what it asks for. OPERATION_NOT_ALLOWED if too many do.
    fn follow(&self, draft: &Draft) -> Result<(), Failure> {
        let entity = draft.originator.as_deref().unwrap_or_default();
        match !Policy(&draft.attributes).follows() || self.followers.add(entity, draft.id) {
            true => Ok(()),
            false => Err(Failure::not_allowed("too many fences follow this originator")),
        }
    }

    /// The location of an AE is another one from now on.
    fn moved(&self, txn: &mut Txn<'_>, entity: &str, attributes: &Object) -> Result<(), Failure> {
        let followers = self.followers.of(entity);
        let Some(location) = (!followers.is_empty()).then(|| Location::of(attributes)).flatten() else {
            return Ok(());
        };
        for id in followers {
            let Some(policy) = txn.resource(id)?.filter(|policy| policy.ty() == POLICY) else { continue };
            // With a period, where it was in between does not matter (TS-0001 figure 9.6.10-1).
            if Policy(policy.attributes()).period().is_none() {
                watch(txn, &policy, &location)?;
            }
        }
        Ok(())
    }

    /// Takes a position. Gives the status of the policy from then on.
    fn sample(
        &self,
        txn: &mut Txn<'_>,
        resource: &Arc<Resource>,
        progress: &mut Progress,
    ) -> Result<u16, Failure> {
        let policy = Policy(resource.attributes());
        let cse = txn.cse();
        let Some(position) = position::find(cse, txn, resource)? else { return Ok(policy::UNKNOWN) };
        match policy.fence() {
            Some(fence) => {
                if let Some(location) = Location::read(&position) {
                    progress.observe(fence.holds(&location), policy.criterion());
                }
                Ok(policy::KNOWN)
            }
            None if policy.is_fence() => Ok(policy::KNOWN),
            None => {
                self.positions.fetch_add(1, Ordering::Relaxed);
                container::keep_position(txn, resource, &position)
            }
        }
    }
}

/// Somebody puts an instance into a container, which may be one of locations.
fn reported(txn: &mut Txn<'_>, parent: &Resource, draft: &Draft) -> Result<(), Failure> {
    let Some(policy) = container::policy_id(parent) else { return Ok(()) };
    let Some(location) = draft.attributes.get("con").and_then(Location::read) else { return Ok(()) };
    let Some(policy) = container::policy(txn, policy)? else { return Ok(()) };
    watch(txn, &policy, &location)?;
    policy::note_status(txn, &policy, policy::KNOWN)
}

/// Compares a location with the fence of a policy, if it has one.
fn watch(txn: &mut Txn<'_>, resource: &Arc<Resource>, location: &Location) -> Result<(), Failure> {
    let policy = Policy(resource.attributes());
    let Some(fence) = policy.fence() else { return Ok(()) };
    let before = txn.alarm(resource.id())?;
    let mut progress = before.as_ref().and_then(|alarm| Progress::parse(&alarm.state)).unwrap_or_default();
    progress.observe(fence.holds(location), policy.criterion());
    let state = progress.to_string();
    if before.is_none_or(|before| before.state != state) {
        txn.set_alarm(resource, progress.due(txn.now()), state);
    }
    Ok(())
}
