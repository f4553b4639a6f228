//! What set off what: the actions that led to a change, so that none sets itself off.
//!
//! The labels of an errand's `<request>` name the action and those before it. They cannot be an originator's: the labels
//! of other requests are the identifier of a registered entity, which begins with C or S.

use dyad_core::request::Call;
use dyad_core::resource::{Lookup, Resource, Txn};
use dyad_protocol::Failure;

/// The first label of an errand.
const ERRAND: &str = "action";

/// How an errand arrives.
pub(super) const ARRIVAL: &str = "action";

/// How an errand arrives that was caused through a fanOutPoint already.
pub(super) const ARRIVAL_FANNED_OUT: &str = "action-fopt";

/// Stands for actions that are not known, because a fanOutPoint lies between.
const UNKNOWN: &str = "*";

/// The longest chain of actions of which each set off the next.
const LONGEST: usize = 8;

/// Resource IDs of the actions that led to a change, the latest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chain(Vec<String>);

impl Chain {
    /// The actions that led to a request.
    pub(super) fn of(txn: &mut Txn<'_>, call: &Call) -> Result<Self, Failure> {
        if let Some(kept) = call.kept()
            && let Some(kept) = txn.resource(kept)?
        {
            return Ok(Self(kept_actions(&kept).map(str::to_owned).collect()));
        }
        Ok(match call.arrival.binding {
            ARRIVAL => Self(vec![UNKNOWN.into()]),
            ARRIVAL_FANNED_OUT => Self(vec![UNKNOWN.into(); LONGEST]),
            _ => Self::default(),
        })
    }

    /// Whether an action may be set off: it is not in the chain itself, and the chain is not too long.
    pub(super) fn admits(&self, action: &str) -> bool {
        self.0.len() < LONGEST && self.0.iter().all(|before| before != action)
    }

    /// The labels of the errand of an action.
    pub(super) fn labels(&self, action: &str) -> Vec<String> {
        [ERRAND, action].into_iter().map(str::to_owned).chain(self.0.iter().cloned()).collect()
    }

    /// How the errand of the next action arrives.
    pub(super) fn arrival(&self) -> &'static str {
        if self.0.iter().any(|before| before == UNKNOWN) { ARRIVAL_FANNED_OUT } else { ARRIVAL }
    }
}

/// The action whose errand a `<request>` is, and those before it; nothing if it is none.
fn kept_actions(kept: &Resource) -> impl Iterator<Item = &str> {
    let is_errand = kept.texts("lbl").next() == Some(ERRAND);
    kept.texts("lbl").skip(1).filter(move |_| is_errand)
}

/// The action whose errand a `<request>` is.
pub(super) fn action_of(kept: &Resource) -> Option<&str> {
    kept_actions(kept).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_action_sets_itself_off() {
        let chain = Chain(vec!["actr2".into(), "actr1".into()]);
        assert!(chain.admits("actr3") && !chain.admits("actr1"));
        assert_eq!(chain.labels("actr3"), ["action", "actr3", "actr2", "actr1"]);
        assert!(!Chain(vec![UNKNOWN.into(); LONGEST]).admits("actr1"));
        assert_eq!(Chain(vec![UNKNOWN.into()]).arrival(), ARRIVAL_FANNED_OUT);
    }
}
