//! Members that a request to the group has deleted: the group refers to them no more (TS-0004 7.4.14.3.5).
//!
//! A member that is deleted by itself stays in the list, as the specification leaves it there; requests to it answer
//! NOT_FOUND, and a resource that takes its address is a member.

use std::collections::HashSet;
use std::sync::Arc;

use dyad_core::Cse;
use dyad_core::request::Amendment;
use dyad_core::resource::{Resource, View};
use dyad_protocol::{Object, Operation, Request, StatusCode};
use futures_util::stream::{FuturesUnordered, StreamExt};
use serde_json::Value;

use super::GROUP;
use super::ask::{Answer, is_fan_out_point};

/// The members that a request to the group has deleted.
pub(super) struct Deleted {
    /// The group; `None` for a request that deletes no members.
    group: Option<Arc<Resource>>,
    positions: Vec<usize>,
}

impl Deleted {
    /// None yet. A request that goes below the members deletes none of them.
    pub(super) fn new(request: &Request, group: &Arc<Resource>, below: &str) -> Self {
        let deletes = request.operation == Operation::Delete && below.is_empty();
        Self { group: deletes.then(|| Arc::clone(group)), positions: Vec::new() }
    }

    /// Takes note of the answer of a member.
    pub(super) fn note(&mut self, position: usize, status: StatusCode) {
        if self.group.is_some() && status == StatusCode::Deleted {
            self.positions.push(position);
        }
    }

    /// Takes them out of the group.
    pub(super) async fn forget(&mut self, cse: &Cse) {
        let Some(View::Group(members)) = self.group.as_ref().map(|group| group.view()) else { return };
        let gone: HashSet<String> = std::mem::take(&mut self.positions)
            .into_iter()
            .filter_map(|position| members.get(position))
            .filter(|member| !is_virtual(member))
            .map(str::to_owned)
            .collect();
        let owner = cse.functions().iter().find(|function| function.owns().contains(&GROUP));
        let (Some(group), Some(owner), false) = (&self.group, owner, gone.is_empty()) else { return };
        let outcome = cse.amend(&**owner, group.id(), move |group| without(group, &gone)).await;
        if let Err(failure) = outcome {
            tracing::error!(cause = ?failure.source, "deleted members stay in their group: {failure}");
        }
    }

    /// Does the same with those whose answers come too late for the originator.
    pub(super) fn forget_later(
        self,
        cse: Arc<Cse>,
        mut running: FuturesUnordered<impl Future<Output = Answer> + Send + 'static>,
    ) {
        if self.group.is_none() {
            return;
        }
        let mut late = self;
        tokio::spawn(async move {
            while let Some((position, response)) = running.next().await {
                late.note(position, response.status);
            }
            late.forget(&cse).await;
        });
    }
}

/// Whether a member ID ends with or goes through a virtual resource: that one is not gone with what it stood for.
fn is_virtual(member: &str) -> bool {
    is_fan_out_point(member) || matches!(member.rsplit_once('/'), Some((_, "la" | "ol")))
}

/// The members of a group but those that are gone.
fn without(group: &Resource, gone: &HashSet<String>) -> Amendment {
    let View::Group(members) = group.view() else { return Amendment::Keep };
    let kept: Vec<&str> = members.iter().filter(|member| !gone.contains(*member)).collect();
    if kept.len() == members.len() {
        return Amendment::Keep;
    }
    Amendment::Modify(Object::from_iter([("mid".to_owned(), Value::from(kept))]))
}
