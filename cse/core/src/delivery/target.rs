//! Where is a notification target? (TS-0004 7.5.1.2.2 step 2.5, TS-0001 9.6.8 `notificationURI`)

use std::sync::Arc;

use dyad_protocol::Failure;

use crate::Cse;
use crate::request::local_path;
use crate::resource::{Resource, Snapshot, resolve};

/// Where a request of the node's own goes.
pub(super) enum Destination {
    /// To a URL.
    Address(String),
    /// To an AE.
    Entity(Arc<Resource>),
    /// To this node.
    Node,
}

/// Whether a target is a URL.
pub(super) fn is_address(target: &str) -> bool {
    target.contains("://")
}

/// What a target stands for. NOT_FOUND if it is neither a URL nor on this node.
pub(super) async fn destination(cse: &Cse, target: &str) -> Result<Destination, Failure> {
    if is_address(target) {
        return Ok(Destination::Address(without_serialization(target)));
    }
    let target = target.to_owned();
    cse.look(move |cse, snapshot| {
        let path = local_path(cse, cse.config().shorten(&target))?;
        match resolve(snapshot, path)?.filter(|found| !found.is_expired(cse.now())) {
            Some(entity) if entity.ty() == 2 => Ok(Destination::Entity(entity)),
            // Below a resource there may be virtual ones, so only what has no beginning here is refused.
            Some(_) => Ok(Destination::Node),
            None if is_below(snapshot, path)? => Ok(Destination::Node),
            None => Err(Failure::not_found("the target is not on this node")),
        }
    })
    .await
}

/// Whether the parent of a path is there: the last part may be the name of a virtual resource.
fn is_below(snapshot: &mut Snapshot<'_>, path: &str) -> Result<bool, Failure> {
    match path.rsplit_once('/') {
        Some((parent, _)) => Ok(resolve(snapshot, parent)?.is_some()),
        None => Ok(false),
    }
}

/// The URLs at which an AE can be called.
pub(super) fn addresses(entity: &Resource) -> impl Iterator<Item = String> {
    entity.texts("poa").map(without_serialization)
}

/// A URL without the marker for the serialisation (`ct=json`), which is not part of the address.
fn without_serialization(url: &str) -> String {
    let Some((address, query)) = url.split_once('?') else { return url.to_owned() };
    let kept: Vec<&str> =
        query.split('&').filter(|field| !matches!(*field, "ct=json" | "ct=xml" | "ct=cbor")).collect();
    if kept.is_empty() { address.to_owned() } else { format!("{address}?{}", kept.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::without_serialization;

    #[test]
    fn the_serialization_is_not_part_of_the_address() {
        assert_eq!(without_serialization("http://a/b?ct=json"), "http://a/b");
        assert_eq!(without_serialization("http://a/b?q=1&ct=json"), "http://a/b?q=1");
        assert_eq!(without_serialization("http://a/b?act=json"), "http://a/b?act=json");
    }
}
