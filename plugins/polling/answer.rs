//! The `<pollingChannelURI>` (TS-0004 7.4.22.2, 7.5.1.2.7): requests are fetched by RETRIEVE and answered by NOTIFY, by
//! nobody but the entity whose channel it is.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dyad_core::Cse;
use dyad_core::request::{Asker, Call};
use dyad_core::resource::{Lookup, Resource};
use dyad_protocol::primitive::json;
use dyad_protocol::{Failure, Operation, Response, ResultContent, StatusCode, Timestamp};
use serde_json::{Value, json};

use super::{AGGREGATED, LONGEST_WAIT, NAME, Polling, WAIT};

/// What a poll may take longer than it is held, until it counts as stuck.
const SLACK: Duration = Duration::from_secs(5);

impl Polling {
    /// Answers a request to the URI of a channel.
    pub(super) async fn at_uri(
        &self,
        cse: &Cse,
        call: &Arc<Call>,
        channel: &Arc<Resource>,
    ) -> Result<Response, Failure> {
        match call.request.operation {
            Operation::Retrieve => {
                let entity = owner(cse, call, channel).await?;
                self.poll(cse, call, channel, &entity).await
            }
            Operation::Notify => {
                let entity = owner(cse, call, channel).await?;
                self.take_answer(call, &entity.ri())
            }
            Operation::Create | Operation::Update | Operation::Delete => {
                Err(Failure::not_allowed("a pollingChannelURI is retrieved and notified, nothing else"))
            }
        }
    }

    /// Holds a poll until a request waits, or the poll expires.
    async fn poll(
        &self,
        cse: &Cse,
        call: &Arc<Call>,
        channel: &Arc<Resource>,
        entity: &Resource,
    ) -> Result<Response, Failure> {
        check_poll(call)?;
        let wait = held_for(cse, call, channel);
        call.allow(wait + SLACK);
        // Looked for in the text first: ten thousand polls are held without parsing their channels.
        let is_aggregated = channel.may_have("rqag") && channel.is_set("rqag");
        let most = if is_aggregated { cse.settings(NAME).count(AGGREGATED.name) } else { 1 };
        let visit = self.channels.enter(&entity.ri());
        let _poll = visit.begin(most);
        self.polled.fetch_add(1, Ordering::Relaxed);
        let mut over = pin!(tokio::time::sleep(wait));
        loop {
            // Made before the look, so that nothing is missed between the two.
            let filled = visit.filled.notified();
            let taken = visit.take(most);
            if !taken.is_empty() {
                self.handed_out.fetch_add(taken.len() as u64, Ordering::Relaxed);
                return Ok(with_requests(call, taken, is_aggregated));
            }
            if visit.is_removed(channel.id()) {
                return Err(Failure::not_found("the polling channel is gone"));
            }
            // Whoever sets this wakes all polls then.
            if self.stops.load(Ordering::SeqCst) {
                return Err(timeout("the node stops, or holds no polls any more"));
            }
            tokio::select! {
                biased;
                // Whoever does not listen must get nothing.
                () = hung_up(call) => return Err(timeout("the connection was closed")),
                () = filled => {}
                () = &mut over => return Err(timeout("no request has come")),
            }
        }
    }

    /// Takes the response to a request that was handed out, and passes it on.
    fn take_answer(&self, call: &Call, entity: &str) -> Result<Response, Failure> {
        let content = call.request.content.as_ref().map(|content| content.value());
        let members = content.and_then(Value::as_object).filter(|members| members.len() == 1);
        let Some(primitive) = members.and_then(|members| members.get("m2m:rsp")) else {
            return Err(Failure::bad_request("the content is not a response primitive (m2m:rsp)"));
        };
        let response = json::response_from_json(primitive.clone())?;
        let visit = self.channels.visited(entity);
        if !visit.is_some_and(|channel| channel.answer(response)) {
            self.unasked.fetch_add(1, Ordering::Relaxed);
            return Err(Failure::bad_request("no request with this identifier waits for a response"));
        }
        self.answered.fetch_add(1, Ordering::Relaxed);
        Ok(Response::to(&call.request, StatusCode::Ok))
    }
}

/// The registration of the entity whose channel it is. ORIGINATOR_HAS_NO_PRIVILEGE for everybody else, whatever
/// policies say.
async fn owner(cse: &Cse, call: &Arc<Call>, channel: &Arc<Resource>) -> Result<Arc<Resource>, Failure> {
    let parent = channel.parent();
    let registration = cse.look(move |_, snapshot| snapshot.resource(parent)).await?;
    let is_own = |entity: &str| cse.config().shorten(entity) == Asker::new(cse, call).id;
    registration
        .filter(|registration| registration.entity().is_some_and(|entity| is_own(&entity)))
        .ok_or_else(|| Failure::no_privilege("only the entity that has the polling channel may use it"))
}

/// BAD_REQUEST for a poll that asks for something else than requests, or whose response nobody waits for.
fn check_poll(call: &Call) -> Result<(), Failure> {
    if !call.is_awaited() {
        return Err(Failure::bad_request("a polling channel is polled by blocking requests"));
    }
    let request = &call.request;
    let asks_for_more = request.filter_criteria.is_some()
        || !request.attribute_list.is_empty()
        || !matches!(request.result_content, None | Some(ResultContent::Attributes));
    match asks_for_more {
        true => {
            Err(Failure::bad_request("a poll takes no filter criteria, attribute list or result content"))
        }
        false => Ok(()),
    }
}

/// How long a poll is held: until it, its result or the channel expires, within what the node allows.
fn held_for(cse: &Cse, call: &Call, channel: &Resource) -> Duration {
    let settings = cse.settings(NAME);
    let request = &call.request;
    let ends = [request.request_expiration_timestamp, request.result_expiration_timestamp];
    let ends = ends.into_iter().flatten().map(|at| at.resolve(call.now));
    let wait = ends.min().map_or(settings.duration(WAIT.name), |at| until(at, call.now));
    wait.min(settings.duration(LONGEST_WAIT.name)).min(until(channel.expiration(), call.now))
}

fn until(moment: Timestamp, now: Timestamp) -> Duration {
    Duration::from_micros(moment.micros().saturating_sub(now.micros()).max(0).unsigned_abs())
}

/// Resolves when nobody waits for the response to a request any more.
async fn hung_up(call: &Call) {
    match &call.arrival.hangup {
        Some(hangup) => hangup.signalled().await,
        None => std::future::pending().await,
    }
}

fn timeout(why: &'static str) -> Failure {
    Failure::new(StatusCode::RequestTimeout, why)
}

/// The response to a poll: one request, or several in a list for a channel that aggregates them.
fn with_requests(call: &Call, mut requests: Vec<Value>, is_aggregated: bool) -> Response {
    let mut response = Response::to(&call.request, StatusCode::Ok);
    let content = match is_aggregated {
        true => json!({ "m2m:agrp": requests }),
        false => json!({ "m2m:rqp": requests.pop() }),
    };
    response.content = Some(content.into());
    response
}
