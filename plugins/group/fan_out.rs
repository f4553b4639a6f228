//! The fanOutPoint: one request for all members of a group (TS-0004 7.4.14, TS-0001 10.2.7.6 to 10.2.7.10).
//!
//! Members on this node are asked inside it, by the same procedure as for any request and with the rights of the
//! originator; the group grants nothing but the way to them. A member whose request may wait or changes something is
//! asked in a task of its own, which goes on when the answer has to leave without it.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use dyad_core::request::{Asker, Call, Target};
use dyad_core::resource::{Resource, View};
use dyad_core::{Cse, access};
use dyad_protocol::primitive::{ContentStatus, FilterCriteria};
use dyad_protocol::{Failure, Operation, Response, StatusCode};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use super::Groups;
use super::answer::Answers;
use super::ask::{Answer, Flight, ask, is_fan_out_point};
use super::deleted::Deleted;
use super::plan::{Plan, Time, member_request};
use super::selection::Selection;
use super::{MAX_ANSWER, NAME, PARALLEL};

/// Requests to members that may be under way in all, for each that may be for one group; every group may have one.
const GROUPS_AT_ONCE: usize = 16;

/// Answers after which others get the processor.
const YIELD_EVERY: usize = 32;

impl Groups {
    /// Carries a request out on all members and answers with what they answered in time.
    ///
    /// ORIGINATOR_HAS_NO_PRIVILEGE without the right to use the fanOutPoint, NO_MEMBERS for an empty group,
    /// INVALID_CHILD_RESOURCE_TYPE for what cannot be created below members of their type, BAD_REQUEST for target
    /// members that are none, GROUP_MEMBERS_NOT_RESPONDED if nobody has answered in time.
    pub(super) async fn fan_out(
        &self,
        cse: &Cse,
        call: &Arc<Call>,
        target: &Target,
        rest: &str,
    ) -> Result<Response, Failure> {
        let time = Time::new(cse, call);
        let deadline = Instant::now() + time.within;
        let (shared, group) = (Arc::clone(call), Arc::clone(&target.resource));
        let selection = cse.look(move |cse, look| {
            authorize(cse, look, &shared, &group)?;
            Selection::new(look, cse, &group, &shared.request.group_request_target_members)
        });
        let selection = selection.await?;
        let View::Group(members) = target.resource.view() else { return Err(no_members()) };
        if members.is_empty() {
            return Err(no_members());
        }
        if rest.is_empty() {
            check_child_type(cse, call, &target.resource)?;
        }
        let below = if rest.is_empty() { String::new() } else { format!("/{rest}") };
        let mut request = member_request(call, time.end);
        if request.group_request_identifier.is_none()
            && (is_fan_out_point(&below)
                || members.sub_groups().next().is_some()
                || members.iter().any(is_fan_out_point))
        {
            request.group_request_identifier = Some(cse.new_group_request(call, target)?);
        }
        if let Some(content) = self.gathering(cse, call, &target.resource).await? {
            request.content = Some(content);
        }
        let plan = Plan {
            group: Arc::clone(&target.resource),
            selection,
            request,
            arrival: call.arrival.clone(),
            below,
            deadline,
            latest: time.latest,
        };
        self.fanned_out.fetch_add(1, Ordering::Relaxed);
        self.carry_out(cse, call, plan).await
    }

    async fn carry_out(&self, cse: &Cse, call: &Call, plan: Plan) -> Result<Response, Failure> {
        let View::Group(members) = plan.group.view() else { return Err(no_members()) };
        let (settings, shared) = (cse.settings(NAME), cse.shared());
        let parallel = settings.count(PARALLEL.name).max(1);
        let mut deleted = Deleted::new(&plan.request, &plan.group, &plan.below);
        let count = plan.selection.count(members.len());
        let mut answers = Answers::new(settings.count(MAX_ANSWER.name));
        let mut waiting = plan.selection.iter(members.len()).filter_map(|(position, targets)| {
            members.get(position).map(|member| (position, member, targets))
        });
        let (mut running, mut place) = (FuturesUnordered::new(), None);
        let time_is_over = tokio::time::sleep_until(plan.deadline);
        tokio::pin!(time_is_over);
        let mut answered = 0;
        loop {
            let mut come = None;
            while come.is_none()
                && running.len() < parallel
                && (running.is_empty()
                    || self.in_flight.load(Ordering::Relaxed) < parallel.saturating_mul(GROUPS_AT_ONCE))
            {
                let Some((position, member, targets)) = waiting.next() else { break };
                self.asked.fetch_add(1, Ordering::Relaxed);
                let flight = Flight::new(&self.in_flight);
                let request = plan.request_to(member, targets);
                let asking = ask(Arc::clone(&shared), flight, position, request, plan.arrival.clone());
                come = begin(asking, &mut place).await;
                if come.is_none() {
                    running.extend(place.take());
                }
            }
            let (position, response) = match come {
                Some(answer) => answer,
                None => tokio::select! {
                    biased;
                    answer = running.next() => {
                        let Some(answer) = answer else { break };
                        answer
                    }
                    () = &mut time_is_over => break,
                },
            };
            let member = members.get(position).unwrap_or_default();
            deleted.note(position, response.status);
            answers.add(position, member, call.request.originator(), response);
            answered += 1;
            if answered % YIELD_EVERY == 0 {
                tokio::task::yield_now().await;
                if Instant::now() >= plan.deadline {
                    break;
                }
            }
        }
        deleted.forget(cse).await;
        if !running.is_empty() {
            deleted.forget_later(shared, running);
        }
        if answered == 0 {
            return Err(Failure::new(StatusCode::GroupMembersNotResponded, "no member has answered in time"));
        }
        self.late.fetch_add((count - answered) as u64, Ordering::Relaxed);
        let is_partial = answers.is_partial || answered < count;
        // Whatever the members answered, and whatever was asked of them (TS-0004 7.4.14.2.5).
        let mut response = Response::to(&call.request, StatusCode::Ok);
        response.content_status = is_partial.then_some(ContentStatus::Partial);
        response.content = Some(answers.into_content());
        Ok(response)
    }
}

/// Begins to ask a member, in a place in memory that is left to the next if the answer is there at once, as most are.
/// `None` if it is not: the request goes on in its place.
async fn begin<F: Future<Output = Answer>>(asking: F, place: &mut Option<Pin<Box<F>>>) -> Option<Answer> {
    let asking = match place {
        Some(free) => {
            free.set(asking);
            free
        }
        None => place.insert(Box::pin(asking)),
    };
    match poll_fn(|context| Poll::Ready(asking.as_mut().poll(context))).await {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}

/// The right to use the fanOutPoint: by `macp`, or without it by the policies of the group (TS-0004 7.4.14.3).
fn authorize(
    cse: &Cse,
    look: &mut dyad_core::resource::Snapshot<'_>,
    call: &Call,
    group: &Arc<Resource>,
) -> Result<(), Failure> {
    let asker = Asker::new(cse, call);
    let is_discovery = call.request.filter_criteria.as_deref().is_some_and(FilterCriteria::is_discovery);
    let operation = match call.request.operation {
        Operation::Create => access::operation::CREATE,
        Operation::Retrieve if is_discovery => access::operation::DISCOVERY,
        Operation::Retrieve => access::operation::RETRIEVE,
        Operation::Update => access::operation::UPDATE,
        Operation::Delete => access::operation::DELETE,
        Operation::Notify => access::operation::NOTIFY,
    };
    let child_type = call.request.resource_type;
    // Looked for in the text first: parsing many members for it would be a waste.
    if group.may_have("macp") && group.texts("macp").next().is_some() {
        access::authorize_by(look, cse, &asker, group, "macp", operation, child_type)
    } else {
        access::authorize(look, cse, &asker, group, operation, child_type)
    }
}

/// INVALID_CHILD_RESOURCE_TYPE for a CREATE of what members of the group's type cannot have (TS-0004 7.4.14.2.1).
fn check_child_type(cse: &Cse, call: &Call, group: &Resource) -> Result<(), Failure> {
    let (Some(child), Some(member_type)) = (call.request.resource_type, group.number("mt")) else {
        return Ok(());
    };
    let table = u32::try_from(member_type).ok().and_then(|ty| cse.schemas().by_number(ty));
    match table {
        Some(table) if member_type != 0 && !table.allows_child(child) => Err(Failure::new(
            StatusCode::InvalidChildResourceType,
            format!("a resource of type {child} cannot be created below the members"),
        )),
        _ => Ok(()),
    }
}

fn no_members() -> Failure {
    Failure::new(StatusCode::NoMembers, "the group has no members")
}
