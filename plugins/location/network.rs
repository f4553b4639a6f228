//! Positions that a location server knows (`los` 1; TS-0001 8.3.4, TS-0004 7.4.10.2.1 step 3): asked for apart from any
//! transaction, and kept when the answer has come.
//!
//! Which server is reached how is left to the service function that offers the network.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use dyad_core::Cse;
use dyad_core::geography::Location;
use dyad_core::network::Wanted;
use dyad_core::request::Amendment;
use dyad_core::resource::{Id, Lookup, Resource};
use dyad_protocol::Failure;
use serde_json::Value;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::policy::{self, Policy, Source};
use super::{Locations, POLICY, container, watch};

/// Policies that may wait for their turn; those that fall due meanwhile miss one position.
const WAITING: usize = 10_000;

/// Location servers are asked for so many positions at a time.
const AT_A_TIME: usize = 32;

/// Policies whose position is due.
#[derive(Debug)]
pub(super) struct Due {
    sender: mpsc::Sender<Id>,
    receiver: Mutex<mpsc::Receiver<Id>>,
}

impl Default for Due {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        Self { sender, receiver: Mutex::new(receiver) }
    }
}

impl Due {
    /// The position of a policy is due. Nothing to wait for: in a transaction that may run twice.
    pub(super) fn note(&self, policy: Id) {
        // One that does not fit in waits for its next period.
        let _ = self.sender.try_send(policy);
    }
}

/// What a policy asks a location server for; `None` if it does not.
pub(super) fn wanted(policy: &Resource) -> Option<Wanted> {
    let text = |name: &str| policy.text(name).map(str::to_owned);
    (Policy(policy.attributes()).source() == Source::Network).then_some(())?;
    Some(Wanted { target: text("lot")?, server: text("lor")?, requester: text("aid"), last_known: false })
}

/// Asks for what is due, for as long as it is polled.
pub(super) async fn serve(function: &Arc<Locations>, cse: &Arc<Cse>) {
    let mut due = function.due.receiver.lock().await;
    let mut asking = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = asking.join_next() => {}
            policy = due.recv(), if asking.len() < AT_A_TIME => {
                let Some(policy) = policy else { return };
                let (function, cse) = (Arc::clone(function), Arc::clone(cse));
                asking.spawn(async move {
                    if let Err(failure) = locate(&function, &cse, policy).await {
                        tracing::debug!(%failure, "a position was not found");
                    }
                });
            }
        }
    }
}

/// Asks where the target of a policy is and keeps the answer, or the status of the failure, which is given back.
pub(super) async fn locate(function: &Locations, cse: &Cse, policy: Id) -> Result<(), Failure> {
    let read = cse.look(move |_, look| {
        let policy = look.resource(policy)?.filter(|policy| policy.ty() == POLICY);
        Ok(policy.and_then(|policy| Some((wanted(&policy)?, policy.is_set("rlkl")))))
    });
    let Some((mut wanted, or_last_known)) = read.await? else { return Ok(()) };
    let mut located = cse.locate(&wanted).await;
    if located.is_err() && or_last_known {
        wanted.last_known = true;
        located = cse.locate(&wanted).await;
    }
    let (answer, refused) = match located {
        Ok(position) => (Ok(position), None),
        Err(failure) => (Err(failure.rsc.number()), Some(failure)),
    };
    let kept = cse.amend_with(function, policy, move |txn, policy| {
        let (status, is_kept) = match &answer {
            Ok(position) => keep(txn, policy, position)?,
            Err(status) => (*status, false),
        };
        policy::note_status(txn, policy, status)?;
        Ok((Amendment::Keep, is_kept))
    });
    if kept.await?.unwrap_or_default() {
        function.positions.fetch_add(1, Ordering::Relaxed);
    }
    refused.map_or(Ok(()), Err)
}

/// Keeps a position, or compares it with the fence. Gives the status of the policy, and whether it was kept.
fn keep(
    txn: &mut dyad_core::resource::Txn<'_>,
    resource: &Arc<Resource>,
    position: &Value,
) -> Result<(u16, bool), Failure> {
    if !Policy(resource.attributes()).is_fence() {
        return Ok((container::keep_position(txn, resource, position)?, true));
    }
    if let Some(location) = Location::read(position) {
        watch(txn, resource, &location)?;
    }
    Ok((policy::KNOWN, false))
}
