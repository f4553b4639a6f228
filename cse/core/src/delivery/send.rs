//! Sending one notification: whether it is still wanted, what it says, and what the answer means.

use std::sync::Arc;

use bytes::Bytes;
use dyad_protocol::{Content, Failure, Operation, Request, Timestamp};

use super::{account, lane, reachability};
use crate::Cse;
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

/// Tries to deliver a notification. `was_missed` says that the target could not be reached the last time.
pub(super) async fn deliver(cse: &Arc<Cse>, notice: &Notice, was_missed: bool) -> Outcome {
    let owed = &*notice.owed;
    if owed.expires <= cse.clock().now().micros() {
        tracing::warn!(target = owed.target, "a notification was not taken for too long and is dropped");
        return Outcome::Done;
    }
    let subscription = match subscription(cse, owed).await {
        Ok(Some(subscription)) => subscription,
        Ok(None) => return Outcome::Done,
        Err(failure) => return Outcome::Later(failure.to_string()),
    };
    let said = subscription.as_deref().and_then(said);
    if said.is_some_and(|said| !said.may_notify(&owed.target)) {
        return Outcome::Done;
    }
    let pending = said.map_or(Pending::All, |said| said.policy.pending);
    match reachability::of(cse, owed, pending).await {
        Ok(reachability::Verdict::Open) => {}
        Ok(reachability::Verdict::Missed) => return Outcome::Done,
        Ok(reachability::Verdict::Closed(opens)) => return Outcome::Closed(opens),
        Err(failure) => return Outcome::Later(failure.to_string()),
    }
    let body = match body(cse, notice).await {
        Ok(Some(body)) => body,
        Ok(None) => return Outcome::Done,
        Err(failure) => return Outcome::Later(failure.to_string()),
    };
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
    let answer = cse.originate(&owed.target, request).await;
    account::settle(cse, owed, said, &answer).await;
    match answer {
        Ok(response) if response.status.is_success() => {
            if let Some(subscription) = subscription.filter(|_| wants_out(&response)) {
                depart(cse, &subscription, &owed.target).await;
            }
            Outcome::Done
        }
        Ok(response) if response.status.number() / 1000 == 5 => {
            Outcome::Later(format!("it answers {} {}", response.status.number(), response.status.name()))
        }
        Ok(response) => {
            let status = response.status.number();
            tracing::warn!(target = owed.target, status, "notification target refuses a notification");
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
        let _ = hosted.wait(cse, "depart", departure.depart(cse, subscription, target)).await;
    }
}

fn said(subscription: &Resource) -> Option<&Subscription> {
    match subscription.view() {
        View::Subscription(said) => Some(said),
        _ => None,
    }
}

/// The subscription of a notification: `None` if it is gone, with which what it caused before goes too (TS-0004
/// 7.4.8.2.4). Number 0 stands for what is owed without a subscription.
async fn subscription(cse: &Arc<Cse>, owed: &Owed) -> Result<Option<Option<Arc<Resource>>>, Failure> {
    let id = owed.subscription;
    if id == 0 {
        return Ok(Some(None));
    }
    cse.look(move |_, snapshot| Ok(snapshot.resource(id)?.map(Some))).await
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
