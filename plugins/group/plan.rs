//! What goes to the members of a group, and how long their answers are waited for.

use std::sync::Arc;
use std::time::Duration;

use dyad_core::Cse;
use dyad_core::request::Call;
use dyad_core::resource::Resource;
use dyad_protocol::exchange::Arrival;
use dyad_protocol::primitive::ResponseTypeInfo;
use dyad_protocol::time::AbsRelTime;
use dyad_protocol::{Request, Timestamp};
use tokio::time::Instant;

use super::ask::is_fan_out_point;
use super::selection::Selection;
use super::{ANSWER_WITHIN, NAME};

/// What is left of the time of a request for its answer to be put together and sent, at the most.
const RESERVE: Duration = Duration::from_millis(100);

/// What goes to the members.
pub(super) struct Plan {
    pub(super) group: Arc<Resource>,
    pub(super) selection: Selection,
    /// The request, but for where it goes.
    pub(super) request: Request,
    pub(super) arrival: Arrival,
    /// What is appended to each member ID: nothing, or a path with its slash.
    pub(super) below: String,
    /// When the answer leaves.
    pub(super) deadline: Instant,
    /// The same moment, for sub-groups: their answers have to leave before.
    pub(super) latest: Timestamp,
}

impl Plan {
    /// The request to one member. `targets` are the members of a sub-group that are meant, all if there are none.
    pub(super) fn request_to(&self, member: &str, targets: Vec<String>) -> Box<Request> {
        let mut request = Box::new(self.request.clone());
        request.to = [member, &self.below].concat();
        request.group_request_target_members = targets;
        if is_fan_out_point(&request.to) {
            expire(&mut request, self.latest);
        }
        request
    }
}

/// The request as it goes to members: who asks and what for stays, ways to answer that are this group's do not.
pub(super) fn member_request(call: &Call, end: Timestamp) -> Request {
    let original = &call.request;
    let mut request = Request {
        to: String::new(),
        response_type: ResponseTypeInfo::default(),
        result_persistence: None,
        delivery_aggregation: None,
        operation_execution_time: None,
        group_request_target_members: Vec::new(),
        request_expiration_timestamp: original
            .request_expiration_timestamp
            .map(|expiry| AbsRelTime::At(expiry.resolve(call.now))),
        // The profile that the request names was applied to the whole; to the parts of it, none is.
        primitive_profile_identifier: original.primitive_profile_identifier.as_ref().map(|_| String::new()),
        ..Request::clone(original)
    };
    expire(&mut request, end);
    request
}

/// Lets the result of a request, and the request if it names a time, expire at a moment at the latest.
fn expire(request: &mut Request, end: Timestamp) {
    request.result_expiration_timestamp = Some(AbsRelTime::At(end));
    if let Some(AbsRelTime::At(expiry)) = &mut request.request_expiration_timestamp {
        *expiry = end.min(*expiry);
    }
}

/// The time for the answers of members.
pub(super) struct Time {
    /// How long they are waited for.
    pub(super) within: Duration,
    /// The moment when that is over.
    pub(super) latest: Timestamp,
    /// The moment when the answer has to be there.
    pub(super) end: Timestamp,
}

impl Time {
    /// Until the result expires, or as long as the node allows, in both cases within the time of the request.
    pub(super) fn new(cse: &Cse, call: &Call) -> Self {
        let left = |until: Timestamp| {
            Duration::from_micros(until.micros().saturating_sub(call.now.micros()).max(0).unsigned_abs())
        };
        let asked = call.request.result_expiration_timestamp.map(|at| left(at.resolve(call.now)));
        let expiry = call.request.request_expiration_timestamp.map(|at| left(at.resolve(call.now)));
        let whole = asked
            .unwrap_or(cse.settings(NAME).duration(ANSWER_WITHIN.name))
            .min(cse.config().request_timeout)
            .min(expiry.unwrap_or(Duration::MAX));
        let within = whole.saturating_sub(RESERVE.min(whole / 20));
        let after = |time: Duration| {
            let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
            Timestamp::from_micros(call.now.micros().saturating_add(micros))
        };
        Self { within, latest: after(within), end: after(whole) }
    }
}
