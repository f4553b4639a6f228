//! The closest node that knows where it is (TS-0004 7.4.10.2.1 step 5): fewest hops, as `<node>`s say who their neighbours
//! are.
//!
//! A node is where an AE on it (`hael`) says that it is (`loc`). Its neighbours are those that its `[areaNwkDeviceInfo]`
//! names (`lnh`), by addresses of nodes or of their `[areaNwkDeviceInfo]`.

use std::collections::VecDeque;
use std::sync::Arc;

use dyad_core::Cse;
use dyad_core::request::path_here;
use dyad_core::resource::{Id, Lookup, Resource, resolve};
use dyad_protocol::Failure;
use serde_json::Value;

use super::position;

const MANAGEMENT: u32 = 13;
const NODE: u32 = 14;

/// The management definition of `[areaNwkDeviceInfo]`.
const AREA_DEVICE: u64 = 1005;

/// Nodes that are looked at.
const MOST: usize = 200;

/// The location of the node closest to an AE that is not this AE's own; that of the node of this CSE if there is none.
pub(super) fn closest(
    cse: &Cse,
    look: &mut impl Lookup,
    entity: Option<&Resource>,
) -> Result<Option<Value>, Failure> {
    let link = entity.and_then(|entity| entity.text("nl"));
    let start = match link {
        Some(link) => at(cse, look, link)?.filter(|node| node.ty() == NODE),
        None => None,
    };
    let own = entity.map(|entity| entity.ri().into_owned()).unwrap_or_default();
    if let Some(start) = start
        && let Some(found) = search(cse, look, start, &own)?
    {
        return Ok(Some(found));
    }
    match host(cse, look)? {
        Some(host) => location(look, &host, &own),
        None => Ok(None),
    }
}

/// Looks at nodes in the order of their distance.
fn search(
    cse: &Cse,
    look: &mut impl Lookup,
    start: Arc<Resource>,
    own: &str,
) -> Result<Option<Value>, Failure> {
    let mut seen: Vec<Id> = vec![start.id()];
    let mut next = VecDeque::from([start]);
    while let Some(node) = next.pop_front() {
        if let Some(found) = location(look, &node, own)? {
            return Ok(Some(found));
        }
        for neighbour in neighbours(cse, look, &node)? {
            if seen.len() < MOST && !seen.contains(&neighbour.id()) {
                seen.push(neighbour.id());
                next.push_back(neighbour);
            }
        }
    }
    Ok(None)
}

/// Where a node is: where the first AE on it is that says so.
fn location(look: &mut impl Lookup, node: &Resource, own: &str) -> Result<Option<Value>, Failure> {
    for id in node.texts("hael").filter(|id| *id != own).take(MOST) {
        if let Some(found) = position::entity(look, id)?.and_then(|entity| position::location(&entity)) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn neighbours(cse: &Cse, look: &mut impl Lookup, node: &Resource) -> Result<Vec<Arc<Resource>>, Failure> {
    let mut found = Vec::new();
    for device in look.children(node.id(), &[MANAGEMENT as i32], 0, MOST)? {
        if device.number("mgd") != Some(AREA_DEVICE) {
            continue;
        }
        for address in device.texts("lnh").take(MOST) {
            let Some(neighbour) = at(cse, look, address)? else { continue };
            let node = match neighbour.ty() {
                MANAGEMENT => look.resource(neighbour.parent())?,
                _ => Some(neighbour),
            };
            found.extend(node.filter(|node| node.ty() == NODE));
        }
    }
    Ok(found)
}

/// The node of this CSE.
fn host(cse: &Cse, look: &mut impl Lookup) -> Result<Option<Arc<Resource>>, Failure> {
    let config = cse.config();
    let Some(base) = resolve(look, "-")? else { return Ok(None) };
    let is_host = |node: &Arc<Resource>| {
        node.text("hcl").is_some_and(|link| link == config.cse_id || link == config.cse_base_id())
    };
    Ok(look.children(base.id(), &[NODE as i32], 0, MOST)?.into_iter().find(is_host))
}

/// What is at an address; `None` for nothing, and for an address elsewhere.
fn at(cse: &Cse, look: &mut impl Lookup, address: &str) -> Result<Option<Arc<Resource>>, Failure> {
    match path_here(cse, address) {
        Ok(Some(path)) => resolve(look, path),
        _ => Ok(None),
    }
}
