//! Lists of contacts (TS-0001 9.6.45, 9.6.46; TS-0004 7.4.53, 7.4.54, 7.5.1.2.17): which CSEs have resources that refer to
//! which AEs. For infrastructure nodes alone.
//!
//! Responsible for: `<AEContactList>` with one `<AEContactListPerCSE>` for each CSE, by this node's own resources and by
//! what other CSEs tell. A reference is noted in the transaction that makes it; the list follows a moment later,
//! however many references change at once. Telling CSEs that an AE has moved is left to others.

mod reference;
mod report;
mod tally;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use async_trait::async_trait;
use dyad_core::config::CseType;
use dyad_core::request::{Call, Target};
use dyad_core::resource::{Id, Lookup, Resource, Txn, resolve};
use dyad_core::{Alarms, Change, Cse, Facets, Report, ServiceFunction, Stage};
use dyad_protocol::{Failure, Object, Operation, Response, Timestamp};
use serde_json::Value;

use tally::Tally;

const CSE_BASE: u32 = 5;
const LIST: u32 = 43;
const PER_CSE: u32 = 44;

/// CSEs that the list is kept for at most.
const MOST: usize = 1_000;

/// Resources that are read at a time.
const PAGE: usize = 500;

/// The lists go with the node.
const EXPIRES: &str = "99991231T235959";

/// Keeps lists of contacts.
#[derive(Debug, Default)]
pub struct ContactLists {
    /// Number of the list of this node; 0 as long as there is none.
    own: AtomicI64,
    changed: AtomicU64,
}

#[async_trait]
impl ServiceFunction for ContactLists {
    fn name(&self) -> &'static str {
        "contact-list"
    }

    fn may_block(&self) -> bool {
        false
    }

    fn owns(&self) -> &[u32] {
        &[LIST, PER_CSE]
    }

    fn stages(&self) -> &'static [Stage] {
        &[Stage::Intercept]
    }

    fn takes_part(&self, stage: Stage, call: &Call, target: &Target) -> bool {
        stage == Stage::Intercept
            && call.request.operation == Operation::Notify
            && target.resource.ty() == CSE_BASE
            && target.virtual_child.is_none()
    }

    async fn intercept(
        &self,
        cse: &Cse,
        call: &Arc<Call>,
        target: &Target,
    ) -> Result<ControlFlow<Response>, Failure> {
        report::take(self, cse, call, target).await
    }

    /// Finds the list of this node, or makes it from all that is there.
    fn begin(&self, txn: &mut Txn<'_>) -> Result<(), Failure> {
        self.own.store(0, Ordering::Relaxed);
        let cse = txn.cse();
        if cse.config().cse_type != CseType::In {
            return Ok(());
        }
        let own = &cse.config().cse_id;
        let known = match txn.of_type(43, 0, 1)?.first() {
            Some(list) => of_cse(txn, list, own)?,
            None => None,
        };
        let per_cse = match known {
            Some(per_cse) => per_cse,
            None => begin_anew(txn, own)?,
        };
        self.own.store(per_cse.id(), Ordering::Relaxed);
        Ok(())
    }

    fn apply(&self, txn: &mut Txn<'_>, change: &mut Change<'_>) -> Result<(), Failure> {
        match change {
            Change::Create { draft, .. } if reference::may_be_in(draft.table.number) => {
                let after = reference::of(txn.cse().config(), draft.table.number, &draft.attributes);
                self.refer(txn, &[], &after)
            }
            Change::Update { old, draft, modified, .. } if reference::may_change(old.ty(), modified) => {
                let config = txn.cse().config();
                let before = reference::of(config, old.ty(), old.attributes());
                let after = reference::of(config, old.ty(), &draft.attributes);
                self.refer(txn, &before, &after)
            }
            Change::Delete { old, .. } if reference::may_be_in(old.ty()) => {
                let before = reference::of(txn.cse().config(), old.ty(), old.attributes());
                self.refer(txn, &before, &[])
            }
            Change::Create { draft, .. } if matches!(draft.table.number, LIST | PER_CSE) => {
                draft.set("et", EXPIRES);
                if draft.table.number == LIST {
                    draft.set("nic", 0);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn facets(&self) -> Facets<'_> {
        Facets { alarms: Some(self), ..Facets::default() }
    }

    fn report(&self) -> Report {
        let changed = self.changed.load(Ordering::Relaxed);
        Report {
            summary: format!("lists of contacts changed {changed} times since the start"),
            figures: vec![("changed", changed)],
        }
    }
}

impl Alarms for ContactLists {
    /// References have changed.
    fn ring(&self, txn: &mut Txn<'_>, per_cse: &Arc<Resource>, state: &str) -> Result<(), Failure> {
        let tally = Tally::parse(state);
        let entities: Vec<Value> = tally.entities().map(Value::from).collect();
        let before = per_cse.get("ail").and_then(Value::as_array);
        if before.map_or(&[][..], Vec::as_slice) != entities {
            let is_impact = before.is_some() == entities.is_empty();
            let list = if entities.is_empty() { Value::Null } else { Value::from(entities) };
            let _ = txn.modify(per_cse, &Object::from_iter([("ail".to_owned(), list)]))?;
            if is_impact {
                count(txn, per_cse.parent())?;
            }
            self.changed.fetch_add(1, Ordering::Relaxed);
        }
        txn.set_alarm(per_cse, Timestamp::NEVER, tally.to_string());
        Ok(())
    }
}

impl ContactLists {
    /// Number of the list of this node.
    fn own(&self) -> Id {
        self.own.load(Ordering::Relaxed)
    }

    /// Notes what the resources of this node refer to.
    fn refer(&self, txn: &mut Txn<'_>, before: &[String], after: &[String]) -> Result<(), Failure> {
        let lacks = |list: &[String], entity: &&String| list.binary_search(entity).is_err();
        let gone: Vec<&String> = before.iter().filter(|entity| lacks(after, entity)).collect();
        let new: Vec<&String> = after.iter().filter(|entity| lacks(before, entity)).collect();
        if gone.is_empty() && new.is_empty() {
            return Ok(());
        }
        match txn.resource(self.own())? {
            Some(per_cse) => note(txn, &per_cse, &gone, &new),
            None => Ok(()),
        }
    }
}

/// Makes the list of this node from all that is there.
fn begin_anew(txn: &mut Txn<'_>, own: &str) -> Result<Arc<Resource>, Failure> {
    let cse = txn.cse();
    let list = match txn.of_type(43, 0, 1)?.into_iter().next() {
        Some(list) => list,
        None => {
            let base = resolve(txn, "-")?.ok_or_else(|| Failure::internal("there is no CSEBase"))?;
            txn.create(&base, LIST, Object::new())?
        }
    };
    let per_cse = make(txn, &list, own)?;
    let mut tally = Tally::default();
    for ty in reference::TYPES {
        let mut after = 0;
        loop {
            let page = txn.of_type(ty, after, PAGE)?;
            for resource in &page {
                let found = reference::of(cse.config(), resource.ty(), resource.attributes());
                found.iter().for_each(|entity| tally.add(entity));
            }
            match page.last() {
                Some(last) if page.len() >= PAGE => after = last.id(),
                _ => break,
            }
        }
    }
    txn.set_alarm(&per_cse, txn.now(), tally.to_string());
    Ok(per_cse)
}

/// Notes references, for the list to follow.
fn note(txn: &mut Txn<'_>, per_cse: &Resource, gone: &[&String], new: &[&String]) -> Result<(), Failure> {
    let before = txn.alarm(per_cse.id())?;
    let state = tally::continued(before.as_ref().map_or("", |alarm| &alarm.state), gone, new);
    txn.set_alarm(per_cse, txn.now(), state);
    Ok(())
}

/// The list of a CSE.
fn of_cse(txn: &mut Txn<'_>, list: &Resource, cse: &str) -> Result<Option<Arc<Resource>>, Failure> {
    let all = txn.children(list.id(), &[44], 0, MOST)?;
    Ok(all.into_iter().find(|per_cse| per_cse.text("csi") == Some(cse)))
}

fn make(txn: &mut Txn<'_>, list: &Arc<Resource>, cse: &str) -> Result<Arc<Resource>, Failure> {
    txn.create(list, PER_CSE, Object::from_iter([("csi".to_owned(), Value::from(cse))]))
}

/// Counts the CSEs that refer to AEs.
fn count(txn: &mut Txn<'_>, list: Id) -> Result<(), Failure> {
    let Some(list) = txn.resource(list)? else { return Ok(()) };
    let all = txn.children(list.id(), &[44], 0, MOST)?;
    let impacted = all.iter().filter(|per_cse| per_cse.get("ail").is_some()).count();
    txn.modify(&list, &Object::from_iter([("nic".to_owned(), Value::from(impacted))])).map(drop)
}
