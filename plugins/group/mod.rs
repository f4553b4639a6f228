//! Groups (CSF-GMG; TS-0001 9.6.13, 9.6.14, 10.2.7, TS-0004 7.4.13, 7.4.14).
//!
//! Responsible for what a `<group>` says of its members, and for the `<fanOutPoint>`, which carries a request to all of
//! them and gives back one answer, and for notifications that a group gathers for whoever subscribed to its members. Who
//! is a member as far as access control goes is read off the group by `dyad_core::access`; what a member does with its
//! request is left to whoever hosts it.

mod answer;
mod ask;
mod attributes;
mod deleted;
mod examine;
mod fan_out;
mod forward;
mod gather;
mod plan;
mod selection;
mod verdict;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use async_trait::async_trait;
use dyad_core::request::{Call, Target, Virtual};
use dyad_core::resource::Txn;
use dyad_core::settings::{Kind, Setting};
use dyad_core::{Change, Cse, Facets, Report, ServiceFunction, Stage};
use dyad_protocol::{Failure, Operation, Response};

use verdict::Verdicts;

/// The name of the function, and of its section of the settings.
const NAME: &str = "group";

/// The type number of `<group>`.
const GROUP: u32 = 9;

/// The type number of `<subscription>`.
const SUBSCRIPTION: u32 = 23;

/// The member name of its representation.
const ROOT: &str = "m2m:grp";

/// The name of the virtual resource that takes requests for the members.
const FAN_OUT_POINT: &str = "fopt";

/// Most members of one group.
const MAX_MEMBERS: Setting = Setting::new(
    "max_members",
    "100000",
    Kind::Count(1, 10_000_000),
    "Most members of one group; http.max_body limits how many one request can name.",
);

/// Members to whom one request goes at the same time.
const PARALLEL: Setting = Setting::new(
    "parallel",
    "64",
    Kind::Count(1, 10_000),
    "Members to whom a request to a group goes at a time.",
);

/// Time until the originator is answered with what has come.
const ANSWER_WITHIN: Setting = Setting::new(
    "answer_within",
    "10s",
    Kind::Duration("100ms", "1h"),
    "Time until a request to a group is answered with what has come, if it names none.",
);

/// Bytes of one answer beyond which contents are left out.
const MAX_ANSWER: Setting = Setting::new(
    "max_answer",
    "64MiB",
    Kind::Size("1kB", "4GiB"),
    "Size of an answer of a group beyond which contents of members are left out.",
);

/// What the operator may set, as `group.*`.
const SETTINGS: [Setting; 4] = [MAX_MEMBERS, PARALLEL, ANSWER_WITHIN, MAX_ANSWER];

/// Keeps groups and fans requests out to their members.
#[derive(Debug, Default)]
pub struct Groups {
    verdicts: Verdicts,
    /// Requests to members that are under way.
    in_flight: Arc<AtomicUsize>,
    fanned_out: AtomicU64,
    asked: AtomicU64,
    late: AtomicU64,
}

#[async_trait]
impl ServiceFunction for Groups {
    fn name(&self) -> &'static str {
        NAME
    }

    fn may_block(&self) -> bool {
        false
    }

    fn owns(&self) -> &[u32] {
        &[GROUP]
    }

    fn settings(&self) -> &[Setting] {
        &SETTINGS
    }

    fn stages(&self) -> &'static [Stage] {
        &[Stage::Intercept, Stage::Prepare]
    }

    fn takes_part(&self, stage: Stage, call: &Call, target: &Target) -> bool {
        match stage {
            Stage::Intercept => below_fan_out_point(target).is_some() || is_to_subscription(call, target),
            Stage::Prepare => match call.request.operation {
                Operation::Create => call.request.resource_type == Some(GROUP),
                Operation::Update => target.resource.ty() == GROUP,
                _ => false,
            },
            Stage::Committed | Stage::Answered => false,
        }
    }

    async fn intercept(
        &self,
        cse: &Cse,
        call: &Arc<Call>,
        target: &Target,
    ) -> Result<ControlFlow<Response>, Failure> {
        match below_fan_out_point(target) {
            Some(rest) => self.fan_out(cse, call, target, rest).await.map(ControlFlow::Break),
            None => self.gather(cse, call, target).await,
        }
    }

    fn facets(&self) -> Facets<'_> {
        Facets { waits: true, ..Facets::default() }
    }

    async fn prepare(&self, cse: &Cse, call: &Arc<Call>, target: &Target) -> Result<(), Failure> {
        self.verdicts.prepare(cse, call, target).await
    }

    fn apply(&self, txn: &mut Txn<'_>, change: &mut Change<'_>) -> Result<(), Failure> {
        match change {
            Change::Create { call, draft, .. } if draft.table.number == GROUP => {
                attributes::create(txn, *call, draft, &self.verdicts)
            }
            Change::Update { call, old, draft, modified } if draft.table.number == GROUP => {
                attributes::update(txn, *call, old, draft, modified, &self.verdicts)
            }
            _ => Ok(()),
        }
    }

    fn report(&self) -> Report {
        let (fanned_out, asked) =
            (self.fanned_out.load(Ordering::Relaxed), self.asked.load(Ordering::Relaxed));
        let late = self.late.load(Ordering::Relaxed);
        let under_way = self.in_flight.load(Ordering::Relaxed) as u64;
        Report {
            summary: format!(
                "{fanned_out} requests to {asked} members since the start, {late} answered too late"
            ),
            figures: vec![
                ("fanned_out", fanned_out),
                ("asked", asked),
                ("late", late),
                ("under_way", under_way),
            ],
        }
    }
}

/// Whether a request notifies a subscription, as those of members notify the forwarder of their group.
fn is_to_subscription(call: &Call, target: &Target) -> bool {
    call.request.operation == Operation::Notify
        && target.resource.ty() == SUBSCRIPTION
        && target.virtual_child.is_none()
}

/// What follows a fanOutPoint in the address of a request; `None` if it goes to no fanOutPoint.
fn below_fan_out_point(target: &Target) -> Option<&str> {
    match &target.virtual_child {
        Some(Virtual::Other { name, rest }) if &**name == FAN_OUT_POINT && target.resource.ty() == GROUP => {
            Some(rest)
        }
        _ => None,
    }
}
