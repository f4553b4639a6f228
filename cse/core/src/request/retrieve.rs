//! RETRIEVE (TS-0004 7.3.3.6) and discovery (7.3.3.14).

use std::sync::{Arc, LazyLock};

use dyad_protocol::primitive::{ContentStatus, DesiredIdentifierResultType, FilterCriteria};
use dyad_protocol::{Failure, Response, ResultContent, StatusCode};
use serde_json::{Value, json};

use super::filter::Filter;
use super::{Asker, Call, Target, children, discover, filter, shape, target};
use crate::Cse;
use crate::access::{self, operation};
use crate::function::Described;
use crate::resource::{Lookup, Resource, Snapshot, path_of, resolve};

/// The criteria of a request that has none, of which there are many.
static EVERYTHING: LazyLock<FilterCriteria> = LazyLock::new(FilterCriteria::default);

impl Cse {
    /// Carries out the RETRIEVE of a request that a service function has intercepted, as if it had not.
    pub async fn retrieve(&self, call: &Arc<Call>) -> Result<Response, Failure> {
        let target = self.read(call, target::locate).await?;
        self.retrieve_at(call, target).await
    }

    /// Carries out a RETRIEVE of a target that was found.
    pub(super) async fn retrieve_at(&self, call: &Arc<Call>, target: Target) -> Result<Response, Failure> {
        let described = self.described(call).await?;
        let shared = Arc::clone(call);
        self.look(move |cse, snapshot| retrieve(cse, &shared, snapshot, &target, described.as_ref())).await
    }
}

/// Carries out a RETRIEVE on what is committed.
pub(super) fn retrieve(
    cse: &Cse,
    call: &Call,
    look: &mut Snapshot<'_>,
    target: &Target,
    described: Option<&Described>,
) -> Result<Response, Failure> {
    let asker = Asker::new(cse, call);
    let sent = call.request.filter_criteria.as_deref();
    let filter = Filter::new(look, cse, sent.unwrap_or(&EVERYTHING), described.cloned())?;
    if filter.is_discovery() {
        return discovery(cse, call, &asker, look, &target.resource, &filter);
    }
    let resource = target.instance(look, call.now)?;
    access::authorize(look, cse, &asker, &resource, operation::RETRIEVE, None)?;
    crate::types::check_visible(look, &resource)?;
    let wanted = call.request.result_content.unwrap_or(ResultContent::Attributes);
    let response = Response::to(&call.request, StatusCode::Ok);
    if sent.is_some() && !asks_for_children(wanted) {
        filter::check_ready(look, &resource, &filter)?;
    }
    match wanted {
        ResultContent::Attributes => attributes(cse, call, response, &resource),
        ResultContent::Permissions => {
            let granted = access::permissions(look, cse, &asker, &resource)?;
            Ok(with(response, json!({ "m2m:prm": { "ri": resource.ri(), "acop": granted } })))
        }
        ResultContent::OriginalResource => original(cse, &asker, look, response, &resource),
        ResultContent::SemanticContent | ResultContent::SemanticContentAndChildResources => {
            Err(match call.request.semantic_query_indicator {
                Some(true) => Failure::not_implemented("semantic content is not supported"),
                _ => Failure::bad_request("rcn 10 and 11 have the result of a semantic query (sqi)"),
            })
        }
        _ => {
            let found = discover::descendants(cse, &asker, look, &resource, &filter, operation::RETRIEVE)?;
            let content = children::content(call, look, &resource, wanted, &found.resources)?;
            Ok(page(Response { content: Some(content), ..response }, &found))
        }
    }
}

/// Whether the result content has children, to which the filter criteria apply then.
fn asks_for_children(wanted: ResultContent) -> bool {
    matches!(
        wanted,
        ResultContent::AttributesAndChildResources
            | ResultContent::AttributesAndChildResourceReferences
            | ResultContent::ChildResourceReferences
            | ResultContent::ChildResources
    )
}

/// The resource that an announced one stands for, as far as it is on this node.
fn original(
    cse: &Cse,
    asker: &Asker<'_>,
    look: &mut Snapshot<'_>,
    response: Response,
    announced: &Arc<Resource>,
) -> Result<Response, Failure> {
    let Some(link) = announced.text("lnk") else {
        return Err(Failure::bad_request("rcn 7 is for announced resources, whose original it returns"));
    };
    let unreachable =
        || Failure::new(StatusCode::TargetNotReachable, "the original resource cannot be reached");
    let path = target::local_path(cse, link).map_err(|_| unreachable())?;
    let original = resolve(look, path)?.ok_or_else(unreachable)?;
    access::authorize(look, cse, asker, &original, operation::RETRIEVE, None)?;
    Ok(Response { content: Some(shape::representation(&original)), ..response })
}

fn with(mut response: Response, value: Value) -> Response {
    response.content = Some(value.into());
    response
}

/// All attributes, or those of the attribute list and of the fragment of the address.
fn attributes(
    cse: &Cse,
    call: &Call,
    response: Response,
    resource: &Arc<Resource>,
) -> Result<Response, Failure> {
    let mut names = call.request.attribute_list.clone();
    if let Some((_, name)) = call.request.to.split_once('#') {
        names.push(name.to_owned());
    }
    let live = crate::types::live_attributes(cse, resource);
    let content = if names.is_empty() {
        match live {
            Some(attributes) => shape::partial(resource, attributes),
            None => shape::representation(resource),
        }
    } else {
        if let Some(unknown) = names.iter().find(|name| !resource.table().has(name)) {
            return Err(Failure::bad_request(format!("the resource type has no attribute '{unknown}'")));
        }
        let selected = shape::selected(live.as_ref().unwrap_or_else(|| resource.attributes()), &names);
        if selected.is_empty() {
            return Err(Failure::not_found("the resource has none of these attributes"));
        }
        shape::partial(resource, selected)
    };
    Ok(Response { content: Some(content), ..response })
}

/// The addresses of what is below the target and matches.
fn discovery(
    cse: &Cse,
    call: &Call,
    asker: &Asker<'_>,
    look: &mut Snapshot<'_>,
    root: &Arc<Resource>,
    filter: &Filter<'_>,
) -> Result<Response, Failure> {
    let found = discover::descendants(cse, asker, look, root, filter, operation::DISCOVERY)?;
    if found.resources.is_empty() {
        // Nothing to be found is an answer for those alone who may look here.
        access::authorize(look, cse, asker, root, operation::DISCOVERY, None)?;
    }
    let mut entries = Vec::with_capacity(found.resources.len());
    let as_references = call.request.result_content == Some(ResultContent::ChildResourceReferences);
    for resource in &found.resources {
        let address = address(call, look, resource)?;
        entries.push(if as_references { shape::reference(resource, address) } else { Value::from(address) });
    }
    let content =
        if as_references { json!({ "m2m:rrl": { "rrf": entries } }) } else { json!({ "m2m:uril": entries }) };
    Ok(page(with(Response::to(&call.request, StatusCode::Ok), content), &found))
}

/// The address of a resource in the form that the originator asked for (`drt`).
pub(super) fn address(call: &Call, look: &mut impl Lookup, resource: &Resource) -> Result<String, Failure> {
    match call.request.desired_identifier_result_type.unwrap_or_default() {
        DesiredIdentifierResultType::Structured => path_of(look, resource),
        DesiredIdentifierResultType::Unstructured => Ok(resource.ri().into_owned()),
    }
}

/// Marks a response that does not hold everything (TS-0001 8.1.3 Content Status, Content Offset).
fn page(mut response: Response, found: &discover::Found) -> Response {
    if let Some(next) = found.next {
        response.content_status = Some(ContentStatus::Partial);
        response.content_offset = Some(next);
    }
    response
}
