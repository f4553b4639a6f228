//! What has to change for a RETRIEVE to have another result.
//!
//! Responsible for where its originator is to be seated; who is woken is left to [`crate::resource`].

use dyad_protocol::exchange::Watch;
use dyad_protocol::{Operation, Request, ResultContent};

use super::target::{Target, Virtual, local_path};
use crate::Cse;

impl Cse {
    /// See [`dyad_protocol::exchange::Receiver::watch`].
    pub async fn watch_result(&self, request: &Request) -> Option<Watch> {
        let is_search = request.filter_criteria.as_ref().is_some_and(|filter| filter.is_discovery());
        if request.operation != Operation::Retrieve || is_search {
            return None;
        }
        let (to, now) = (request.to.clone(), self.now());
        let target = self.look(move |cse, look| Target::at(look, local_path(cse, &to)?, now)).await.ok()?;
        if matches!(target.virtual_child, Some(Virtual::Other { .. })) {
            return None;
        }
        // Every instance that comes or goes changes its container, which counts them.
        Some(self.tree().watchers.watch(target.resource.id(), has_children(request)))
    }
}

/// Whether the result depends on what is below the target.
fn has_children(request: &Request) -> bool {
    matches!(
        request.result_content,
        Some(
            ResultContent::AttributesAndChildResources
                | ResultContent::AttributesAndChildResourceReferences
                | ResultContent::ChildResourceReferences
                | ResultContent::ChildResources
        )
    )
}
