//! `<CSEBase>` (TS-0004 7.4.3): made by the node itself at its first start.

use std::sync::Arc;

use dyad_protocol::{Failure, Object, Serialization, Timestamp};
use serde_json::Value;

use crate::resource::{Draft, Latest, Lookup, Resource, Txn};
use crate::{CSE_BASE, Cse};

/// Makes the CSEBase, or brings it up to date with the settings. Internal failure if the store belongs to a node
/// with another CSE-ID or name.
pub(crate) fn bootstrap(txn: &mut Txn<'_>) -> Result<(), Failure> {
    let Some(old) = txn.resource(CSE_BASE)? else {
        let now = txn.now().to_string();
        let mut draft = Draft {
            table: table(txn.cse())?,
            id: CSE_BASE,
            parent: 0,
            attributes: Object::new(),
            ri: Some(txn.cse().config().cse_base_id().to_owned()),
            rn: Some(txn.cse().config().cse_name.clone()),
            originator: Some(txn.cse().config().admin.clone()),
            latest: Latest::Known(None),
            floor: None,
            expires_with_parent: false,
        };
        draft.set("ct", now.as_str());
        draft.set("lt", now);
        describe(txn.cse(), &mut draft);
        return txn.insert(draft.fix()?);
    };
    let config = txn.cse().config();
    if old.ri() != config.cse_base_id() || old.name() != config.cse_name {
        return Err(Failure::internal(format!(
            "the store belongs to the node /{} ({}), the settings say {} ({}): set cse.id and cse.name to what the \
             store has, or store.url to another store",
            old.ri(),
            old.name(),
            config.cse_id,
            config.cse_name
        )));
    }
    let mut draft = Draft::of(&old);
    describe(txn.cse(), &mut draft);
    if draft.attributes != *old.attributes() {
        draft.set("lt", txn.now().to_string());
        txn.update(&old, draft.fix()?)?;
    }
    Ok(())
}

fn table(cse: &Cse) -> Result<Arc<dyad_protocol::schema::TypeTable>, Failure> {
    let table = cse.tree().schemas.by_number(5).cloned();
    table.ok_or_else(|| Failure::internal("no schema describes the CSEBase"))
}

/// The attributes that follow from the settings and the schemas.
fn describe(cse: &Cse, draft: &mut Draft) {
    let config = cse.config();
    draft.set("rn", config.cse_name.as_str());
    draft.set("ty", 5);
    draft.set("ri", config.cse_base_id());
    draft.set("pi", "");
    draft.set("csi", config.cse_id.as_str());
    draft.set("cst", config.cse_type.number());
    let serializations =
        Serialization::ALL.map(|serialization| format!("application/{}", serialization.name()));
    draft.set("csz", serializations.to_vec());
    draft.set("srv", config.releases.clone());
    draft.set("poa", config.points_of_access.clone());
    let mut types: Vec<u32> = cse
        .tree()
        .schemas
        .iter()
        .filter(|table| !table.is_virtual && table.number < 10_000)
        .filter(|table| super::check_function(cse, table).is_ok())
        .map(|table| table.number)
        .collect();
    types.sort_unstable();
    types.dedup();
    draft.set("srt", types);
    if draft.table.has("spi") {
        draft.set("spi", config.sp_id.as_str());
    }
}

/// The attributes of a resource of which some are true only at the moment of reading: the current time (`ctm`) of
/// the CSEBase.
pub(crate) fn live_attributes(cse: &Cse, resource: &Resource) -> Option<Object> {
    if resource.id() != CSE_BASE || !resource.table().has("ctm") {
        return None;
    }
    let now: Timestamp = cse.clock().now();
    let mut attributes = resource.attributes().clone();
    attributes.insert("ctm".into(), Value::from(now.to_string()));
    Some(attributes)
}
