//! Discovery of what an interworking proxy finds when it is asked (TS-0001 10.2.6, TS-0004 7.3.3.14, 7.5.1.2.8).
//!
//! Responsible for discoveries with filterUsage 3 that begin at an AE and have no match: the AE is asked, and what it names
//! is the answer as far as it matches and the originator may discover it. What matches, and who may discover it, is the core's
//! discovery, which is asked once more then.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use dyad_core::request::{Call, Target, local_path};
use dyad_core::resource::{Id, Lookup, resolve};
use dyad_core::{Cse, Facets, Report, ServiceFunction, Stage};
use dyad_protocol::primitive::FilterUsage;
use dyad_protocol::primitive::json::filter_to_json;
use dyad_protocol::{Failure, Operation, Request, Response, StatusCode};
use serde_json::{Value, json};

/// The type of an AE.
const AE: u32 = 2;

/// Asks AEs for what they can find elsewhere.
#[derive(Debug, Default)]
pub struct OnDemandDiscovery {
    found: AtomicU64,
    refused: AtomicU64,
}

#[async_trait]
impl ServiceFunction for OnDemandDiscovery {
    fn name(&self) -> &'static str {
        "on-demand-discovery"
    }

    fn may_block(&self) -> bool {
        false
    }

    fn stages(&self) -> &'static [Stage] {
        &[Stage::Intercept]
    }

    fn takes_part(&self, stage: Stage, call: &Call, target: &Target) -> bool {
        let usage = call.request.filter_criteria.as_ref().and_then(|criteria| criteria.usage);
        stage == Stage::Intercept
            && usage == Some(FilterUsage::IpeOnDemandDiscovery)
            && call.request.operation == Operation::Retrieve
            && target.resource.ty() == AE
            && target.virtual_child.is_none()
    }

    async fn intercept(
        &self,
        cse: &Cse,
        call: &Arc<Call>,
        target: &Target,
    ) -> Result<ControlFlow<Response>, Failure> {
        // Who may find nothing here is refused before anybody is asked.
        let mut response = cse.retrieve(call).await?;
        if entries(&response).is_empty() {
            let outcome = ask(cse, call, target).await;
            let counter = if outcome.is_ok() { &self.found } else { &self.refused };
            counter.fetch_add(1, Ordering::Relaxed);
            response = among(cse, cse.retrieve(call).await?, outcome?).await?;
        }
        Ok(ControlFlow::Break(response))
    }

    fn facets(&self) -> Facets<'_> {
        Facets { waits: true, ..Facets::default() }
    }

    fn report(&self) -> Report {
        let (found, refused) = (self.found.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed));
        Report {
            summary: format!(
                "{found} AEs searched when they were asked and {refused} did not, since the start"
            ),
            figures: vec![("found", found), ("refused", refused)],
        }
    }
}

/// Asks an AE to search for what nobody has found here. Gives the addresses that it answers with; its status code if it
/// does not want to.
async fn ask(cse: &Cse, call: &Call, target: &Target) -> Result<Vec<String>, Failure> {
    let config = cse.config();
    let criteria = call.request.filter_criteria.as_deref().map(filter_to_json);
    let originator = config.shorten(call.request.originator());
    let request = Request {
        operation: Operation::Notify,
        from: Some(config.cse_id.clone()),
        request_identifier: format!("idr{}", cse.now().micros()),
        content: Some(json!({ "m2m:sgn": { "idr": { "or": originator, "fc": criteria } } }).into()),
        release_version_indicator: config.releases.last().cloned(),
        ..Request::default()
    };
    let response = cse.originate(&target.resource.ri(), request).await;
    let response = response.map_err(|error| {
        tracing::debug!(ae = %target.resource.ri(), why = %error, "an AE cannot be asked to search");
        Failure::new(StatusCode::TargetNotReachable, "the AE that is to search cannot be reached")
    })?;
    if !response.status.is_success() {
        return Err(Failure::new(response.status, "the AE that is to search does not"));
    }
    Ok(entries(&response).iter().filter_map(address).map(str::to_owned).collect())
}

/// A response with those of its resources alone that are named.
async fn among(cse: &Cse, mut response: Response, named: Vec<String>) -> Result<Response, Failure> {
    let found: Vec<Option<String>> =
        entries(&response).iter().map(|entry| address(entry).map(str::to_owned)).collect();
    let is_named: Vec<bool> = cse
        .look(move |cse, look| {
            let mut ids = HashSet::new();
            for address in &named {
                ids.extend(id_of(cse, look, address)?);
            }
            let is_named = |address: &Option<String>| match address {
                Some(address) => Ok(id_of(cse, look, address)?.is_some_and(|id| ids.contains(&id))),
                None => Ok(false),
            };
            found.iter().map(is_named).collect()
        })
        .await?;
    let Some(mut content) = response.content.take().map(|content| content.value().clone()) else {
        return Ok(response);
    };
    let mut is_named = is_named.into_iter();
    if let Some(entries) = list_mut(&mut content) {
        entries.retain(|_| is_named.next().unwrap_or_default());
    }
    response.content = Some(content.into());
    Ok(response)
}

/// The entries of the list that a discovery is answered with, of addresses or of references.
fn entries(response: &Response) -> &[Value] {
    let content = response.content.as_ref().and_then(|content| content.value().as_object());
    let list = content.and_then(|content| content.values().next());
    let list = list.and_then(|list| list.get("rrf").unwrap_or(list).as_array());
    list.map_or(&[], Vec::as_slice)
}

/// The same list, to change it.
fn list_mut(content: &mut Value) -> Option<&mut Vec<Value>> {
    match content.as_object_mut()?.values_mut().next()? {
        Value::Object(references) => references.get_mut("rrf")?.as_array_mut(),
        list => list.as_array_mut(),
    }
}

/// The address in an entry of such a list, which may be a reference.
fn address(entry: &Value) -> Option<&str> {
    entry.get("val").unwrap_or(entry).as_str()
}

/// The resource that an address leads to, if it is on this node.
fn id_of(cse: &Cse, look: &mut impl Lookup, address: &str) -> Result<Option<Id>, Failure> {
    let Ok(path) = local_path(cse, cse.config().shorten(address)) else { return Ok(None) };
    Ok(resolve(look, path)?.map(|resource| resource.id()))
}
