//! What resource types do beyond their tables: one file per type that behaves differently, dispatched here.
//!
//! A type without an entry in these lists is a table and nothing else.

mod access_control_policy;
mod container;
mod content_instance;
mod cse_base;
mod flex_container;
mod instances;
mod management_object;
mod subscription;
mod time_series_instance;

use std::sync::Arc;

use dyad_protocol::schema::{Schemas, Specialization, TypeTable};
use dyad_protocol::{Failure, Object, StatusCode};
use serde_json::Value;

pub(crate) use cse_base::{bootstrap, live_attributes};
pub(crate) use instances::part_from_parent;

use crate::Cse;
use crate::request::{Asker, Call, Cause};
use crate::resource::{Draft, Id, Lookup, Resource, Txn, resolve};

/// The type of the instances of time series.
const TIME_SERIES_INSTANCE: i32 = 30;

/// The type of the instances of flexContainers.
const FLEX_CONTAINER_INSTANCE: i32 = 58;

/// The type of the instances that a type has, for those that have `la` and `ol`.
pub(crate) fn instance_type(ty: i32) -> Option<i32> {
    match ty {
        3 => Some(4),
        28 => Some(FLEX_CONTAINER_INSTANCE),
        29 => Some(TIME_SERIES_INSTANCE),
        _ => None,
    }
}

/// The type of the instances of a resource.
pub(crate) fn instance_type_of(resource: &Resource) -> Option<i32> {
    instance_type(resource.row().ty)
}

/// Whether a type is one of instances, which are many, are trimmed, and follow the policies of their parent.
pub(crate) fn is_instance(ty: u32) -> bool {
    matches!(ty, 4 | 30 | 58)
}

/// Whether a type is one of resources that nobody but the entity whose child they are may see or change.
pub(crate) fn is_private(ty: u32) -> bool {
    ty == 15
}

/// Whether creating a resource of the type registers an entity with the node: a registration is admitted by its
/// service function, not by access control.
pub(crate) fn is_registration(ty: u32) -> bool {
    ty == 2
}

/// NOT_IMPLEMENTED if the type's procedures need a service function that is not there or switched off: without it nobody
/// would be admitted or notified, so nothing is created or changed.
pub(crate) fn check_function(cse: &Cse, table: &TypeTable) -> Result<(), Failure> {
    let missing = |name: &str| {
        Err(Failure::not_implemented(format!(
            "the service function {name}, which resource type {} needs, is not there or switched off",
            table.number
        )))
    };
    match (cse.hosts().owner(table.number), &table.function) {
        (Some(owner), _) if owner.is_off() => missing(owner.function().name()),
        (None, Some(name)) => missing(name),
        _ => Ok(()),
    }
}

/// Whether the asker is registered with the node.
pub(crate) fn is_registered(look: &mut impl Lookup, asker: &Asker<'_>) -> Result<bool, Failure> {
    if asker.id.is_empty() {
        return Ok(false);
    }
    let entity = resolve(look, asker.id)?;
    Ok(entity
        .is_some_and(|entity| entity.ty() == 2 && entity.ri() == asker.id && !entity.is_expired(asker.now)))
}

/// OPERATION_NOT_ALLOWED if a container disables the retrieval of its instances (TS-0004 7.4.7.2.2).
pub(crate) fn check_retrieval(container: &Resource) -> Result<(), Failure> {
    match container.is_set("disr") {
        true => Err(Failure::not_allowed("retrieval of instances is disabled (disr)")),
        false => Ok(()),
    }
}

/// The same for an instance that is addressed directly.
pub(crate) fn check_visible(look: &mut impl Lookup, resource: &Resource) -> Result<(), Failure> {
    if !is_instance(resource.ty()) {
        return Ok(());
    }
    look.resource(resource.parent())?.map_or(Ok(()), |container| check_retrieval(&container))
}

/// The table that a representation must follow: that of the type, or of the specialisation that the content names
/// by its root and its definition.
pub(crate) fn table_for(
    schemas: &Schemas,
    ty: u32,
    root: &str,
    content: &Object,
) -> Result<Arc<TypeTable>, Failure> {
    let mismatch = || Failure::bad_request(format!("the content {root} is not of resource type {ty}"));
    let missing =
        || Failure::new(StatusCode::SpecializationSchemaNotFound, "the specialization is not known");
    match ty {
        28 => {
            let definition = content.get("cnd").and_then(Value::as_str);
            let definition = definition.ok_or_else(|| Failure::bad_request("cnd is missing"))?;
            // A few types have no definition of their own and are known by their root alone.
            let nameless = schemas.by_root(root).filter(|table| {
                table.number == 28
                    && matches!(&table.specialization, Specialization::Container(own) if own.is_empty())
            });
            let table =
                nameless.or_else(|| schemas.by_container_definition(definition)).ok_or_else(missing)?;
            if table.root == root { Ok(Arc::clone(table)) } else { Err(mismatch()) }
        }
        13 => {
            let definition =
                content.get("mgd").and_then(Value::as_u64).and_then(|mgd| u32::try_from(mgd).ok());
            let definition = definition.ok_or_else(|| Failure::bad_request("mgd is missing or no number"))?;
            let table = schemas.by_management_definition(definition).ok_or_else(missing)?;
            if table.root == root { Ok(Arc::clone(table)) } else { Err(mismatch()) }
        }
        _ => {
            let table = schemas.by_root(root).filter(|table| table.number == ty).ok_or_else(mismatch)?;
            Ok(Arc::clone(table))
        }
    }
}

/// NOT_IMPLEMENTED for what the node would take and do nothing with: announcement. Consultations for dynamic authorization
/// (`daci`) are kept: a node may consult (TS-0001 10.2.3.2), and without an answer nothing is granted.
fn check_supported(attributes: &Object) -> Result<(), Failure> {
    for name in ["at", "aa"] {
        if attributes.get(name).and_then(Value::as_array).is_some_and(|entries| !entries.is_empty()) {
            return Err(Failure::not_implemented(format!("announcement ({name}) is not supported")));
        }
    }
    Ok(())
}

/// The type's part in a CREATE, before the resource is fixed. `call` is what asked for it, if not the node itself.
pub(crate) fn create(
    txn: &mut Txn<'_>,
    call: Option<&Call>,
    parent: &Arc<Resource>,
    draft: &mut Draft,
) -> Result<(), Failure> {
    access_control_policy::check_references(txn, &draft.attributes)?;
    check_supported(&draft.attributes)?;
    crate::geography::check(&draft.attributes)?;
    match draft.table.number {
        1 => access_control_policy::check(&draft.attributes),
        3 | 29 => {
            instances::begin(txn, draft);
            Ok(())
        }
        4 => content_instance::create(txn, parent, draft),
        13 => management_object::check(&draft.table.root, &draft.attributes),
        23 => subscription::create(txn, call, parent, draft),
        28 => {
            flex_container::create(draft);
            Ok(())
        }
        30 => time_series_instance::create(txn, parent, draft),
        2 if call.is_none() => {
            // Of the node itself, which has no registration to ask for its AE-ID.
            if let Some(id) = draft.attributes.get("aei").and_then(Value::as_str).map(str::to_owned) {
                draft.set_resource_id(id);
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The type's part in a CREATE, after the resource is in the tree.
pub(crate) fn created(
    txn: &mut Txn<'_>,
    parent: &Arc<Resource>,
    resource: &Arc<Resource>,
) -> Result<(), Failure> {
    match resource.ty() {
        4 | 30 => instances::appended(txn, parent, resource),
        23 => subscription::created(txn, parent, resource),
        28 => flex_container::snapshot(txn, resource),
        _ => Ok(()),
    }
}

/// The type's part in an UPDATE, before the version is fixed.
pub(crate) fn update(
    txn: &mut Txn<'_>,
    old: &Arc<Resource>,
    draft: &mut Draft,
    sent: &Object,
) -> Result<(), Failure> {
    access_control_policy::check_references(txn, sent)?;
    check_supported(sent)?;
    crate::geography::check(sent)?;
    match draft.table.number {
        1 => access_control_policy::check(&draft.attributes),
        3 => container::update(txn, old, draft, sent),
        13 => management_object::check(&draft.table.root, sent),
        23 => subscription::update(txn, old, draft, sent),
        28 => flex_container::update(txn, old, draft, sent),
        29 => instances::limit(txn, old, draft, sent),
        _ => Ok(()),
    }
}

/// The type's part in an UPDATE, after the version is in the tree.
pub(crate) fn updated(txn: &mut Txn<'_>, resource: &Arc<Resource>, sent: &Object) -> Result<(), Failure> {
    match resource.ty() {
        28 => flex_container::updated(txn, resource, sent),
        _ => Ok(()),
    }
}

/// The parent's part in a DELETE, after the resource is gone.
pub(crate) fn removed(
    txn: &mut Txn<'_>,
    parent: &Arc<Resource>,
    resource: &Arc<Resource>,
    cause: Cause,
) -> Result<(), Failure> {
    match is_instance(resource.ty()) {
        true => instances::removed(txn, parent, resource),
        false if cause == Cause::Request => child_changed(txn, parent.id()),
        false => Ok(()),
    }
}

/// The parent's part in a change of a child that somebody asked for.
pub(crate) fn child_changed(txn: &mut Txn<'_>, parent: Id) -> Result<(), Failure> {
    match txn.resource(parent)? {
        Some(parent) if parent.ty() == 3 => container::count_change(txn, &parent),
        _ => Ok(()),
    }
}
