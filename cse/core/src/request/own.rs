//! What the node makes, changes and removes of its own accord, inside a write transaction.
//!
//! The same procedures as for a request (TS-0004 7.3.3.5, 7.3.3.7, 7.3.3.8), with universal attributes, type
//! behaviour and service functions, so that subscriptions see it; without a request, and therefore without access
//! control and without the checks of what an originator may send. Whoever calls answers for both.

use std::sync::Arc;

use dyad_protocol::primitive::ResourceType;
use dyad_protocol::schema::TypeTable;
use dyad_protocol::{Failure, Object};
use serde_json::Value;

use super::create::{self, By};
use super::sketch::Sketch;
use super::{Cause, remove_subtree, update};
use crate::Cse;
use crate::function::ServiceFunction;
use crate::resource::{Id, Lookup, Resource, Txn};

/// What becomes of a resource that a service function looks after.
#[derive(Clone, Debug, PartialEq)]
pub enum Amendment {
    /// It stays as it is.
    Keep,
    /// New values by short names, `null` for attributes that go.
    Modify(Object),
    /// It goes, with everything below it.
    Delete,
}

impl Cse {
    /// Changes a resource of a type that `owner` owns, where the procedures of the type want that apart from any
    /// request: `amend` sees the present version in the write transaction, possibly twice. A resource that is gone
    /// stays gone.
    ///
    /// Nobody is asked for rights: a function answers for what it makes of its own types, and gets at no other.
    pub async fn amend(
        &self,
        owner: &dyn ServiceFunction,
        id: Id,
        mut amend: impl FnMut(&Resource) -> Amendment + Send + 'static,
    ) -> Result<(), Failure> {
        let outcome = self.amend_with(owner, id, move |_, resource| Ok((amend(resource), ()))).await;
        outcome.map(Option::unwrap_or_default)
    }

    /// The same where the procedures of the type concern more than the resource, such as what is below it: `amend` does
    /// that in the transaction itself, and may give something back. `None` for a resource that is gone.
    pub async fn amend_with<T: Send + 'static>(
        &self,
        owner: &dyn ServiceFunction,
        id: Id,
        mut amend: impl FnMut(&mut Txn<'_>, &Arc<Resource>) -> Result<(Amendment, T), Failure> + Send + 'static,
    ) -> Result<Option<T>, Failure> {
        let owned = owner.owns().to_vec();
        self.writer()
            .run(move |txn| {
                let Some(resource) = txn.resource(id)? else { return Ok(None) };
                if !owned.contains(&resource.ty()) {
                    return Err(Failure::internal("a service function amends a type that it does not own"));
                }
                let (amendment, outcome) = amend(txn, &resource)?;
                match amendment {
                    Amendment::Keep => {}
                    Amendment::Modify(changes) => drop(txn.modify(&resource, &changes)?),
                    Amendment::Delete => txn.delete(&resource)?,
                }
                Ok(Some(outcome))
            })
            .await
    }
}

impl Txn<'_> {
    /// Makes a resource of a type below `parent`: `attributes` by their short names, `rn` and `et` among them if
    /// they matter. The specialisation of a flexContainer or mgmtObj is that of its `cnd` or `mgd`.
    ///
    /// CONFLICT if the name is taken, NOT_FOUND if the parent is gone, and what the type or a function objects to.
    pub fn create(
        &mut self,
        parent: &Arc<Resource>,
        ty: ResourceType,
        attributes: Object,
    ) -> Result<Arc<Resource>, Failure> {
        self.create_for(parent, ty, attributes, None)
    }

    /// [`Txn::create`] for somebody, who has the rights of a creator as long as no policy says otherwise.
    pub fn create_for(
        &mut self,
        parent: &Arc<Resource>,
        ty: ResourceType,
        attributes: Object,
        creator: Option<&str>,
    ) -> Result<Arc<Resource>, Failure> {
        let table = table(self, ty, &attributes)?;
        self.create_as(parent, table, attributes, creator)
    }

    /// [`Txn::create`] with a table that is at hand, and somebody who has the rights of a creator as long as no
    /// policy says otherwise (TS-0001 9.6.1.3.2).
    pub fn create_as(
        &mut self,
        parent: &Arc<Resource>,
        table: Arc<TypeTable>,
        attributes: Object,
        creator: Option<&str>,
    ) -> Result<Arc<Resource>, Failure> {
        let parent = self.present(parent)?;
        create::make(self, By::Node(creator), &parent, Sketch::new(table, &attributes))
    }

    /// Makes the next version of a resource: new values by short names, `null` for attributes that go. Gives the new
    /// version. NOT_FOUND if the resource is gone.
    pub fn modify(&mut self, resource: &Arc<Resource>, changes: &Object) -> Result<Arc<Resource>, Failure> {
        let present = self.present(resource)?;
        update::change(self, None, &present, changes)
    }

    /// Removes a resource with everything below it; one that is gone already is no failure.
    pub fn delete(&mut self, resource: &Arc<Resource>) -> Result<(), Failure> {
        match self.resource(resource.id())? {
            Some(present) => remove_subtree(self, None, &present, Cause::Internal).map(drop),
            None => Ok(()),
        }
    }

    /// The version that this transaction sees.
    fn present(&mut self, resource: &Arc<Resource>) -> Result<Arc<Resource>, Failure> {
        self.resource(resource.id())?.ok_or_else(|| Failure::not_found("the resource is gone"))
    }
}

/// The table of a new resource.
fn table(txn: &Txn<'_>, ty: ResourceType, attributes: &Object) -> Result<Arc<TypeTable>, Failure> {
    let schemas = &txn.tree().schemas;
    let found = match ty {
        13 => attributes
            .get("mgd")
            .and_then(Value::as_u64)
            .and_then(|mgd| schemas.by_management_definition(u32::try_from(mgd).ok()?)),
        28 => {
            attributes.get("cnd").and_then(Value::as_str).and_then(|cnd| schemas.by_container_definition(cnd))
        }
        _ => schemas.by_number(ty),
    };
    found
        .cloned()
        .ok_or_else(|| Failure::internal(format!("no schema describes the new resource of type {ty}")))
}
