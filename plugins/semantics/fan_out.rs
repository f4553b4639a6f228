//! The semanticFanOutPoint of a group (TS-0001 9.6.14a, 10.2.7.12, TS-0004 7.4.35): discovery and queries over what the
//! members say together.
//!
//! Found are the resources whose descriptors match by themselves, and those whose descriptors say something of what the
//! query selects from all of them. Members that are no descriptors, and those on other nodes, say nothing.

use std::sync::Arc;

use dyad_core::Cse;
use dyad_core::access::operation;
use dyad_core::request::{Asker, Call, Target, Virtual};
use dyad_core::resource::{Draft, Id, Lookup, Snapshot, path_of};
use dyad_protocol::primitive::{ContentStatus, DesiredIdentifierResultType};
use dyad_protocol::{Failure, Operation, Response, ResultContent, StatusCode};
use rustc_hash::FxHashSet;
use serde_json::json;

use super::effort::{STEPS, limited};
use super::graphs::Graphs;
use super::links::{Reach, authorize_members};
use super::scope::{may, queries, single};
use super::{DESCRIPTOR, GROUP, SemanticSearch};

/// Its name.
const FAN_OUT_POINT: &str = "sfop";

/// memberType of a group whose members may be of any type.
const MIXED: u64 = 0;

/// What follows the semanticFanOutPoint in an address; `None` for any other target.
pub(super) fn below(target: &Target) -> Option<&str> {
    match &target.virtual_child {
        Some(Virtual::Other { name, rest }) if &**name == FAN_OUT_POINT && target.resource.ty() == GROUP => {
            Some(rest)
        }
        _ => None,
    }
}

/// Says of a group that its members can be asked, if they may be descriptors (`semanticSupportIndicator`).
pub(super) fn indicate(group: &mut Draft) {
    match group.number("mt").is_none_or(|ty| ty == MIXED || ty == u64::from(DESCRIPTOR)) {
        true => group.set("ssi", true),
        false => drop(group.attributes.shift_remove("ssi")),
    }
}

impl SemanticSearch {
    /// Answers a request to the semanticFanOutPoint.
    ///
    /// OPERATION_NOT_ALLOWED for anything but RETRIEVE, NOT_FOUND for a group whose members cannot be asked,
    /// ORIGINATOR_HAS_NO_PRIVILEGE without the right to ask them, BAD_REQUEST without a semantics filter.
    pub(super) async fn fan_out(
        &self,
        cse: &Cse,
        call: &Arc<Call>,
        target: &Target,
        rest: &str,
    ) -> Result<Response, Failure> {
        if call.request.operation != Operation::Retrieve {
            return Err(Failure::not_allowed("a semanticFanOutPoint can be retrieved alone"));
        }
        if !rest.is_empty() || !target.resource.is_set("ssi") {
            return Err(Failure::not_found("there is no such semanticFanOutPoint"));
        }
        let is_query = call.request.semantic_query_indicator == Some(true);
        match call.request.result_content {
            None => {}
            Some(ResultContent::SemanticContent) if is_query => {}
            Some(_) => {
                return Err(Failure::bad_request(
                    "this result content (rcn) does not go with a semanticFanOutPoint",
                ));
            }
        }
        let (shared, group) = (Arc::clone(call), Arc::clone(&target.resource));
        self.evaluate(cse, move |cse, graphs| {
            let mut look = Snapshot::new(cse.tree());
            let asker = Asker::new(cse, &shared);
            let wanted = if is_query { operation::RETRIEVE } else { operation::DISCOVERY };
            authorize_members(cse, &asker, &mut look, &group, wanted)?;
            let mut reach = Reach { cse, asker: &asker, look: &mut look, operation: operation::RETRIEVE };
            let members = limited(STEPS, || reach.members(&group))?;
            let mut response = Response::to(&shared.request, StatusCode::Ok);
            if is_query {
                let result = single(queries(&shared)?)?.answer(graphs, &members)?;
                response.content = Some(json!({ "m2m:qres": result }).into());
                return Ok(response);
            }
            let (found, is_partial) = found(cse, &shared, &asker, &mut look, graphs, &members)?;
            response.content_status = is_partial.then_some(ContentStatus::Partial);
            response.content = Some(json!({ "m2m:uril": found }).into());
            Ok(response)
        })
        .await
    }
}

/// The addresses of what is found, and whether there is more.
fn found(
    cse: &Cse,
    call: &Call,
    asker: &Asker<'_>,
    look: &mut Snapshot<'_>,
    graphs: &Graphs,
    members: &[Id],
) -> Result<(Vec<String>, bool), Failure> {
    let queries = queries(call)?;
    if queries.is_empty() {
        return Err(Failure::bad_request("a semanticFanOutPoint is asked with a semantics filter (smf)"));
    }
    let mut described = Vec::new();
    for query in &queries {
        described.extend(query.identifies(graphs, members)?);
    }
    described.sort_unstable();
    described.dedup();
    let limit = call.request.filter_criteria.as_deref().and_then(|criteria| criteria.limit);
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let limit = limit.min(cse.config().max_results);
    let (mut addresses, mut seen) = (Vec::new(), FxHashSet::default());
    for id in described {
        let Some(descriptor) = look.resource(id)? else { continue };
        let Some(resource) = look.resource(descriptor.parent())? else { continue };
        if !seen.insert(resource.id()) || !may(cse, asker, look, &resource, operation::DISCOVERY)? {
            continue;
        }
        let address = match call.request.desired_identifier_result_type.unwrap_or_default() {
            DesiredIdentifierResultType::Structured => path_of(look, &resource)?,
            DesiredIdentifierResultType::Unstructured => resource.ri().into_owned(),
        };
        if addresses.len() >= limit {
            return Ok((addresses, true));
        }
        addresses.push(address);
    }
    Ok((addresses, false))
}
