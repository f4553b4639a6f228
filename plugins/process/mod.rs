//! Processes (TS-0001 9.6.59, 9.6.60, 10.2.27): states that follow each other when conditions are met.
//!
//! Responsible for `<processManagement>` and `<state>`: what they may say, and how a process goes on. What an active state
//! does is its `<action>`, which the function for actions carries out.

mod advance;
mod check;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use dyad_core::request::{Call, Cause};
use dyad_core::resource::{Draft, Id, Lookup, Resource, Txn};
use dyad_core::{Change, Cse, Report, ServiceFunction, Stage, Stop};
use dyad_protocol::{Failure, Object};
use serde_json::Value;

use crate::action::index::{Index, tidy};
use crate::action::subject::{self, Fresh};
use advance::Progress;

/// Type numbers.
const PROCESS: u32 = 63;
const STATE: u32 = 64;
const ACTION: u32 = 65;

/// Resources that are read at a time.
const PAGE: usize = 500;

/// `m2m:processStatus`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Disabled,
    Enabled,
    Activated,
    Paused,
    Completed,
    Aborted,
}

impl Status {
    const ALL: [Self; 6] =
        [Self::Disabled, Self::Enabled, Self::Activated, Self::Paused, Self::Completed, Self::Aborted];

    fn of(attributes: &Object) -> Self {
        let number = attributes.get("prst").and_then(Value::as_u64);
        Self::ALL.into_iter().find(|status| Some(status.number()) == number).unwrap_or(Self::Disabled)
    }

    const fn number(self) -> u64 {
        match self {
            Self::Disabled => 1,
            Self::Enabled => 2,
            Self::Activated => 3,
            Self::Paused => 4,
            Self::Completed => 5,
            Self::Aborted => 6,
        }
    }

    /// Whether conditions are looked at, now or when it is reactivated.
    const fn is_running(self) -> bool {
        matches!(self, Self::Enabled | Self::Activated | Self::Paused)
    }
}

/// `m2m:processControl`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Control {
    Enable,
    Disable,
    Pause,
    Reactivate,
}

impl Control {
    const DISABLE: u64 = 2;

    fn of_number(number: u64) -> Option<Self> {
        [Self::Enable, Self::Disable, Self::Pause, Self::Reactivate]
            .get(usize::try_from(number.checked_sub(1)?).ok()?)
            .copied()
    }
}

/// Lets processes go on.
#[derive(Default)]
pub struct Processes {
    index: Index,
    /// Whether a process is going on: what it changes by that sets no other off, and itself neither.
    is_going_on: AtomicBool,
    steps: AtomicU64,
}

/// Says that a process is going on, for as long as it lives.
struct GoingOn<'a>(&'a AtomicBool);

impl<'a> GoingOn<'a> {
    fn new(flag: &'a AtomicBool) -> Self {
        flag.store(true, Ordering::Relaxed);
        Self(flag)
    }
}

impl Drop for GoingOn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

#[async_trait]
impl ServiceFunction for Processes {
    fn name(&self) -> &'static str {
        "process"
    }

    fn may_block(&self) -> bool {
        false
    }

    fn owns(&self) -> &[u32] {
        &[PROCESS, STATE]
    }

    fn stages(&self) -> &'static [Stage] {
        &[]
    }

    fn begin(&self, txn: &mut Txn<'_>) -> Result<(), Failure> {
        self.index.clear();
        let mut after = 0;
        loop {
            let page = txn.of_type(PROCESS as i32, after, PAGE)?;
            for process in page.iter().filter(|process| Status::of(process.attributes()).is_running()) {
                let states = txn.children(process.id(), &[STATE as i32], 0, check::MOST)?;
                self.watch(txn, process.id(), process.attributes(), &states)?;
            }
            match page.last() {
                Some(last) if page.len() >= PAGE => after = last.id(),
                _ => return Ok(()),
            }
        }
    }

    fn apply(&self, txn: &mut Txn<'_>, change: &mut Change<'_>) -> Result<(), Failure> {
        match change {
            Change::Create { draft, .. } if draft.table.number == PROCESS => {
                draft.set("prst", Status::Disabled.number());
                draft.set("prct", Control::DISABLE);
            }
            Change::Update { call: Some(call), old, draft, modified } if old.ty() == PROCESS => {
                check::process(txn, call, old, draft, modified)?;
                if let Some(control) =
                    modified.get("prct").and_then(Value::as_u64).and_then(Control::of_number)
                {
                    self.control(txn, call, old, draft, control)?;
                }
            }
            Change::Create { call: Some(call), parent, draft } if draft.table.number == STATE => {
                check::state(txn, call, parent, draft)?;
                draft.set("sact", false);
            }
            Change::Update { call: Some(call), old, draft, .. } if old.ty() == STATE => {
                let Some(process) = txn.resource(old.parent())? else { return Ok(()) };
                check::state(txn, call, &process, draft)?;
            }
            Change::Delete { old, parent: Some(process), cause, .. } if old.ty() == STATE => {
                state_goes(txn, old, process, *cause)?;
            }
            _ => {}
        }
        // Transactions come one after the other, so the flag is this one's.
        if self.index.is_empty() || self.is_going_on.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.concerns(txn, change)
    }

    async fn run(self: Arc<Self>, cse: Arc<Cse>, mut stop: Stop) -> anyhow::Result<()> {
        tokio::select! {
            () = tidy(&self.index, &cse) => Ok(()),
            () = stop.stopped() => Ok(()),
        }
    }

    fn report(&self) -> Report {
        let steps = self.steps.load(Ordering::Relaxed);
        Report {
            summary: format!("{steps} steps of processes since the start"),
            figures: vec![("steps", steps)],
        }
    }
}

impl Processes {
    /// A request controls a process.
    fn control(
        &self,
        txn: &mut Txn<'_>,
        call: &Call,
        old: &Arc<Resource>,
        draft: &mut Draft,
        control: Control,
    ) -> Result<(), Failure> {
        check::control(control, Status::of(old.attributes()))?;
        let _going_on = GoingOn::new(&self.is_going_on);
        let status = match control {
            Control::Enable => {
                let states = check::enabled(txn, call, draft)?;
                let attributes = draft.attributes.clone();
                if !self.watch(txn, old.id(), &attributes, &states)? {
                    return Err(Failure::not_allowed("too many processes look at one of the subjects"));
                }
                Status::Enabled
            }
            Control::Disable => {
                progress(old, None).stop(txn)?;
                draft.attributes.shift_remove("cust");
                Status::Disabled
            }
            Control::Pause => Status::Paused,
            Control::Reactivate => Status::Activated,
        };
        draft.set("prst", status.number());
        let attributes = draft.attributes.clone();
        let changes = Progress { attributes: &attributes, ..progress(old, None) }.advance(txn, status)?;
        for (name, value) in changes {
            match value {
                Value::Null => drop(draft.attributes.shift_remove(&name)),
                value => draft.set(&name, value),
            }
        }
        Ok(())
    }

    /// A process looks at its subjects from now on. False if too many look at one of them.
    fn watch(
        &self,
        txn: &mut Txn<'_>,
        process: Id,
        attributes: &Object,
        states: &[Arc<Resource>],
    ) -> Result<bool, Failure> {
        let own = elements(attributes, "atcos").iter().chain(elements(attributes, "encos"));
        let of_states = states.iter().flat_map(|state| elements(state.attributes(), "sttrs"));
        let mut has_room = true;
        for condition in own.chain(of_states) {
            let address = condition.get("sri").and_then(Value::as_str).unwrap_or_default();
            if let Ok(Some(subject)) = subject::find(txn, address) {
                has_room &= self.index.add(subject.resource.id(), process);
            }
        }
        Ok(has_room)
    }

    /// Lets processes go on that a change concerns.
    fn concerns(&self, txn: &mut Txn<'_>, change: &Change<'_>) -> Result<(), Failure> {
        let fresh = match change {
            Change::Create { parent, draft, .. } if matches!(draft.table.number, 4 | 30) => {
                Fresh { id: parent.id(), is_latest: true, attributes: &draft.attributes }
            }
            Change::Update { old, draft, .. } => {
                Fresh { id: old.id(), is_latest: false, attributes: &draft.attributes }
            }
            _ => return Ok(()),
        };
        let _going_on = GoingOn::new(&self.is_going_on);
        for id in self.index.of(fresh.id) {
            // One that is changed by this very change goes on by itself.
            if matches!(change, Change::Update { old, .. } if old.id() == id) {
                continue;
            }
            let Some(process) = txn.resource(id)? else {
                self.index.remove(fresh.id, id);
                continue;
            };
            let status = Status::of(process.attributes());
            if !status.is_running() {
                self.index.remove(fresh.id, id);
                continue;
            }
            let changes = progress(&process, Some(fresh)).advance(txn, status)?;
            if !changes.is_empty() {
                self.steps.fetch_add(1, Ordering::Relaxed);
                txn.modify(&process, &changes)?;
            }
        }
        Ok(())
    }
}

fn progress<'a>(process: &'a Resource, fresh: Option<Fresh<'a>>) -> Progress<'a> {
    Progress {
        process: process.id(),
        creator: process.originator().unwrap_or_default(),
        attributes: process.attributes(),
        fresh,
    }
}

/// A state is removed by itself. OPERATION_NOT_ALLOWED for a request while its process is not disabled; a process loses its
/// current state by expiry and cannot go on.
fn state_goes(
    txn: &mut Txn<'_>,
    state: &Resource,
    process: &Arc<Resource>,
    cause: Cause,
) -> Result<(), Failure> {
    let Some(process) = txn.resource(process.id())? else { return Ok(()) };
    let is_running = Status::of(process.attributes()) != Status::Disabled;
    if cause == Cause::Request && (is_running || state.is_set("sact")) {
        return Err(Failure::not_allowed("states are deleted while their process is disabled"));
    }
    if state.is_set("sact") {
        txn.modify(&process, &advance::aborted())?;
    }
    Ok(())
}

/// The elements of a list attribute.
fn elements<'a>(attributes: &'a Object, name: &str) -> &'a [Value] {
    attributes.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
