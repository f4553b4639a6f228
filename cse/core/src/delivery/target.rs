//! Where is a notification target? (TS-0004 7.5.1.2.2 step 2.5, TS-0001 9.6.8 `notificationURI`)

use std::sync::Arc;

use dyad_protocol::{Failure, Serialization};

use crate::Cse;
use crate::request::local_path;
use crate::resource::{Resource, Snapshot, resolve};

/// Where a request of the node's own goes.
pub(super) enum Destination {
    /// To a URL.
    Address(Point),
    /// To an AE.
    Entity(Arc<Resource>),
    /// To this node.
    Node,
}

/// A URL at which somebody can be called.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Point {
    /// The URL.
    pub(super) url: String,
    /// How requests are to be written.
    pub(super) serialization: Option<Serialization>,
}

/// Whether a target is a URL.
pub(super) fn is_address(target: &str) -> bool {
    target.contains("://")
}

/// What a target stands for. NOT_FOUND if it is neither a URL nor on this node.
pub(super) async fn destination(cse: &Cse, target: &str) -> Result<Destination, Failure> {
    if is_address(target) {
        return Ok(Destination::Address(point(target)));
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

/// Where an AE can be called: its points of access, in the serialisation that it prefers unless a URL names another.
pub(super) fn points(entity: &Resource) -> impl Iterator<Item = Point> {
    let preferred = entity.texts("csz").find_map(serialization);
    entity
        .texts("poa")
        .map(point)
        .map(move |point| Point { serialization: point.serialization.or(preferred), ..point })
}

/// The serialisation of a name or a media type (`csz`, TS-0004 6.3.3.1.2), if this node speaks it.
fn serialization(text: &str) -> Option<Serialization> {
    Serialization::from_name(text.strip_prefix("application/").unwrap_or(text))
}

/// A URL taken apart from the marker for the serialisation (`ct=json`), which is not part of the address
/// (TS-0004 7.5.1.2.2 step 2.0). A value that this node does not speak is no marker.
fn point(url: &str) -> Point {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let marker =
        |field: &&str| field.strip_prefix("ct=").is_some_and(|name| Serialization::from_name(name).is_some());
    let (markers, kept): (Vec<&str>, Vec<&str>) = query.split('&').partition(marker);
    let named = markers.first().and_then(|field| Serialization::from_name(field.strip_prefix("ct=")?));
    let url = match (named, kept.as_slice()) {
        (None, _) => url.to_owned(),
        (Some(_), []) => address.to_owned(),
        (Some(_), kept) => format!("{address}?{}", kept.join("&")),
    };
    Point { url, serialization: named }
}

#[cfg(test)]
mod tests {
    use dyad_protocol::Serialization;

    use super::{point, serialization};

    #[test]
    fn the_serialization_is_not_part_of_the_address() {
        for (text, url, serialization) in [
            ("http://a/b?ct=json", "http://a/b", Some(Serialization::Json)),
            ("http://a/b?q=1&ct=cbor", "http://a/b?q=1", Some(Serialization::Cbor)),
            ("http://a/b?act=json", "http://a/b?act=json", None),
            ("http://a/b?ct=yaml&", "http://a/b?ct=yaml&", None),
            ("http://a/b?", "http://a/b?", None),
        ] {
            let point = point(text);
            assert_eq!((point.url.as_str(), point.serialization), (url, serialization), "{text}");
        }
        assert_eq!(serialization("application/cbor"), Some(Serialization::Cbor));
        assert_eq!(serialization("json"), Some(Serialization::Json));
        assert_eq!(serialization("application/yaml"), None);
    }
}
