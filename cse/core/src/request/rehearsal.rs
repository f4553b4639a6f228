//! Whether a write would be carried out, without carrying it out.
//!
//! For what asks others before a commit: whoever is asked about something that cannot be would be asked in vain, and the
//! originator would learn of an answer that matters to nobody instead of what is wrong (TS-0004 7.4.8.2.1 checks a
//! subscription before its targets are asked). The write that follows checks everything again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dyad_protocol::{Failure, Operation};

use super::{Call, create, update};
use crate::Cse;
use crate::resource::Txn;

impl Cse {
    /// Goes through a CREATE or UPDATE in a write transaction and takes it back; other operations pass.
    ///
    /// # Errors
    ///
    /// The failure with which the request would be refused.
    pub async fn rehearse(&self, call: &Arc<Call>) -> Result<(), Failure> {
        let write = match call.request.operation {
            Operation::Create => |txn: &mut Txn<'_>, call: &Call| {
                create::carry_out(txn, call, &mut create::Ready::default()).map(drop)
            },
            Operation::Update => |txn: &mut Txn<'_>, call: &Call| update::update(txn, call).map(drop),
            _ => return Ok(()),
        };
        let is_possible = Arc::new(AtomicBool::new(false));
        let (shared, went_through) = (Arc::clone(call), Arc::clone(&is_possible));
        let outcome: Result<(), Failure> = self
            .writer()
            .run(move |txn| {
                went_through.store(false, Ordering::Relaxed);
                write(txn, &shared)?;
                went_through.store(true, Ordering::Relaxed);
                // A job that fails leaves nothing behind.
                Err(Failure::internal("a rehearsal ends here"))
            })
            .await;
        if is_possible.load(Ordering::Relaxed) { Ok(()) } else { outcome }
    }
}
