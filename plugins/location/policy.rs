//! What a `<locationPolicy>` says (TS-0001 9.6.10), and what it may say.

use std::sync::Arc;

use dyad_core::Cse;
use dyad_core::geography::Fence;
use dyad_core::resource::{Draft, Resource, Txn};
use dyad_protocol::time::Span;
use dyad_protocol::{Failure, Object, StatusCode, Timestamp};
use serde_json::Value;

use super::progress::Event;

/// Shortest time from one position to the next.
const SHORTEST: Span = Span::from_seconds(1);

/// Status of a policy for which nothing was looked for yet: ACCEPTED.
pub(super) const BEGUN: u16 = 1000;
/// That of one whose last position is known: OK.
pub(super) const KNOWN: u16 = 2000;
/// That of one for which no position was found: NOT_FOUND.
pub(super) const UNKNOWN: u16 = 4004;

/// `m2m:locationSource`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Network,
    Device,
    Sharing,
}

/// The attributes of a policy.
#[derive(Clone, Copy)]
pub(super) struct Policy<'a>(pub(super) &'a Object);

impl Policy<'_> {
    pub(super) fn source(&self) -> Source {
        match self.0.get("los").and_then(Value::as_u64) {
            Some(1) => Source::Network,
            Some(3) => Source::Sharing,
            _ => Source::Device,
        }
    }

    /// Time from one position to the next: the first of the list is the one in effect. `None` if positions are taken
    /// when somebody asks for them.
    pub(super) fn period(&self) -> Option<Span> {
        self.periods()
            .next()
            .flatten()
            .filter(|period| period.micros() > 0)
            .map(|period| period.max(SHORTEST))
    }

    /// When the next position is due after one that was due at some time: those that were missed are left out.
    pub(super) fn next(&self, last: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let period = self.period()?.micros();
        let since = now.micros().saturating_sub(last?.micros()).max(0);
        let steps = since / period + 1;
        Some(Timestamp::from_micros(last?.micros().saturating_add(steps.saturating_mul(period))))
    }

    /// Whether events of a fence are kept instead of positions.
    pub(super) fn is_fence(&self) -> bool {
        self.0.get("lit").and_then(Value::as_u64) == Some(2)
    }

    /// Whether each change of the location of an AE may matter.
    pub(super) fn follows(&self) -> bool {
        self.is_fence() && self.source() == Source::Device
    }

    /// The area, if events of a fence are kept and it is known.
    pub(super) fn fence(&self) -> Option<Fence> {
        let area = self.0.get("gta").filter(|_| self.is_fence())?;
        Fence::read(area).ok()
    }

    /// Which events are kept.
    pub(super) fn criterion(&self) -> Option<Event> {
        Event::of_number(self.0.get("gec")?.as_u64()?)
    }

    /// BAD_REQUEST for values that make no sense together, and for a source that names no location server;
    /// NOT_IMPLEMENTED for one that this node does not reach, and for being told by it.
    pub(super) fn check(&self, cse: &Cse) -> Result<(), Failure> {
        if self.source() == Source::Network {
            let server = self.0.get("lor").and_then(Value::as_str);
            let Some(server) = server.filter(|_| self.0.contains_key("lot")) else {
                return Err(Failure::bad_request("a network-based location needs lot and lor"));
            };
            if !cse.reaches(server) {
                return Err(Failure::not_implemented("this node does not reach the location server (lor)"));
            }
            if self.0.contains_key("luec") {
                return Err(Failure::not_implemented("location servers are asked, and tell nothing (luec)"));
            }
        }
        let periods: Vec<_> = self.periods().collect();
        if periods.len() > 1 && periods.iter().any(|period| period.is_none_or(|period| period.micros() <= 0))
        {
            return Err(Failure::bad_request("a period of zero (lou) stands alone"));
        }
        self.0.get("gta").map_or(Ok(()), |area| Fence::read(area).map(drop))
    }

    fn periods(&self) -> impl Iterator<Item = Option<Span>> {
        let listed = self.0.get("lou").and_then(Value::as_array).into_iter().flatten();
        listed.map(|period| period.as_str().and_then(Span::parse_duration))
    }
}

/// What the node fills in.
pub(super) fn complete(draft: &mut Draft) {
    if !draft.attributes.contains_key("lit") {
        draft.set("lit", 1);
    }
    draft.set("lost", BEGUN.to_string());
}

/// Notes how it stands with positions, if that is new.
pub(super) fn note_status(txn: &mut Txn<'_>, policy: &Arc<Resource>, status: u16) -> Result<(), Failure> {
    let status = status.to_string();
    if policy.text("lost") == Some(&*status) {
        return Ok(());
    }
    let changes = Object::from_iter([("lost".to_owned(), Value::from(status))]);
    txn.modify(policy, &changes).map(drop)
}

/// The status that a refusal means; a failure that is the node's own stays one.
pub(super) fn status_of<T>(outcome: Result<T, Failure>) -> Result<u16, Failure> {
    match outcome {
        Ok(_) => Ok(KNOWN),
        Err(failure) if failure.source.is_none() && failure.rsc != StatusCode::InternalServerError => {
            Ok(failure.rsc.number())
        }
        Err(failure) => Err(failure),
    }
}
