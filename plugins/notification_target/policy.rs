//! Which policy applies to a target, and what it says now (TS-0001 10.2.10.8, TS-0004 7.4.33.2.4).

use std::sync::Arc;

use dyad_core::resource::{Lookup, Resource, resolve};
use dyad_core::schedule::Schedule;
use dyad_core::{Cse, subscription};
use dyad_protocol::{Failure, Timestamp};
use serde_json::Value;

use super::removal::{entity, is_same};
use super::resources::texts;
use super::{POLICY, REFERENCE, RULES};

/// Resources of one kind that are looked at.
const MOST: usize = 1_000;

/// The label of the policy for targets that have none of their own.
const DEFAULT: &str = "default";

/// What becomes of the wish of a target (`acn`, TS-0004 6.3.4.2.45).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// 1
    Accept,
    /// 2
    Reject,
    /// 3: the creator of the subscription decides.
    Ask,
    /// 4: the creator is told, and nothing is done.
    Inform,
}

/// What is to be done about a target that wants to be removed: what its policy says, if its rules are fulfilled, and
/// nothing if they are not. Where there is no policy, it is removed.
pub(super) fn action(
    cse: &Cse,
    look: &mut impl Lookup,
    subscription: &Arc<Resource>,
    target: &str,
) -> Result<Action, Failure> {
    let Some(policy) = policy(cse, look, subscription, target)? else { return Ok(Action::Accept) };
    if !is_fulfilled(cse, look, &policy, target)? {
        return Ok(Action::Reject);
    }
    Ok(match policy.number("acn") {
        Some(1) => Action::Accept,
        Some(3) => Action::Ask,
        Some(4) => Action::Inform,
        _ => Action::Reject,
    })
}

/// The policy of a target: the one that its reference names, then the default one of the creator of the subscription,
/// then that of the administrator.
fn policy(
    cse: &Cse,
    look: &mut impl Lookup,
    subscription: &Arc<Resource>,
    target: &str,
) -> Result<Option<Arc<Resource>>, Failure> {
    for reference in alive(cse, look.children(subscription.id(), &[REFERENCE as i32], 0, MOST)?) {
        let mut concerns = false;
        for other in reference.texts("ntu") {
            concerns |= is_same(cse, look, other, target)?;
        }
        if let Some(link) = reference.text("npi").filter(|_| concerns) {
            let named = find(cse, look, link)?;
            if let Some(policy) = named.filter(|named| named.ty() == POLICY && !named.is_expired(cse.now())) {
                return Ok(Some(policy));
            }
        }
    }
    let Some(base) = resolve(look, "-")? else { return Ok(None) };
    let defaults = alive(cse, look.children(base.id(), &[POLICY as i32], 0, MOST)?);
    let mut defaults: Vec<_> = defaults
        .filter(|policy| policy.text("plbl").is_some_and(|label| label.eq_ignore_ascii_case(DEFAULT)))
        .collect();
    let creator = super::removal::creator(subscription);
    let by = |policy: &Arc<Resource>, who: Option<&str>| who.is_some() && maker(policy) == who;
    let own = defaults.iter().position(|policy| by(policy, creator));
    let admin = || defaults.iter().position(|policy| by(policy, Some(&cse.config().admin)));
    Ok(own.or_else(admin).map(|position| defaults.swap_remove(position)))
}

fn maker(policy: &Resource) -> Option<&str> {
    policy.text("cr").or_else(|| policy.originator())
}

fn alive(cse: &Cse, resources: Vec<Arc<Resource>>) -> impl Iterator<Item = Arc<Resource>> {
    let now = cse.now();
    resources.into_iter().filter(move |resource| !resource.is_expired(now))
}

fn find(cse: &Cse, look: &mut impl Lookup, address: &str) -> Result<Option<Arc<Resource>>, Failure> {
    match dyad_core::request::local_path(cse, cse.config().shorten(address)) {
        Ok(path) => resolve(look, path),
        Err(_) => Ok(None),
    }
}

/// Whether the rules of a policy are fulfilled; they are if there are none.
fn is_fulfilled(
    cse: &Cse,
    look: &mut impl Lookup,
    policy: &Arc<Resource>,
    target: &str,
) -> Result<bool, Failure> {
    let groups: Vec<_> = alive(cse, look.children(policy.id(), &[RULES as i32], 0, MOST)?).collect();
    let entity = entity(cse, look, target)?;
    let verdicts: Vec<bool> = groups.iter().map(|group| holds(group, cse.now(), entity.as_deref())).collect();
    Ok(combine(&verdicts, policy.number("rrs")))
}

/// Whether a group of rules holds: times of day, and regions in which the target is.
fn holds(group: &Resource, now: Timestamp, entity: Option<&Resource>) -> bool {
    let Some(rules) = group.get("dr") else { return true };
    let times = texts(rules.get("tod")).map(|entry| Schedule::new([entry]).contains(now));
    let regions = rules.get("lr").and_then(Value::as_array).into_iter().flatten();
    let regions = regions.map(|region| entity.is_some_and(|entity| subscription::is_within(region, entity)));
    let verdicts: Vec<bool> = times.chain(regions).collect();
    // OR is the default (TS-0004 Table 7.4.32.1-3).
    combine(&verdicts, group.number("drr").or(Some(2)))
}

/// Combines verdicts by AND, or by OR if the operator says so; none at all are fulfilled.
fn combine(verdicts: &[bool], operator: Option<u64>) -> bool {
    match operator {
        Some(2) => verdicts.is_empty() || verdicts.contains(&true),
        _ => !verdicts.contains(&false),
    }
}

#[cfg(test)]
mod tests {
    use super::combine;

    #[test]
    fn verdicts_combine() {
        for (verdicts, and, or) in [
            (&[][..], true, true),
            (&[true], true, true),
            (&[true, false], false, true),
            (&[false], false, false),
        ] {
            assert_eq!((combine(verdicts, Some(1)), combine(verdicts, Some(2))), (and, or), "{verdicts:?}");
        }
    }
}
