//! Which resource is meant? (TS-0004 7.3.2.6, 7.3.3.1)

use std::sync::Arc;

use dyad_protocol::id::{Address, Scope};
use dyad_protocol::{Failure, StatusCode, Timestamp};

use super::Call;
use crate::Cse;
use crate::resource::{Lookup, Resource, Snapshot, resolve};

/// A virtual child of a resource with instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Virtual {
    /// `la`
    Latest,
    /// `ol`
    Oldest,
}

/// What the `To` of a request leads to.
#[derive(Clone, Debug)]
pub struct Target {
    /// The resource; the container of the instance for a virtual child.
    pub resource: Arc<Resource>,
    /// The virtual child below it, if one was addressed.
    pub virtual_child: Option<Virtual>,
}

/// Finds the target of a call among what is committed.
pub(super) fn locate(cse: &Cse, call: &Call, snapshot: &mut Snapshot<'_>) -> Result<Target, Failure> {
    find(cse, call, snapshot)
}

/// Finds the target of a call. NOT_FOUND if there is none or it has expired.
pub(super) fn find(cse: &Cse, call: &Call, look: &mut impl Lookup) -> Result<Target, Failure> {
    let path = local_path(cse, &call.request.to)?;
    let target = match virtual_name(path) {
        Some((parent, kind)) => match resolve(look, parent)? {
            Some(resource) if crate::types::instance_type_of(&resource).is_some() => {
                Target { resource, virtual_child: Some(kind) }
            }
            _ => exact(look, path)?,
        },
        None => exact(look, path)?,
    };
    if target.resource.is_expired(call.now) { Err(not_found()) } else { Ok(target) }
}

fn exact(look: &mut impl Lookup, path: &str) -> Result<Target, Failure> {
    let resource = resolve(look, path)?.ok_or_else(not_found)?;
    Ok(Target { resource, virtual_child: None })
}

fn virtual_name(path: &str) -> Option<(&str, Virtual)> {
    match path.rsplit_once('/')? {
        (parent, "la") => Some((parent, Virtual::Latest)),
        (parent, "ol") => Some((parent, Virtual::Oldest)),
        _ => None,
    }
}

/// The path on this node of an address in any form; `-` for the CSEBase. NOT_FOUND for an address on another
/// node, which this one does not know.
pub(crate) fn local_path<'a>(cse: &Cse, to: &'a str) -> Result<&'a str, Failure> {
    let config = cse.config();
    let address = Address::parse(to)?;
    let here = match address.scope {
        Scope::CseRelative => true,
        Scope::SpRelative { cse } => {
            // An S-type AE-ID is SP-relative without a CSE-ID before it.
            if cse != config.cse_base_id() && address.path.is_empty() && cse.starts_with('S') {
                return Ok(cse);
            }
            cse == config.cse_base_id()
        }
        Scope::Absolute { sp, cse } => {
            sp == config.sp_id.trim_start_matches('/') && cse == config.cse_base_id()
        }
    };
    match here {
        true if address.path.is_empty() => Ok("-"),
        true => Ok(address.path),
        false => Err(Failure::not_found("the target is on a node that this one does not know")),
    }
}

fn not_found() -> Failure {
    Failure::new(StatusCode::NotFound, "the target resource does not exist")
}

impl Target {
    /// The resource that a RETRIEVE or DELETE works on: the instance for a virtual child. NOT_FOUND if there is no
    /// instance; OPERATION_NOT_ALLOWED if the container disables retrieval (TS-0004 7.4.27.2.2).
    pub(super) fn instance(&self, look: &mut impl Lookup, now: Timestamp) -> Result<Arc<Resource>, Failure> {
        let Some(kind) = self.virtual_child else { return Ok(Arc::clone(&self.resource)) };
        crate::types::check_retrieval(&self.resource)?;
        let Some(ty) = crate::types::instance_type_of(&self.resource) else { return Err(not_found()) };
        let id = match kind {
            Virtual::Latest => look.latest(&self.resource)?,
            Virtual::Oldest => look.oldest(self.resource.id(), ty)?,
        };
        let Some(id) = id else { return Err(not_found()) };
        let instance = look.resource(id)?.ok_or_else(not_found)?;
        match kind {
            _ if !instance.is_expired(now) => Ok(instance),
            Virtual::Latest => Err(not_found()),
            Virtual::Oldest => self.oldest_alive(look, ty, now),
        }
    }

    /// The oldest instance that has not expired, past those that wait to be swept.
    fn oldest_alive(
        &self,
        look: &mut impl Lookup,
        ty: i32,
        now: Timestamp,
    ) -> Result<Arc<Resource>, Failure> {
        let mut after = 0;
        loop {
            let page = look.children(self.resource.id(), &[ty], after, 100)?;
            if let Some(alive) = page.iter().find(|instance| !instance.is_expired(now)) {
                return Ok(Arc::clone(alive));
            }
            after = page.last().ok_or_else(not_found)?.id();
        }
    }
}
