//! Where the notifications of a subscription go: a target that is a group stands for its members.

use dyad_protocol::Failure;
use rustc_hash::FxHashSet;

use super::{Pending, Subscription};
use crate::Cse;
use crate::delivery::is_closed;
use crate::request::local_path;
use crate::resource::{Id, Lookup, Resource, Txn, resolve};

/// The type of an AE.
const AE: u32 = 2;

/// The type of a group.
const GROUP: u32 = 9;

/// What stands behind the address of a group for its fan-out point.
const FAN_OUT_POINT: &str = "/fopt";

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
    let found = collect(cse, txn, said.targets.iter().map(String::as_str))?;
    let mut aims = Vec::with_capacity(found.len());
    for target in found {
        let is_closed = is_closed(cse, txn, &target)?;
        if !is_closed || said.policy.pending != Pending::Nothing {
            aims.push(Aim { target, is_closed });
        }
    }
    Ok(aims)
}

/// Targets with the members of groups in their place, each once, under the first of its names.
fn collect<'a>(
    cse: &Cse,
    look: &mut impl Lookup,
    targets: impl ExactSizeIterator<Item = &'a str>,
) -> Result<Vec<String>, Failure> {
    let (is_alone, mut found) = (targets.len() == 1, Found::default());
    for target in targets {
        match is_alone && is_entity(target) {
            true => found.targets.push(target.to_owned()),
            false => found.add(cse, look, target, DEPTH)?,
        }
    }
    Ok(found.targets)
}

/// What targets stand for, as far as they were looked at.
#[derive(Default)]
struct Found {
    targets: Vec<String>,
    /// Who is among them: an AE by its AE-ID, whatever it was called.
    known: FxHashSet<String>,
    /// Groups whose members were looked at, and how far groups among these.
    groups: Vec<(Id, usize)>,
}

impl Found {
    fn add(&mut self, cse: &Cse, look: &mut impl Lookup, target: &str, depth: usize) -> Result<(), Failure> {
        let short = cse.config().shorten(target);
        let mut entity = None;
        if !is_entity(target) {
            // A sub-group is named by its fan-out point, and means its members too.
            let of_group = if depth < DEPTH { short.strip_suffix(FAN_OUT_POINT) } else { None };
            let mut at = |path| local_path(cse, path).map_or(Ok(None), |path| resolve(look, path));
            let resource = match of_group {
                Some(group) => at(group)?.filter(|resource| resource.ty() == GROUP),
                None => at(short)?,
            };
            match resource.as_deref().map(Resource::ty) {
                Some(GROUP) => {
                    return resource.map_or(Ok(()), |group| self.members(cse, look, &group, depth));
                }
                Some(AE) => entity = resource,
                _ => {}
            }
        }
        let name = entity.as_ref().and_then(|entity| entity.text("aei")).unwrap_or(short);
        if self.targets.len() < MOST && self.known.insert(name.to_owned()) {
            self.targets.push(target.to_owned());
        }
        Ok(())
    }

    fn members(
        &mut self,
        cse: &Cse,
        look: &mut impl Lookup,
        group: &Resource,
        depth: usize,
    ) -> Result<(), Failure> {
        if depth == 0 || self.groups.iter().any(|(known, far)| *known == group.id() && *far >= depth) {
            return Ok(());
        }
        self.groups.push((group.id(), depth));
        group.texts("mid").try_for_each(|member| self.add(cse, look, member, depth - 1))
    }
}

/// Whether a target is certainly no group: a URL, or an AE-ID.
pub(super) fn is_entity(target: &str) -> bool {
    target.contains("://") || (target.starts_with(['C', 'S']) && !target.contains('/'))
}

/// The members of a group that is a target, for whoever asks them; a target that is none stands for itself.
pub async fn members(cse: &Cse, target: &str) -> Result<Vec<String>, Failure> {
    let target = target.to_owned();
    cse.look(move |cse, snapshot| collect(cse, snapshot, std::iter::once(target.as_str()))).await
}
