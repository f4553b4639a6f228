//! Where the notifications of a subscription go: a target that is a group stands for its members.

use dyad_protocol::Failure;

use super::{Pending, Subscription};
use crate::Cse;
use crate::delivery::is_closed;
use crate::request::local_path;
use crate::resource::{Lookup, Txn, resolve};

/// The type of a group.
const GROUP: u32 = 9;

/// Groups in groups are followed so far.
const DEPTH: usize = 4;

/// Targets that one notification goes to at most.
const MOST: usize = 10_000;

/// Whom a notification is owed to.
#[derive(Clone, Debug)]
pub(super) struct Aim {
    pub(super) target: String,
    /// Whether a schedule says that it cannot be reached now.
    pub(super) is_closed: bool,
}

/// The targets of a subscription with the members of groups in their place, each once, but for those that cannot be
/// reached now if what they miss is not kept (TS-0004 7.5.1.2.2 step 4.0).
pub(super) fn of(txn: &mut Txn<'_>, said: &Subscription) -> Result<Vec<Aim>, Failure> {
    let cse = txn.cse();
    let mut found = Vec::with_capacity(said.targets.len());
    for target in &said.targets {
        add(cse, txn, target, DEPTH, &mut found)?;
    }
    let mut aims = Vec::with_capacity(found.len());
    for target in found {
        let is_closed = is_closed(cse, txn, &target)?;
        if !is_closed || said.policy.pending != Pending::Nothing {
            aims.push(Aim { target, is_closed });
        }
    }
    Ok(aims)
}

fn add(
    cse: &Cse,
    look: &mut impl Lookup,
    target: &str,
    depth: usize,
    found: &mut Vec<String>,
) -> Result<(), Failure> {
    if !is_entity(target) {
        let path = local_path(cse, cse.config().shorten(target));
        let resource = path.map_or(Ok(None), |path| resolve(look, path))?;
        if let Some(group) = resource.filter(|resource| resource.ty() == GROUP) {
            for member in group.texts("mid").filter(|_| depth > 0) {
                add(cse, look, member, depth - 1, found)?;
            }
            return Ok(());
        }
    }
    if found.len() < MOST && !found.iter().any(|known| known == target) {
        found.push(target.to_owned());
    }
    Ok(())
}

/// Whether a target is certainly no group: a URL, or an AE-ID.
pub(super) fn is_entity(target: &str) -> bool {
    target.contains("://") || (target.starts_with(['C', 'S']) && !target.contains('/'))
}

/// The members of a group that is a target, for whoever asks them; a target that is none stands for itself.
pub async fn members(cse: &Cse, target: &str) -> Result<Vec<String>, Failure> {
    let target = target.to_owned();
    cse.look(move |cse, snapshot| {
        let mut found = Vec::new();
        add(cse, snapshot, &target, DEPTH, &mut found)?;
        Ok(found)
    })
    .await
}
