//! Service functions as entities of their own: the AE that each has in the tree, and what it does in its name.
//!
//! A function has the rights that access control gives to its AE, and no others. Nobody from outside can speak in its
//! name, for it is no originator that travels.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use dyad_protocol::exchange::Arrival;
use dyad_protocol::{Failure, Object, Request, Response, StatusCode, id};
use serde_json::{Value, json};

use super::ServiceFunction;
use crate::config::Config;
use crate::resource::{Lookup, Resource, Txn};
use crate::{CSE_BASE, Cse};

/// How a request of a function arrives.
pub(crate) const BINDING: &str = "function";

/// The type number of `<AE>`.
const AE: u32 = 2;

/// The AE-IDs of functions. Fails if one is malformed, the administrator's, or claimed twice.
pub(super) fn originators(
    functions: &[Arc<dyn ServiceFunction>],
    config: &Config,
) -> anyhow::Result<Vec<&'static str>> {
    let mut originators = Vec::new();
    for function in functions {
        let Some(originator) = function.originator() else { continue };
        let name = function.name();
        anyhow::ensure!(id::is_ae_id_stem(originator), "{name} acts as {originator}, which is no AE-ID");
        anyhow::ensure!(originator != config.admin, "{name} acts as {originator}, who is the administrator");
        anyhow::ensure!(
            !originators.contains(&originator),
            "{name} acts as {originator}, as another function does"
        );
        originators.push(originator);
    }
    Ok(originators)
}

/// Sees to it that a function that acts has its AE, with at least half of the longest life ahead.
pub(crate) fn register(txn: &mut Txn<'_>, function: &dyn ServiceFunction) -> Result<(), Failure> {
    let Some(originator) = function.originator() else { return Ok(()) };
    let longest = txn.cse().config().max_expiration;
    let expiration = Value::from(txn.now().plus(longest).to_string());
    let present = match txn.by_ri(originator)? {
        Some(id) => txn.resource(id)?,
        None => None,
    };
    match present {
        Some(entity) if entity.ty() == AE => {
            let left = entity.expiration().micros().saturating_sub(txn.now().micros());
            if left < longest.micros() / 2 {
                txn.modify(&entity, &Object::from_iter([("et".to_owned(), expiration)]))?;
            }
            Ok(())
        }
        _ => create(txn, function, originator, expiration),
    }
}

fn create(
    txn: &mut Txn<'_>,
    function: &dyn ServiceFunction,
    originator: &str,
    expiration: Value,
) -> Result<(), Failure> {
    let Some(base) = txn.resource(CSE_BASE)? else { return Ok(()) };
    let Some(table) = txn.tree().schemas.by_number(AE).cloned() else { return Ok(()) };
    let mut entity = Object::from_iter([
        ("et".to_owned(), expiration),
        ("api".to_owned(), format!("N{}", function.name()).into()),
        ("aei".to_owned(), originator.into()),
        ("rr".to_owned(), false.into()),
        ("srv".to_owned(), json!(txn.cse().config().releases)),
    ]);
    // An older resource of that name keeps it.
    if id::is_resource_name(function.name()) && txn.child_by_name(CSE_BASE, function.name())?.is_none() {
        entity.insert("rn".to_owned(), function.name().into());
    }
    let made: Arc<Resource> = txn.create_as(&base, table, entity, Some(originator))?;
    tracing::info!(function = function.name(), ae = %made.ri(), "the service function has an AE");
    Ok(())
}

impl Cse {
    /// Carries out a request to this node in the name of a function, under access control like anybody's. Originator,
    /// request identifier and release are filled in; what it creates names it as its creator (`cr`).
    ///
    /// ORIGINATOR_HAS_NO_PRIVILEGE if the function has no originator ([`ServiceFunction::originator`]).
    pub async fn act(&self, function: &dyn ServiceFunction, mut request: Request) -> Response {
        let place = self.hosts().find(function.name());
        let number = place.map_or(0, |(_, hosted)| hosted.acts.fetch_add(1, Ordering::Relaxed));
        request.from = function.originator().map(str::to_owned);
        request.request_identifier = format!("{}-{}-{number}", function.name(), self.now().micros());
        request.release_version_indicator = self.config().releases.last().cloned();
        if request.from.is_none() {
            return Response::failed(
                &request,
                &Failure::no_privilege("the service function has no originator"),
            );
        }
        // Boxed: what is carried out may call the function.
        Box::pin(self.handle(request, Arrival { binding: BINDING, ..Arrival::default() })).await
    }

    /// Whether a request from outside speaks in the name of a function.
    pub(crate) fn check_no_function(&self, request: &Request) -> Result<(), Failure> {
        match self.hosts().is_originator(self.config().shorten(request.originator())) {
            true => Err(Failure::new(
                StatusCode::OriginatorHasNoPrivilege,
                "the originator is a service function of this node",
            )),
            false => Ok(()),
        }
    }
}
