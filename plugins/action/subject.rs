//! The resources that evaluation criteria look at.
//!
//! A subject is a resource on this node. The latest instance of a container or time series (`…/la`) is one too, under
//! the number of its parent: whichever instance that is.

use std::sync::Arc;

use dyad_core::request::{Asker, Target, Virtual, path_here};
use dyad_core::resource::{Id, Lookup, Resource, Txn};
use dyad_core::{Cse, access};
use dyad_protocol::schema::TypeTable;
use dyad_protocol::{Failure, Object, StatusCode};

use super::criteria::Criteria;

/// A subject.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// The resource; the parent of instances.
    pub(crate) resource: Arc<Resource>,
    /// Whether the latest instance below it is meant.
    pub(crate) is_latest: bool,
}

/// A resource in the making, which is newer than what the transaction knows of it.
#[derive(Clone, Copy)]
pub(crate) struct Fresh<'a> {
    /// The number of the resource; of its parent for an instance.
    pub(crate) id: Id,
    /// Whether it is the latest instance below its parent.
    pub(crate) is_latest: bool,
    /// What it will be.
    pub(crate) attributes: &'a Object,
}

/// The subject at an address. `None` if there is none; NOT_IMPLEMENTED on another node, BAD_REQUEST for what cannot be
/// one.
pub(crate) fn find(txn: &mut Txn<'_>, address: &str) -> Result<Option<Subject>, Failure> {
    let (cse, now) = (txn.cse(), txn.now());
    let Some(path) = path_here(cse, address)? else {
        return Err(Failure::not_implemented(format!(
            "{address} is on another node and cannot be looked at"
        )));
    };
    match Target::at(txn, path, now) {
        Ok(Target { resource, virtual_child: None }) => Ok(Some(Subject { resource, is_latest: false })),
        Ok(Target { resource, virtual_child: Some(Virtual::Latest) }) => {
            Ok(Some(Subject { resource, is_latest: true }))
        }
        Ok(_) => Err(Failure::bad_request(format!("{address} has no attributes of its own"))),
        Err(failure) if failure.rsc == StatusCode::NotFound && failure.source.is_none() => Ok(None),
        Err(failure) => Err(failure),
    }
}

impl Subject {
    /// The table that its attributes follow.
    fn table(&self, cse: &Cse) -> Option<Arc<TypeTable>> {
        if !self.is_latest {
            return Some(Arc::clone(self.resource.table()));
        }
        let instance = match self.resource.ty() {
            3 => 4,
            29 => 30,
            _ => return None,
        };
        cse.schemas().by_number(instance).cloned()
    }

    /// Whether somebody may read it.
    pub(crate) fn may_be_read(&self, txn: &mut Txn<'_>, originator: &str) -> Result<bool, Failure> {
        let (cse, now) = (txn.cse(), txn.now());
        let asker = Asker::from_id(cse, originator, now, None, false);
        permitted(access::authorize(txn, cse, &asker, &self.resource, access::operation::RETRIEVE, None))
    }

    /// Whether criteria hold for it; for what is in the making, by what it will be.
    pub(crate) fn meets(
        &self,
        txn: &mut Txn<'_>,
        criteria: &Criteria<'_>,
        fresh: Option<Fresh<'_>>,
    ) -> Result<bool, Failure> {
        if let Some(fresh) = fresh
            && fresh.id == self.resource.id()
            && fresh.is_latest == self.is_latest
        {
            return Ok(criteria.hold(fresh.attributes));
        }
        let id = match self.is_latest {
            true => txn.latest(&self.resource)?,
            false => Some(self.resource.id()),
        };
        let Some(id) = id else { return Ok(false) };
        let now = txn.now();
        Ok(txn.resource(id)?.is_some_and(|found| !found.is_expired(now) && criteria.hold(found.attributes())))
    }
}

/// Checks that somebody may read what criteria look at, and that they suit it. BAD_REQUEST if not, as TS-0004 has it for
/// `<action>` and `<dependency>`.
pub(crate) fn check(
    txn: &mut Txn<'_>,
    originator: &str,
    subject: &Subject,
    criteria: &Criteria<'_>,
) -> Result<(), Failure> {
    if !subject.may_be_read(txn, originator)? {
        return Err(Failure::bad_request("the subject does not exist or may not be retrieved"));
    }
    let Some(table) = subject.table(txn.cse()) else {
        return Err(Failure::bad_request("the subject has no instances whose type is known"));
    };
    criteria.check(&table)
}

/// Turns a refusal by access control into an answer.
pub(crate) fn permitted(outcome: Result<(), Failure>) -> Result<bool, Failure> {
    match outcome {
        Ok(()) => Ok(true),
        Err(failure) if failure.rsc == StatusCode::OriginatorHasNoPrivilege => Ok(false),
        Err(failure) => Err(failure),
    }
}
