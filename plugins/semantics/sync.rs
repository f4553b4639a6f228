//! The graphs follow what is committed: before a query, they are compared with the store.
//!
//! Nothing is kept but in memory; after a start the first query reads every descriptor. If nothing was committed since
//! the last query, nothing is read.

use std::sync::{PoisonError, RwLock};

use dyad_core::Cse;
use dyad_core::resource::{Id, Lookup, Snapshot};
use dyad_protocol::{Failure, StatusCode};
use rustc_hash::FxHashSet;

use super::graphs::Graphs;
use super::links::Links;
use super::{DESCRIPTOR, representation};

/// Triples that are kept in memory, at about 150 bytes each.
const TRIPLES: usize = 1_000_000;

/// Brings the graphs up to date. NOT_ACCEPTABLE if there is more to know than is kept in memory.
pub(super) fn bring_up_to_date(cse: &Cse, graphs: &RwLock<Graphs>) -> Result<(), Failure> {
    let epoch = cse.tree().epoch();
    if graphs.read().unwrap_or_else(PoisonError::into_inner).epoch == Some(epoch) {
        return Ok(());
    }
    let mut graphs = graphs.write().unwrap_or_else(PoisonError::into_inner);
    // Taken before the store is read: what is committed meanwhile is looked at once more.
    let epoch = cse.tree().epoch();
    if graphs.epoch == Some(epoch) {
        return Ok(());
    }
    let mut look = Snapshot::new(cse.tree());
    let versions = look.versions(DESCRIPTOR)?;
    if graphs.terms() > 4 * graphs.len() + 100_000 {
        // Terms are never forgotten one by one.
        *graphs = Graphs::default();
    }
    let there: FxHashSet<Id> = versions.iter().map(|(id, _)| *id).collect();
    let gone: Vec<Id> = graphs.ids().filter(|id| !there.contains(id)).collect();
    gone.into_iter().for_each(|id| graphs.remove(id));
    let mut is_behind = false;
    for (id, version) in versions {
        if graphs.version(id) == Some(version) {
            continue;
        }
        let Some(resource) = look.resource(id)? else { continue };
        // The epoch counts a commit that is about to be published: until it is, the tree has the version before.
        is_behind |= resource.row().lt != version;
        // What was stored was readable; if it is no more, it says nothing.
        let triples = representation::triples(resource.attributes()).unwrap_or_default();
        if graphs.len() + triples.len() > TRIPLES {
            return Err(Failure::new(
                StatusCode::NotAcceptable,
                "the descriptors on this node are more than can be searched",
            ));
        }
        let links = Links::of(resource.attributes(), &triples);
        graphs.put(id, resource.row().lt, triples, links);
    }
    graphs.epoch = (!is_behind).then_some(epoch);
    Ok(())
}
