//! Which resource is meant? (TS-0004 7.3.2.6, 7.3.3.1)

use std::sync::Arc;

use dyad_protocol::id::{Address, Scope};
use dyad_protocol::{Failure, StatusCode, Timestamp};

use super::Call;
use crate::Cse;
use crate::resource::{Lookup, Resource, Snapshot, resolve};

/// A virtual resource, which is no row of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Virtual {
    /// `la` of a resource with instances.
    Latest,
    /// `ol`
    Oldest,
    /// Another one that the table of its parent names, for which a service function answers.
    Other {
        /// Its name, `fopt`.
        name: Box<str>,
        /// What follows it in the address, without a leading slash; empty for nothing.
        rest: Box<str>,
    },
}

impl std::fmt::Display for Virtual {
    /// As it follows the address of its parent: `la`, `fopt/a/b`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Latest => f.write_str("la"),
            Self::Oldest => f.write_str("ol"),
            Self::Other { name, rest } if rest.is_empty() => f.write_str(name),
            Self::Other { name, rest } => write!(f, "{name}/{rest}"),
        }
    }
}

/// What the `To` of a request leads to.
#[derive(Clone, Debug)]
pub struct Target {
    /// The resource; the parent of a virtual child.
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
    Target::at(look, local_path(cse, &call.request.to)?, call.now)
}

/// A resource, or the latest or oldest instance of one.
fn plain(look: &mut impl Lookup, path: &str) -> Result<Target, Failure> {
    if let Some((parent, kind)) = virtual_name(path)
        && let Some(resource) = resolve(look, parent)?
        && crate::types::instance_type_of(&resource).is_some()
    {
        return Ok(Target { resource, virtual_child: Some(kind) });
    }
    exact(look, path)
}

/// The first virtual resource of another kind in a path, with what follows it: `group/fopt/la` means whatever the
/// fanOutPoint makes of `la`.
fn other(look: &mut impl Lookup, path: &str) -> Result<Option<Target>, Failure> {
    for (slash, _) in path.match_indices('/') {
        let (parent, below) = path.split_at(slash);
        let below = below.get(1..).unwrap_or_default();
        let (name, rest) = below.split_once('/').unwrap_or((below, ""));
        if !look.tree().virtual_names.iter().any(|known| &**known == name) {
            continue;
        }
        let has_it = |resource: &Arc<Resource>| {
            resource.table().virtual_children().iter().any(|root| root.rsplit(':').next() == Some(name))
        };
        if let Some(resource) = resolve(look, parent)?.filter(has_it) {
            let virtual_child = Some(Virtual::Other { name: name.into(), rest: rest.into() });
            return Ok(Some(Target { resource, virtual_child }));
        }
    }
    Ok(None)
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
pub fn local_path<'a>(cse: &Cse, to: &'a str) -> Result<&'a str, Failure> {
    path_here(cse, to)?
        .ok_or_else(|| Failure::not_found("the target is on a node that this one does not know"))
}

/// The path on this node of an address in any form; `None` for an address on another node. BAD_REQUEST for what is
/// no address.
pub fn path_here<'a>(cse: &Cse, to: &'a str) -> Result<Option<&'a str>, Failure> {
    let config = cse.config();
    let address = Address::parse(to)?;
    let here = match address.scope {
        Scope::CseRelative => true,
        Scope::SpRelative { cse } => {
            // An S-type AE-ID is SP-relative without a CSE-ID before it.
            if cse != config.cse_base_id() && address.path.is_empty() && cse.starts_with('S') {
                return Ok(Some(cse));
            }
            cse == config.cse_base_id()
        }
        Scope::Absolute { sp, cse } => {
            sp == config.sp_id.trim_start_matches('/') && cse == config.cse_base_id()
        }
    };
    Ok(match here {
        true if address.path.is_empty() => Some("-"),
        true => Some(address.path),
        false => None,
    })
}

fn not_found() -> Failure {
    Failure::new(StatusCode::NotFound, "the target resource does not exist")
}

impl Target {
    /// What a path on this node ([`path_here`]) leads to. NOT_FOUND if there is nothing or it has expired.
    pub fn at(look: &mut impl Lookup, path: &str, now: Timestamp) -> Result<Self, Failure> {
        let target = match other(look, path)? {
            Some(target) => target,
            None => plain(look, path)?,
        };
        if target.resource.is_expired(now) { Err(not_found()) } else { Ok(target) }
    }

    /// NOT_IMPLEMENTED for a virtual resource for which no service function has answered.
    pub(super) fn check_answered(&self) -> Result<(), Failure> {
        match self.virtual_child {
            Some(Virtual::Other { .. }) => Err(Failure::not_implemented(
                "no service function of this node answers for the virtual resource",
            )),
            _ => Ok(()),
        }
    }

    /// The resource that a RETRIEVE or DELETE works on: the instance for a virtual child. NOT_FOUND if there is no
    /// instance; OPERATION_NOT_ALLOWED if the container disables retrieval (TS-0004 7.4.27.2.2).
    pub(super) fn instance(&self, look: &mut impl Lookup, now: Timestamp) -> Result<Arc<Resource>, Failure> {
        let Some(kind) = &self.virtual_child else { return Ok(Arc::clone(&self.resource)) };
        crate::types::check_retrieval(&self.resource)?;
        let Some(ty) = crate::types::instance_type_of(&self.resource) else { return Err(not_found()) };
        let id = match kind {
            Virtual::Latest => look.latest(&self.resource)?,
            Virtual::Oldest => look.oldest(self.resource.id(), ty)?,
            Virtual::Other { .. } => None,
        };
        let Some(id) = id else { return Err(not_found()) };
        let instance = look.resource(id)?.ok_or_else(not_found)?;
        match kind {
            _ if !instance.is_expired(now) => Ok(instance),
            Virtual::Latest | Virtual::Other { .. } => Err(not_found()),
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
