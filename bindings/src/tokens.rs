//! Tokens in responses, where a binding has a header or an option for them (TS-0009 6.4.18, TS-0008 6.2.2.4): the same
//! text in each.

use std::borrow::Cow;

use dyad_protocol::{Content, Response};
use serde_json::json;

/// Local token IDs and the token IDs that they stand for, from `local:token+local:token`.
pub(crate) fn assigned(value: &str) -> Vec<(String, String)> {
    let pairs = value.split('+').filter_map(|pair| pair.trim().split_once(':'));
    pairs.map(|(local, token)| (local.to_owned(), token.to_owned())).collect()
}

/// The reverse of [`assigned`].
pub(crate) fn write_assigned(pairs: &[(String, String)]) -> String {
    pairs.iter().map(|(local, token)| format!("{local}:{token}")).collect::<Vec<_>>().join("+")
}

/// Takes over the content of a response, which stands for a token request where that is what it is.
pub(crate) fn take_content(response: &mut Response, content: Content) {
    match content.value().get("m2m:tqf") {
        Some(information) => response.token_request_information = Some(information.clone()),
        None => response.content = Some(content),
    }
}

/// The reverse of [`take_content`].
pub(crate) fn content(response: &Response) -> Option<Cow<'_, Content>> {
    match (&response.token_request_information, &response.content) {
        (Some(information), _) => Some(Cow::Owned(Content::from_value(json!({ "m2m:tqf": information })))),
        (None, content) => content.as_ref().map(Cow::Borrowed),
    }
}
