//! Asking one member of a group.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dyad_core::Cse;
use dyad_core::request::path_here;
use dyad_protocol::exchange::Arrival;
use dyad_protocol::{Failure, Operation, Request, Response, StatusCode};

/// A member's answer by the position of the member.
pub(super) type Answer = (usize, Response);

/// A request to a member that is under way, counted.
pub(super) struct Flight(Arc<AtomicUsize>);

impl Flight {
    /// One more.
    pub(super) fn new(counter: &Arc<AtomicUsize>) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(counter))
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Asks one member.
///
/// What reads and stays on this node is over at once. Everything else is a task of its own, which goes on when nobody
/// waits for it any more.
pub(super) async fn ask(
    cse: Arc<Cse>,
    flight: Flight,
    position: usize,
    request: Box<Request>,
    arrival: Arrival,
) -> Answer {
    if request.operation == Operation::Retrieve
        && !is_fan_out_point(&request.to)
        && (!request.to.starts_with('/') || matches!(path_here(&cse, &request.to), Ok(Some(_))))
    {
        let response = cse.handle(request, arrival).await;
        drop(flight);
        return (position, plain(response));
    }
    // Kept for the case that the task fails.
    let missing = Response::to(&request, StatusCode::InternalServerError);
    let task = tokio::spawn(async move {
        let response = reach(&cse, position, request, arrival).await;
        drop(flight);
        response
    });
    (position, plain(task.await.unwrap_or(missing)))
}

/// A response without the expiration that this group gave to the request.
fn plain(response: Response) -> Response {
    Response { result_expiration_timestamp: None, ..response }
}

/// Brings a request to a member, here or on another node.
async fn reach(cse: &Cse, position: usize, mut request: Box<Request>, arrival: Arrival) -> Response {
    match path_here(cse, &request.to) {
        Ok(None) => {
            let unreached = request.clone();
            // Another node has to tell the requests apart, and whose they are.
            let stem = unreached.request_identifier.get(..200).unwrap_or(&unreached.request_identifier);
            request.request_identifier = format!("{stem}-{position}");
            request.from = request.from.map(|from| abroad(cse, &from));
            // The profile is one of this node, and was applied.
            request.primitive_profile_identifier = None;
            let mut response = cse.originate(&unreached.to, *request).await.unwrap_or_else(|_| {
                let failure = Failure::new(StatusCode::TargetNotReachable, "the member cannot be reached");
                Response::failed(&unreached, &failure)
            });
            response.request_identifier = unreached.request_identifier;
            response
        }
        // What is no address is refused as such.
        Ok(Some(_)) | Err(_) => cse.handle(request, arrival).await,
    }
}

/// An originator as other nodes know it.
fn abroad(cse: &Cse, from: &str) -> String {
    match from {
        id if id.starts_with('S') => format!("/{id}"),
        id => cse.config().sp_relative(id),
    }
}

/// Whether an address goes to or through a fanOutPoint.
pub(super) fn is_fan_out_point(address: &str) -> bool {
    address.split('/').skip(1).any(|name| name == "fopt")
}

#[cfg(test)]
mod tests {
    use super::is_fan_out_point;

    #[test]
    fn what_goes_through_a_fan_out_point() {
        for address in ["g/fopt", "grp7/fopt/la", "/id-in/g/fopt", "a/fopta/fopt"] {
            assert!(is_fan_out_point(address), "{address}");
        }
        for address in ["fopt", "g/fopta", "g/afopt", "a/b", ""] {
            assert!(!is_fan_out_point(address), "{address}");
        }
    }
}
