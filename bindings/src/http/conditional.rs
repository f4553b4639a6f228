//! Entity tags of answers, and what becomes of an answer whose request had conditions (TS-0009 6.4.6, RFC 7232). Pure.

use bytes::Bytes;
use dyad_protocol::Operation;
use dyad_protocol::precondition::{Precondition, entity_tag};

use super::encode::Outgoing;

/// HTTP statuses that no response status code is mapped to.
const NOT_MODIFIED: u16 = 304;
const PRECONDITION_FAILED: u16 = 412;

/// Adds the tag of what a RETRIEVE has found, and applies the conditions of the request: what its originator has already
/// is not sent again (304), what is not what it asked for is refused (412).
pub(super) fn apply(
    mut outgoing: Outgoing,
    operation: Operation,
    condition: Option<&Precondition>,
) -> Outgoing {
    if operation != Operation::Retrieve {
        if condition.is_some_and(Precondition::has_failed) {
            outgoing.status = PRECONDITION_FAILED;
        }
        return outgoing;
    }
    if outgoing.status != 200 || outgoing.body.is_empty() {
        return outgoing;
    }
    let tag = entity_tag(&outgoing.body);
    outgoing.headers.push(("etag", format!("\"{tag}\"")));
    let status = match condition {
        Some(condition) if !condition.is_matched(&tag) => PRECONDITION_FAILED,
        Some(condition) if condition.is_excluded(&tag) => NOT_MODIFIED,
        _ => return outgoing,
    };
    outgoing.status = status;
    outgoing.body = Bytes::new();
    outgoing.headers.retain(|(name, _)| *name != "content-type");
    outgoing
}

#[cfg(test)]
mod tests {
    use super::*;
    use dyad_protocol::precondition::Tags;

    fn found(body: &'static str) -> Outgoing {
        let headers = vec![("content-type", "application/json".to_owned())];
        Outgoing { status: 200, headers, body: Bytes::from_static(body.as_bytes()) }
    }

    #[test]
    fn what_is_known_is_not_sent_again() {
        let first = apply(found("x"), Operation::Retrieve, None);
        let tag = first.headers.iter().find(|(name, _)| *name == "etag").unwrap().1.clone();
        assert_eq!((first.status, &*first.body), (200, &b"x"[..]));
        let known = Precondition::new(None, Tags::parse(&tag));
        let again = apply(found("x"), Operation::Retrieve, known.as_ref());
        assert_eq!((again.status, again.body.len(), again.headers.len()), (304, 0, 1));
        assert_eq!(apply(found("y"), Operation::Retrieve, known.as_ref()).status, 200);
        let wanted = Precondition::new(Tags::parse(&tag), None);
        assert_eq!(apply(found("x"), Operation::Retrieve, wanted.as_ref()).status, 200);
        assert_eq!(apply(found("y"), Operation::Retrieve, wanted.as_ref()).status, 412);
        assert_eq!(apply(found("x"), Operation::Update, None).headers.len(), 1);
    }
}
