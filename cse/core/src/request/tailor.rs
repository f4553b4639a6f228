//! Requests that service functions change before they are checked ([`crate::Tailor`]).

use std::sync::Arc;

use dyad_protocol::{Failure, StatusCode};

use super::call::Tailored;
use super::{Call, check};
use crate::Cse;

impl Cse {
    /// Lets the service functions change a request that has just come, and checks what it is then.
    ///
    /// PRIMITIVE_PROFILE_BAD_REQUEST if the request was in order as it came, and is not as it was changed.
    pub(super) async fn tailor(&self, call: &mut Arc<Call>) -> Result<(), Failure> {
        let mut request = call.request.clone();
        let responders = self.tailor_request(&mut request, &call.arrival).await?;
        let mut changed = Call::new(request, call.arrival.clone(), call.now, None);
        changed.responders = Tailored(responders);
        let sent = std::mem::replace(call, Arc::new(changed));
        check::primitive(self, call).map_err(|failure| {
            let is_by_change = failure.rsc == StatusCode::BadRequest && check::primitive(self, &sent).is_ok();
            match is_by_change {
                true => Failure { rsc: StatusCode::PrimitiveProfileBadRequest, ..failure },
                false => failure,
            }
        })
    }
}
