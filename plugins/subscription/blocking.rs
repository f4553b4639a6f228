//! Updates that a target has to agree with first (event type 7; TS-0004 7.5.1.2.19, 7.3.2.9).
//!
//! The target is asked before the transaction. Until the update that it is asked about is carried out, no other update
//! of the resource and no deletion goes on.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use dyad_core::Cse;
use dyad_core::request::{Call, Target};
use dyad_core::resource::{Id, Lookup, Resource, View};
use dyad_core::subscription;
use dyad_protocol::exchange::TransportError;
use dyad_protocol::{Failure, Object, Operation, Request, Response, StatusCode};
use rustc_hash::FxHashMap;
use tokio::sync::Mutex as Turn;

/// Whose turn it is to change a resource whose updates are blocked.
#[derive(Debug, Default)]
pub(super) struct Blocked {
    turns: Mutex<FxHashMap<Id, Weak<Turn<()>>>>,
}

impl Blocked {
    /// Waits for the turn of a request that changes a resource, and asks the target of the subscription that blocks its
    /// updates. Does nothing if there is none.
    pub(super) async fn ask(&self, cse: &Cse, call: &Arc<Call>, target: &Target) -> Result<(), Failure> {
        let id = target.resource.id();
        if blocking(cse, id).await?.is_none() {
            return Ok(());
        }
        let turn = self.turn(id).lock_owned().await;
        call.hold(turn);
        // It may have changed or gone in the meantime.
        match blocking(cse, id).await? {
            Some(subscription) if concerns(&subscription, call) => ask(cse, call, &subscription).await,
            _ => Ok(()),
        }
    }

    fn turn(&self, id: Id) -> Arc<Turn<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(&id).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        turns.insert(id, Arc::downgrade(&turn));
        turn
    }
}

/// The subscription that blocks updates of a resource.
async fn blocking(cse: &Cse, resource: Id) -> Result<Option<Arc<Resource>>, Failure> {
    cse.look(move |cse, snapshot| Ok(snapshot.subscriptions(resource)?.blocking(cse.now()).cloned())).await
}

/// The attributes that an update carries.
fn sent(call: &Call) -> Option<&Object> {
    call.request.content.as_ref()?.value().as_object()?.values().next()?.as_object()
}

/// Whether a request is an update of what the subscription watches.
fn concerns(subscription: &Resource, call: &Call) -> bool {
    let View::Subscription(said) = subscription.view() else { return false };
    let attributes = &said.criteria.attributes;
    call.request.operation == Operation::Update
        && (attributes.is_empty()
            || sent(call).is_some_and(|sent| attributes.iter().any(|name| sent.contains_key(name))))
}

async fn ask(cse: &Cse, call: &Call, subscription: &Resource) -> Result<(), Failure> {
    let View::Subscription(said) = subscription.view() else { return Ok(()) };
    let (Some(target), Some(content)) = (said.targets.first(), &call.request.content) else { return Ok(()) };
    let config = cse.config();
    let request = Request {
        operation: Operation::Notify,
        from: Some(config.cse_id.clone()),
        request_identifier: format!("blk{}", cse.now().micros()),
        content: Some(subscription::blocking(config, subscription, said, content.value()).into()),
        release_version_indicator: config.releases.last().cloned(),
        ..Request::default()
    };
    verdict(cse.originate(target, request).await)
}

/// What the answer of the target means for the update.
fn verdict(answer: Result<Response, TransportError>) -> Result<(), Failure> {
    let status = match answer {
        Ok(response) if response.status.is_success() => return Ok(()),
        Ok(response) => response.status,
        Err(_) => StatusCode::TargetNotReachable,
    };
    Err(match status {
        StatusCode::TargetNotReachable | StatusCode::RequestTimeout => Failure::new(
            StatusCode::RemoteEntityNotReachable,
            "the entity that has to agree with the update cannot be reached",
        ),
        _ => Failure::new(
            StatusCode::OperationDeniedByRemoteEntity,
            format!("the entity that has to agree with the update does not ({})", status.number()),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::verdict;
    use dyad_protocol::exchange::TransportError;
    use dyad_protocol::{Request, Response, StatusCode};

    #[test]
    fn answers_decide() {
        let answer = |status| Ok(Response::to(&Request::default(), status));
        assert!(verdict(answer(StatusCode::Ok)).is_ok());
        for (answer, rsc) in [
            (answer(StatusCode::OperationNotAllowed), StatusCode::OperationDeniedByRemoteEntity),
            (answer(StatusCode::BadRequest), StatusCode::OperationDeniedByRemoteEntity),
            (answer(StatusCode::TargetNotReachable), StatusCode::RemoteEntityNotReachable),
            (Err(TransportError::TimedOut), StatusCode::RemoteEntityNotReachable),
        ] {
            assert_eq!(verdict(answer).unwrap_err().rsc, rsc);
        }
    }
}
