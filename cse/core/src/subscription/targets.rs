//! Where the notifications of a subscription go: a target that is a group stands for its members.

use dyad_protocol::Failure;

use crate::Cse;
use crate::request::local_path;
use crate::resource::{Lookup, Txn, resolve};

/// The type of a group.
const GROUP: u32 = 9;

/// Groups in groups are followed so far.
const DEPTH: usize = 4;

/// Targets that one notification goes to at most.
const MOST: usize = 10_000;

/// The targets with the members of groups in their place, each once.
pub(super) fn of(txn: &mut Txn<'_>, targets: &[String]) -> Result<Vec<String>, Failure> {
    let cse = txn.cse();
    let mut found = Vec::with_capacity(targets.len());
    for target in targets {
        add(cse, txn, target, DEPTH, &mut found)?;
    }
    Ok(found)
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
