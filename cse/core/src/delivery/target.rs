//! Where is a notification target? (TS-0004 7.5.1.2.2 step 2.5, TS-0001 9.6.8 `notificationURI`)

use std::sync::Arc;

use dyad_protocol::Failure;

use crate::Cse;
use crate::request::local_path;
use crate::resource::resolve;

/// The URLs at which a target can be reached: itself if it is a URL, the points of access of the AE that it names
/// otherwise. NOT_FOUND if it names none.
pub(super) async fn points_of_access(cse: &Cse, target: &str) -> Result<Vec<String>, Failure> {
    if target.contains("://") {
        return Ok(vec![without_serialization(target)]);
    }
    let cse: Arc<Cse> = cse.shared();
    let target = target.to_owned();
    cse.look(move |cse, snapshot| {
        let path = local_path(cse, cse.config().shorten(&target))?;
        let entity = resolve(snapshot, path)?.filter(|entity| entity.ty() == 2);
        let entity =
            entity.ok_or_else(|| Failure::not_found("the target is no AE that is registered here"))?;
        Ok(entity.texts("poa").map(without_serialization).collect())
    })
    .await
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
