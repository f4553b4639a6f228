//! The response primitive (TS-0004 6.4.2, Table 7.2.1.2-1).

use super::{Content, Request};
use crate::time::AbsRelTime;
use crate::{Failure, StatusCode, Timestamp};
use serde_json::{Value, json};

/// Whether a response holds all that was asked for (`cnst`, TS-0004 6.3.4.2.44).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentStatus {
    /// 1: there is more.
    Partial,
    /// 2
    Full,
}

impl ContentStatus {
    /// From the number on the wire.
    pub const fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::Partial,
            2 => Self::Full,
            _ => return None,
        })
    }

    /// The number on the wire.
    pub const fn number(self) -> u8 {
        match self {
            Self::Partial => 1,
            Self::Full => 2,
        }
    }
}

/// A response primitive. `None` and empty lists are parameters that are not sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// `rsc`
    pub status: StatusCode,
    /// `rqi`
    pub request_identifier: String,
    /// `pc`
    pub content: Option<Content>,
    /// `to`
    pub to: Option<String>,
    /// `fr`
    pub from: Option<String>,
    /// `ot`
    pub originating_timestamp: Option<Timestamp>,
    /// `rset`
    pub result_expiration_timestamp: Option<AbsRelTime>,
    /// `ec`
    pub event_category: Option<u16>,
    /// `cnst`
    pub content_status: Option<ContentStatus>,
    /// `cnot`: where the next part starts when `content_status` is partial.
    pub content_offset: Option<u64>,
    /// `ati`: local token ID and token ID.
    pub assigned_token_identifiers: Vec<(String, String)>,
    /// `tqf`: what a token must be asked for with.
    pub token_request_information: Option<Value>,
    /// `asri`
    pub authorization_signature_request_information: Option<bool>,
    /// `rvi`; `None` towards a release 1 originator.
    pub release_version_indicator: Option<String>,
    /// `vsi`
    pub vendor_information: Option<String>,
    /// Address of the resource that a CREATE made, for bindings that carry it outside the content
    /// (`Content-Location`, TS-0009 6.4.4).
    pub location: Option<String>,
    /// The originator asked for no response (`rt` 5): the binding sends as little as its transport allows.
    pub suppressed: bool,
}

impl Response {
    /// An answer to a request, without content.
    pub fn to(request: &Request, status: StatusCode) -> Self {
        Self {
            status,
            request_identifier: request.request_identifier.clone(),
            content: None,
            to: None,
            from: None,
            originating_timestamp: None,
            result_expiration_timestamp: None,
            event_category: None,
            content_status: None,
            content_offset: None,
            assigned_token_identifiers: Vec::new(),
            token_request_information: None,
            authorization_signature_request_information: None,
            release_version_indicator: request.release_version_indicator.clone(),
            vendor_information: None,
            location: None,
            suppressed: false,
        }
    }

    /// The answer to a request that failed: the code, and the text for the originator as `m2m:dbg`.
    pub fn failed(request: &Request, failure: &Failure) -> Self {
        let mut response = Self::to(request, failure.rsc);
        response.content = Some(Content::from_value(json!({ "m2m:dbg": failure.debug })));
        response
    }
}
