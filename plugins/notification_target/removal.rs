//! Carrying out the wish of a target.

use std::sync::Arc;

use dyad_core::resource::{Lookup, Resource, resolve};
use dyad_core::{Cse, subscription};
use dyad_protocol::Failure;

use super::policy::{self, Action};

/// The type of an AE.
const AE: u32 = 2;

/// Who is asked and told about a subscription.
pub(super) fn creator(subscription: &Resource) -> Option<&str> {
    subscription.text("cr").or_else(|| subscription.originator())
}

/// The AE that a target names, by its AE-ID or the address of its resource; nothing for a URL.
pub(super) fn entity(
    cse: &Cse,
    look: &mut impl Lookup,
    target: &str,
) -> Result<Option<Arc<Resource>>, Failure> {
    if target.contains("://") {
        return Ok(None);
    }
    let Ok(path) = dyad_core::request::local_path(cse, cse.config().shorten(target)) else { return Ok(None) };
    Ok(resolve(look, path)?.filter(|entity| entity.ty() == AE))
}

/// Whether two targets are the same: the same text, or the same AE.
pub(super) fn is_same(cse: &Cse, look: &mut impl Lookup, one: &str, other: &str) -> Result<bool, Failure> {
    if cse.config().shorten(one) == cse.config().shorten(other) {
        return Ok(true);
    }
    let (one, other) = (entity(cse, look, one)?, entity(cse, look, other)?);
    Ok(one.zip(other).is_some_and(|(one, other)| one.id() == other.id()))
}

/// The entry in the `nu` of a subscription that stands for an entity.
pub(super) async fn entry_of(
    cse: &Cse,
    subscription: &Arc<Resource>,
    entity: &str,
) -> Result<Option<String>, Failure> {
    let (subscription, entity) = (Arc::clone(subscription), entity.to_owned());
    cse.look(move |cse, snapshot| {
        for entry in subscription.texts("nu") {
            if is_same(cse, snapshot, entry, &entity)? {
                return Ok(Some(entry.to_owned()));
            }
        }
        Ok(None)
    })
    .await
}

/// Does what the policy of a target says about its wish, and says whether the target is removed: not if its creator is
/// only told. ORIGINATOR_HAS_NO_PRIVILEGE if the policy or the creator is against it.
pub(super) async fn carry_out(
    cse: &Cse,
    subscription: &Arc<Resource>,
    target: &str,
) -> Result<bool, Failure> {
    let (shared, entry) = (Arc::clone(subscription), target.to_owned());
    let action = cse.look(move |cse, snapshot| policy::action(cse, snapshot, &shared, &entry)).await?;
    let refused = || Failure::no_privilege("the policy for notification targets does not let the target go");
    match (action, creator(subscription)) {
        (Action::Accept, _) => remove(cse, subscription, target).await,
        (Action::Ask, Some(creator)) => {
            match subscription::ask_for_removal(cse, subscription, creator, target).await {
                true => remove(cse, subscription, target).await,
                false => Err(refused()),
            }
        }
        (Action::Inform, Some(creator)) => {
            subscription::tell_of_removal(cse, subscription, creator, target).await.map(|()| false)
        }
        _ => Err(refused()),
    }
}

async fn remove(cse: &Cse, subscription: &Arc<Resource>, target: &str) -> Result<bool, Failure> {
    subscription::remove_target(cse, subscription.id(), target).await.map(|()| true)
}
