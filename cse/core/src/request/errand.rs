//! Requests that the node carries out in somebody's name because something happened, for service functions such as
//! that of `<action>` (TS-0001 9.6.61).
//!
//! An errand is a `<request>` from the transaction in which it was caused, so that it is carried out whatever happens
//! to the node: a write once, with its result in the same transaction. Nobody is told of the result but the service
//! functions, which see the `<request>` change; then it goes. What is to be done with the result is left to them.

use dyad_protocol::exchange::Arrival;
use dyad_protocol::primitive::{ResponseType, ResponseTypeInfo};
use dyad_protocol::time::Span;
use dyad_protocol::{Failure, Request, Timestamp};
use serde_json::Value;

use super::kept::{self, Plan};
use super::{Call, check};
use crate::Cse;
use crate::resource::{Id, Txn};

/// How long an errand may wait for its turn.
const PATIENCE: Span = Span::from_seconds(300);

/// Whether a request that is kept is an errand: no other is kept for which nobody awaits a response.
pub(super) fn is_one(request: &Request) -> bool {
    request.response_type.value == ResponseType::NoResponse
}

/// BAD_REQUEST and other failures of a request that could not be carried out by anybody, and for one that registers an
/// entity.
pub fn check(cse: &Cse, request: &Request) -> Result<(), Failure> {
    if kept::is_registration(request) {
        return Err(Failure::bad_request("a registration is made by who registers"));
    }
    let now = cse.now();
    let call = unkept(plain(request.clone()), now);
    check::primitive(cse, &call)
}

impl Txn<'_> {
    /// Stores an errand with labels by which service functions know it again, and gives the number of its `<request>`.
    /// [`Cse::resume`] carries it out after the commit, and the function for non-blocking requests after a restart.
    pub fn send_on_errand(&mut self, request: Request, labels: Vec<String>) -> Result<Id, Failure> {
        let now = self.now();
        let call = unkept(errand(request), now);
        let plan = Plan { due: now, expires: now.plus(PATIENCE) };
        let mut attributes = kept::attributes(&call, &plan);
        attributes.insert("lbl".into(), Value::from(labels));
        Ok(kept::make(self, &call, attributes)?.id())
    }
}

fn unkept(request: Request, now: Timestamp) -> Call {
    Call::new(Box::new(request), Arrival::default(), now, None)
}

/// The request as it is carried out in the end.
fn plain(request: Request) -> Request {
    Request { response_type: ResponseTypeInfo::default(), ..request }
}

fn errand(request: Request) -> Request {
    let response_type = ResponseTypeInfo { value: ResponseType::NoResponse, notification_uri: None };
    Request { response_type, ..request }
}
