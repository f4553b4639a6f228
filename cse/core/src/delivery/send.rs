//! Sending one notification: whether it is still wanted, what it says, and what the answer means.

use std::sync::Arc;

use bytes::Bytes;
use dyad_protocol::exchange::TransportError;
use dyad_protocol::{Content, Failure, Operation, Request, Response, Timestamp};

use super::{account, lane, reachability};
use crate::Cse;
use crate::function::Hook;
use crate::resource::{Lookup, Notice, Resource, View};
use crate::store::Owed;
use crate::subscription::{Pending, Subscription, identifier, wants_out};

/// What came of a notification.
pub(super) enum Outcome {
    /// Taken, refused for good, or not owed any more.
    Done,
    /// Another one takes its place.
    Replaced,
    /// The target may take it later.
    Later(String),
    /// The target can be reached from a moment on.
    Closed(Timestamp),
}

/// A notification that is to be sent.
struct Prepared {
    request: Request,
    subscription: Option<Arc<Resource>>,
}

/// Tries to deliver notifications to one target, in their order, and says what came of the first of them. `was_missed`
/// says that the target could not be reached the last time.
pub(super) async fn deliver(cse: &Arc<Cse>, notices: &[Notice], was_missed: bool) -> Vec<Outcome> {
    let (mut prepared, mut requests) = (Vec::new(), Vec::new());
    for notice in notices {
        match prepare(cse, notice, was_missed).await {
            // It may be the last of its subscription: what follows depends on what becomes of it.
            Ok(Prepared { subscription, .. })
                if counts_down(subscription.as_deref()) && !prepared.is_empty() =>
            {
                break;
            }
            Ok(Prepared { request, subscription }) => {
                requests.push(request);
                prepared.push(Ok(subscription));
            }
            Err(outcome @ (Outcome::Done | Outcome::Replaced)) => prepared.push(Err(outcome)),
            // Nothing overtakes one that has to wait.
            Err(outcome) => {
                prepared.push(Err(outcome));
                break;
            }
        }
    }
    let Some(target) = notices.first().map(|notice| &notice.owed.target) else { return Vec::new() };
    let mut answers = cse.originate_all(target, requests).await.into_iter();
    let mut outcomes = Vec::with_capacity(prepared.len());
    for (notice, prepared) in notices.iter().zip(prepared) {
        outcomes.push(match prepared {
            Err(outcome) => outcome,
            Ok(subscription) => {
                let Some(answer) = answers.next() else { break };
                let said = subscription.as_deref().and_then(said);
                account::settle(cse, &notice.owed, said, &answer).await;
                let is_leaving =
                    matches!(&answer, Ok(taken) if taken.status.is_success() && wants_out(taken));
                if let Some(subscription) = subscription.filter(|_| is_leaving) {
                    depart(cse, &subscription, target).await;
                }
                verdict(target, answer)
            }
        });
    }
    outcomes
}

/// Whether a subscription ends with so many notifications.
fn counts_down(subscription: Option<&Resource>) -> bool {
    subscription.and_then(said).is_some_and(|said| said.expiration_counter.is_some())
}

/// The request that brings a notification, if it is still wanted and may go out.
async fn prepare(cse: &Arc<Cse>, notice: &Notice, was_missed: bool) -> Result<Prepared, Outcome> {
    let owed = &*notice.owed;
    if owed.expires <= cse.clock().now().micros() {
        tracing::warn!(target = owed.target, "a notification was not taken for too long and is dropped");
        return Err(Outcome::Done);
    }
    if cse.delivery().lanes.is_replaced(owed) {
        return Err(Outcome::Replaced);
    }
    let later = |failure: Failure| Outcome::Later(failure.to_string());
    let subscription = subscription(cse, owed).await.map_err(later)?.ok_or(Outcome::Done)?;
    let said = subscription.as_deref().and_then(said);
    if said.is_some_and(|said| !said.may_notify(&owed.target)) {
        return Err(Outcome::Done);
    }
    let pending = said.map_or(Pending::All, |said| said.policy.pending);
    if let Some(opens) = reachability::closed_until(cse, &owed.target).await.map_err(later)? {
        return Err(Outcome::Closed(opens));
    }
    let body = body(cse, notice).await.map_err(later)?.ok_or(Outcome::Done)?;
    let is_latest = was_missed && pending == Pending::Latest;
    let category =
        if is_latest { crate::subscription::LATEST } else { u16::try_from(owed.category).unwrap_or(0) };
    let request = Request {
        operation: Operation::Notify,
        from: Some(cse.config().cse_id.clone()),
        request_identifier: identifier(owed.seq),
        content: Some(Content::from_trusted_json(body)),
        release_version_indicator: cse.config().releases.last().cloned(),
        event_category: (category > 0).then_some(category),
        ..Request::default()
    };
    Ok(Prepared { request, subscription })
}

/// What the answer of a target means.
fn verdict(target: &str, answer: Result<Response, TransportError>) -> Outcome {
    match answer {
        Ok(response) if response.status.is_success() => Outcome::Done,
        Ok(response) if response.status.number() / 1000 == 5 => {
            Outcome::Later(format!("it answers {} {}", response.status.number(), response.status.name()))
        }
        Ok(response) => {
            let status = response.status.number();
            tracing::warn!(target, status, "notification target refuses a notification");
            Outcome::Done
        }
        Err(error) => Outcome::Later(error.to_string()),
    }
}

/// Has the wish of a target to be notified no more looked after, before it is notified of anything else.
async fn depart(cse: &Arc<Cse>, subscription: &Arc<Resource>, target: &str) {
    let mut offers = cse.hosts().on().filter_map(|hosted| Some((hosted, hosted.facets(cse).departure?)));
    if let Some((hosted, departure)) = offers.next() {
        // A fault is noted there; the target goes on being notified.
        let _ = hosted.wait(cse, Hook::Depart, departure.depart(cse, subscription, target)).await;
    }
}

fn said(subscription: &Resource) -> Option<&Subscription> {
    match subscription.view() {
        View::Subscription(said) => Some(said),
        _ => None,
    }
}

/// The subscription of a notification: `None` if it is gone or has expired, with which what it caused before goes too
/// (TS-0004 7.4.8.2.4). Number 0 stands for what is owed without a subscription, as the notice of its deletion is.
async fn subscription(cse: &Arc<Cse>, owed: &Owed) -> Result<Option<Option<Arc<Resource>>>, Failure> {
    let id = owed.subscription;
    if id == 0 {
        return Ok(Some(None));
    }
    cse.look(move |cse, snapshot| {
        Ok(snapshot.resource(id)?.filter(|found| !found.is_expired(cse.now())).map(Some))
    })
    .await
}

/// The text of a notification. `None` if its event is gone, as after a reset of the node.
async fn body(cse: &Arc<Cse>, notice: &Notice) -> Result<Option<Bytes>, Failure> {
    let owed = &notice.owed;
    if owed.event == 0 {
        return Ok(Some(Bytes::from(owed.body.clone())));
    }
    if let Some(event) = &notice.event {
        return Ok(Some(joined(&event.head, &owed.body)));
    }
    let event = owed.event;
    let head = lane::reading(cse, move |reader| reader.event_head(event)).await?;
    Ok(head.map(|head| joined(&head, &owed.body)))
}

fn joined(head: &str, tail: &str) -> Bytes {
    let mut text = String::with_capacity(head.len() + tail.len());
    text.push_str(head);
    text.push_str(tail);
    Bytes::from(text)
}
