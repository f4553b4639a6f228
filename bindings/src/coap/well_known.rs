//! `/.well-known/core`: what a client that knows nothing can find here (RFC 6690 4, RFC 7252 7).
//!
//! Responsible for which resources become links: the CSEBase, and what somebody whom nobody knows may discover by
//! the access control policies of this node. Their form is left to `links`.

use std::fmt;
use std::sync::Arc;

use coap_lite::{CoapOption, MessageClass, Packet};
use dyad_protocol::exchange::{Arrival, Receiver};
use dyad_protocol::primitive::{FilterCriteria, FilterUsage};
use dyad_protocol::schema::Schemas;
use dyad_protocol::{Failure, Operation, Request, ResultContent, Serialization};
use serde_json::Value;

use super::format::{Format, LINK_FORMAT};
use super::links::{self, Filter, Link};
use super::options;
use super::status::code;

/// As whom links are looked for: no AE and no CSE can be called so, and policies mean it with `all`.
pub const ANYBODY: &str = "anybody";

/// What links say of how a resource is spoken to: the reference point of TS-0001 5.2.2.
const INTERFACE: &str = "m2m:mca";

/// Types of which links are given if the filter names none: CSEBases, AEs, containers, groups, nodes, remote CSEs,
/// flexContainers, time series.
const TYPES: [u32; 7] = [2, 3, 9, 14, 16, 28, 29];

/// What this node is, for links.
#[derive(Clone)]
pub struct Site {
    /// The resource name of the CSEBase.
    pub cse_name: String,
    /// The release whose rules the search for resources follows.
    pub release: Option<String>,
    /// Roots of the representations, by type.
    pub schemas: Arc<Schemas>,
    /// Links in one answer.
    pub links: u32,
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site")
            .field("cse_name", &self.cse_name)
            .field("links", &self.links)
            .finish_non_exhaustive()
    }
}

/// Whether a request is for the links.
pub(super) fn is_meant(packet: &Packet) -> bool {
    let path = packet.get_option(CoapOption::UriPath);
    path.is_some_and(|path| path.iter().map(Vec::as_slice).eq([&b".well-known"[..], b"core"]))
}

impl Site {
    /// Answers a request for the links: 2.05 with those that meet the filters, possibly none; 4.00, 4.05 or 4.06 for what
    /// is no such request.
    pub(super) async fn answer(&self, packet: &Packet, arrival: Arrival, receiver: &dyn Receiver) -> Packet {
        let filters = match self.read(packet) {
            Ok(filters) => filters,
            Err((code, why)) => return plain(code, why),
        };
        let mut links = vec![self.link(format!("/{}", self.cse_name), self.root(5))];
        links.extend(self.found(&filters, arrival, receiver).await);
        let text =
            links::write(links.iter().filter(|link| filters.iter().all(|filter| filter.matches(link))));
        let mut answer = plain(code(2, 5), &text);
        options::put_uint(&mut answer, options::CONTENT_FORMAT, LINK_FORMAT.into());
        answer
    }

    fn read<'a>(&self, packet: &'a Packet) -> Result<Vec<Filter<'a>>, (u8, &'static str)> {
        let bad = |_: Failure| (code(4, 0), "a filter of links is name=value");
        if u8::from(packet.header.code) != 1 {
            return Err((code(4, 5), "links can only be read"));
        }
        let accept = packet.get_first_option(CoapOption::Accept).map(|value| options::uint(value));
        if accept.is_some_and(|accept| accept != u64::from(LINK_FORMAT)) {
            return Err((code(4, 6), "links are in the link format"));
        }
        let fields = packet.get_option(CoapOption::UriQuery).into_iter().flatten();
        let text = |field| std::str::from_utf8(field).map_err(|_| (code(4, 0), "a filter is not UTF-8"));
        fields.map(|field: &Vec<u8>| Filter::parse(text(field)?).map_err(bad)).collect()
    }

    /// Links to what anybody may discover. A failure leaves the CSEBase alone.
    async fn found(&self, filters: &[Filter<'_>], arrival: Arrival, receiver: &dyn Receiver) -> Vec<Link> {
        let named =
            filters.iter().find_map(Filter::resource_type).and_then(|root| self.schemas.by_root(root));
        let criteria = FilterCriteria {
            usage: Some(FilterUsage::Discovery),
            resource_type: named.map_or(TYPES.to_vec(), |table| vec![table.number]),
            limit: Some(self.links.into()),
            ..FilterCriteria::default()
        };
        let request = Request {
            operation: Operation::Retrieve,
            to: self.cse_name.clone(),
            from: Some(ANYBODY.to_owned()),
            request_identifier: "links".to_owned(),
            release_version_indicator: self.release.clone(),
            result_content: Some(ResultContent::ChildResourceReferences),
            filter_criteria: Some(Box::new(criteria)),
            ..Request::default()
        };
        let response = receiver.receive(Box::new(request), arrival).await;
        let content = response.content.filter(|_| response.status.is_success());
        let references = content.as_ref().and_then(|content| content.value().pointer("/m2m:rrl/rrf"));
        let references = references.and_then(Value::as_array).into_iter().flatten();
        references.filter_map(|reference| self.referred(reference)).collect()
    }

    /// `{"nm": "a", "typ": 28, "val": "cse-in/a", "spid": "org.example.lamp"}`
    fn referred(&self, reference: &Value) -> Option<Link> {
        let number = reference.get("typ")?.as_u64().and_then(|number| u32::try_from(number).ok())?;
        let mut types = self.root(number);
        match reference.get("spid") {
            Some(Value::String(definition)) => types = format!("{types} {definition}"),
            Some(definition) => types = format!("{types} {definition}"),
            None => {}
        }
        Some(self.link(format!("/{}", reference.get("val")?.as_str()?), types))
    }

    fn root(&self, number: u32) -> String {
        self.schemas.by_number(number).map(|table| table.root.to_string()).unwrap_or_default()
    }

    fn link(&self, target: String, types: String) -> Link {
        let formats = Serialization::ALL.map(|serialization| Format::of(serialization).number.to_string());
        Link { target, types, interfaces: INTERFACE, formats: formats.join(" "), is_observable: true }
    }
}

fn plain(code: u8, text: &str) -> Packet {
    let mut answer = Packet::new();
    answer.header.code = MessageClass::from(code);
    answer.payload = text.as_bytes().to_vec();
    answer
}
