//! When is an action carried out? (TS-0001 10.2.21)
//!
//! Evaluation happens in the transaction of the change that concerns the subject; for periodic actions, and for counters
//! that change along with instances, in one of its own. Carrying out is an errand of that transaction.

use std::sync::Arc;

use dyad_core::resource::{Id, Lookup, Resource, Txn, resolve};
use dyad_protocol::time::Span;
use dyad_protocol::{Failure, Object, StatusCode};
use serde_json::{Value, json};

use super::attributes::{dependencies, dependency_at, request, subject_of};
use super::chain::Chain;
use super::criteria::Criteria;
use super::subject::{self, Fresh};
use super::work::Errand;
use super::{Actions, Mode, STATE};

/// The period of periodic actions that name none, as far as the specification leaves it open.
const DEFAULT_PERIOD: Span = Span::from_seconds(10);

/// The shortest period that is kept to, in milliseconds.
const SHORTEST_PERIOD: u64 = 100;

/// A result that is larger, in bytes, is recorded without its content.
const LARGEST_RESULT: usize = 64 << 10;

/// `processStatus` of a process that goes from state to state.
const ACTIVATED: u64 = 3;

/// How often an action is evaluated by itself.
pub(super) fn period(attributes: &Object) -> Option<Span> {
    if Mode::of(attributes) != Mode::Periodic {
        return None;
    }
    let millis = attributes.get("ecp").and_then(Value::as_u64);
    Some(millis.map_or(DEFAULT_PERIOD, |millis| {
        Span::from(std::time::Duration::from_millis(millis.max(SHORTEST_PERIOD)))
    }))
}

/// A change of a subject.
#[derive(Clone, Copy)]
pub(super) struct Occasion<'a> {
    /// What the subject will be.
    pub(super) fresh: Fresh<'a>,
    /// Whether an attribute was touched by it.
    pub(super) touches: &'a dyn Fn(&str) -> bool,
}

/// What becomes of an action that is carried out.
pub(super) struct SetOff {
    /// New values of its attributes.
    pub(super) changes: Object,
    /// The errand.
    pub(super) errand: Errand,
}

impl Actions {
    /// Evaluates an action on a change of its subject. `None` if it is not to be carried out.
    pub(super) fn evaluate(
        &self,
        txn: &mut Txn<'_>,
        action: &Arc<Resource>,
        attributes: &Object,
        occasion: Option<Occasion<'_>>,
        chain: &Chain,
    ) -> Result<Option<SetOff>, Failure> {
        let mode = Mode::of(attributes);
        let is_due = match mode {
            Mode::Off => false,
            Mode::Once => !attributes.contains_key("air"),
            Mode::Periodic => occasion.is_none(),
            Mode::Continuous => true,
        };
        if !is_due || action.is_expired(txn.now()) {
            return Ok(None);
        }
        let criteria = Criteria::parse(attributes.get("evc"))?;
        if occasion.is_some_and(|occasion| !(occasion.touches)(criteria.attribute)) {
            return Ok(None);
        }
        let Ok(subject) = subject_of(txn, action.parent(), attributes) else { return Ok(None) };
        let fresh = occasion.map(|occasion| occasion.fresh);
        if !subject.meets(txn, &criteria, fresh)? || !is_in_force(txn, action)? {
            return Ok(None);
        }
        let request = request(attributes)?;
        let creator = request.from.clone().unwrap_or_default();
        if !subject.may_be_read(txn, &creator)? || !depends_well(txn, action, attributes, fresh)? {
            return Ok(None);
        }
        self.set_off(txn, action, attributes, request, chain)
    }

    /// Sends on the errand.
    fn set_off(
        &self,
        txn: &mut Txn<'_>,
        action: &Arc<Resource>,
        attributes: &Object,
        request: dyad_protocol::Request,
        chain: &Chain,
    ) -> Result<Option<SetOff>, Failure> {
        if !chain.admits(&action.ri()) {
            self.count_cut();
            tracing::debug!(action = %action.ri(), "an action would set itself off, directly or by others, and is not carried out");
            return Ok(None);
        }
        let Ok(place) = txn.cse().pending_place() else {
            self.count_missed();
            tracing::debug!(action = %action.ri(), "too many requests are pending: an action is not carried out");
            return Ok(None);
        };
        let accepted = json!({
            "rsc": StatusCode::Accepted.number(),
            "rqi": request.request_identifier,
        });
        let kept = txn.send_on_errand(request, chain.labels(&action.ri()))?;
        let mut changes = Object::new();
        changes.insert("air".into(), accepted);
        if let (Mode::Continuous, Some(left)) =
            (Mode::of(attributes), attributes.get("ecp").and_then(Value::as_u64))
        {
            if left <= 1 {
                changes.insert("evm".into(), Mode::Off.number().into());
                changes.insert("ecp".into(), Value::Null);
            } else {
                changes.insert("ecp".into(), (left - 1).into());
            }
        }
        self.count_set_off();
        let errand = Errand { kept, arrival: chain.arrival(), _place: place };
        Ok(Some(SetOff { changes, errand }))
    }

    /// Records the result of an errand in its action, if that is still there.
    pub(super) fn record(&self, txn: &mut Txn<'_>, action: &str, result: &Value) -> Result<(), Failure> {
        let Some(action) = resolve(txn, action)?.filter(|found| found.ty() == super::ACTION) else {
            return Ok(());
        };
        let mut result = result.clone();
        if result.to_string().len() > LARGEST_RESULT
            && let Some(members) = result.as_object_mut()
        {
            members.shift_remove("pc");
        }
        txn.modify(&action, &[("air".to_owned(), result)].into_iter().collect()).map(drop)
    }

    /// Those that may look at a subject and are still there, the most important first.
    pub(super) fn watchers(&self, txn: &mut Txn<'_>, subject: Id) -> Result<Vec<Arc<Resource>>, Failure> {
        let mut found = Vec::new();
        for id in self.index.of(subject) {
            match txn.resource(id)? {
                Some(action) => found.push(action),
                None => self.index.remove(subject, id),
            }
        }
        found.sort_by_key(|action| (action.number("apy").unwrap_or(u64::MAX), action.id()));
        Ok(found)
    }
}

/// Whether an action counts at present: one of a state does while the state is active and names it.
fn is_in_force(txn: &mut Txn<'_>, action: &Resource) -> Result<bool, Failure> {
    let Some(parent) = txn.resource(action.parent())? else { return Ok(false) };
    if parent.ty() != STATE {
        return Ok(true);
    }
    let is_activated =
        txn.resource(parent.parent())?.is_some_and(|process| process.number("prst") == Some(ACTIVATED));
    Ok(is_activated && parent.is_set("sact") && is_state_action(txn, &parent, action)?)
}

/// Whether a state names an action as its own.
pub(super) fn is_state_action(
    txn: &mut Txn<'_>,
    state: &Resource,
    action: &Resource,
) -> Result<bool, Failure> {
    let Some(address) = state.text("stac") else { return Ok(false) };
    let Some(path) = dyad_core::request::path_here(txn.cse(), address)? else { return Ok(false) };
    Ok(resolve(txn, path)?.is_some_and(|found| found.id() == action.id()))
}

/// Whether the dependencies of an action are met: one that is sufficient, or all that are necessary. One that is gone
/// is not met.
fn depends_well(
    txn: &mut Txn<'_>,
    action: &Resource,
    attributes: &Object,
    fresh: Option<Fresh<'_>>,
) -> Result<bool, Failure> {
    let (mut necessary, mut all_met, mut is_empty) = (0, true, true);
    for address in dependencies(attributes) {
        is_empty = false;
        let Some(dependency) = dependency_at(txn, action.id(), address)? else {
            (necessary, all_met) = (necessary + 1, false);
            continue;
        };
        let is_met = is_met(txn, &dependency, fresh)?;
        if dependency.is_set("sfc") {
            if is_met {
                return Ok(true);
            }
        } else {
            necessary += 1;
            all_met &= is_met;
        }
    }
    Ok(is_empty || (necessary > 0 && all_met))
}

fn is_met(txn: &mut Txn<'_>, dependency: &Resource, fresh: Option<Fresh<'_>>) -> Result<bool, Failure> {
    let address = dependency.text("rri").unwrap_or_default();
    let Ok(Some(subject)) = subject::find(txn, address) else { return Ok(false) };
    let criteria = Criteria::parse(dependency.get("evc"))?;
    let creator = dependency.originator().unwrap_or_default().to_owned();
    Ok(!dependency.is_expired(txn.now())
        && subject.meets(txn, &criteria, fresh)?
        && subject.may_be_read(txn, &creator)?)
}
