//! Actions (TS-0001 9.6.61, 9.6.62, 10.2.21): requests that the node carries out in the name of who created them, when
//! an attribute of a resource meets criteria.
//!
//! Responsible for `<action>` and `<dependency>`: what they may say, when an action is carried out, and that its result
//! gets there. What is carried out is an errand of the core (`dyad_core::request::errand`) with the rights of the creator;
//! which state of a process is active is left to the function for processes.

mod attributes;
mod chain;
pub(crate) mod criteria;
mod evaluate;
pub(crate) mod index;
mod run;
pub(crate) mod subject;
mod work;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use dyad_core::request::Call;
use dyad_core::request::kept::{self, REQUEST};
use dyad_core::resource::{Draft, Id, Lookup, Resource, Txn};
use dyad_core::{Change, Cse, Report, ServiceFunction, Stage, Stop};
use dyad_protocol::{Failure, Object, StatusCode, Timestamp};
use serde_json::Value;

use chain::Chain;
use evaluate::{Occasion, is_state_action};
use index::Index;
use subject::Fresh;
use work::Work;

/// Type numbers.
const STATE: u32 = 64;
const ACTION: u32 = 65;
const DEPENDENCY: u32 = 66;

/// What instances do to their parent's attributes.
const COUNTERS: [&str; 4] = ["cni", "cbs", "st", "lt"];

/// Resources that are read at a time.
const PAGE: usize = 500;

/// How an action is evaluated (`m2m:evalMode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Off,
    Once,
    Periodic,
    Continuous,
}

impl Mode {
    fn of(attributes: &Object) -> Self {
        match attributes.get("evm").and_then(Value::as_u64) {
            Some(1) => Self::Once,
            Some(2) => Self::Periodic,
            Some(3) => Self::Continuous,
            _ => Self::Off,
        }
    }

    const fn number(self) -> u64 {
        match self {
            Self::Off => 0,
            Self::Once => 1,
            Self::Periodic => 2,
            Self::Continuous => 3,
        }
    }
}

/// Carries out actions.
#[derive(Default)]
pub struct Actions {
    index: Index,
    work: Work,
    /// What led to the changes of one transaction, which is known by its time.
    cause: Mutex<(Timestamp, Chain)>,
    set_off: AtomicU64,
    cut: AtomicU64,
    missed: AtomicU64,
}

#[async_trait]
impl ServiceFunction for Actions {
    fn name(&self) -> &'static str {
        "action"
    }

    fn may_block(&self) -> bool {
        false
    }

    fn owns(&self) -> &[u32] {
        &[ACTION, DEPENDENCY]
    }

    fn stages(&self) -> &'static [Stage] {
        &[]
    }

    fn begin(&self, txn: &mut Txn<'_>) -> Result<(), Failure> {
        self.index.clear();
        self.work.clear();
        let mut after = 0;
        loop {
            let page = txn.of_type(ACTION as i32, after, PAGE)?;
            for action in &page {
                self.enter(txn, action.id(), action.parent(), action.attributes())?;
            }
            match page.last() {
                Some(last) if page.len() >= PAGE => after = last.id(),
                _ => return Ok(()),
            }
        }
    }

    fn apply(&self, txn: &mut Txn<'_>, change: &mut Change<'_>) -> Result<(), Failure> {
        self.note_cause(txn, change)?;
        match change {
            Change::Create { call: Some(call), parent, draft } if draft.table.number == ACTION => {
                let subject = attributes::check_action(txn, call, parent.id(), draft)?;
                self.watch(txn, draft, subject.resource.id())?;
            }
            Change::Update { call, old, draft, modified } if draft.table.number == ACTION => {
                self.update(txn, *call, old, draft, modified)?;
                // What the node records in an action sets nothing off.
                if call.is_none() {
                    return Ok(());
                }
            }
            Change::Create { call: Some(call), draft, .. }
            | Change::Update { call: Some(call), draft, .. }
                if draft.table.number == DEPENDENCY =>
            {
                attributes::check_dependency(txn, call, draft)?;
            }
            Change::Update { old, draft, .. } if old.ty() == REQUEST => {
                if let Some(action) = chain::action_of(old).filter(|_| kept::is_pending(old)) {
                    let result = draft.attributes.get("ors").cloned().unwrap_or_default();
                    self.record(txn, action, &result)?;
                }
            }
            Change::Update { draft, modified, .. }
                if draft.table.number == STATE && modified.get("sact") == Some(&Value::Bool(true)) =>
            {
                self.state_entered(txn, draft)?;
            }
            Change::Delete { old, .. } if old.ty() == ACTION => {
                self.work.set_period(old.id(), None, txn.now())
            }
            _ => {}
        }
        if self.index.is_empty() { Ok(()) } else { self.concerns(txn, change) }
    }

    async fn run(self: Arc<Self>, cse: Arc<Cse>, mut stop: Stop) -> anyhow::Result<()> {
        tokio::select! {
            ended = Arc::clone(&self).carry_out(&cse) => ended,
            () = index::tidy(&self.index, &cse) => Ok(()),
            () = stop.stopped() => Ok(()),
        }
    }

    fn report(&self) -> Report {
        let set_off = self.set_off.load(Ordering::Relaxed);
        let (cut, missed) = (self.cut.load(Ordering::Relaxed), self.missed.load(Ordering::Relaxed));
        Report {
            summary: format!("{set_off} actions carried out since the start, {cut} loops cut"),
            figures: vec![
                ("set_off", set_off),
                ("cut", cut),
                ("missed", missed),
                ("periodic", self.work.periodic() as u64),
            ],
        }
    }
}

impl Actions {
    fn count_set_off(&self) {
        self.set_off.fetch_add(1, Ordering::Relaxed);
    }

    fn count_cut(&self) {
        self.cut.fetch_add(1, Ordering::Relaxed);
    }

    fn count_missed(&self) {
        self.missed.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes an action up that is stored.
    fn enter(&self, txn: &mut Txn<'_>, id: Id, parent: Id, attributes: &Object) -> Result<(), Failure> {
        self.work.set_period(id, evaluate::period(attributes), txn.now());
        if let Ok(subject) = attributes::subject_of(txn, parent, attributes) {
            self.index.add(subject.resource.id(), id);
        }
        Ok(())
    }

    /// A new or changed action looks at a subject. OPERATION_NOT_ALLOWED if too many do.
    fn watch(&self, txn: &mut Txn<'_>, draft: &Draft, subject: Id) -> Result<(), Failure> {
        if !self.index.add(subject, draft.id) {
            self.watchers(txn, subject)?;
            if !self.index.add(subject, draft.id) {
                return Err(Failure::not_allowed("too many actions look at this subject"));
            }
        }
        self.work.set_period(draft.id, evaluate::period(&draft.attributes), txn.now());
        Ok(())
    }

    /// An action gets a new version.
    fn update(
        &self,
        txn: &mut Txn<'_>,
        call: Option<&Call>,
        old: &Arc<Resource>,
        draft: &mut Draft,
        modified: &Object,
    ) -> Result<(), Failure> {
        let Some(call) = call else {
            return match self.work.under_way(draft.id).filter(|_| modified.is_empty()) {
                Some(chain) => self.evaluate_by_itself(txn, old, draft, &chain),
                None => Ok(()),
            };
        };
        if !attributes::is_specific(modified) {
            return Ok(());
        }
        let subject = attributes::check_action(txn, call, old.parent(), draft)?;
        if modified.contains_key("evm") {
            // It begins anew.
            draft.attributes.shift_remove("air");
        }
        self.watch(txn, draft, subject.resource.id())
    }

    /// Evaluates an action in a transaction of its own, which fails if there is nothing to do.
    fn evaluate_by_itself(
        &self,
        txn: &mut Txn<'_>,
        old: &Arc<Resource>,
        draft: &mut Draft,
        chain: &Chain,
    ) -> Result<(), Failure> {
        let Some(set_off) = self.evaluate(txn, old, old.attributes(), None, chain)? else {
            return Err(Failure::new(StatusCode::NotAcceptable, "the action is not to be carried out now"));
        };
        for (name, value) in set_off.changes {
            match value {
                Value::Null => drop(draft.attributes.shift_remove(&name)),
                value => draft.set(&name, value),
            }
        }
        self.work.send(vec![set_off.errand]);
        Ok(())
    }

    /// Evaluates the actions that a change concerns.
    fn concerns(&self, txn: &mut Txn<'_>, change: &Change<'_>) -> Result<(), Failure> {
        match change {
            Change::Create { parent, draft, .. } => {
                let fresh = Fresh { id: parent.id(), is_latest: true, attributes: &draft.attributes };
                if matches!(draft.table.number, 4 | 30) {
                    self.set_off_all(txn, Occasion { fresh, touches: &|_| true })?;
                }
                self.counters_change(txn, parent.id())
            }
            Change::Update { old, draft, modified, .. } => {
                let touches =
                    |name: &str| modified.contains_key(name) || old.get(name) != draft.attributes.get(name);
                let fresh = Fresh { id: old.id(), is_latest: false, attributes: &draft.attributes };
                self.set_off_all(txn, Occasion { fresh, touches: &touches })
            }
            Change::Delete { parent: Some(parent), .. } => self.counters_change(txn, parent.id()),
            Change::Delete { .. } => Ok(()),
        }
    }

    /// Carries out the actions that look at what changes.
    fn set_off_all(&self, txn: &mut Txn<'_>, occasion: Occasion<'_>) -> Result<(), Failure> {
        let chain = self.cause(txn);
        let mut errands = Vec::new();
        for action in self.watchers(txn, occasion.fresh.id)? {
            let attributes = action.attributes();
            let looks_at_latest =
                attributes.get("sri").and_then(Value::as_str).is_some_and(|sri| sri.ends_with("/la"));
            if looks_at_latest != occasion.fresh.is_latest {
                continue;
            }
            if let Some(set_off) = self.evaluate(txn, &action, attributes, Some(occasion), &chain)? {
                txn.modify(&action, &set_off.changes)?;
                errands.push(set_off.errand);
            }
        }
        if !errands.is_empty() {
            self.work.send(errands);
        }
        Ok(())
    }

    /// A resource got or lost a child, which may change its counters when the transaction is further on: actions that
    /// look at these are evaluated after it.
    fn counters_change(&self, txn: &mut Txn<'_>, parent: Id) -> Result<(), Failure> {
        for id in self.index.of(parent) {
            let looks_at_counters = txn.resource(id)?.is_some_and(|action| {
                let subject = action.get("evc").and_then(|evc| evc.get("sbjt")).and_then(Value::as_str);
                subject.is_some_and(|name| COUNTERS.contains(&name))
                    && Mode::of(action.attributes()) != Mode::Periodic
            });
            if looks_at_counters {
                self.work.look_again(id, self.cause(txn));
            }
        }
        Ok(())
    }

    /// A state becomes active: its action begins anew, and is carried out if its criteria hold already.
    fn state_entered(&self, txn: &mut Txn<'_>, state: &Draft) -> Result<(), Failure> {
        let children = txn.children(state.id, &[ACTION as i32], 0, PAGE)?;
        let Some(present) = txn.resource(state.id)? else { return Ok(()) };
        for action in children {
            if is_state_action(txn, &present, &action)? {
                if action.get("air").is_some() {
                    txn.modify(&action, &[("air".to_owned(), Value::Null)].into_iter().collect())?;
                }
                self.work.look_again(action.id(), self.cause(txn));
            }
        }
        Ok(())
    }

    /// Remembers what led to the changes of a transaction.
    fn note_cause(&self, txn: &mut Txn<'_>, change: &Change<'_>) -> Result<(), Failure> {
        let (Change::Create { call, .. } | Change::Update { call, .. } | Change::Delete { call, .. }) =
            change;
        if let Some(call) = call {
            let chain = Chain::of(txn, call)?;
            *self.cause.lock().unwrap_or_else(PoisonError::into_inner) = (txn.now(), chain);
        }
        Ok(())
    }

    fn cause(&self, txn: &Txn<'_>) -> Chain {
        let cause = self.cause.lock().unwrap_or_else(PoisonError::into_inner);
        if cause.0 == txn.now() { cause.1.clone() } else { Chain::default() }
    }
}
