//! What a request asks: its semantics filters, and the descriptors that they are asked of, as far as the originator may see
//! them.

use std::sync::Arc;

use dyad_core::Cse;
use dyad_core::access;
use dyad_core::access::operation;
use dyad_core::request::{Asker, Call};
use dyad_core::resource::{Id, Lookup, Resource, Snapshot};
use dyad_protocol::Failure;
use rustc_hash::FxHashSet;

use super::effort::{STEPS, limited};
use super::graphs::Graphs;
use super::links::Reach;
use super::query::Query;

/// The semantics filters of a request, read and within the limits.
pub(super) fn queries(call: &Call) -> Result<Vec<Query>, Failure> {
    let filters = call.request.filter_criteria.as_deref().map(|criteria| &criteria.semantics_filter);
    filters.into_iter().flatten().map(|text| Query::parse(text)).collect()
}

/// The one semantics filter of a semantic query.
pub(super) fn single(queries: Vec<Query>) -> Result<Query, Failure> {
    let [query] = <[Query; 1]>::try_from(queries)
        .map_err(|_| Failure::bad_request("a semantic query (sqi) has one semantics filter (smf)"))?;
    Ok(query)
}

/// Those of some descriptors that are linked to others, each with all that it is linked to.
pub(super) fn linked(
    cse: &Cse,
    asker: &Asker<'_>,
    look: &mut Snapshot<'_>,
    graphs: &Graphs,
    operation: u8,
    asked: &FxHashSet<Id>,
) -> Result<Vec<Vec<Id>>, Failure> {
    limited(STEPS, || {
        let mut reach = Reach { cse, asker, look, operation };
        let mut linked = Vec::new();
        for id in graphs.linked().filter(|id| asked.contains(id)) {
            let together = reach.together(graphs, id)?;
            if together.len() > 1 {
                linked.push(together);
            }
        }
        Ok(linked)
    })
}

/// Whether the asker may do something with a descriptor that is still there.
pub(super) fn may(
    cse: &Cse,
    asker: &Asker<'_>,
    look: &mut Snapshot<'_>,
    descriptor: &Arc<Resource>,
    operation: u8,
) -> Result<bool, Failure> {
    if descriptor.is_expired(asker.now) {
        return Ok(false);
    }
    match access::authorize(look, cse, asker, descriptor, operation, None) {
        Ok(()) => Ok(true),
        Err(failure) if failure.source.is_none() => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// The descriptors below a resource that the asker may read (TS-0004 7.3.3.19.1).
pub(super) fn scope(
    cse: &Cse,
    asker: &Asker<'_>,
    look: &mut Snapshot<'_>,
    root: &Resource,
    graphs: &Graphs,
) -> Result<Vec<Id>, Failure> {
    let mut scope = Vec::new();
    for id in graphs.ids() {
        let Some(descriptor) = look.resource(id)? else { continue };
        let mut above = descriptor.parent();
        while above != 0 && above != root.id() {
            above = look.resource(above)?.map_or(0, |above| above.parent());
        }
        if above == root.id() && may(cse, asker, look, &descriptor, operation::RETRIEVE)? {
            scope.push(id);
        }
    }
    Ok(scope)
}
